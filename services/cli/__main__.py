"""`python -m services.cli`: the same as `stakewire`, for where the script is not on the path."""

from services.cli.main import app

app(prog_name="stakewire")

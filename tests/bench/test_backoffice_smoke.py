"""The bench of the back office runs, and everything that was answered is in the projections. Nothing here looks at a speed."""

import io

from rich.console import Console

from tests.bench.backoffice import run
from tests.bench.field import field_of
from tests.bench.options import Options
from tests.servers import Servers


def test_a_small_run_takes_in_all_that_was_answered(servers: Servers) -> None:
    out = io.StringIO()
    with field_of(servers, Options(players=20)) as field:
        code = run(Console(file=out, width=200), field, 0.5, (4,), 1)
    assert code == 0, out.getvalue()
    assert "projections / callbacks" in out.getvalue()

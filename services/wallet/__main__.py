"""`python -m services.wallet`."""

from services.wallet.main import main

main()

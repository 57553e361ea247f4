"""`python -m tests.bench.wallet`: runs the wallet's bench on servers of its own, prints the tables, adds to `.run/bench.json`.

Exit code 1 where commands failed or books do not agree; never because of a speed.
"""

from __future__ import annotations

import logging
import signal
import sys
import time

import structlog
from rich.console import Console

from deploy.local.parts import CHECKOUT
from tests.bench.__main__ import bench_servers, leave
from tests.bench.result import RESULT, keep_wallet
from tests.bench.wallet.growth import growth_of
from tests.bench.wallet.options import Options, parse
from tests.bench.wallet.report import as_document, print_report
from tests.bench.wallet.run import Run
from tests.bench.wallet.stage import stage_of


def main(options: Options) -> int:
    """Runs everything; returns the exit code."""
    console = Console(highlight=False)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    signal.signal(signal.SIGTERM, leave)
    began_s = time.monotonic()
    console.print("the wallet's bench: starting PostgreSQL, Kafka and the ledgers ...")
    with bench_servers() as servers, stage_of(servers, options) as stage, growth_of(stage, console.print) as growth:
        outcome = Run(stage, growth, console.print).run()
    keep_wallet(as_document(outcome))
    print_report(console, outcome)
    console.print(f"all numbers: {RESULT.relative_to(CHECKOUT)}; it took {time.monotonic() - began_s:.0f} s")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main(parse()))
    except KeyboardInterrupt:
        sys.stderr.write("the bench was interrupted; everything it started is stopped\n")
        sys.exit(130)

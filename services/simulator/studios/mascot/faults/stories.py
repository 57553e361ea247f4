"""Several requests, each of them right by itself, that do not fit together; and perfect ones for hours when the operator is not well."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from services.simulator.studios.mascot.faults.bench import Bench, Sent
from services.simulator.studios.mascot.faults.named import Fault, made_so


def _later(bench: Bench, steps: int) -> Bench:
    """The same bench with the nonce of a later request."""
    return replace(bench, nonce=bench.nonce + steps)


def _other_amount(bench: Bench) -> list[Sent]:
    return [bench.send(), _later(bench, 1).send(bench.call(params=bench.params(withdraw=300)))]


def _late_bet(bench: Bench) -> list[Sent]:
    return [bench.send(bench.rollback(bench.ref)), _later(bench, 1).send()]


def _good(name: str, about: str) -> Fault:
    return made_so(name, about, lambda bench: bench.send())


FAULTS: Final = (
    Fault("duplicate_other_amount", "sends a reference again with another amount", _other_amount),
    Fault("late_bet", "sends a bet after its rollback", _late_bet),
    made_so("rollback_unknown", "rolls back a reference that never came", lambda bench: bench.send(bench.rollback(bench.ref))),
    made_so(
        "rollback_of_settled",
        "rolls back what the operator has settled by hand",
        lambda bench: bench.send(bench.rollback(bench.ref)),
    ),
    _good("good_but_shed", "a perfect request: for a gateway with too many waiting"),
    _good("good_but_late", "a perfect request: for a wallet that is away"),
    _good("good_but_wallet_unsure", "a perfect request: for a wallet that cannot say"),
    _good("good_but_internal", "a perfect request: for a gateway with a defect"),
)

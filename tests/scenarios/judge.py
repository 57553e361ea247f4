"""Compares what was seen after a step with what the catalogue expects. Pure: values in, complaints out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from shared.money import parse_decimal
from shared.scenarios import Call, Dialect, Expectation, Row, Step
from tests.scenarios.driver import WireAnswer
from tests.scenarios.store import Stored
from tests.scenarios.world import World


@dataclass
class Seen:
    """What was seen after a step. `ids` are our transaction ids by the provider's, of the step's player."""

    calls: tuple[Call, ...]
    answers: list[WireAnswer]
    new: dict[str, list[Stored]]
    ids: dict[str, str] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)
    balances: dict[tuple[str, str], int] = field(default_factory=dict)
    rounds: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    grant_left: int | None = None


class Judge:
    """The eye on one scenario in one dialect."""

    def __init__(self, dialect: Dialect, world: World, earlier: dict[str, WireAnswer]) -> None:
        self._dialect = dialect
        self._world = world
        self._earlier = earlier

    def complaints(self, step: Step, expected: Expectation, seen: Seen, balances: dict[tuple[str, str], int]) -> list[str]:
        """Everything that differs; `balances` is what each player must have if the expectation is silent."""
        wanted = dict(balances)
        if expected.balance is not None:
            currency = step.purse or self._world.currency
            wanted[step.player, currency] = parse_decimal(expected.balance, currency)
        found = [*self.answer_complaints(expected, seen), *self._stored(step, expected, seen)]
        found += [
            f"balance of {who} in {currency} is {seen.balances.get((who, currency))} units, expected {units}"
            for (who, currency), units in wanted.items()
            if seen.balances.get((who, currency)) != units
        ]
        found += list(self._states(step, expected, seen))
        return found

    def answer_complaints(self, expected: Expectation, seen: Seen) -> Iterator[str]:
        """What is wrong on the wire alone."""
        wrong = [answer for answer in seen.answers if answer.http != expected.http]
        if wrong:
            yield f"HTTP {wrong[0].http} with {wrong[0].answer}, expected {expected.http}"
        if expected.answers:
            yield from self._many(expected, seen)
            return
        wanted = self._earlier[expected.same_answer_as].answer if expected.same_answer_as else expected.answer
        assert wanted is not None
        if not self._matches(wanted, seen, 0):
            yield f"answer {seen.answers[0].answer}, expected {wanted} (@tx is {self._own_id(seen, 0)!r})"

    def _many(self, expected: Expectation, seen: Seen) -> Iterator[str]:
        left = list(range(len(seen.answers)))
        # The most particular expectations choose first: a marker would take what a plain value needs.
        for wanted in sorted(expected.answers, key=lambda each: "@int" in each.answer.values()):
            for _ in range(wanted.times):
                found = next((number for number in left if self._matches(wanted.answer, seen, number)), None)
                if found is None:
                    yield f"no answer {wanted.answer} is left (expected {wanted.times}) among {[seen.answers[n].answer for n in left]}"
                    break
                left.remove(found)

    def _matches(self, wanted: dict[str, Any], seen: Seen, number: int) -> bool:
        answer = seen.answers[number].answer
        return wanted.keys() == answer.keys() and all(
            self._fits(value, answer[key], self._own_id(seen, number)) for key, value in wanted.items()
        )

    def _fits(self, wanted: object, value: object, own_id: str) -> bool:
        match wanted:
            case "@tx":
                return value == own_id != ""
            case "@int":
                return type(value) is int
            case "@text":
                return isinstance(value, str) and value != ""
        return type(value) is type(wanted) and value == wanted

    def _own_id(self, seen: Seen, number: int) -> str:
        return seen.ids.get(self._world.texts.get(seen.calls[number].tx, ""), "")

    def _stored(self, step: Step, expected: Expectation, seen: Seen) -> Iterator[str]:
        left = {label: list(rows) for label, rows in seen.new.items()}
        last = None
        for row in expected.stored:
            mine = left.get(row.player or step.player, [])
            for _ in range(row.times):
                last = next((stored for stored in mine if self._is(row, stored, step, seen)), None)
                if last is None:
                    yield f"not stored: {row.model_dump(exclude_defaults=True)}; new are {[vars(each) for each in mine]}"
                    break
                mine.remove(last)
        yield from (f"stored for {label}, not expected: {vars(stored)}" for label, rows in left.items() for stored in rows)
        if len(seen.answers) == 1 and last is not None and last.status == "applied":
            now = seen.balances[step.player, step.purse or self._world.currency]
            if last.balance_after != now:
                yield f"the stored balance after is {last.balance_after}, the balance {now}"

    def _is(self, row: Row, stored: Stored, step: Step, seen: Seen) -> bool:
        result = row.result or ("" if row.status == "tombstone" else "OK")
        namespaces = self._dialect.namespaces
        if stored.namespace != namespaces.get(row.kind, namespaces["other"]):
            return False
        if stored.external_id not in self._world.texts_of(row.tx or step.tx):
            return False
        if (stored.kind, stored.status) != (row.kind, row.status) or (result and stored.result != result):
            return False
        if row.undoes and stored.target_seq != seen.seqs.get(self._world.texts.get(row.undoes, ""), -1):
            return False
        if row.kind == "rollback":
            return True
        currency = step.purse or self._world.currency
        amounts = tuple(parse_decimal(amount, currency) for amount in (row.stake, row.win, row.nominal))
        return (stored.stake, stored.win, stored.nominal, stored.charged) == (*amounts, row.charged)

    def _states(self, step: Step, expected: Expectation, seen: Seen) -> Iterator[str]:
        for label, status in expected.rounds.items():
            found = seen.rounds.get(self._world.round_id(label))
            if found != status:
                yield f"round {label} is {found}, expected {status}"
        for label, wanted in expected.sessions.items():
            found = seen.sessions.get(self._world.players[step.player].sessions[label].ours)
            if found != wanted:
                yield f"session {label} is {found}, expected {wanted}"
        if expected.grant_left is not None and seen.grant_left != expected.grant_left:
            yield f"{seen.grant_left} free rounds are left, expected {expected.grant_left}"

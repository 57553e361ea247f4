"""Reads the scenario catalogue and checks what types alone cannot: every name used is defined, nothing is left unsaid.

All problems are reported at once, each with the scenario and the place, because the file is written by hand.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from shared.contracts.replies import RESULTS
from shared.scenarios.errors import CatalogueError
from shared.scenarios.model import Catalogue, Expectation, Row, Scenario, Section, Step

CATALOGUE_FILE: Final = Path(__file__).with_name("catalogue.toml")
MARKERS: Final = frozenset({"@tx", "@int", "@text"})
"""Values in an answer that stand for another: our id of the step's operation, any integer, any text that is not empty."""


def load_catalogue(path: Path = CATALOGUE_FILE) -> Catalogue:
    """The catalogue in `path`; CatalogueError lists everything that is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: not readable: {error}") from None
    return parse_catalogue(text, str(path))


def parse_catalogue(text: str, source: str = "catalogue") -> Catalogue:
    """The catalogue written in `text`; `source` names it in errors."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{source}: not TOML: {error}") from None
    try:
        catalogue = Catalogue.model_validate(raw)
    except ValidationError as error:
        problems = [f"{_place(raw, item['loc'])}: {item['msg']}" for item in error.errors(include_url=False, include_input=False)]
        raise CatalogueError(_list(source, problems)) from None
    problems = list(_problems(catalogue))
    if problems:
        raise CatalogueError(_list(source, problems))
    return catalogue


def _list(source: str, problems: Iterable[str]) -> str:
    return f"{source} is not a valid catalogue:\n" + "\n".join(f"  {problem}" for problem in problems)


def _place(raw: dict[str, Any], location: tuple[int | str, ...]) -> str:
    """A place that a person finds: the id of a scenario and the name of a step instead of their numbers."""
    parts: list[str] = []
    here: Any = raw
    for part in location:
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            here = None
        name = here.get("id") or here.get("step") if isinstance(part, int) and isinstance(here, dict) else None
        parts.append(repr(name) if name else str(part))
    return " ".join(parts)


def _problems(catalogue: Catalogue) -> Iterator[str]:
    groups = [group.number for group in catalogue.groups]
    if len(set(groups)) != len(groups):
        yield "groups: a number is given twice"
    seen: set[str] = set()
    for scenario in catalogue.scenarios:
        where = f"scenario {scenario.id!r}"
        if scenario.id in seen:
            yield f"{where}: the id is given twice"
        seen.add(scenario.id)
        if scenario.group not in groups:
            yield f"{where}: group {scenario.group} is not among the groups of this file"
        for problem in _scenario_problems(catalogue, scenario):
            yield f"{where}: {problem}"


def _scenario_problems(catalogue: Catalogue, scenario: Scenario) -> Iterator[str]:
    if (scenario.run == "stack") == bool(scenario.because):
        yield "because = ... belongs to every run but 'stack', and to no other"
    yield from _story_problems(scenario)
    for name, section in scenario.dialect.items():
        dialect = catalogue.dialects.get(name)
        if dialect is None:
            yield f"dialect {name!r} is not among the dialects of this file ({', '.join(catalogue.dialects)})"
            continue
        if scenario.setup.account not in dialect.accounts:
            yield f"dialect {name!r} has no account {scenario.setup.account!r} (it has {', '.join(dialect.accounts)})"
        yield from (f"dialect {name!r}: unknown fault {fault!r}" for fault in section.guards if fault not in dialect.faults)
        yield from (f"dialect {name!r}: {problem}" for problem in _section_problems(scenario, section))


def _story_problems(scenario: Scenario) -> Iterator[str]:
    earlier: set[str] = set()
    for number, step in enumerate(scenario.steps, start=1):
        where = f"step {step.step or number!r}"
        if step.step in earlier:
            yield f"{where}: the name is given twice"
        for call in (step, *step.calls):
            yield from (
                f"{where}: refers to {name!r}, which is no earlier step"
                for name in (call.of, call.same_nonce_as)
                if name and name not in earlier
            )
            if call.bonus and scenario.setup.grant is None:
                yield f"{where}: names a bonus, but the set-up grants no free rounds"
        if (scenario.run == "render") != (step.wallet is not None):
            yield f"{where}: wallet = ... belongs to every step of run = 'render', and to no other"
        if step.wallet is not None and step.wallet.result not in RESULTS:
            yield f"{where}: wallet.result must be one of {', '.join(sorted(RESULTS))}"
        if step.step:
            earlier.add(step.step)


def _section_problems(scenario: Scenario, section: Section) -> Iterator[str]:
    steps = scenario.named_steps
    sending = {name for name, step in steps.items() if step.sends}
    if missing := sending - section.expect.keys():
        yield f"says nothing of {', '.join(sorted(missing))}"
    if unknown := section.expect.keys() - sending:
        yield f"expects something of {', '.join(sorted(unknown))}, which sends nothing"
    if unknown := section.send.keys() - sending:
        yield f"changes how {', '.join(sorted(unknown))} is sent, which sends nothing"
    names = list(steps)
    for name in sending & section.expect.keys():
        for expected in section.alternatives(name):
            for problem in _expectation_problems(scenario, steps[name], expected, set(names[: names.index(name)])):
                yield f"expectation {name!r}: {problem}"


def _expectation_problems(scenario: Scenario, step: Step, expected: Expectation, earlier: set[str]) -> Iterator[str]:
    if expected.same_answer_as and expected.same_answer_as not in earlier:
        yield f"same_answer_as {expected.same_answer_as!r} is no earlier step"
    calls, spoken_of = len(step.all_calls()), sum(each.times for each in expected.answers)
    if (calls > 1) != bool(expected.answers):
        yield "answers = [...] belongs to a step of several calls, and to no other"
    elif expected.answers and spoken_of != calls:
        yield f"the step sends {calls} calls, the expectation speaks of {spoken_of}"
    for answer in (expected.answer or {}, *(each.answer for each in expected.answers)):
        for key, value in answer.items():
            if isinstance(value, str) and value.startswith("@") and value not in MARKERS:
                yield f"{key} = {value!r}: a value with @ must be one of {', '.join(sorted(MARKERS))}"
    known = {call.tx for each in scenario.steps for call in (each, *each.calls, *each.all_calls())}
    for row in expected.stored:
        yield from _row_problems(step, row, known)
    rounds = known | {copy.round for each in scenario.steps for copy in each.all_calls()}
    yield from (f"round {name!r} is no round of this scenario" for name in expected.rounds if name not in rounds)


def _row_problems(step: Step, row: Row, known: set[str]) -> Iterator[str]:
    if row.status == "refused" and not row.result:
        yield "a refused row needs its result"
    if row.result and row.result not in RESULTS:
        yield f"result {row.result!r} must be one of {', '.join(sorted(RESULTS))}"
    yield from (f"tx {name!r} is no tx of this scenario" for name in (row.tx, row.undoes) if name and name not in known)
    if not row.tx and step.do in {"together", "repeat"}:
        yield "a row stored by such a step needs its tx"

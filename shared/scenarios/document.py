"""Makes `docs/scenarios.md` from the catalogue: a table of scenario x dialect for people.

`python -m shared.scenarios.document docs/scenarios.md` writes it; a test checks that it is fresh.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from shared.scenarios.model import Call, Catalogue, Dialect, Expectation, Row, Scenario, Section, Step
from shared.scenarios.reader import load_catalogue

_HEAD: Final = """\
# Scenarios

Made from `shared/scenarios/catalogue.toml`; do not edit by hand (`python -m shared.scenarios.document docs/scenarios.md`).

Every dialect must pass these. A scenario begins with one player, 100.00 EUR, one active session of the game `riot`, unless
its story says otherwise. A dialect's column says, step by step: the answer on the wire; **the player's balance** where it
changed; *what was stored*. `@tx` is our id of the operation stored under the step's transaction, the same for every replay.
"""

_HTTP_OK: Final = 200
_SHORT_CHARS_MAX: Final = 100

_RUN: Final = {
    "stack": "",
    "render": "proved by wording a given answer of the wallet",
    "faults": "proved by the tests that stop and kill servers",
    "later": "not proved yet",
}


def render_document(catalogue: Catalogue) -> str:
    """The whole document as Markdown."""
    lines = [_HEAD]
    for name, dialect in catalogue.dialects.items():
        lines += _dialect_head(catalogue, name, dialect)
    names = list(catalogue.dialects)
    for group in catalogue.groups:
        scenarios = [each for each in catalogue.scenarios if each.group == group.number]
        if not scenarios:
            continue
        lines += [f"## {group.number}. {group.title}", ""]
        lines += ["| scenario | " + " | ".join(catalogue.dialects[name].title for name in names) + " |"]
        lines += ["|---" * (len(names) + 1) + "|"]
        for scenario in scenarios:
            cells = [_cell(scenario, scenario.dialect[name]) if name in scenario.dialect else "" for name in names]
            lines += ["| " + " | ".join([_story(scenario), *cells]) + " |"]
        lines += [""]
    return "\n".join(lines)


def _dialect_head(catalogue: Catalogue, name: str, dialect: Dialect) -> Iterator[str]:
    scenarios = catalogue.of_dialect(name)
    yield f"## {dialect.title}"
    yield ""
    yield f"{len(scenarios)} scenarios. How its answers are written here: {dialect.answer}"
    yield ""
    yield "| fault seen in other integrations | scenarios that would catch it |"
    yield "|---|---|"
    for fault, meaning in dialect.faults.items():
        found = [f"`{each.id}`" for each in scenarios if fault in each.dialect[name].guards]
        yield f"| {_safe(meaning)} | {', '.join(found)} |"
    yield ""


def _story(scenario: Scenario) -> str:
    parts = [f"**{_safe(scenario.title)}**", f"`{scenario.id}`"]
    if setup := _setup(scenario):
        parts.append(f"Start: {_safe(setup)}.")
    if scenario.about:
        parts.append(_safe(scenario.about))
    parts += [_safe(_step(step)) for step in scenario.steps]
    if scenario.because:
        parts.append(_safe(f"({_RUN[scenario.run]}: {scenario.because})"))
    return "<br>".join(parts)


def _setup(scenario: Scenario) -> str:
    setup, words = scenario.setup, []
    if "balance" in setup.model_fields_set:
        words.append(f"{setup.balance} {setup.currency}")
    if setup.more_currencies:
        words.append(f"also {', '.join(setup.more_currencies)}")
    if setup.session != "active":
        words.append("no session" if setup.session == "none" else "the session is pending")
    if setup.grant is not None:
        words.append(f"{setup.grant.count} free rounds" + (f" in {', '.join(setup.grant.games)}" if setup.grant.games else ""))
    if setup.account != "ordinary":
        words.append(f"account {setup.account}")
    return ", ".join(words)


def _step(step: Step) -> str:
    name = f"{step.step}: " if step.step else "- "
    words = " + ".join(_call(call) for call in step.calls) if step.calls else _call(step)
    amount = f" {step.amount}" if step.amount is not None else ""
    limits = ", ".join(f"{' '.join(filter(None, (each.kind, each.window)))} {each.value}" for each in step.limits)
    return f"{name}{words}{amount}" + (f": {limits}" if limits else "") + _manner(step)


def _manner(step: Step) -> str:
    if step.held:
        return " (while the player's row is held)"
    return " (repeated while the outcome is unknown)" if step.persist else ""


def _call(call: Call) -> str:
    words = [call.do.replace("_", " "), call.of, call.tx]
    words += [f"stake {call.stake}"] if call.stake is not None else []
    words += [f"win {call.win}"] if call.win is not None else []
    words += [f"charge {call.charge}"] if call.charge is not None else []
    words += [f"x{call.times}"] if call.times > 1 else []
    ordinary = {"round": "r1", "game": "riot", "player": "player", "session": "current", "tamper": "none"}
    for name in ("round", "game", "currency", "purse", "player", "session", "tamper", "same_nonce_as"):
        value = getattr(call, name)
        if value != ordinary.get(name, "") and name in call.model_fields_set:
            words.append(f"{name.replace('_', ' ')} {value or 'none'}")
    words += [word for word in ("bonus", "free_round", "final") if getattr(call, word)]
    return " ".join(word for word in words if word)


def _cell(scenario: Scenario, section: Section) -> str:
    parts = []
    for name in scenario.named_steps:
        if name in section.expect:
            parts.append(f"{name}: " + " *or* ".join(_expected(each) for each in section.alternatives(name)))
            if name in section.send:
                parts[-1] += f" (sent with `{_safe(_short(section.send[name]))}`)"
    if section.why:
        parts.append(f"Why: {_safe(section.why)}")
    return "<br>".join(parts)


def _expected(expected: Expectation) -> str:
    words = [f"HTTP {expected.http}"] if expected.http != _HTTP_OK else []
    if expected.same_answer_as:
        words.append(f"same answer as {expected.same_answer_as}")
    if expected.answer is not None:
        words.append(f"`{_safe(_short(expected.answer))}`")
    words += [f"{each.times} x `{_safe(_short(each.answer))}`" for each in expected.answers]
    if expected.balance is not None:
        words.append(f"**{expected.balance}**")
    words += [f"*{_row(row)}*" for row in expected.stored]
    words += [f"round {name} {status}" for name, status in expected.rounds.items()]
    words += [f"session {name} {status}" for name, status in expected.sessions.items()]
    if expected.grant_left is not None:
        words.append(f"{expected.grant_left} free rounds left")
    text = ", ".join(words)
    return f"{text} (why: {_safe(expected.why)})" if expected.why else text


def _row(row: Row) -> str:
    words = [f"{row.times} x"] if row.times > 1 else []
    words += [row.kind, row.tx, row.status if row.status not in ("applied", row.kind) else "", row.result]
    words += [f"{name} {value}" for name in ("stake", "win", "nominal") if (value := getattr(row, name)) != "0"]
    words += [f"charged {row.charged}"] if row.charged else []
    words += [f"undoes {row.undoes}"] if row.undoes else []
    return " ".join(word for word in words if word)


def _short(values: dict[str, Any]) -> str:
    text = ", ".join(f"{key} {_short(value) if isinstance(value, dict) else value}" for key, value in values.items())
    return (text if len(text) <= _SHORT_CHARS_MAX else text[:_SHORT_CHARS_MAX] + "...") or "{}"


def _safe(text: str) -> str:
    """Text that neither ends a table cell nor becomes markup."""
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_document(load_catalogue()), encoding="utf-8")

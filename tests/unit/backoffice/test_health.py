"""Which facts make an integration green, amber or red, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from services.backoffice.findings.health import HealthFacts, OpenFinding, decide


def facts(**changes: Any) -> HealthFacts:
    return HealthFacts(
        **{"account": "mascot-demo", "deadline_ms": 2_500, "silent_s": 3.0, "calls": 1_000, "p99_ms": 40.0, **changes}
    )


def error(lately: int = 1, severity: str = "error") -> OpenFinding:
    return OpenFinding("signature_wrong_key", "Signed with another key", severity, lately)


@pytest.mark.parametrize(
    ("given", "level", "word"),
    [
        (facts(), "green", ""),
        (facts(silent_s=None, calls=0, p99_ms=None), "none", ""),
        (facts(strangers=1, rejected=1), "amber", "not accepted: 1 of 1,000"),
        (facts(strangers=4, rejected=4, calls=4), "amber", "not accepted"),
        (facts(strangers=100, rejected=100), "red", "not accepted"),
        (facts(unknown=4), "green", ""),
        (facts(unknown=5), "amber", "No certain answer"),
        (facts(unknown=50), "red", "No certain answer"),
        (facts(unknown=3, calls=4), "amber", "No certain answer"),
        (facts(rejected=19), "green", ""),
        (facts(rejected=20), "amber", "cannot be read"),
        (facts(rejected=200), "red", "cannot be read"),
        (facts(rejected=20, strangers=20), "amber", "not accepted"),
        (facts(p99_ms=1_249.0), "green", ""),
        (facts(p99_ms=1_250.0), "amber", "1,250 ms"),
        (facts(p99_ms=2_500.0), "red", "2,500 ms"),
        (facts(p99_ms=9_000.0, calls=19), "green", ""),
        (facts(silent_s=599.0, usual_days=7), "green", ""),
        (facts(silent_s=600.0, usual_days=7, calls=0, p99_ms=None), "amber", "on 7 of the last 7 days"),
        (facts(silent_s=1_800.0, usual_days=5, calls=0, p99_ms=None), "red", "30 minutes"),
        (facts(silent_s=1_800.0, usual_days=4, calls=0, p99_ms=None), "green", ""),
        (facts(silent_s=660.0, active_minutes=25), "amber", "in most minutes"),
        (facts(silent_s=660.0, active_minutes=24), "green", ""),
        (facts(findings=(error(0),)), "amber", "Signed with another key."),
        (facts(findings=(error(20),)), "red", "happened 20 times"),
        (facts(findings=(error(20, "warning"),)), "amber", "20 times"),
        (facts(findings=(error(500, "info"),)), "green", ""),
        (facts(outbound="failing", outbound_cause="no route"), "amber", "no route"),
        (facts(outbound="ok"), "green", ""),
    ],
)
def test_the_level_follows_from_the_facts(given: HealthFacts, level: str, word: str) -> None:
    found, reasons = decide(given)
    assert found == level
    assert (word in reasons[0].words) if word else not reasons


def test_the_worst_reason_comes_first_and_makes_the_level() -> None:
    level, reasons = decide(facts(unknown=5, p99_ms=3_000.0, findings=(error(),)))
    assert level == "red"
    assert [reason.level for reason in reasons] == ["red", "amber", "amber"]
    assert all(reason.words and reason.advice for reason in reasons)
    assert reasons[-1].finding == "signature_wrong_key"


def test_an_account_that_was_never_called_still_tells_what_is_wrong_on_our_side() -> None:
    level, reasons = decide(facts(silent_s=None, calls=0, p99_ms=None, outbound="failing"))
    assert level == "none"
    assert reasons[0].words == "Our calls to the provider fail: no cause is known."

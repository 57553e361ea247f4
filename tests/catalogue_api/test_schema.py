"""Every route against the OpenAPI document: generated requests, good and bad, never a server error, always as documented."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from tests.catalogue_api.stand import Stand
from tests.catalogue_api.test_authorisation import ROUTES

EXAMPLES = 20
TIMEOUT_S = 60
# What a document cannot say (a currency that the brand lacks, a cursor of another list) is refused with a problem of its own.
CHECKED = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]
AVOIDABLE = {"malformed-body", "internal-error", "unavailable", "outcome-unknown"}


@pytest.fixture(scope="module")
def document(running: Stand) -> Any:
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{running.port}/openapi.json")


@pytest.fixture(scope="module")
def token(running: Stand) -> str:
    # Another brand than that of the other tests: what is generated may change its collections.
    return running.key(("read", "admin"), brand="second")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
@pytest.mark.parametrize("route", ROUTES, ids=[f"{method} {path}" for method, path in ROUTES])
def test_as_documented(document: Any, token: str, route: tuple[str, str], mode: GenerationMode) -> None:
    operation = document[route[1]][route[0].upper()]

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.headers["Authorization"] = f"Bearer {token}"
        answer = case.call_and_validate(timeout=TIMEOUT_S, checks=CHECKED)
        if mode is GenerationMode.POSITIVE and answer.status_code >= 400:
            problem = answer.json()
            assert problem["type"].removeprefix("/problems/") not in AVOIDABLE, problem

    ask()

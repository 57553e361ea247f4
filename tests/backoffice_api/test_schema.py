"""Every route against the OpenAPI document: generated requests, good and bad, never a server error, always as documented."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from tests.backoffice_api.stand import Stand
from tests.operator_api.api import Api

ROUTES = (
    "/v1/history/players/{player}/rounds",
    "/v1/history/players/{player}/operations",
    "/v1/history/players/{player}/rounds.csv",
    "/v1/history/players/{player}/operations.csv",
    "/v1/history/players/{player}/rounds/{provider_account}/{round_id}",
    "/v1/history/players/{player}/operations/{operation}",
    "/v1/reports",
    "/v1/reports.csv",
    "/v1/reports/rollbacks",
)
EXAMPLES = 20
TIMEOUT_S = 60
# What a document cannot say (a range that ends before it begins, a cursor of another list) is refused with a problem of its own.
CHECKED = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]
AVOIDABLE = {"malformed-body", "internal-error", "unavailable"}


@pytest.fixture(scope="module")
def document(running: Stand) -> Any:
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{running.port}/openapi.json")


@pytest.fixture(scope="module")
def token(running: Stand) -> str:
    return running.key(("read",))


def test_the_document_names_all_routes_and_asks_for_a_key(running: Stand) -> None:
    document = Api(running.port).get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    assert sorted(document["paths"]) == sorted(ROUTES)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"HTTPBearer": []}], (method, path)
            assert operation["summary"], (method, path)
            assert "401" in operation["responses"], (method, path)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
@pytest.mark.parametrize("path", ROUTES)
def test_as_documented(document: Any, token: str, path: str, mode: GenerationMode) -> None:
    operation = document[path]["GET"]

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.headers["Authorization"] = f"Bearer {token}"
        if mode is GenerationMode.POSITIVE and "player" in case.path_parameters:
            case.path_parameters["player"] = "alice"  # there is one: what is asked for is then really looked for
        answer = case.call_and_validate(timeout=TIMEOUT_S, checks=CHECKED)
        if mode is GenerationMode.POSITIVE and answer.status_code >= 400:
            problem = answer.json()
            assert problem["type"].removeprefix("/problems/") not in AVOIDABLE, problem

    ask()

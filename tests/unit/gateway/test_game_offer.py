"""What may be launched: each refusal with its problem and reason, the strictest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.gateway.games import GameBook
from services.gateway.operator_api.games import GameOffer
from services.gateway.operator_api.probes import Probes
from services.gateway.switches import SwitchBoard
from shared.contracts import SwitchSet, SwitchState
from shared.contracts.games import OffRule
from shared.providers.client import ProviderError, ProviderHealth, ProviderRefused, ProviderUnreachable
from shared.providers.facts import Listing
from shared.settings import AccountsFile, load_accounts_file
from shared.web.problems import Problem
from tests.catalogue_games import game

SETTINGS = """
[brands.main]
currencies = ["EUR"]
[provider_accounts.mascot]
dialect = "mascot"
brands = ["main"]
[provider_accounts.mascot.currency_map.EUR]
currency = "EUR"
[provider_accounts.mascot.games]
closed = "off"
open = "live"
"""


@pytest.fixture
def file(tmp_path: Path) -> AccountsFile:
    (tmp_path / "accounts.toml").write_text(SETTINGS, encoding="utf-8")
    return load_accounts_file(tmp_path / "accounts.toml")


@pytest.fixture
def book() -> GameBook:
    filled = GameBook()
    for record in (
        game("mascot", "riot"),
        game("mascot", "closed"),
        game("mascot", "gone", state="withdrawn"),
        game("mascot", "off-for-main", off=(OffRule(brand="main"),)),
        game("mascot", "off-in-malta", off=(OffRule(country="MT"),)),
        game("mascot", "not-in-sweden", forbidden_countries=("SE",)),
        game("mascot", "plain", devices=("mobile",), features=()),
    ):
        filled.apply(record)
    filled.complete = True
    return filled


def switched(state: SwitchState, game_id: str = "") -> SwitchBoard:
    board = SwitchBoard()
    board.apply(SwitchSet(state=state, version=1, changed_at_ms=0, game_id=game_id, reason="cleaning"))
    return board


def refusal(offer: GameOffer, file: AccountsFile, game_id: str, **asked: Any) -> tuple[str, str | None]:
    with pytest.raises(Problem) as raised:
        offer.must_be_launchable("main", file.provider_accounts["mascot"], game_id, **{"currency": "EUR", "country": "", **asked})
    assert raised.value.detail
    return raised.value.kind.name, raised.value.facts.get("reason")


@pytest.mark.parametrize(
    ("game_id", "asked", "problem", "reason"),
    [
        ("never-heard-of", {}, "game-not-found", None),
        ("open", {}, "game-not-found", None),
        ("closed", {}, "game-not-available", "configuration"),
        ("gone", {}, "game-not-available", "withdrawn"),
        ("off-for-main", {}, "game-not-available", "off"),
        ("off-in-malta", {"country": "MT"}, "game-not-available", "off"),
        ("not-in-sweden", {"country": "SE"}, "game-not-available", "forbidden-country"),
        ("plain", {"device": "desktop"}, "game-not-suitable", None),
        ("plain", {"free_rounds": True}, "game-not-suitable", None),
        ("plain", {"demo": True}, "game-not-suitable", None),
    ],
)
def test_refusals(
    file: AccountsFile, book: GameBook, game_id: str, asked: dict[str, Any], problem: str, reason: str | None
) -> None:
    assert refusal(GameOffer(file, SwitchBoard(), book), file, game_id, **asked) == (problem, reason)


@pytest.mark.parametrize(
    ("game_id", "asked"),
    [
        ("riot", {"device": "desktop", "free_rounds": True, "demo": True, "country": "MT"}),
        ("off-in-malta", {"country": "SE"}),
        ("off-in-malta", {"country": ""}),
        ("not-in-sweden", {"country": "MT"}),
        ("plain", {"device": "mobile"}),
    ],
)
def test_what_may_be_launched(file: AccountsFile, book: GameBook, game_id: str, asked: dict[str, Any]) -> None:
    offer, account = GameOffer(file, SwitchBoard(), book), file.provider_accounts["mascot"]
    assert offer.must_be_launchable("main", account, game_id, **{"currency": "EUR", **asked}) == ("live", {})


@pytest.mark.parametrize("state", ["drain", "off"])
def test_a_switch_says_so_before_anything_else(file: AccountsFile, book: GameBook, state: SwitchState) -> None:
    offer = GameOffer(file, switched(state), book)
    for game_id in ("riot", "gone", "never-heard-of"):
        with pytest.raises(Problem) as raised:
            offer.must_be_launchable("main", file.provider_accounts["mascot"], game_id, currency="EUR")
        assert raised.value.facts == {"reason": "switch", "switch": state}
        assert "cleaning" in raised.value.detail


def test_free_rounds_may_be_given_for_a_game_that_is_switched_off_for_now(file: AccountsFile, book: GameBook) -> None:
    offer, account = GameOffer(file, switched("off"), book), file.provider_accounts["mascot"]
    offer.must_have_free_rounds("main", account, "riot", currency="EUR", country="MT")
    for game_id, problem in (("gone", "game-not-available"), ("plain", "game-not-suitable"), ("x", "game-not-found")):
        with pytest.raises(Problem) as raised:
            offer.must_have_free_rounds("main", account, game_id, currency="EUR", country="MT")
        assert raised.value.kind.name == problem


def test_before_all_games_are_read_nobody_says_that_there_is_no_such_game(file: AccountsFile) -> None:
    assert refusal(GameOffer(file, SwitchBoard(), GameBook()), file, "riot") == ("unavailable", None)


def test_where_no_list_could_be_read_the_provider_s_failure_is_told(file: AccountsFile, book: GameBook) -> None:
    failures: dict[str, ProviderError] = {"mascot": ProviderRefused("the key is not known", code=401, advice="compare the keys")}
    nothing = GameBook()
    nothing.complete = True
    assert refusal(GameOffer(file, SwitchBoard(), nothing, failures.get), file, "riot") == ("provider-refused", None)
    assert refusal(GameOffer(file, SwitchBoard(), book, failures.get), file, "x") == ("game-not-found", None)


class _Provider:
    """The part of a client that is probed."""

    def __init__(self, health: ProviderHealth | None = None, error: ProviderError | None = None) -> None:
        self.health = health or ProviderHealth()
        self.error = error
        self.asked = 0

    async def listing(self) -> Listing:
        self.asked += 1
        if self.error:
            raise self.error
        return Listing()


async def test_probes_ask_whom_nobody_has_asked_lately() -> None:
    silent, busy = _Provider(), _Provider(ProviderHealth(last_ok_at_ms=2**52))
    broken = _Provider(error=ProviderUnreachable("no connection"))
    failing = _Provider(ProviderHealth(last_ok_at_ms=2**52, last_failure_at_ms=2**53))
    clients: dict[str, Any] = {"silent": silent, "busy": busy, "broken": broken, "failing": failing}
    probes = Probes(clients, 300)
    assert {name: await probes.probe(name) for name in clients} == {"silent": True, "busy": True, "broken": False, "failing": True}
    assert [each.asked for each in (silent, busy, broken, failing)] == [1, 0, 1, 1]
    assert isinstance(probes.failure_of("broken"), ProviderUnreachable)
    assert probes.failure_of("silent") is None
    broken.error = None
    assert await probes.probe("broken")
    assert probes.failure_of("broken") is None

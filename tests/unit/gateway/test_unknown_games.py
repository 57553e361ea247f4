"""Games that nobody has heard of: their calls go their way, are counted, and told of once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.gateway.callbacks import unknown_games
from services.gateway.callbacks.accounts import open_accounts
from services.gateway.callbacks.app import CallbacksApp
from services.gateway.callbacks.unknown_games import ToldOfGames
from services.gateway.games import GameBook, GameReader
from services.gateway.switches import SwitchBoard, SwitchReader
from shared.contracts import SwitchSet
from shared.kafka.topics import TopicNames
from shared.settings import load_accounts_file
from tests.catalogue_games import game
from tests.unit.gateway.conftest import SETTINGS, money_body, request, unconnected


def told(account: str, book: GameBook, board: SwitchBoard | None = None) -> ToldOfGames:
    return ToldOfGames(account, (board or SwitchBoard()).game_states(account, ("main",), {}, book), book)


def counted(account: str) -> float:
    return REGISTRY.get_sample_value("stakewire_gateway_unknown_games_total", {"account": account}) or 0.0


def test_counted_each_time_and_named_once() -> None:
    book = GameBook()
    book.apply(game("u1", "riot"))
    book.apply(game("u1", "old", state="withdrawn"))
    book.complete = True
    games = told("u1", book)
    with capture_logs() as logs:
        answers = [games.of(game_id) for game_id in ("riot", "new", "new", "old", "", "newer", "new")]
    assert answers == [("live", {}), *[("unknown", {})] * 2, ("off", {}), *[("unknown", {})] * 3]
    assert counted("u1") == 4
    assert [(line["account"], line["game"], line["log_level"]) for line in logs] == [
        ("u1", "new", "warning"),
        ("u1", "newer", "warning"),
    ]


def test_before_all_games_are_read_nobody_is_unknown() -> None:
    book = GameBook()
    games = told("u2", book)
    with capture_logs() as logs:
        assert games.of("riot") == ("unknown", {})
    assert (logs, counted("u2")) == ([], 0)


def test_a_bounded_number_is_named_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_games, "NAMED_MAX", 3)
    book = GameBook()
    book.complete = True
    games = told("u3", book)
    with capture_logs() as logs:
        for number in range(10):
            games.of(f"g{number}")
    assert [line["last_that_is_named"] for line in logs] == [False, False, True]
    assert counted("u3") == 10


def test_switches_hold_for_unknown_games_too() -> None:
    board, book = SwitchBoard(), GameBook()
    book.complete = True
    board.apply(SwitchSet(state="off", version=1, changed_at_ms=0, brand="main"))
    assert told("u4", book, board).of("new") == ("unknown", {"main": "stopped"})


@pytest.mark.parametrize("complete", [True, False])
async def test_at_the_callbacks(tmp_path: Path, *, complete: bool) -> None:
    """A call that proves its caller is counted; what an unknown caller says is not."""
    (tmp_path / "main.key").write_bytes(b"demo-key-1\n")
    (tmp_path / "stakewire.toml").write_text(SETTINGS.format(settings=""), encoding="utf-8")
    book = GameBook()
    book.complete = complete
    app = CallbacksApp(open_accounts(load_accounts_file(tmp_path / "stakewire.toml"), 100, None, book), unconnected(), None)
    before = counted("mascot-demo")
    await app.handle(request(money_body(gameId="nobody-knows")))
    await app.handle(request(money_body(gameId="nobody-knows"), signed=False))
    await app.handle(request(money_body(), nonce=2))
    assert counted("mascot-demo") - before == int(complete)


async def test_not_ready_before_the_games_are_read(tmp_path: Path) -> None:
    (tmp_path / "main.key").write_bytes(b"demo-key-1\n")
    (tmp_path / "stakewire.toml").write_text(SETTINGS.format(settings=""), encoding="utf-8")
    switches = SwitchReader("127.0.0.1:1", TopicNames(), SwitchBoard())
    switches._caught_up.set()
    games = GameReader("127.0.0.1:1", TopicNames(), GameBook())
    accounts = open_accounts(load_accounts_file(tmp_path / "stakewire.toml"), 100)
    app = CallbacksApp(accounts, unconnected(), None, switches, games)
    ready = await app.handle(request(b"", target=b"/health/ready", method=b"GET", signed=False))
    assert (ready.status, json.loads(ready.body)) == (503, {"status": "the games are not read yet"})

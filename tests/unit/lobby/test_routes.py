"""The lobby's page and routes: nothing from elsewhere on the page, nothing for other pages, limits on what needs no key."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from starlette.types import Message, Scope

from services.catalogue.lobby import problems
from services.catalogue.lobby.player import DemoPlayer
from services.catalogue.lobby.routes import ASSETS, LAUNCHES_BURST, add_lobby
from services.catalogue.lobby.settings import LobbySettings
from shared.access import ApiKey
from shared.errors import SettingsError
from shared.settings.service import load_settings
from shared.web.documented import Problems, publish
from shared.web.gate import Gate
from tests.unit.lobby.test_player import Operator

HOST = "lobby.example:8082"
OWN = {"host": HOST, "x-requested-with": "stakewire-lobby", "sec-fetch-site": "same-origin", "origin": f"http://{HOST}"}
ORDER = {"provider_account": "mascot", "game_id": "riot", "demo": False, "device": "desktop", "key": "k" * 24}
SOURCES = sorted(ASSETS.glob("*.js")) + sorted(ASSETS.glob("*.css")) + sorted(ASSETS.glob("*.html"))


class Body(NamedTuple):
    """A view."""

    body: bytes
    etag: str


class Game(NamedTuple):
    """A game that was found."""

    provider_account: str
    game_id: str


class Games:
    """A view and a search of its own."""

    async def view(self, *, brand: str, country: str, currency: str, device: str, language: str) -> Body:
        return Body(json.dumps([brand, country, currency, device, language]).encode(), '"one"')

    async def search(self, *, brand: str, words: str, limit: int) -> Sequence[Game]:
        assert (brand, limit) == ("main", 100)
        return [Game("mascot", words)]


class NoKeys:
    """The lobby needs none."""

    async def find(self, token: str) -> ApiKey | None:
        raise AssertionError(token)


class Lobby:
    """The application; `operator` is None where playing is off."""

    def __init__(self, operator: Operator | None, **settings: Any) -> None:
        app = FastAPI(docs_url=None)
        publish(app, Problems(problems.ALL))
        loaded = LobbySettings(**settings)
        add_lobby(app, Games(), DemoPlayer(operator, loaded) if operator else None, loaded)
        self._app = Gate(app, NoKeys(), "test")

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        content = b"" if body is None else json.dumps(body).encode()
        sent = {"content-type": "application/json", "content-length": str(len(content))} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        path, _, query = path.partition("?")
        scope: Scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("192.0.2.1", 4711),
            "scheme": "http",
        }
        messages: list[Message] = []
        requests: list[Message] = [{"type": "http.request", "body": content}]

        async def receive() -> Message:
            if not requests:
                await asyncio.Event().wait()  # the visitor stays
            return requests.pop()

        async def send(message: Message) -> None:
            messages.append(message)

        await self._app(scope, receive, send)
        told = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        return messages[0]["status"], told, b"".join(message.get("body", b"") for message in messages[1:])

    async def own(self, method: str, path: str, body: Any = None, **changes: str | None) -> tuple[int, Any]:
        """As the page asks; `changes` to its headers, None leaves one out."""
        headers = {**OWN, **{name.replace("_", "-"): value for name, value in changes.items()}}
        status, _, answer = await self.ask(
            method, path, body, **{name: value for name, value in headers.items() if value is not None}
        )
        return status, json.loads(answer) if answer else None


@pytest.fixture
def lobby() -> Lobby:
    return Lobby(Operator())


async def test_the_page_allows_only_its_own_scripts_and_styles(lobby: Lobby) -> None:
    status, headers, page = await lobby.ask("GET", "/", host=HOST)
    assert status == 200
    policy = headers["content-security-policy"]
    for part in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    assert not re.search(rb"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", page)
    for name in re.findall(rb'(?:src|href)="(/lobby/assets/[^"]+)"', page):
        assert (await lobby.ask("GET", name.decode(), host=HOST))[0] == 200


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_asset_names_another_host(source: Any) -> None:
    text = source.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|@import|//[a-z]+\.[a-z]", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert len(text.splitlines()) <= 500


@pytest.mark.parametrize("path", ["/lobby/games", "/lobby/search?q=riot", "/lobby/player"])
@pytest.mark.parametrize("changes", [{"x_requested_with": None}, {"x_requested_with": "x"}, {"sec_fetch_site": "cross-site"}])
async def test_other_pages_are_told_nothing(lobby: Lobby, path: str, changes: dict[str, str | None]) -> None:
    status, answer = await lobby.own("GET", path, **changes)
    assert (status, answer["type"]) == (403, "/problems/foreign-page")


@pytest.mark.parametrize(
    "changes",
    [
        {"x_requested_with": None},
        {"sec_fetch_site": "same-site"},
        {"origin": None},
        {"origin": "null"},
        {"origin": "http://evil.example"},
        {"origin": f"ftp://{HOST}"},
        {"origin": "http://[bad"},
    ],
)
async def test_other_pages_launch_nothing(changes: dict[str, str | None]) -> None:
    operator = Operator()
    status, answer = await Lobby(operator).own("POST", "/lobby/launch", ORDER, **changes)
    assert (status, answer["type"]) == (403, "/problems/foreign-page")
    assert not operator.launches
    assert not operator.players


async def test_a_launch_leads_back_to_where_the_page_is() -> None:
    operator = Operator()
    status, answer = await Lobby(operator).own("POST", "/lobby/launch", ORDER, origin=f"https://{HOST}")
    assert (status, answer) == (200, {"launch_url": "http://provider.example/game", "free_rounds": 0})
    assert operator.launches[0][1]["return_url"] == f"https://{HOST}/"


@pytest.mark.parametrize("change", [{"demo": "yes"}, {"device": "fridge"}, {"key": "short"}, {"more": 1}, {"game_id": ""}])
async def test_a_wrong_order_is_refused(lobby: Lobby, change: dict[str, Any]) -> None:
    assert (await lobby.own("POST", "/lobby/launch", ORDER | change))[0] == 422


async def test_launches_of_one_address_are_limited() -> None:
    lobby = Lobby(Operator(), launches_per_s=0.001)
    statuses = [(await lobby.own("POST", "/lobby/launch", ORDER))[0] for _ in range(LAUNCHES_BURST + 1)]
    assert statuses == [200] * LAUNCHES_BURST + [429]


async def test_games_come_for_the_device_and_are_not_sent_twice(lobby: Lobby) -> None:
    assert await lobby.own("GET", "/lobby/games?device=mobile") == (200, ["main", "", "EUR", "mobile", "en"])
    assert await lobby.own("GET", "/lobby/games?device=mobile", if_none_match='"one"') == (304, None)


async def test_search_gives_what_the_catalogue_finds(lobby: Lobby) -> None:
    found = {"games": [{"provider_account": "mascot", "game_id": "rito"}]}
    assert await lobby.own("GET", "/lobby/search?q=rito") == (200, found)
    assert (await lobby.own("GET", "/lobby/search?q=a%00b"))[0] == 422


async def test_without_an_operator_the_games_are_only_shown() -> None:
    lobby = Lobby(None)
    assert b'data-playing="no"' in (await lobby.ask("GET", "/", host=HOST))[2]
    status, answer = await lobby.own("GET", "/lobby/player")
    assert (status, answer["playing"]) == (200, False)
    assert "STAKEWIRE_LOBBY_OPERATOR_API_URL" in answer["why"]
    status, answer = await lobby.own("POST", "/lobby/launch", ORDER)
    assert (status, answer["type"]) == (409, "/problems/playing-off")
    assert (await lobby.own("GET", "/lobby/games"))[0] == 200


def test_half_of_the_settings_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAKEWIRE_LOBBY_OPERATOR_API_URL", "http://127.0.0.1:8081")
    with pytest.raises(SettingsError, match="OPERATOR_KEY_FILE both"):
        load_settings(LobbySettings)


def test_settings_that_are_handed_on_empty_turn_playing_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAKEWIRE_LOBBY_OPERATOR_API_URL", "")
    monkeypatch.setenv("STAKEWIRE_LOBBY_OPERATOR_KEY_FILE", "")
    assert load_settings(LobbySettings).operator_key() is None


def test_a_key_file_that_cannot_be_read_is_named(tmp_path: Any) -> None:
    settings = LobbySettings(operator_api_url="http://127.0.0.1:8081", operator_key_file=tmp_path / "none")
    with pytest.raises(SettingsError, match="OPERATOR_KEY_FILE"):
        settings.operator_key()
    (tmp_path / "key").write_text("sw_abc\n")
    found = LobbySettings(operator_api_url="http://127.0.0.1:8081", operator_key_file=tmp_path / "key").operator_key()
    assert found is not None
    assert found.get_secret_value() == "sw_abc"

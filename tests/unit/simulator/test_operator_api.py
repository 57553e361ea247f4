"""Operator API v1 as the studio serves it: what each method does, and what it refuses with which code."""

from pathlib import Path
from typing import Any

import pytest

from services.simulator.records import REWARD, UNKNOWN, Player, Transaction
from tests.unit.simulator.desk import PLAIN, PLAYER, PUBLIC_URL, Desk, desk_at
from tests.unit.simulator.operator import ACCOUNT, CASINO_ID

INVALID_PARAMS = (-32602, "Invalid params")
RECORD = {
    "Id": str,
    "Name": str,
    "Description": str,
    "SectionId": str,
    "Type": str,
    "Tags": list,
    "Format": str,
    "LinesCount": str,
    "BaseBet": int,
}


async def test_the_launch_sequence_may_be_repeated_at_every_launch(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        created: dict[str, Any] = {}
        for _ in range(2):
            assert await desk.done("BankGroup.Set", {"Id": "main_EUR", "Currency": "EUR", "SettingsPatch": "{}"}) == {}
            assert await desk.done("Player.Set", {"Id": PLAYER, "BankGroupId": "main_EUR", "Nick": "Zoë"}) == {}
            assert await desk.done("Bonus.Set", {"Id": "spring"}) == {}
            created = await desk.done(
                "Session.Create",
                {
                    "PlayerId": PLAYER,
                    "GameId": "riot",
                    "BonusId": "spring",
                    "RestorePolicy": "Restore",
                    "AlternativeId": "ours-1",
                    "PlayerIp": "2001:db8::1",
                    "BaseHost": "games.example",
                    "StaticHost": "static.example",
                    "Params": {"language": "de", "home_url": "https://casino.example/", "freeround_bet": 20},
                },
            )

        assert created == {"SessionId": created["SessionId"], "SessionUrl": f"{PUBLIC_URL}/mascot/launch/{created['SessionId']}"}
        assert created["SessionId"].isalnum()
        shown = await desk.done("Session.Get", {"SessionId": created["SessionId"]})
        assert shown["CreateTime"].endswith("Z")
        assert shown == {
            "SessionId": created["SessionId"],
            "AlternativeId": "ours-1",
            "PlayerId": PLAYER,
            "GameId": "riot",
            "BankGroupId": "main_EUR",
            "CreateTime": shown["CreateTime"],
            "CloseTime": None,
            "Status": "Open",
        }


async def test_games_are_records_of_the_real_form_with_varied_tags(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        games = (await desk.done("Game.List"))["Games"]

        assert len({game["Id"] for game in games}) == len(games) >= 80
        for game in games:
            assert {name: type(value) for name, value in game.items()} == RECORD
        tags = {game["Id"]: set(game["Tags"]) for game in games}
        assert "FR" in tags["riot"]
        assert set.union(*tags.values()) == {"FR", "NoD", "PC", "mobile"}
        assert any(not found for found in tags.values())
        assert "243-3125w" in {game["LinesCount"] for game in games}


async def test_games_have_settings_for_a_bank_group_only(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()

        games = (await desk.done("Game.List", {"BankGroupId": "main_EUR"}))["Games"]

        assert all(game.keys() - RECORD.keys() == {"Settings"} for game in games)
        assert await desk.refused("Game.List", {"BankGroupId": "other"}) == (10201, "BANK_GROUP_ID_INVALID")


async def test_what_cannot_change_stays(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()
        await desk.done("BankGroup.Set", {"Id": "main_mBTC", "Currency": "mBTC"})

        assert await desk.refused("BankGroup.Set", {"Id": "main_EUR", "Currency": "mBTC"}) == (10202, "BANK_GROUP_CURRENCY_CHANGED")
        assert await desk.refused("Player.Set", {"Id": PLAYER, "BankGroupId": "main_mBTC"}) == (10302, "PLAYER_BANK_GROUP_CHANGED")
        assert await desk.refused("BankGroup.Set", {"Id": "main_XYZ", "Currency": "XYZ"}) == (10203, "CURRENCY_INVALID")
        assert await desk.refused("Player.Set", {"Id": "p2", "BankGroupId": "none"}) == (10201, "BANK_GROUP_ID_INVALID")
        assert await desk.session()


NO_SESSIONS: list[tuple[dict[str, Any], tuple[int, str]]] = [
    ({"PlayerId": "nobody"}, (10301, "PLAYER_ID_INVALID")),
    ({"GameId": "no_game"}, (10401, "GAME_ID_INVALID")),
    ({"BonusId": "unheard"}, (10802, "BONUS_ID_INVALID")),
    ({"BonusId": "spring", "GameId": "cherry_classic"}, (10803, "BONUS_GAME_INVALID")),
    ({"PlayerId": None}, INVALID_PARAMS),
    ({"PlayerId": 5}, INVALID_PARAMS),
    ({"PlayerId": ""}, INVALID_PARAMS),
    ({"PlayerId": "x" * 129}, INVALID_PARAMS),
    ({"PlayerId": "line\nbreak"}, INVALID_PARAMS),
    ({"PlayerId": "nul\0"}, INVALID_PARAMS),
    ({"RestorePolicy": "restore"}, INVALID_PARAMS),
    ({"PlayerIp": "localhost"}, INVALID_PARAMS),
    ({"BaseHost": "https://x.example"}, INVALID_PARAMS),
    ({"Params": {"Language": "de"}}, INVALID_PARAMS),
    ({"Params": {"freeround_bet": "1"}}, INVALID_PARAMS),
    ({"Params": {"freeround_bet": 1.0}}, INVALID_PARAMS),
    ({"Params": []}, INVALID_PARAMS),
    ({"Surplus": 1}, INVALID_PARAMS),
]


async def test_a_session_that_cannot_be_is_refused(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()
        await desk.done("Bonus.Set", {"Id": "spring"})

        for change, expected in NO_SESSIONS:
            refused = await desk.refused("Session.Create", {"PlayerId": PLAYER, "GameId": "riot"} | change)
            assert (change, refused) == (change, expected)
        assert (await desk.done("Session.List"))["Sessions"] == []


async def test_a_refusal_says_in_words_what_was_wrong(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        answer = await desk.call("Session.Create", {"PlayerId": 5, "GameId": "riot"})

        assert answer["error"]["data"] == "Expected `str`, got `int` - at `$.PlayerId`"


async def test_a_new_session_closes_the_players_former_one_and_nobody_elses(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()
        await desk.player("other_EUR")
        others = await desk.session("other_EUR")
        first = await desk.session()

        second = await desk.session(game="aurora")

        states = {item["SessionId"]: item for item in (await desk.done("Session.List"))["Sessions"]}
        assert {name: item["Status"] for name, item in states.items()} == {first: "Closed", second: "Open", others: "Open"}
        assert states[first]["CloseTime"] == states[second]["CreateTime"]


async def test_a_refused_session_leaves_the_former_one_open(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()
        first = await desk.session()

        await desk.refused("Session.Create", {"PlayerId": PLAYER, "GameId": "no_game"})

        assert (await desk.done("Session.Get", {"SessionId": first}))["Status"] == "Open"


async def test_a_session_is_closed_once_and_closing_may_be_repeated(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()
        session = await desk.session()

        assert await desk.done("Session.Close", {"SessionId": session}) == {}
        closed = await desk.done("Session.Get", {"SessionId": session})
        assert await desk.done("Session.Close", {"SessionId": session}) == {}

        assert closed["Status"] == "Closed"
        assert await desk.done("Session.Get", {"SessionId": session}) == closed
        assert await desk.refused("Session.Close", {"SessionId": "nosuchsession"}) == (10501, "SESSION_ID_INVALID")


async def test_a_demo_needs_no_player_and_is_refused_for_games_without_one(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()
        real = await desk.session()

        demo = {"GameId": "riot", "BankGroupId": "main_EUR", "StartBalance": 50_000, "Params": {"language": "xx"}}
        created = await desk.done("Session.CreateDemo", demo)

        shown = await desk.done("Session.Get", {"SessionId": created["SessionId"]})
        assert (shown["PlayerId"], shown["Status"]) == ("", "Open")
        assert (await desk.done("Session.Get", {"SessionId": real}))["Status"] == "Open"
        assert await desk.refused("Session.CreateDemo", demo | {"GameId": "harbour_dice"}) == (10402, "GAME_WITHOUT_DEMO")
        assert await desk.refused("Session.CreateDemo", demo | {"GameId": "no_game"}) == (10401, "GAME_ID_INVALID")
        assert await desk.refused("Session.CreateDemo", demo | {"BankGroupId": "none"}) == (10201, "BANK_GROUP_ID_INVALID")
        for start in (-1, 1.5, "1", 10**16):
            assert await desk.refused("Session.CreateDemo", demo | {"StartBalance": start}) == INVALID_PARAMS


async def _listed(desk: Desk, **wanted: Any) -> set[str]:
    return {item["SessionId"] for item in (await desk.done("Session.List", wanted))["Sessions"]}


async def test_sessions_are_found_by_every_filter(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()
        await desk.player("p_mBTC", "main_mBTC", "mBTC")
        euro, coin = await desk.session(), await desk.session("p_mBTC")
        await desk.done("Session.Close", {"SessionId": coin})
        store = desk.simulator.desk.store
        for session, created, closed in ((euro, 1_000_500, None), (coin, 2_000_000, 3_000_000)):
            store._db.execute("UPDATE sessions SET created_ms = ?, closed_ms = ? WHERE session_id = ?", (created, closed, session))

        assert await _listed(desk) == {euro, coin}
        assert await _listed(desk, Status="Open") == {euro}
        assert await _listed(desk, Status="Closed") == {coin}
        assert await _listed(desk, PlayerIds=[PLAYER, "nobody"]) == {euro}
        assert await _listed(desk, PlayerIds=[]) == set()
        assert await _listed(desk, BankGroupIds=["main_mBTC"]) == {coin}
        assert await _listed(desk, CreateTimeFrom=1_001) == {coin}
        assert await _listed(desk, CreateTimeFrom="1970-01-01T00:16:40.500Z", CreateTimeTo=2_000) == {euro, coin}
        assert await _listed(desk, CreateTimeTo="1970-01-01T01:33:19+01:00") == {euro}
        assert await _listed(desk, CloseTimeFrom=1) == {coin}
        assert await _listed(desk, CloseTimeTo=2_999) == set()
        assert await _listed(desk, CloseTimeFrom=3_000, CloseTimeTo=3_000, Status="Closed", BankGroupIds=["main_mBTC"]) == {coin}
        assert (await desk.done("Session.Get", {"SessionId": coin}))["CloseTime"] == "1970-01-01T00:50:00.000Z"


NO_FILTERS: list[dict[str, Any]] = [
    {"Status": "open"},
    {"PlayerIds": "p"},
    {"PlayerIds": [1]},
    {"PlayerIds": ["p"] * 201},
    {"CreateTimeFrom": "yesterday"},
    {"CreateTimeFrom": -1},
    {"CreateTimeFrom": 2**32},
    {"CloseTimeTo": "2026-13-01T00:00:00Z"},
    {"CloseTimeTo": 1.5},
]


async def test_a_filter_that_is_none_is_refused(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for wanted in NO_FILTERS:
            assert (wanted, await desk.refused("Session.List", wanted)) == (wanted, INVALID_PARAMS)


async def test_a_list_is_bounded_to_the_newest_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.simulator.studios.mascot.operator_api.methods.SESSIONS_LISTED_MAX", 2)
    async with desk_at(tmp_path) as desk:
        await desk.player()
        sessions = [await desk.session() for _ in range(3)]

        assert await _listed(desk) == set(sessions[1:])


async def test_operators_do_not_see_each_other(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()
        session = await desk.session()
        other = "casino:8"

        assert (await desk.done("Session.List", subject=other))["Sessions"] == []
        for method in ("Session.Get", "Session.Close"):
            assert await desk.refused(method, {"SessionId": session}, subject=other) == (10501, "SESSION_ID_INVALID")
        assert await desk.refused("Session.Create", {"PlayerId": PLAYER, "GameId": "riot"}, subject=other) == (
            10301,
            "PLAYER_ID_INVALID",
        )
        assert (await desk.done("Session.List", subject=f"casino:{CASINO_ID}"))["Sessions"] != []


async def test_a_history_token_opens_the_sessions_spins_until_it_expires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()
        session = await desk.session()

        token = (await desk.done("History.GetToken", {"SessionId": session, "ExpiryInSeconds": 60}))["Token"]

        opened = await desk.send("GET", f"/mascot/history/{token}")
        assert (opened.status, opened.json) == (200, {"session_id": session, "game_id": "riot", "spins": []})
        now_ms = desk.simulator.desk.now_ms()
        monkeypatch.setattr(desk.simulator.desk, "_clock", lambda: now_ms / 1000 + 61)
        assert (await desk.send("GET", f"/mascot/history/{token}")).status == 404
        for expiry in (0, 86_401, "60"):
            given = {"SessionId": session, "ExpiryInSeconds": expiry}
            assert await desk.refused("History.GetToken", given) == INVALID_PARAMS
        assert await desk.refused("History.GetToken", {"SessionId": "x", "ExpiryInSeconds": 1}) == (10501, "SESSION_ID_INVALID")


async def test_rewards_whose_outcome_is_unknown_are_pending(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        assert await desk.done("Bonus.GetPendingBonusTransactions") == {"Transactions": []}
        books = desk.simulator.books
        books.add_player(Player(player="abcdefgh", operator_player_id="x", brand="main", provider_account=ACCOUNT, currency="EUR"))
        for ref, state in (("b1", UNKNOWN), ("b2", "done")):
            reward = Transaction(player="abcdefgh", ref=ref, kind=REWARD, withdraw=0, deposit=50)
            await books.begin(reward)
            reward.state = state
            await books.save_now(reward)

        pending = await desk.done("Bonus.GetPendingBonusTransactions")

        assert pending == {"Transactions": [{"TransactionRef": "b1", "DepositAmount": 50, "PlayerKey": "abcdefgh"}]}
        assert await desk.done("Bonus.GetPendingBonusTransactions", subject="casino:8") == {"Transactions": []}


# --- JSON-RPC ------------------------------------------------------------------------------------------------------------


async def test_the_id_is_echoed_exactly(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for call_id in (0, -1, 2**64 - 1, -(2**63), "x-1", "", "Zoë", "0"):
            content = {"jsonrpc": "2.0", "method": "Game.List", "id": call_id}
            answer = (await desk.post(PLAIN, content)).json

            assert (answer["id"], type(answer["id"])) == (call_id, type(call_id))
            assert answer.keys() == {"jsonrpc", "id", "result"}


NO_CALLS: list[tuple[bytes, int, int | None]] = [
    (b"", -32700, None),
    (b"{", -32700, None),
    (b"\xff\xfe", -32700, None),
    (b"[" * 9_000, -32700, None),
    (b'[{"jsonrpc":"2.0","method":"Game.List","id":1}]', -32600, None),
    (b'"text"', -32600, None),
    (b'{"jsonrpc":"2.0","method":"Game.List"}', -32600, None),
    (b'{"jsonrpc":"2.0","method":"Game.List","id":null}', -32600, None),
    (b'{"jsonrpc":"2.0","method":"Game.List","id":1.5}', -32600, None),
    (b'{"jsonrpc":"2.0","method":"Game.List","id":true}', -32600, None),
    (b'{"jsonrpc":"2.0","method":"Game.List","id":18446744073709551616}', -32600, None),
    (b'{"jsonrpc":"1.0","method":"Game.List","id":1}', -32600, 1),
    (b'{"jsonrpc":"2.0","method":7,"id":1}', -32600, 1),
    (b'{"jsonrpc":"2.0","method":"Game.List","id":1,"extra":1}', -32600, 1),
    (b'{"jsonrpc":"2.0","method":"game.list","id":1}', -32601, 1),
    (b'{"jsonrpc":"2.0","method":"Game.List","id":1,"params":[]}', -32602, 1),
    (b'{"jsonrpc":"2.0","method":"Game.List","id":1,"params":null}', -32602, 1),
]


async def test_what_is_no_call_is_answered_with_json_rpcs_own_codes(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        for body, code, call_id in NO_CALLS:
            answer = await desk.send("POST", PLAIN, body)

            assert answer.status == 200
            assert (body, answer.json["id"], answer.json["error"]["code"]) == (body, call_id, code)
            assert answer.json["error"]["message"]


async def test_a_body_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        assert (await desk.send("POST", PLAIN, b" " * 16_385)).status == 413


# --- limits and restart --------------------------------------------------------------------------------------------------


async def test_a_full_desk_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BANK_GROUPS_MAX", "PLAYERS_MAX", "BONUSES_MAX"):
        monkeypatch.setattr(f"services.simulator.studios.mascot.operator_api.store.{name}", 1)
    async with desk_at(tmp_path) as desk:
        await desk.player()
        await desk.player()
        await desk.done("Bonus.Set", {"Id": "b1"})

        assert await desk.refused("BankGroup.Set", {"Id": "g2", "Currency": "EUR"}) == (10010, "LIMIT_REACHED")
        assert await desk.refused("Player.Set", {"Id": "p2", "BankGroupId": "main_EUR"}) == (10010, "LIMIT_REACHED")
        assert await desk.refused("Bonus.Set", {"Id": "b2"}) == (10010, "LIMIT_REACHED")


async def test_closed_sessions_make_room_for_new_ones_and_open_ones_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.simulator.studios.mascot.operator_api.store.SESSIONS_MAX", 2)
    async with desk_at(tmp_path) as desk:
        for player in (PLAYER, "p2", "p3"):
            await desk.player(player)
        await desk.session()
        second = await desk.session()

        third = await desk.session("p2")

        assert await _listed(desk) == {second, third}
        assert await desk.refused("Session.Create", {"PlayerId": "p3", "GameId": "riot"}) == (10010, "LIMIT_REACHED")


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await desk.player()
        await desk.done("Bonus.Set", {"Id": "spring"})
        session = await desk.session(BonusId="spring", AlternativeId="ours-1")
        before = await desk.done("Session.Get", {"SessionId": session})
        token = (await desk.done("History.GetToken", {"SessionId": session, "ExpiryInSeconds": 600}))["Token"]

    async with desk_at(tmp_path) as desk:
        assert await desk.done("Session.Get", {"SessionId": session}) == before
        assert (await desk.send("GET", f"/mascot/history/{token}")).status == 200
        assert await desk.refused("BankGroup.Set", {"Id": "main_EUR", "Currency": "mBTC"}) == (10202, "BANK_GROUP_CURRENCY_CHANGED")
        assert await desk.session(BonusId="spring")
        assert (await desk.done("Session.Get", {"SessionId": session}))["Status"] == "Closed"

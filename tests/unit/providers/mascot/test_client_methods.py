"""What is asked of Mascot, method by method: the launch's order and parameters, amounts, languages, tags, answers."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from shared.errors import SettingsError
from shared.providers.client import (
    DemoRequest,
    Launched,
    LaunchRequest,
    ProviderAnswerInvalid,
    ProviderError,
    ProviderGame,
    ProviderNotConfigured,
    ProviderNotOffered,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from shared.providers.mascot.games import GameList, devices, read_games, wire_language
from shared.providers.registry import open_client
from shared.settings.accounts import ProviderAccount
from tests.unit.providers.conftest import mascot_account
from tests.unit.providers.mascot.conftest import OpenClient
from tests.unit.providers.mascot.provider_side import Behaviour, Call, ProviderSide, break_off, ordinary, status

LAUNCH = ["BankGroup.Set", "Player.Set", "Session.Create"]
CREATED = Launched(provider_session_id="qx9sgvvpihtrlug", launch_url="https://play.provider.example/qx9sgvvpihtrlug/")


def launch_request(**more: Any) -> LaunchRequest:
    given: dict[str, Any] = {
        "session_id": "k5x2mdp7q3ra4zte.0123456789abcdef",
        "provider_player_id": "k5x2mdp7q3ra4zte_EUR",
        "brand": "main",
        "currency": "EUR",
        "game_id": "riot",
    }
    return LaunchRequest(**{**given, **more})


def demo_request(**more: Any) -> DemoRequest:
    return DemoRequest(**{"brand": "main", "currency": "EUR", "game_id": "riot", **more})


async def test_a_launch_sets_everything_first_and_then_creates_the_session(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot(base_host=None, static_host="static.casino.example")
    launched = await client.launch(
        launch_request(
            language="pt-BR", device="mobile", ip="203.0.113.5", return_url="https://casino.example/lobby", bonus_id="k5x2mdp7q3ra4zte.b",
            free_round_stake=20_000,
        )
    )  # fmt: skip
    assert launched == CREATED
    assert [(call.method, call.params) for call in provider.calls] == [
        ("BankGroup.Set", {"Id": "main_EUR", "Currency": "EUR"}),
        ("Player.Set", {"Id": "k5x2mdp7q3ra4zte_EUR", "BankGroupId": "main_EUR"}),
        ("Bonus.Set", {"Id": "k5x2mdp7q3ra4zte.b"}),
        (
            "Session.Create",
            {
                "PlayerId": "k5x2mdp7q3ra4zte_EUR",
                "GameId": "riot",
                "BonusId": "k5x2mdp7q3ra4zte.b",
                "RestorePolicy": "Restore",
                "AlternativeId": "k5x2mdp7q3ra4zte.0123456789abcdef",
                "PlayerIp": "203.0.113.5",
                "StaticHost": "static.casino.example",
                "Params": {"language": "pt", "home_url": "https://casino.example/lobby", "freeround_bet": 20},
            },
        ),
    ]


async def test_what_has_no_value_is_left_out(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot(restore_policy="Create")
    await client.launch(launch_request())
    assert provider.methods() == LAUNCH
    assert provider.calls[-1].params == {
        "PlayerId": "k5x2mdp7q3ra4zte_EUR",
        "GameId": "riot",
        "RestorePolicy": "Create",
        "AlternativeId": "k5x2mdp7q3ra4zte.0123456789abcdef",
        "Params": {"language": "en"},
    }


async def test_with_a_domain_of_our_own_the_session_is_its_sub_domain(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot(base_host="Games.Casino.example")
    launched = await client.launch(launch_request())
    assert launched.launch_url == "https://qx9sgvvpihtrlug.games.casino.example/"
    assert provider.calls[-1].params["BaseHost"] == "games.casino.example"


async def test_a_demo_needs_the_bank_group_only(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot()
    launched = await client.demo(demo_request(language="zh-Hans", start_balance=10_000_000, return_url="https://casino.example/"))
    assert launched == Launched(provider_session_id="demo1", launch_url="https://play.provider.example/demo1/")
    assert [(call.method, call.params) for call in provider.calls] == [
        ("BankGroup.Set", {"Id": "main_EUR", "Currency": "EUR"}),
        (
            "Session.CreateDemo",
            {"GameId": "riot", "BankGroupId": "main_EUR", "StartBalance": 10_000, "Params": {"language": "cn"}},
        ),
    ]


async def test_a_demo_may_begin_with_nothing_or_with_what_the_provider_chooses(
    provider: ProviderSide, open_mascot: OpenClient
) -> None:
    client = await open_mascot()
    await client.demo(demo_request(start_balance=0))
    assert provider.calls[-1].params["StartBalance"] == 0
    await client.demo(demo_request())
    assert "StartBalance" not in provider.calls[-1].params


@pytest.mark.parametrize(
    ("currency", "stake", "wire", "minor"),
    [
        ("EUR", 100_000, "EUR", 100),
        ("EUR", 1_000, "EUR", 1),
        ("JPY", 100_000, "JPY", 1),
        ("BTC", 1, "mBTC", 1_000),  # 10^-8 BTC is 10^-5 mBTC, of which the wire counts 10^-8
    ],
)
async def test_amounts_and_currencies_go_through_the_accounts_map(
    provider: ProviderSide, open_mascot: OpenClient, currency: str, stake: int, wire: str, minor: int
) -> None:
    client = await open_mascot()
    await client.launch(launch_request(currency=currency, free_round_stake=stake))
    assert provider.calls[0].params == {"Id": f"main_{currency}", "Currency": wire}
    assert provider.calls[-1].params["Params"]["freeround_bet"] == minor


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"currency": "USD"}, "maps no currency of its provider to USD"),
        ({"free_round_stake": 1}, "1 units of EUR does not fit the provider's 2 digits"),
        ({"free_round_stake": 1_500}, "refused, never rounded"),
        ({"free_round_stake": -1_000}, "does not fit"),
        ({"currency": "JPY", "free_round_stake": 50_000}, "does not fit the provider's 0 digits"),
    ],
)
async def test_what_the_account_cannot_express_is_refused_before_anything_is_sent(
    provider: ProviderSide, open_mascot: OpenClient, more: dict[str, Any], said: str
) -> None:
    client = await open_mascot()
    with pytest.raises(ProviderNotOffered, match=said) as caught:
        await client.launch(launch_request(**more))
    assert (provider.calls, caught.value.may_have_happened) == ([], False)
    assert caught.value.advice


async def test_a_currency_of_two_names_goes_out_under_its_own(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot()
    client._currencies = {"mBTC": client._currencies["mBTC"], "BTC": mascot_account().currencies["mBTC"]}
    await client.launch(launch_request(currency="BTC"))
    assert provider.calls[0].params["Currency"] == "BTC"


async def test_the_bank_groups_name_is_a_setting(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot(bank_group="casino7-{currency}-{brand}")
    await client.launch(launch_request())
    assert provider.calls[1].params["BankGroupId"] == "casino7-EUR-main"


@pytest.mark.parametrize(
    ("language", "sent"),
    [
        *[(language, language) for language in ("en", "fr", "de", "ru", "cn", "es", "pl", "it", "pt")],
        ("pt-BR", "pt"), ("PT_br", "pt"), ("zh", "cn"), ("zh-Hant-TW", "cn"), ("de-AT", "de"), ("EN", "en"),
        ("ja", "en"), ("", "en"), ("english", "en"), ("-", "en"), ("cnx", "en"), ("\0", "en"),
    ],
)  # fmt: skip
def test_languages_fall_back_to_english(language: str, sent: str) -> None:
    assert wire_language(language) == sent


GAMES = [
    {"Id": "riot", "Name": "Riot", "Description": "A game", "SectionId": "slots", "Type": "slot", "Tags": ["FR", "new"],
     "Format": "html5", "LinesCount": "243-3125w", "BaseBet": 25, "Settings": {"x": 1}},
    {"Id": "desk", "Name": "Desk", "Tags": ["PC", "NoD"], "LinesCount": "25", "BaseBet": 10},
    {"Id": "phone", "Name": "Phone", "Tags": ["mobile"], "LinesCount": 25},
    {"Id": "bare", "Name": "Bare", "Tags": None, "BaseBet": None},
]  # fmt: skip


async def test_games_are_read_with_their_tags(provider: ProviderSide, open_mascot: OpenClient) -> None:
    provider.tell("Game.List", lambda call: call.result({"Games": GAMES}))
    client = await open_mascot()
    assert await client.games() == [
        ProviderGame(
            game_id="riot", name="Riot", description="A game", section="slots", type="slot", tags=("FR", "new"), format="html5",
            lines="243-3125w", base_bet=25, free_rounds=True, demo=True, devices=("desktop", "mobile"),
        ),
        ProviderGame(game_id="desk", name="Desk", tags=("PC", "NoD"), lines="25", base_bet=10, demo=False, devices=("desktop",)),
        ProviderGame(game_id="phone", name="Phone", tags=("mobile",), lines="25", devices=("mobile",)),
        ProviderGame(game_id="bare", name="Bare"),
    ]  # fmt: skip


async def test_the_list_of_a_bank_group_sets_it_first(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot()
    await client.games("main", "JPY")
    assert [(call.method, call.params) for call in provider.calls] == [
        ("BankGroup.Set", {"Id": "main_JPY", "Currency": "JPY"}),
        ("Game.List", {"BankGroupId": "main_JPY"}),
    ]
    await client.games("main")
    assert provider.calls[-1].params == {}


@pytest.mark.parametrize(
    "bad",
    [
        5, None, [], {}, {"Id": "x"}, {"Id": 5, "Name": "x"}, {"Id": "", "Name": "x"}, {"Id": "x" * 129, "Name": "x"},
        {"Id": "a\0b", "Name": "x"}, {"Id": "x", "Name": "x", "BaseBet": 2.5}, {"Id": "x", "Name": "x", "Tags": "FR"},
        {"Id": "x", "Name": "x", "Tags": [1]}, {"Id": "riot", "Name": "again"},
    ],
)  # fmt: skip
async def test_a_bad_record_is_skipped_and_told_of(
    provider: ProviderSide, open_mascot: OpenClient, capsys: pytest.CaptureFixture[str], bad: object
) -> None:
    provider.tell("Game.List", lambda call: call.result({"Games": [GAMES[0], bad, GAMES[1]]}))
    client = await open_mascot()
    assert [(game.game_id, game.name) for game in await client.games()] == [("riot", "Riot"), ("desk", "Desk")]
    assert "games of a provider's list were skipped" in capsys.readouterr().out


@pytest.mark.parametrize("result", [{}, [], None, {"Games": None}, {"Games": {}}, "games"])
async def test_a_list_that_is_none_is_invalid(provider: ProviderSide, open_mascot: OpenClient, result: object) -> None:
    provider.tell("Game.List", lambda call: call.result(result))
    client = await open_mascot()
    with pytest.raises(ProviderAnswerInvalid, match=r"Game\.List"):
        await client.games()


def test_an_empty_list_is_a_list() -> None:
    assert read_games(GameList([]), "mascot-demo") == []


def test_both_device_tags_are_as_good_as_none() -> None:
    assert devices(("PC", "mobile")) == devices(()) == ("desktop", "mobile")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"game_id": "desk", "device": "mobile"}, "desk is made for desktop only, not for mobile"),
        ({"game_id": "phone", "device": "desktop"}, "phone is made for mobile only, not for desktop"),
        ({"game_id": "desk", "bonus_id": "b1"}, "desk has no free rounds"),
    ],
)
async def test_known_tags_are_respected_by_a_launch(
    provider: ProviderSide, open_mascot: OpenClient, more: dict[str, Any], said: str
) -> None:
    provider.tell("Game.List", lambda call: call.result({"Games": GAMES}))
    client = await open_mascot()
    await client.games()
    provider.calls.clear()
    with pytest.raises(ProviderNotOffered, match=said):
        await client.launch(launch_request(**more))
    with pytest.raises(ProviderNotOffered, match="desk has no demo"):
        await client.demo(demo_request(game_id="desk"))
    assert provider.calls == []
    await client.launch(launch_request(game_id="riot", device="mobile", bonus_id="b1"))
    await client.launch(launch_request(game_id="desk", device="desktop"))
    await client.launch(launch_request(game_id="never listed", device="mobile"))


@pytest.mark.parametrize(
    "result",
    [
        {}, None, {"SessionId": ""}, {"SessionId": 5, "SessionUrl": "https://x.example/"}, {"SessionUrl": "https://x.example/"},
        {"SessionId": "s1"}, {"SessionId": "s1", "SessionUrl": "javascript:alert(1)"}, {"SessionId": "s1", "SessionUrl": "//x.example/"},
        {"SessionId": "s1", "SessionUrl": "ftp://x.example/"}, {"SessionId": "s1", "SessionUrl": "https://"},
        {"SessionId": "s1", "SessionUrl": "https://user:pw@x.example/"}, {"SessionId": "s1", "SessionUrl": "https://x.example/\r\nX: y"},
        {"SessionId": "s1", "SessionUrl": "https://x.example:99999/"}, {"SessionId": "s1", "SessionUrl": "https://x.example/" + "y" * 2_048},
        {"SessionId": "s" * 129, "SessionUrl": "https://x.example/"}, {"SessionId": "a\0", "SessionUrl": "https://x.example/"},
    ],
)  # fmt: skip
async def test_a_created_session_without_a_usable_answer_may_exist(
    provider: ProviderSide, open_mascot: OpenClient, result: object
) -> None:
    provider.tell("Session.Create", lambda call: call.result(result))
    client = await open_mascot()
    with pytest.raises(ProviderAnswerInvalid, match=r"Session\.Create") as caught:
        await client.launch(launch_request())
    assert caught.value.may_have_happened
    assert "x.example" not in str(caught.value)
    assert provider.methods() == LAUNCH


@pytest.mark.parametrize("session_id", ["a.b", "a/b", "-a", "a_b", "é", "x" * 64])
async def test_a_session_id_that_is_no_host_name_does_not_get_into_an_address(
    provider: ProviderSide, open_mascot: OpenClient, session_id: str
) -> None:
    provider.tell("Session.Create", lambda call: call.result({"SessionId": session_id, "SessionUrl": "https://x.example/"}))
    client = await open_mascot(base_host="games.casino.example")
    with pytest.raises(ProviderAnswerInvalid, match="base_host"):
        await client.launch(launch_request())


@pytest.mark.parametrize("step", ["BankGroup.Set", "Player.Set", "Bonus.Set"])
async def test_a_launch_repeats_what_is_safe(provider: ProviderSide, open_mascot: OpenClient, step: str) -> None:
    provider.tell(step, break_off, status(503), ordinary)
    client = await open_mascot()
    assert await client.launch(launch_request(bonus_id="b1")) == CREATED
    assert provider.methods().count(step) == 3
    assert provider.methods().count("Session.Create") == 1


@pytest.mark.parametrize(
    ("step", "behaviour", "kind"),
    [
        ("BankGroup.Set", status(503), ProviderUnreachable),
        ("Player.Set", lambda call: call.error({"code": 10302, "message": "PLAYER_BANK_GROUP_CHANGED"}), ProviderRefused),
        ("Bonus.Set", break_off, ProviderUnreachable),
    ],
)
async def test_a_launch_that_fails_before_the_session_created_none(
    provider: ProviderSide, open_mascot: OpenClient, step: str, behaviour: Behaviour, kind: type[ProviderError]
) -> None:
    provider.tell(step, behaviour)
    client = await open_mascot()
    with pytest.raises(kind) as caught:
        await client.launch(launch_request(bonus_id="b1"))
    assert not caught.value.may_have_happened
    assert "Session.Create" not in provider.methods()


@pytest.mark.parametrize("behaviour", [break_off, status(502)])
async def test_a_session_whose_answer_is_lost_is_not_created_twice(
    provider: ProviderSide, open_mascot: OpenClient, behaviour: Behaviour
) -> None:
    provider.tell("Session.Create", behaviour)
    client = await open_mascot()
    with pytest.raises(ProviderUnreachable) as caught:
        await client.launch(launch_request())
    assert caught.value.may_have_happened
    assert provider.methods() == LAUNCH


async def test_all_calls_of_a_launch_share_its_deadline(provider: ProviderSide, open_mascot: OpenClient) -> None:
    provider.tell("Session.Create", provider.silence)
    client = await open_mascot(operator_api_timeout_s=0.3, operator_api_deadline_s=0.3)
    with pytest.raises(ProviderTimeout) as caught:
        await client.launch(launch_request())
    assert caught.value.may_have_happened


async def test_a_launch_without_time_left_for_the_session_created_none(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot()
    with pytest.raises(ProviderTimeout, match=r"no time is left for Session\.Create") as caught:
        await client._create("Session.Create", client.api.deadline() - client.api.endpoint.deadline_s, GameId="riot")
    assert (provider.calls, caught.value.may_have_happened) == ([], False)


async def test_closing_reading_and_listing_sessions(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot()
    await client.close_session("s1")
    assert await client.get_session("s1") == {"SessionId": "qx9sgvvpihtrlug", "Status": "Open"}
    assert await client.list_sessions(
        created_from_s=5, closed_to_s=9, status="Closed", player_ids=("p1",), bank_groups=("main_EUR",)
    ) == [{"SessionId": "qx9sgvvpihtrlug"}]
    assert await client.list_sessions() == [{"SessionId": "qx9sgvvpihtrlug"}]
    assert [(call.method, call.params) for call in provider.calls] == [
        ("Session.Close", {"SessionId": "s1"}),
        ("Session.Get", {"SessionId": "s1"}),
        (
            "Session.List",
            {"CreateTimeFrom": 5, "CloseTimeTo": 9, "Status": "Closed", "PlayerIds": ["p1"], "BankGroupIds": ["main_EUR"]},
        ),
        ("Session.List", {}),
    ]


async def test_a_history_token_has_a_limited_life(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot()
    assert await client.history_token("s1", 300) == "history-token"
    assert provider.calls[0].params == {"SessionId": "s1", "ExpiryInSeconds": 300}
    for seconds in (0, -1, 86_401):
        with pytest.raises(ProviderNotOffered):
            await client.history_token("s1", seconds)
    assert len(provider.calls) == 1


async def test_a_link_to_the_history_holds_the_token(provider: ProviderSide, open_mascot: OpenClient) -> None:
    client = await open_mascot(history_url="https://history.provider.example/?token={token}")
    assert await client.history_link("s1", 300) == "https://history.provider.example/?token=history-token"
    provider.tell("History.GetToken", lambda call: call.result({"Token": 'x&y="<é'}))
    assert await client.history_link("s1", 300) == "https://history.provider.example/?token=x%26y%3D%22%3C%C3%A9"
    without = await open_mascot()
    with pytest.raises(ProviderNotOffered, match="no page of a session's history"):
        await without.history_link("s1", 300)
    assert len(provider.calls) == 2


async def test_pending_bonus_transactions(provider: ProviderSide, open_mascot: OpenClient) -> None:
    provider.tell("Bonus.GetPendingBonusTransactions", lambda call: call.result({"Transactions": [{"TransactionRef": "1:a"}]}))
    client = await open_mascot()
    assert await client.pending_bonus_transactions() == [{"TransactionRef": "1:a"}]


async def test_two_launches_at_once_are_two_calls_each_and_do_not_mix(provider: ProviderSide, open_mascot: OpenClient) -> None:
    import asyncio  # noqa: PLC0415

    def named(call: Call) -> web.StreamResponse:
        alternative = call.params["AlternativeId"]
        return call.result({"SessionId": f"of-{alternative}", "SessionUrl": f"https://play.provider.example/{alternative}/"})

    provider.tell("Session.Create", named)
    client = await open_mascot()
    launched = await asyncio.gather(*(client.launch(launch_request(session_id=f"s{number}")) for number in range(20)))
    assert [each.provider_session_id for each in launched] == [f"of-s{number}" for number in range(20)]


def test_an_account_without_an_address_has_no_client() -> None:
    with pytest.raises(ProviderNotConfigured, match=r"provider_accounts\.mascot-demo\.settings\.operator_api_url is not set"):
        open_client(mascot_account())


def test_an_unknown_dialect_has_no_client() -> None:
    entry = mascot_account()
    with pytest.raises(SettingsError, match="there are mascot"):
        open_client(ProviderAccount(entry.name, "nobody", entry.brands, entry.settings, entry.currencies, entry.games, entry.keys))

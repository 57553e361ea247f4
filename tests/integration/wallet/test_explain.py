"""`stakewire wallet explain` on a real wallet: the story of a transaction from the command to the chain, in words and as JSON."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.wallet.intake import now_ms
from services.wallet.ledger import search
from shared.contracts import CallbackRecord, Command, codec
from shared.contracts.keys import keys_of
from shared.identity import partition_of
from shared.kafka.topics import CALLBACKS
from tests.integration.wallet.line import ACCOUNT, EUR, Line, bet, bet_and_win, open_session, rollback, win
from tests.integration.wallet.stand import WalletStand
from tests.integration.wallet.technician import Technician

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def technician(stand: WalletStand) -> Technician:
    return Technician(stand)


async def archived(line: Line, command: Command, verdict: str, result: str, **fields: Any) -> None:
    """A callback in the archive, as the gateway keeps it."""
    record = CallbackRecord(
        **{
            "request_id": "r1", "provider_account": ACCOUNT, "dialect": "mascot", "received_at_ms": now_ms(), "remote_address": "192.0.2.1",
            "request_headers": {}, "request_body": '{"id":1}', "response_status": 200, "response_body": "{}", "verdict": verdict,
            "result": result, "player": command.player, "external_id": command.external_id, "command_id": command.command_id,
            "kind": command.kind, "keys": keys_of(command), **fields,
        }
    )  # fmt: skip
    key = record.player or record.provider_account
    topic = line.stand.names.of(CALLBACKS)
    await (
        await line.producer.send(topic, codec.encode(record), partition=partition_of(key, CALLBACKS.partitions), key=key.encode())
    )


async def story(technician: Technician, *arguments: str, exit_code: int = 0) -> Any:
    return await technician.json("wallet", "explain", *arguments, exit_code=exit_code)


async def test_a_bet_with_copies_rolled_back_and_a_late_copy(line: Line, technician: Technician) -> None:
    player, ref = await line.new_player(), line.names.ref()
    await line.done(bet(player, ref, 5 * EUR))
    await line.done(bet(player, ref, 5 * EUR))
    assert (await line.ask(bet(player, ref, 6 * EUR))).result == "DUPLICATE_DIFFERENT"
    await line.done(rollback(player, ref))
    assert (await line.ask(bet(player, ref, 5 * EUR))).result == "ORIGINAL_CANCELLED"
    told = await story(technician, ref, "--player", f"{player}_EUR")
    stake, undo = told["operations"]
    assert (stake["operation"]["kind"], stake["operation"]["stake"], stake["balance_before"]) == ("bet", 5 * EUR, 100 * EUR)
    assert (stake["undone_by"]["seq"], undo["undoes"]["seq"], stake["chain_problems"]) == (4, 3, [])
    assert (stake["around"]["round"]["round_id"], stake["around"]["round"]["stake"]) == (ref, 0)
    assert [command["kind"] for command in told["commands"]] == ["bet", "bet", "bet", "rollback", "bet"]
    assert [command["fate"] for command in told["commands"]] == [
        "stored as operation 3, applied; answered OK",
        "a copy, answered again from operation 3: nothing moved again",
        "the same id with other content, refused DUPLICATE_DIFFERENT: nothing moved",
        "stored as operation 4, applied; answered OK",
        "a late copy, refused ORIGINAL_CANCELLED: it had been rolled back by then, nothing moved",
    ]
    said = " ".join(told["conclusion"])
    assert "as operation 3: 5.00 EUR from the player, balance 100.00 EUR -> 95.00 EUR." in said
    assert f"by operation 4 (rollback, id {ref}); the balance was 100.00 EUR then." in said
    assert "a late copy, refused ORIGINAL_CANCELLED" in said
    assert "The hash chain fits around operations 3, 4." in said
    words = await technician.told("wallet", "explain", ref, "--player", f"key:{player}")
    for each in ("5.00 EUR from player to provider:mascot-demo", "fits: before it", "searched", *told["conclusion"]):
        assert each in words


async def test_a_tombstone_and_the_bet_that_came_too_late(line: Line, technician: Technician) -> None:
    player, ref = await line.new_player(), line.names.ref()
    await line.done(rollback(player, ref))
    assert (await line.ask(bet(player, ref))).result == "ORIGINAL_CANCELLED"
    told = await story(technician, ref, "--player", f"key:{player}")
    statuses = {seen["operation"]["kind"]: seen["operation"]["status"] for seen in told["operations"]}
    assert statuses == {"rollback": "void", "tombstone": "tombstone"}
    assert told["conclusion"][0].startswith("It was rolled back at ")
    assert "before it had arrived: a tombstone (operation 4)" in told["conclusion"][0]
    assert "ORIGINAL_CANCELLED" in told["conclusion"][1]


async def test_without_the_player_the_newest_operations_are_searched(line: Line, technician: Technician) -> None:
    player, ref = await line.new_player(), line.names.ref()
    await line.done(bet_and_win(player, ref, EUR, 2 * EUR))
    told = await story(technician, ref)
    assert [seen["operation"]["player"] for seen in told["operations"]] == [player]
    assert told["searched"][0].startswith("ledger: ")
    assert await story(technician, ref, "--account", ACCOUNT)
    other = await story(technician, ref, "--account", "somebody-else", exit_code=1)
    assert (other["operations"], other["commands"]) == ([], [])


async def test_a_search_without_the_player_is_bounded_and_says_how_far_it_came(
    line: Line, technician: Technician, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "PAGES_AT_ONCE", 1)
    player, first = await line.new_player(), line.names.ref()
    await line.done(bet(player, first, 1))
    for _ in range(40):  # more than a page of operations
        await line.done(bet(player, line.names.ref(), 1))
    newest = line.names.ref()
    await line.done(bet(player, newest, 1))
    told = await story(technician, newest)
    assert len(told["operations"]) == 1
    assert "it was found there, another player may have the same id" in told["searched"][0]
    assert len((await story(technician, first))["operations"]) == 1
    async with search.open_ledger(line.stand.database_url) as ledger:
        swept = await ledger.sweep(first, "", 0.0)
    assert swept.found == []
    assert swept.pages < swept.of_pages


async def test_a_refused_stake_and_an_expired_one(line: Line, technician: Technician) -> None:
    player, poor, late = await line.new_player(), line.names.ref(), line.names.ref()
    assert (await line.ask(bet(player, poor, 1_000 * EUR))).result == "INSUFFICIENT_FUNDS"
    told = await story(technician, poor, "--player", f"key:{player}")
    assert "was refused at" in told["conclusion"][0]
    assert "INSUFFICIENT_FUNDS" in told["conclusion"][0]
    await line.send(bet(player, late, EUR, deadline_ms=1_000), age_ms=20_000)
    await line.done(win(player, line.names.ref()))  # behind it: so it has been passed
    told = await story(technician, late, "--player", f"key:{player}")
    assert told["operations"] == []
    assert told["conclusion"][0] == "Nothing is stored in the ledger under this id: no money moved."
    assert "nobody waited any more" in told["commands"][0]["fate"]


async def test_a_session_is_told_without_its_token(line: Line, technician: Technician) -> None:
    player, ref = await line.new_player(), line.names.ref()
    session = f"{player}.{line.names.ref().replace(':', '-')}-abcdefgh"
    await line.done(open_session(player, session, token_sha256="f00d" * 16))
    await line.done(bet(player, ref, session_id=session))
    outcome = await technician.run("wallet", "explain", ref, "--player", f"key:{player}", "--json")
    assert '"session_id"' in outcome.output
    assert "f00d" not in outcome.output


async def test_callbacks_of_the_archive_tell_what_the_provider_heard(line: Line, technician: Technician) -> None:
    player, ref = await line.new_player(), line.names.ref()
    first, second = line.addressed(win(player, ref, EUR), "a.1"), line.addressed(win(player, ref, EUR), "a.2")
    await line.send(first)
    await line.done(win(player, line.names.ref()))
    await archived(line, first, "unknown", "UNKNOWN", diagnosis="the wallet did not reply before the deadline")
    await line.send(second)
    await line.done(win(player, line.names.ref()))
    await archived(line, second, "answered", "OK", received_at_ms=now_ms() + 5)
    refused = {
        "request_body": f'{{"transactionRef":"{ref}"}}',
        "diagnosis": "signature is wrong",
        "player": "",
        "external_id": "",
        "kind": "",
        "keys": (),
    }
    await archived(line, first, "refused", "refused_authentication", **refused)
    told = await story(technician, ref, "--player", f"key:{player}")
    assert sorted(each["verdict"] for each in told["callbacks"]) == ["answered", "refused", "unknown"]
    said = " ".join(told["conclusion"])
    assert "The provider was told UNKNOWN once" in said
    assert "he heard OK later" in said
    assert "refused authentication, signature is wrong" in said


async def test_an_operation_that_was_changed_afterwards_is_seen(line: Line, technician: Technician) -> None:
    player, ref = await line.new_player(), line.names.ref()
    await line.done(bet(player, ref, EUR))
    await line.pool.execute("UPDATE operations SET stake = stake + 1 WHERE player = $1 AND seq = 3", player)
    try:
        told = await story(technician, ref, "--player", f"key:{player}")
    finally:
        await line.pool.execute("UPDATE operations SET stake = stake - 1 WHERE player = $1 AND seq = 3", player)
    assert "THE CHAIN DOES NOT FIT" in told["conclusion"][-1]
    assert "the hash of operation 3 is not that of its content" in told["conclusion"][-1]


async def test_what_is_not_known_says_what_was_searched_and_what_may_be(technician: Technician, line: Line) -> None:
    player = await line.new_player()
    for arguments in (("1:never-was",), ("1:never-was", "--player", f"key:{player}"), ("'; DROP TABLE", "--seconds", "1")):
        told = await story(technician, *arguments, exit_code=1)
        assert told["conclusion"][0] == "Nothing is known of it. Possible reasons:"
        assert len([each for each in told["searched"] if "records" in each]) >= 3
    words = await technician.told("wallet", "explain", "1:never-was", exit_code=1)
    assert "dead-letters list" in words
    unknown = await story(technician, "x", "--player", "key:" + "a" * 16, exit_code=1)
    assert "the ledger has no player aaaaaaaaaaaaaaaa" in unknown["missing"][0]


async def test_without_kafka_the_ledger_is_told_and_without_the_ledger_nothing(line: Line, technician: Technician) -> None:
    player, ref = await line.new_player(), line.names.ref()
    await line.done(bet(player, ref))
    arguments = ("wallet", "explain", ref, "--player", f"key:{player}")
    for away in ("127.0.0.1:1", None):
        told = await technician.json(*arguments, KAFKA_BOOTSTRAP_SERVERS=away)
        assert (len(told["operations"]), told["commands"]) == (1, [])
        assert len(told["missing"]) == 3
    assert "the ledger could not be read" in await technician.refused(*arguments, DATABASE_URL="postgresql://x:y@127.0.0.1:1/z")
    assert "--since 'soon' is no time" in await technician.refused(*arguments, "--since", "soon")


async def test_twice_is_the_same_story_and_changes_nothing(line: Line, technician: Technician) -> None:
    player, ref = await line.new_player(), line.names.ref()
    await line.done(bet(player, ref))
    count = await line.pool.fetchval("SELECT count(*) FROM operations")
    one = await story(technician, ref, "--player", f"key:{player}")
    two = await asyncio.wait_for(story(technician, ref, "--player", f"key:{player}"), 60)
    assert (one["operations"], one["commands"], one["conclusion"]) == (two["operations"], two["commands"], two["conclusion"])
    assert await line.pool.fetchval("SELECT count(*) FROM operations") == count

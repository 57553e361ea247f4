"""Switches and the catalogue at the callbacks: a gateway and a wallet as processes, bets signed as the provider signs them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from deploy.local.parts import CHECKOUT, is_ready
from deploy.local.ports import free_ports
from deploy.local.processes import Command
from services.gateway.switches import SwitchControl, SwitchKey, SwitchStore
from shared.access import ROLE
from shared.contracts import CreatePlayer, Deposit, OpenSession, Result, SwitchState
from shared.contracts.games import GameRecord, OffRule
from shared.database import open_pool
from shared.identity import new_keyed_id, player_key
from shared.providers.mascot import signature
from shared.requester import Requester
from tests.catalogue_games import game, publish
from tests.integration.wallet.stand import HOST, WalletStand, wallet_stand
from tests.servers import Servers

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT_S = 60.0
ACCOUNT = "mascot-demo"
INTERNAL_ERROR = 7
KEY = signature.MacKey("main", b"demo-key-1")
EUR = 100_000
CONFIG = """
[brands.main]
currencies = ["EUR"]
[brands.blue]
currencies = ["EUR"]
[provider_accounts.mascot-demo]
dialect = "mascot"
brands = ["main", "blue"]
[provider_accounts.mascot-demo.settings]
casino_id = 7
[provider_accounts.mascot-demo.keys]
main = "file:main.key"
[provider_accounts.mascot-demo.currency_map.EUR]
currency = "EUR"
"""


@pytest.fixture(scope="module")
def stand(servers: Servers, operator_template: str) -> Iterator[WalletStand]:
    """A wallet and a gateway; the gateway starts while the topic of switches is empty."""
    url = servers.new_database(operator_template)
    with wallet_stand(url, servers.kafka_bootstrap_servers) as running:
        (running.folder / "stakewire.toml").write_text(CONFIG, encoding="utf-8")
        (running.folder / "main.key").write_bytes(b"demo-key-1")
        start_gateway(running)
        running.start()
        running.wait_ready("gateway")
        yield running
    servers.drop_database(url)


def start_gateway(stand: WalletStand) -> None:
    port = stand.ports.setdefault("gateway", free_ports(1)[0])
    env = {
        "STAKEWIRE_CONFIG_FILE": str(stand.folder / "stakewire.toml"),
        "STAKEWIRE_HOST": HOST,
        "STAKEWIRE_PORT": str(port),
        "STAKEWIRE_TOPIC_PREFIX": stand.prefix,
        "STAKEWIRE_GATEWAY_DRAIN_ANNOUNCE_S": "0",
        "KAFKA_BOOTSTRAP_SERVERS": stand.kafka_bootstrap_servers,
        "PYTHONUNBUFFERED": "1",
    }
    stand.processes.start(Command("gateway", [sys.executable, "-m", "services.gateway"], CHECKOUT, env))


@dataclass
class Table:
    """The provider's and the operator's side of the stack."""

    stand: WalletStand
    http: aiohttp.ClientSession
    requester: Requester
    control: SwitchControl
    numbers: Iterator[int]
    games: set[str] = field(default_factory=set)

    async def player(self, brand: str = "main") -> str:
        """A new player of a brand with 1,000.00 EUR."""
        operators_id = f"p{next(self.numbers)}"
        player = player_key(brand, operators_id)
        header: dict[str, Any] = {
            "command_id": "", "player": player, "provider_account": "operator", "namespace": "operator", "deadline_ms": 20_000,
        }  # fmt: skip
        for command in (
            CreatePlayer(**header, external_id="create", brand=brand, operator_player_id=operators_id, currencies=("EUR",)),
            Deposit(**header, external_id="deposit", currency="EUR", amount=1_000 * EUR),
        ):
            assert (await self.requester.ask(command)).result == Result.OK
        return player

    async def call(self, method: str, player: str, **params: Any) -> dict[str, Any]:
        """A signed call of the provider's."""
        number = next(self.numbers)
        content = {"callerId": 7, "playerName": f"{player}_EUR", **params}
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": content, "id": number}).encode()
        signed = signature.sign(KEY, b"casino:7", number, int(time.time()), body)
        headers = {"content-type": "application/json", **{name.decode(): value.decode() for name, value in signed}}
        url = f"http://{HOST}:{self.stand.ports['gateway']}/callbacks/{ACCOUNT}"
        async with self.http.post(url, data=body, headers=headers) as response:
            answer: dict[str, Any] = await response.json()
        assert answer["id"] == number
        return answer

    async def bet(self, player: str, round_id: str = "", game: str = "riot", ref: str = "") -> int:
        """A bet of 1.00; 0 where it was taken, else the code of the refusal."""
        ref = ref or f"bet-{next(self.numbers)}"
        money = {"withdraw": 100, "deposit": 0, "currency": "EUR", "transactionRef": ref, "gameRoundRef": round_id or ref}
        answer = await self.call("withdrawAndDeposit", player, **money, gameId=game)
        code: int = answer["error"]["code"] if "error" in answer else 0
        return code

    async def win(self, player: str, round_id: str, game: str = "riot") -> int:
        """A win of 2.00; 0 where it was paid."""
        money = {"withdraw": 0, "deposit": 200, "currency": "EUR", "transactionRef": f"win-{next(self.numbers)}"}
        answer = await self.call("withdrawAndDeposit", player, **money, gameRoundRef=round_id, gameId=game)
        code: int = answer["error"]["code"] if "error" in answer else 0
        return code

    async def balance(self, player: str) -> int:
        """In minor units."""
        answer = await self.call("getBalance", player, currency="EUR", gameId="riot")
        balance: int = answer["result"]["balance"]
        return balance

    async def publish(self, *records: GameRecord) -> None:
        """Publishes games and waits until the gateway knows them."""
        known = await self.metric("stakewire_games_known")
        new = {record.game_id for record in records} - self.games
        self.games |= new
        await publish(self.stand.kafka_bootstrap_servers, self.stand.names, *records)
        async with asyncio.timeout(LIMIT_S):
            while await self.metric("stakewire_games_known") < known + len(new):  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0.02)
            for record in records:
                version = f'"version": {record.version}'
                while record.game_id not in new and not self.stand.said(version, "gateway"):  # noqa: ASYNC110 - the same
                    await asyncio.sleep(0.02)

    async def metric(self, name: str) -> float:
        """A number that the gateway shows."""
        async with self.http.get(f"http://{HOST}:{self.stand.ports['gateway']}/metrics") as page:
            lines = (await page.text()).splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)

    async def switch(self, state: SwitchState, *, brand: str = "", game: str = "riot") -> None:
        """Sets a switch of the account and waits until the gateway knows it."""
        key = SwitchKey(brand, ACCOUNT, game)
        switched = await self.control.set(key, state, reason=f"test {next(self.numbers)}", actor="test")
        assert switched.published
        version = f'"version": {switched.switch.version}'
        async with asyncio.timeout(LIMIT_S):
            while not self.stand.said(version, "gateway"):  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def table(stand: WalletStand) -> AsyncIterator[Table]:
    pool = await open_pool(stand.database_url, role=ROLE, application_name="test")
    requester = Requester(stand.kafka_bootstrap_servers, stand.names, instance_id="test")
    control = SwitchControl(SwitchStore(pool), stand.kafka_bootstrap_servers, stand.names)
    await requester.start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT_S)) as http:
        yield Table(stand, http, requester, control, count(1))
    await requester.stop()
    await control.stop()
    await pool.close()
    assert stand.trouble() == []


async def test_a_drained_game_lets_open_rounds_finish_and_opens_none(table: Table) -> None:
    player = await table.player()
    assert await table.bet(player, "r1") == 0
    await table.switch("drain")
    assert await table.bet(player, "r2") == INTERNAL_ERROR
    assert await table.bet(player, "r1") == 0, "a stake in the open round"
    assert await table.win(player, "r1") == 0
    assert await table.win(player, "r2") == 0, "a win whose bet was refused is money that the provider owes"
    assert await table.bet(player, game="venga") == 0, "another game of the account"
    await table.switch("live")
    assert await table.bet(player, "r3") == 0
    assert await table.balance(player) == 100_000 - 4 * 100 + 2 * 200


async def test_a_game_that_is_off_takes_no_stake_but_pays_and_undoes(table: Table) -> None:
    player = await table.player()
    assert [await table.bet(player, "r1", ref="b1"), await table.bet(player, "r1", ref="b2")] == [0, 0]
    await table.switch("off")
    assert await table.bet(player, "r1") == INTERNAL_ERROR
    assert await table.bet(player, "r1", ref="b1") == 0, "a repeated bet gets its stored answer"
    assert await table.win(player, "r1") == 0
    assert (await table.call("rollbackTransaction", player, transactionRef="b2"))["result"] == {}
    assert await table.balance(player) == 100_000 - 100 + 200
    await table.switch("live")


async def test_a_switch_of_one_brand_leaves_the_others_alone(table: Table) -> None:
    of_main, of_blue = await table.player("main"), await table.player("blue")
    await table.switch("off", brand="main", game="")
    assert (await table.bet(of_main), await table.bet(of_blue)) == (INTERNAL_ERROR, 0)
    await table.switch("drain", game="")
    assert await table.bet(of_blue) == INTERNAL_ERROR, "the account drains for everybody"
    await table.switch("live", brand="main", game="")
    assert await table.bet(of_main) == INTERNAL_ERROR, "the strictest counts"
    await table.switch("live", game="")
    assert (await table.bet(of_main), await table.bet(of_blue)) == (0, 0)


async def test_a_switch_holds_at_the_callbacks_within_a_second(table: Table) -> None:
    player, took_s = await table.player(), []
    for turn in range(5):
        key, closed = SwitchKey("", ACCOUNT, "zeus"), turn % 2 == 0
        started = time.monotonic()
        await table.control.set(key, "off" if closed else "live", reason=f"turn {turn}", actor="test")
        async with asyncio.timeout(LIMIT_S):
            while (await table.bet(player, game="zeus") != 0) != closed:
                pass
        took_s.append(time.monotonic() - started)
    await table.switch("live", game="zeus")
    assert sorted(took_s)[2] < 1.0, f"half of them took longer than a second: {took_s}"


async def test_a_gateway_that_starts_is_ready_only_with_the_switches(table: Table) -> None:
    player = await table.player()
    await table.switch("off", game="venga")
    await asyncio.to_thread(table.stand.stop, "gateway")
    start_gateway(table.stand)
    port = table.stand.ports["gateway"]
    await asyncio.to_thread(table.stand.processes.wait_until, "gateway", partial(is_ready, HOST, port), LIMIT_S)
    assert await table.bet(player, game="venga") == INTERNAL_ERROR
    await table.switch("live", game="venga")


async def test_a_launch_carries_the_states_as_well(table: Table) -> None:
    player = await table.player()
    opened = OpenSession(
        command_id="", player=player, provider_account=ACCOUNT, namespace="system", external_id="s1", deadline_ms=20_000,
        session_id=new_keyed_id(player), currency="EUR", game_id="riot", game_state="live", brand_states={"main": "off"},
    )  # fmt: skip
    assert (await table.requester.ask(opened)).result == Result.GAME_FORBIDDEN


# --- the catalogue -------------------------------------------------------------------------------------------------------


async def test_a_withdrawn_game_lets_open_rounds_finish_and_opens_none(table: Table) -> None:
    player = await table.player()
    await table.publish(game(ACCOUNT, "leaving"))
    bets = [await table.bet(player, "r1", "leaving", "leaving-1"), await table.bet(player, "r1", "leaving", "leaving-2")]
    assert bets == [0, 0]
    await table.publish(game(ACCOUNT, "leaving", state="withdrawn"))
    assert await table.bet(player, "r2", "leaving") == INTERNAL_ERROR, "a new round"
    assert await table.bet(player, "r1", "leaving") == 0, "a stake in the open round"
    assert await table.bet(player, "r1", "leaving", "leaving-1") == 0, "a repeated bet gets its stored answer"
    assert await table.win(player, "r1", "leaving") == 0
    assert await table.win(player, "r2", "leaving") == 0, "a win whose bet was refused is money that the provider owes"
    assert (await table.call("rollbackTransaction", player, transactionRef="leaving-2"))["result"] == {}
    assert await table.balance(player) == 100_000 - 3 * 100 + 2 * 200 + 100
    await table.publish(game(ACCOUNT, "leaving"))
    assert await table.bet(player, "r3", "leaving") == 0, "it is listed again"


async def test_a_game_that_is_off_for_a_brand_takes_new_rounds_of_others(table: Table) -> None:
    of_main, of_blue = await table.player("main"), await table.player("blue")
    await table.publish(game(ACCOUNT, "choosy", off=(OffRule(brand="main"),)))
    assert [await table.bet(each, game="choosy") for each in (of_main, of_blue)] == [INTERNAL_ERROR, 0]
    await table.publish(game(ACCOUNT, "choosy", off=(OffRule(),)))
    assert [await table.bet(each, game="choosy") for each in (of_main, of_blue)] == [INTERNAL_ERROR, INTERNAL_ERROR]
    await table.publish(game(ACCOUNT, "choosy", off=(OffRule(country="MT"), OffRule(brand="blue", currency="EUR"))))
    assert [await table.bet(each, game="choosy") for each in (of_main, of_blue)] == [0, 0], "such rules refuse launches only"


async def test_an_unknown_game_is_served_counted_and_told_of_once(table: Table) -> None:
    player = await table.player()
    before = await table.metric('stakewire_gateway_unknown_games_total{account="mascot-demo"}')
    assert [await table.bet(player, game="nobody-knows") for _ in range(3)] == [0, 0, 0]
    assert await table.win(player, "elsewhere", "nobody-knows") == 0
    assert await table.metric('stakewire_gateway_unknown_games_total{account="mascot-demo"}') == before + 4
    told = [line for line in table.stand.log("gateway") if line.get("game") == "nobody-knows"]
    assert [(line["level"], line["account"]) for line in told] == [("warning", ACCOUNT)]
    assert await table.balance(player) == 100_000 - 3 * 100 + 200


async def test_a_gateway_that_starts_is_ready_only_with_the_games(table: Table) -> None:
    player = await table.player()
    await table.publish(game(ACCOUNT, "gone-before", state="withdrawn"))
    await asyncio.to_thread(table.stand.stop, "gateway")
    start_gateway(table.stand)
    port = table.stand.ports["gateway"]
    await asyncio.to_thread(table.stand.processes.wait_until, "gateway", partial(is_ready, HOST, port), LIMIT_S)
    assert await table.bet(player, game="gone-before") == INTERNAL_ERROR

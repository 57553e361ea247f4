"""The wallet's bench runs, its numbers are of commands that happened, and every ledger holds what its callers were told.

Nothing here looks at how fast anything is.
"""

import asyncio
import io
import json
from collections import Counter
from pathlib import Path

import psycopg
import pytest
from rich.console import Console

from services.wallet.audit.verify import verify
from shared.contracts import Bet, Win
from shared.contracts.codec import encode
from tests.bench.point import Point
from tests.bench.result import keep_callbacks, keep_wallet
from tests.bench.wallet.growth import EMPTY, GROWN, growth_of
from tests.bench.wallet.ledgers import make_pgledger, read_transfer_books
from tests.bench.wallet.options import Options, parse
from tests.bench.wallet.report import Goal, as_document, goals, print_report
from tests.bench.wallet.run import HOT, LONE, PGLEDGER, REPLAYS, REPLICAS, SINGLE, UNIFORM, ZIPF, Outcome, Run
from tests.bench.wallet.single import Run as SingleRun
from tests.bench.wallet.stage import stage_of
from tests.bench.wallet.stream import BLOCK, draw, make
from tests.servers import Servers

SMALL = Options(
    repetitions=1,
    commands=4_000,
    seconds=0.5,
    warm_up=0.1,
    players=40,
    lone_calls=20,
    idle_seconds=0.5,
    growth_index_mib=1,
)
PLAYERS = [(f"player-{number}", f"session-{number}") for number in range(100)]


def test_a_small_run_measures_everybody_and_the_books_agree(servers: Servers) -> None:
    with stage_of(servers, SMALL) as stage, growth_of(stage, lambda _: None) as growth:
        assert growth is not None
        assert growth.index_bytes >= 4 * growth.buffers_bytes > 0
        outcome = Run(stage, growth, lambda _: None).run()
        reports = [asyncio.run(verify(url)) for url in (stage.main.database_url, stage.single_url)]
        filled = growth.ledgers[GROWN].filled
    assert outcome.faults == []
    assert [report.problems for report in reports] == [[], []]
    names = {f"{kind} {pattern}" for kind in (SINGLE, PGLEDGER) for pattern in (ZIPF, UNIFORM)}
    names |= {ZIPF, UNIFORM, HOT, REPLAYS, REPLICAS, LONE, EMPTY, GROWN}
    for name in names:
        (point,) = outcome.of(name)
        assert point.measured > 0, point
        assert point.seconds > 0, point
        assert point.refused == point.unanswered == 0, point
    for name in (ZIPF, UNIFORM, HOT, REPLAYS, REPLICAS, EMPTY, GROWN):
        assert outcome.of(name)[0].answered == SMALL.commands
    told = {name: sum(point.answered for point in outcome.of(name)) for name in names}
    # One wallet warmed up with a quarter; some lone calls were not measured; replays store nothing.
    lone = told[LONE]
    assert lone > SMALL.lone_calls
    assert outcome.books["stakewire"].operations == SMALL.commands * 4 + SMALL.commands // 4 + lone  # type: ignore[union-attr]  # a ledger's
    assert outcome.books[GROWN].operations == SMALL.commands + filled  # type: ignore[union-attr]  # a ledger's
    assert outcome.books[PGLEDGER].transfers == told["pgledger zipf"] + told["pgledger uniform"] + SMALL.players  # type: ignore[union-attr]  # the other kind
    _check_report(outcome)


def _check_report(outcome: Outcome) -> None:
    assert outcome.lone[0].bare_us > outcome.lone[0].commit_us > 0
    assert outcome.disk["operations"] > 0
    assert outcome.wal[0]["bytes"] > 0
    assert set(outcome.peak_bytes) == {"wallet", "wallet-2", EMPTY, GROWN}
    assert min(outcome.peak_bytes.values()) > 0
    page = io.StringIO()
    print_report(Console(file=page, width=200), outcome)
    assert "one hot player" in page.getvalue()
    assert len(goals(outcome)) == 12
    document = json.loads(json.dumps(as_document(outcome)))
    assert document["ratios"]["zipf_over_single"][0] > 0
    assert all(len(values) == 1 for values in document["ratios"].values())


def test_a_wrong_ledger_is_told(servers: Servers) -> None:
    url = servers.new_database()
    try:
        funding = make_pgledger(url, ["alice", "bob"], 3)
        with psycopg.connect(url) as connection:
            connection.execute("SELECT create_transfer('alice', 'house-1', 100)")
        assert read_transfer_books(url, funding).faults(1) == []
        assert read_transfer_books(url, funding).faults(2) == ["1 transfers stored, but 2 told"]
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE accounts SET balance = balance + 1 WHERE name = 'bob'")
        assert len(read_transfer_books(url, funding).faults(1)) == 2
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.RaiseException, match="below 0"):
            connection.execute("SELECT create_transfer('alice', 'house-1', 100000000000000)")
    finally:
        servers.drop_database(url)


def test_a_stream_is_the_same_again_and_a_win_follows_its_stake() -> None:
    first = list(make(PLAYERS, "uniform", 2 * BLOCK + 50, "tag"))
    again = list(make(PLAYERS, "uniform", 2 * BLOCK + 50, "tag", attempt="r", caller="me", partition=3))
    assert len(first) == len(again) == 2 * BLOCK + 50
    assert len({command.external_id for command in first}) == len(first)
    assert [(c.player, c.external_id, c.kind) for c in first] == [(c.player, c.external_id, c.kind) for c in again]
    assert not {command.command_id for command in first} & {command.command_id for command in again}
    rounds: dict[str, str] = {}
    for command in first:
        if isinstance(command, Bet):
            rounds[command.round_id] = command.player
        elif isinstance(command, Win):
            assert rounds.pop(command.round_id) == command.player
            assert command.closes_round
    assert all(len(command.external_id) == 20 for command in first)
    assert len(encode(first[0])) < 1_000


def test_players_are_drawn_alike_by_zipf_or_alone() -> None:
    assert len(set(draw(100, "hot", 1_000, "seed"))) == 1
    uniform = Counter(draw(100, "uniform", 10_000, "seed"))
    assert len(uniform) == 100
    assert max(uniform.values()) < 200
    zipf = Counter(draw(100, "zipf", 10_000, "seed"))
    # The first of 100 has 1 / H(100) = 19.3 % of all, twice the second's part.
    assert 1_730 < zipf[0] < 2_130
    assert 0.4 < zipf[1] / zipf[0] < 0.6


async def test_a_baseline_that_is_refused_or_out_of_commands_says_so() -> None:
    said: list[str] = []

    async def apply(command: int) -> str:
        await asyncio.sleep(0)
        return "refused" if command == 3 else ""

    tally = await SingleRun(list(range(10)), apply, said.append).run(2, 0.0, 5.0)
    assert (tally.answered, tally.refused, tally.exhausted, tally.faults) == (9, 1, True, ["refused"])


def test_goals_look_at_the_median_and_at_the_right_side() -> None:
    assert Goal("a", [4.0, 5.0, 9.0], 5.0, at_least=True).met
    assert not Goal("a", [4.0, 4.9, 9.0], 5.0, at_least=True).met
    assert Goal("a", [1.0, 1.5, 9.0], 1.5, at_least=False).met
    assert "not met" in Goal("a", [1.6], 1.5, at_least=False).line()


def test_a_run_without_a_part_has_no_goal_for_it() -> None:
    point = Point(ZIPF, 1, 1, 0, 0, 0, 1, 1.0, 0, 0, 0, exhausted=False)
    words = [goal.words for goal in goals(Outcome(Options(), points=[point]))]
    assert not any("baseline" in each or "grown" in each or "lone" in each for each in words)


def test_neither_bench_takes_the_other_s_numbers_away(tmp_path: Path) -> None:
    path = tmp_path / ".run" / "bench.json"
    keep_wallet({"ratio": 5}, path)
    keep_callbacks({"points": [1]}, path)
    assert json.loads(path.read_text()) == {"points": [1], "wallet": {"ratio": 5}}
    keep_wallet({"ratio": 6}, path)
    assert json.loads(path.read_text()) == {"points": [1], "wallet": {"ratio": 6}}
    path.write_text("{")
    keep_callbacks({"points": [2]}, path)
    assert json.loads(path.read_text()) == {"points": [2]}


def test_options_come_from_arguments_and_environment_and_wrong_ones_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STAKEWIRE_BENCH_WALLET_PLAYERS", "50")
    assert parse(["--seconds", "1.5"]) == Options(seconds=1.5, players=50)
    with pytest.raises(SystemExit):
        parse(["--commands", "1"])
    assert "commands must be" in capsys.readouterr().err

"""Archiving a real ledger: what the files hold, what leaves the database, and every way in which a run may break off."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.wallet.audit import archive as module
from services.wallet.audit import span, stretches
from services.wallet.audit.archive import archive, check_folder
from services.wallet.audit.files import ArchiveError
from services.wallet.audit.months import MonthError
from services.wallet.audit.seals import BrokenBooksError, BusyError, make_seal
from services.wallet.audit.verify import verify
from tests.integration.wallet.history import History
from tests.integration.wallet.line import EUR
from tests.integration.wallet.test_store import wallets_connection
from tests.unit.wallet import chain_rule

JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 10, tzinfo=UTC) for month in (1, 2, 3))
NOW = datetime(2027, 4, 2, tzinfo=UTC)
"""February 2026 ended 13 months and a day ago."""
WATCHED = ("operations", "movements", "anchors", "archives")


@pytest_asyncio.fixture
async def owner(ledger_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(ledger_url)
    yield connection
    await connection.close()


async def three_months(owner: asyncpg.Connection) -> dict[str, History]:
    """`a` plays in all three, `b` in January only, `c` from March on; `z` in January and March."""
    a = History("a", JANUARY).create().deposit().bet("a1").win("a2")
    a.at = FEBRUARY
    a.bet("a3").undo("u", 3)
    a.at = MARCH
    a.undo("u2", 5).tombstone("late")
    b = History("b", JANUARY).create("EUR", "USD").deposit(7 * EUR)
    c = History("c", MARCH).create()
    z = History("z", JANUARY).create().deposit()
    z.at = MARCH
    z.bet("z1")
    lives = {each.player: each for each in (a, b, c, z)}
    for life in lives.values():
        await life.save(owner)
    return lives


def lines(path: Path) -> list[bytes]:
    return gzip.decompress(path.read_bytes()).splitlines()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def rows(owner: asyncpg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: [tuple(row)[:7] for row in await owner.fetch(f"SELECT * FROM {table} ORDER BY 1, 2")]  # noqa: S608
        for table in WATCHED
    }


async def test_a_month_is_a_file_that_can_be_read_without_this_code(
    ledger_url: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    lives = await three_months(owner)
    before = await rows(owner)
    done = await archive(ledger_url, "2026-04", tmp_path, NOW)
    assert [each.month for each in done.written] == ["2026-01", "2026-02", "2026-03"]
    assert await rows(owner) == before
    a, b, c, z = (lives[name].events for name in "abcz")
    assert lines(tmp_path / "operations-2026-01.jsonl.gz") == a[:4] + b + z[:2]
    assert lines(tmp_path / "operations-2026-02.jsonl.gz") == a[4:6]
    assert lines(tmp_path / "operations-2026-03.jsonl.gz") == a[6:] + c + z[2:]
    chain_rule.check_chain([line for month in ("01", "02", "03") for line in lines(tmp_path / f"operations-2026-{month}.jsonl.gz")
                            if json.loads(line)["player"] == "a"])  # fmt: skip
    manifest = json.loads((tmp_path / "manifest-2026-02.json").read_text())
    assert (manifest["month"], manifest["operations"], manifest["movements"], manifest["players"]) == ("2026-02", 2, 2, 1)
    assert manifest["accounts"] == []  # a bet of 1.00 and one taken back
    for name in ("operations_file", "chains_file"):
        content = (tmp_path / manifest[name]["name"]).read_bytes()
        assert (manifest[name]["bytes"], manifest[name]["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    previous = (tmp_path / "manifest-2026-01.json").read_bytes()
    assert (manifest["previous_month"], manifest["previous"]) == ("2026-01", hashlib.sha256(previous).hexdigest())
    first = json.loads(previous)
    assert {(each["account"], each["currency"]): each["units"] for each in first["accounts"]} == {
        ("cash", "EUR"): -207 * EUR, ("player", "EUR"): 207 * EUR,
    }  # fmt: skip
    chains = {each["player"]: each for each in map(json.loads, lines(tmp_path / "chains-2026-02.jsonl.gz"))}
    assert sorted(chains) == ["a", "b", "z"]
    assert chains["a"]["before"]["seq"] == 4
    assert chains["a"]["before"]["hash"] == lives["a"].stored(4).hash
    assert chains["a"]["after"]["seq"] == 6
    assert chains["a"]["after"]["hash"] == lives["a"].stored(6).hash
    assert chains["b"]["before"] == chains["b"]["after"]
    assert chains["a"]["after"]["balances"] == {"EUR": 100 * EUR}
    assert check_folder(tmp_path)[1] == []


async def test_again_does_nothing_and_later_goes_on(ledger_url: str, owner: asyncpg.Connection, tmp_path: Path) -> None:
    await three_months(owner)
    await archive(ledger_url, "2026-03", tmp_path, NOW)
    files = contents(tmp_path)
    assert (await archive(ledger_url, "2026-03", tmp_path, NOW)).written == []
    assert contents(tmp_path) == files
    assert [each.month for each in (await archive(ledger_url, "2026-04", tmp_path, NOW)).written] == ["2026-03"]
    assert check_folder(tmp_path)[1] == []


async def test_what_is_deleted_leaves_an_anchor_and_everything_goes_on(
    ledger_url: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    lives = await three_months(owner)
    whole = await verify(ledger_url, full=True)
    await make_seal(ledger_url, NOW)
    done = await archive(ledger_url, "2026-03", tmp_path, NOW, delete=True)
    assert done.given_up == ["2026-01", "2026-02"]
    left = {(row["player"], row["seq"]) for row in await owner.fetch("SELECT player, seq FROM operations")}
    assert left == {("a", 7), ("a", 8), ("a", 9), ("c", 1), ("z", 3)}
    assert {(row["player"], row["seq"]) for row in await owner.fetch("SELECT player, seq FROM movements")} == {("a", 7), ("z", 3)}
    # What is left is told as it was published, by the wallet's own role.
    async with wallets_connection(ledger_url) as wallet:
        told = await wallet.fetch("SELECT operation_json(o)->>'previous_hash' AS hash FROM operations o ORDER BY player, seq")
    expected = [lives[player].stored(seq).previous_hash for player, seq in sorted(left)]
    assert [row["hash"] for row in told] == expected
    for report in (await verify(ledger_url), await verify(ledger_url, full=True)):
        assert report.problems == []
        assert report.accounts == whole.accounts
    # Each of them goes on: the one whose operations are all gone as well.
    for life in lives.values():
        life.at = NOW
        await life.deposit(EUR, "later").save(owner)
    assert (await verify(ledger_url)).problems == []
    second = await make_seal(ledger_url, NOW)
    assert second.operations == sum(life.seq for life in lives.values())
    full = await verify(ledger_url, full=True)
    assert (full.problems, full.operations) == ([], len(left) + 4)
    assert [each.month for each in (await archive(ledger_url, "2027-04", tmp_path, NOW)).written] == ["2026-03"]
    assert check_folder(tmp_path)[1] == []
    again = await archive(ledger_url, "2026-03", tmp_path, NOW, delete=True)
    assert (again.written, again.given_up) == ([], [])


BROKEN = [
    ("I2", "UPDATE anchors SET balances = '{\"EUR\":1}' WHERE player = 'a'"),
    ("I11", "UPDATE anchors SET hash = sha256('x') WHERE player = 'a'"),
    ("I3", "UPDATE anchors SET seq = seq - 1 WHERE player = 'a'"),
    ("seal", "UPDATE anchors SET accounts = '{\"cash EUR\":-1,\"player EUR\":1}' WHERE player = 'a'"),
    ("seal", "UPDATE anchors SET hash = sha256('x') WHERE player = 'b'"),
    ("I3", "DELETE FROM anchors WHERE player = 'a'"),
    ("I1", "INSERT INTO anchors SELECT 'nobody', seq, hash, balances, accounts, month FROM anchors WHERE player = 'a'"),
    ("I3", "INSERT INTO operations SELECT (json_populate_record(o, '{\"seq\": 2, \"external_id\": \"x\"}')).* FROM operations o WHERE seq = 8"),
    ("I1", "INSERT INTO movements VALUES ('a', 3, 1, 'player', 'cash', 1, 'EUR', 0)"),
]  # fmt: skip


@pytest.mark.parametrize(("invariant", "damage"), BROKEN)
async def test_damage_at_an_anchor_is_found(
    invariant: str, damage: str, ledger_url: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    await three_months(owner)
    await make_seal(ledger_url, NOW)
    await archive(ledger_url, "2026-03", tmp_path, NOW, delete=True)
    await owner.execute(damage)
    report = await verify(ledger_url, full=True)
    assert invariant in {each.invariant for each in report.problems}, report.problems


@pytest.mark.parametrize(
    ("before", "now", "delete", "words"),
    [
        ("2026-04", NOW, True, r"13 months.*--before 2026-03"),
        ("2027-05", NOW, False, r"not closed yet.*--before 2027-04"),
        ("2027-04", datetime(2027, 4, 1, 0, 59, tzinfo=UTC), False, r"not closed yet.*--before 2027-03"),
        ("2026-13", NOW, False, "expected YYYY-MM"),
        ("2026-1", NOW, False, "expected YYYY-MM"),
    ],
)
async def test_a_month_that_must_not_go_yet_is_refused_and_nothing_is_done(
    before: str, now: datetime, *, delete: bool, words: str, ledger_url: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:  # fmt: skip
    await three_months(owner)
    await make_seal(ledger_url, NOW)
    stored = await rows(owner)
    with pytest.raises(MonthError, match=words):
        await archive(ledger_url, before, tmp_path / "new", now, delete=delete)
    assert not (tmp_path / "new").exists()
    assert await rows(owner) == stored


async def test_nothing_leaves_the_database_unsealed(ledger_url: str, owner: asyncpg.Connection, tmp_path: Path) -> None:
    await three_months(owner)
    stored = await rows(owner)
    with pytest.raises(ArchiveError, match="stakewire seal"):
        await archive(ledger_url, "2026-03", tmp_path, NOW, delete=True)
    assert await rows(owner) == stored


@pytest.mark.parametrize("name", ["operations-2026-01.jsonl.gz", "chains-2026-01.jsonl.gz"])
async def test_nothing_leaves_the_database_whose_file_is_not_whole(
    name: str, ledger_url: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    await three_months(owner)
    await make_seal(ledger_url, NOW)
    await archive(ledger_url, "2026-03", tmp_path, NOW)
    stored = await rows(owner)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ArchiveError, match=r"2026-01.*deleted"):
        await archive(ledger_url, "2026-03", tmp_path, NOW, delete=True)
    assert await rows(owner) == stored


async def test_nothing_leaves_the_database_that_is_another_than_in_the_file(
    ledger_url: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    await three_months(owner)
    await make_seal(ledger_url, NOW)
    await archive(ledger_url, "2026-03", tmp_path, NOW)
    await owner.execute("UPDATE operations SET hash = sha256('x') WHERE player = 'z' AND seq = 2")
    stored = await rows(owner)
    with pytest.raises(ArchiveError, match=r"player z.*not the one in the files"):
        await archive(ledger_url, "2026-03", tmp_path, NOW, delete=True)
    assert await rows(owner) == stored


async def test_broken_books_are_not_archived(ledger_url: str, owner: asyncpg.Connection, tmp_path: Path) -> None:
    await three_months(owner)
    await owner.execute("UPDATE movements SET amount = amount + 1 WHERE player = 'a' AND seq = 5")
    with pytest.raises(BrokenBooksError, match=r"player a.*2026-02 was not written"):
        await archive(ledger_url, "2026-04", tmp_path, NOW)
    assert not [name for name in contents(tmp_path) if "2026-02" in name]


class Broken(Exception):
    """The machine went away."""


def breaking(work: Callable[..., Any], at: int) -> Callable[..., Any]:
    """`work`, but the machine goes away just before its call number `at`."""
    calls = 0

    def instead(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise Broken
        return work(*arguments, **named)

    return instead


STEPS = [
    ("write_manifest", 1), ("write_manifest", 2), ("event_of", 2), ("facts_of", 2), ("check_month", 1), ("check_month", 2),
    ("_delete", 1), ("_delete", 2), ("_delete", 3), ("digest_of", 2), ("digest_of", 3),
]  # fmt: skip


@pytest.mark.parametrize(("step", "at"), STEPS)
async def test_a_run_that_broke_off_is_started_again_and_nothing_is_lost_or_twice(
    step: str, at: int, ledger_url: str, owner: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = await three_months(owner)
    await make_seal(ledger_url, NOW)
    monkeypatch.setattr(module, "OPERATIONS_A_DELETION", 1)  # a transaction a player
    monkeypatch.setattr(module, "PLAYERS_A_PAGE", 2)
    with monkeypatch.context() as patch:
        patch.setattr(module, step, breaking(getattr(module, step), at))
        with pytest.raises(Broken):
            await archive(ledger_url, "2026-03", tmp_path, NOW, delete=True)
    # Whatever is done so far, the books are whole.
    assert (await verify(ledger_url, full=True)).problems == []
    await archive(ledger_url, "2026-03", tmp_path, NOW, delete=True)
    assert check_folder(tmp_path)[1] == []
    assert not [name for name in contents(tmp_path) if name.endswith(".part")]
    archived = [line for month in ("01", "02") for line in lines(tmp_path / f"operations-2026-{month}.jsonl.gz")]
    assert sorted(archived) == sorted(lives["a"].events[:6] + lives["b"].events + lives["z"].events[:2])
    left = await owner.fetch("SELECT operation_json(o)->>'hash' AS hash FROM operations o")
    expected = {life.stored(seq).hash for life in lives.values() for seq in range(1, life.seq + 1)}
    assert {row["hash"] for row in left} == expected - {json.loads(line)["hash"] for line in archived}
    assert (await verify(ledger_url, full=True)).problems == []


async def test_a_clock_that_was_set_back_cuts_by_number(ledger_url: str, owner: asyncpg.Connection, tmp_path: Path) -> None:
    life = History("p", JANUARY).create().deposit()
    life.at = FEBRUARY
    life.bet("a")
    life.at = JANUARY + timedelta(days=1)
    await life.bet("b").save(owner)  # number 4 says January, number 3 said February
    await archive(ledger_url, "2026-03", tmp_path, NOW)
    assert lines(tmp_path / "operations-2026-01.jsonl.gz") == life.events[:2]
    assert lines(tmp_path / "operations-2026-02.jsonl.gz") == life.events[2:]
    # One that comes after its month was closed goes to the next file.
    life.at = JANUARY + timedelta(days=2)
    await life.bet("c").save(owner)
    assert (await archive(ledger_url, "2026-03", tmp_path, NOW)).written == []
    assert [each.month for each in (await archive(ledger_url, "2026-04", tmp_path, NOW)).written] == ["2026-03"]
    assert lines(tmp_path / "operations-2026-03.jsonl.gz") == life.events[4:]
    assert check_folder(tmp_path)[1] == []


async def test_another_folder_is_told_where_the_missing_months_are(
    ledger_url: str, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    await three_months(owner)
    await make_seal(ledger_url, NOW)
    await archive(ledger_url, "2026-02", tmp_path / "one", NOW)
    await archive(ledger_url, "2026-03", tmp_path / "other", NOW, delete=True)
    with pytest.raises(ArchiveError, match=r"another folder.*2026-02"):
        await archive(ledger_url, "2026-04", tmp_path / "one", NOW)
    # An empty folder begins where the database does.
    await archive(ledger_url, "2026-04", tmp_path / "third", NOW)
    assert [name for name in contents(tmp_path / "third") if name.startswith("manifest")] == ["manifest-2026-03.json"]
    assert check_folder(tmp_path / "third")[1] == []


async def test_one_at_a_time(ledger_url: str, owner: asyncpg.Connection, tmp_path: Path) -> None:
    await owner.execute("SELECT pg_advisory_lock(7210512006)")
    with pytest.raises(BusyError):
        await archive(ledger_url, "2026-03", tmp_path, NOW)


async def test_operations_that_go_while_verify_reads_are_no_gap(
    ledger_url: str, owner: asyncpg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three_months(owner)
    await make_seal(ledger_url, NOW)
    told: list[list[str]] = []

    async def and_the_archive_runs(*arguments: Any) -> Any:
        if not told:
            told.append((await archive(ledger_url, "2026-03", tmp_path, NOW, delete=True)).given_up)
        return await stretches.read_chunk(*arguments)

    monkeypatch.setattr(span, "read_chunk", and_the_archive_runs)
    assert (await verify(ledger_url, full=True)).problems == []
    assert told == [["2026-01", "2026-02"]]

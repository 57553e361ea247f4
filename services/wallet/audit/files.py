"""The files of the archive: one month each, readable without this code (docs/books.md has the format). Knows no database."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec
from msgspec import Struct

from services.wallet.audit.canonical import Account
from services.wallet.audit.months import begin_of
from services.wallet.audit.player import PlayerAudit, State
from services.wallet.chain import event_of
from services.wallet.decisions.model import Operation
from shared.errors import StakewireError

FORMAT: Final = "stakewire archive 1"
LINE_BYTES_MAX: Final = 16 * 1024 * 1024
FINDINGS_MAX: Final = 50
T = TypeVar("T")


class ArchiveError(StakewireError):
    """The archive's files are not what they should be; names the file."""


class Chain(Struct, frozen=True, kw_only=True):
    """A player's chain in one month: where it came from (`before`) and where it ended (`after`).

    There is one for every player who has operations up to the month's end; those without any in it have `before` = `after`.
    """

    player: str
    brand: str
    before: State
    after: State


class FileFacts(Struct, frozen=True, kw_only=True):
    """One file of a month: name, size in bytes, SHA-256 of its bytes, lines."""

    name: str
    bytes: int
    sha256: str
    lines: int


class Manifest(Struct, frozen=True, kw_only=True):
    """What one month's files hold. `accounts`: what the month added to each account. `previous`: SHA-256 of the manifest before."""

    format: str
    month: str
    operations: int
    movements: int
    players: int
    operations_file: FileFacts
    chains_file: FileFacts
    accounts: list[Account]
    previous_month: str = ""
    previous: str = ""


class LinesWriter:
    """Writes a compressed file of lines under a name of its own, and puts it in place once it is on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self.lines = 0

    def __enter__(self) -> Self:
        self._raw = self._part.open("wb")
        # No name and no time in it: the same lines are the same bytes.
        self._gzip = gzip.GzipFile(filename="", mode="wb", fileobj=self._raw, mtime=0, compresslevel=6)
        return self

    def write(self, line: bytes) -> None:
        """One line, without its end."""
        self._gzip.write(line + b"\n")
        self.lines += 1

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._gzip.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink()


def operations_name(month: str) -> str:
    """The file of a month's operations."""
    return f"operations-{month}.jsonl.gz"


def chains_name(month: str) -> str:
    """The file of a month's chains."""
    return f"chains-{month}.jsonl.gz"


def manifest_path(folder: Path, month: str) -> Path:
    """The manifest of a month: a month without one is not in the archive, whatever else lies there."""
    return folder / f"manifest-{month}.json"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Puts the manifest in place, the last step of a month."""
    path = manifest_path(folder, manifest.month)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Makes names on disk what they are in memory."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def facts_of(path: Path, lines: int) -> FileFacts:
    """Size and digest of a file as they are on disk."""
    return FileFacts(name=path.name, bytes=path.stat().st_size, sha256=digest_of(path), lines=lines)


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifests(folder: Path) -> list[Manifest]:
    """All manifests of a folder in the order of their months, each the successor of the one before. ArchiveError otherwise."""
    manifests: list[Manifest] = []
    for path in sorted(folder.glob("manifest-*.json")):
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
            begin_of(manifest.month)
        except (msgspec.DecodeError, StakewireError) as error:
            raise ArchiveError(f"{path} is no manifest of an archive: {error}") from error
        if manifest.format != FORMAT or path != manifest_path(folder, manifest.month):
            raise ArchiveError(
                f"{path} says format {manifest.format!r} and month {manifest.month}; expected {FORMAT!r} and its own month"
            )
        if manifests and (manifest.previous_month, manifest.previous) != _link(folder, manifests[-1]):
            raise ArchiveError(
                f"{path} follows {manifest.previous_month or 'nothing'}, but {manifests[-1].month} lies before it: a manifest is "
                "missing, or was changed"
            )
        manifests.append(manifest)
    return manifests


def _link(folder: Path, manifest: Manifest) -> tuple[str, str]:
    return manifest.month, digest_of(manifest_path(folder, manifest.month))


def read_chains(folder: Path, month: str) -> Iterator[Chain]:
    """The chains of a month in the order of their bytes."""
    return _read(folder / chains_name(month), msgspec.json.Decoder(Chain).decode)


def read_operations(folder: Path, month: str) -> Iterator[tuple[bytes, Operation]]:
    """The operations of a month, by player and number, each with its line."""
    decode = msgspec.json.Decoder(Operation).decode
    return _read(folder / operations_name(month), lambda line: (line, decode(line)))


def _read(path: Path, decode: Callable[[bytes], T]) -> Iterator[T]:
    number = 0
    try:
        with gzip.open(path, "rb") as lines:
            while line := lines.readline(LINE_BYTES_MAX):
                number += 1
                yield decode(line.rstrip(b"\n"))
    except (OSError, EOFError, msgspec.DecodeError, ValueError) as error:
        raise ArchiveError(f"{path}, after {number} lines: {error}") from error


def check_month(folder: Path, manifest: Manifest, before: Manifest | None) -> list[str]:
    """What is wrong with a month's files, in words: their bytes, their chains, their sums, and how they follow those of `before`."""
    try:
        for facts in (manifest.operations_file, manifest.chains_file):
            path = folder / facts.name
            if path.stat().st_size != facts.bytes or digest_of(path) != facts.sha256:
                return [f"{path} is not the file that its manifest names: it was cut or changed"]
        return _Check(folder, manifest, before).run()
    except (OSError, ArchiveError) as error:
        return [f"{manifest.month}: {error}"]


class _Check:
    """Reads a month's files side by side."""

    def __init__(self, folder: Path, manifest: Manifest, before: Manifest | None) -> None:
        self._manifest = manifest
        self._chains = read_chains(folder, manifest.month)
        self._operations = read_operations(folder, manifest.month)
        self._earlier = read_chains(folder, before.month) if before else None
        self._findings: list[str] = []
        self._sums: Counter[tuple[str, str, str]] = Counter()
        self._counts = Counter[str]()
        self._next = next(self._operations, None)

    def run(self) -> list[str]:
        """What is wrong."""
        earlier = next(self._earlier, None) if self._earlier else None
        last = ""
        for chain in self._chains:
            self._counts["chains"] += 1
            if chain.player <= last:
                self._find(f"player {chain.player} stands after {last}; they are sorted by their bytes")
            last = chain.player
            if earlier is not None and earlier.player < chain.player:
                self._find(f"player {earlier.player} was in the month before and is not in this one")
                earlier = self._skip_to(chain.player)
            if earlier is not None and earlier.player == chain.player:
                if earlier.after != chain.before:
                    self._find(f"the chain of player {chain.player} does not go on where the month before ended")
                earlier = next(self._earlier, None) if self._earlier else None
            self._player(chain)
            if len(self._findings) >= FINDINGS_MAX:
                return self._findings
        if earlier is not None:
            self._find(f"player {earlier.player} was in the month before and is not in this one")
        if self._next is not None:
            self._find(f"there are operations of player {self._next[1].player}, but no chain")
        self._compare()
        return self._findings

    def _skip_to(self, player: str) -> Chain | None:
        return next((chain for chain in self._earlier or () if chain.player >= player), None)

    def _player(self, chain: Chain) -> None:
        audit = PlayerAudit(chain.player, chain.before)
        while self._next is not None and self._next[1].player == chain.player:
            line, operation = self._next
            audit.feed(operation)
            if line != event_of(operation):
                self._find(f"the line of operation {operation.seq} of player {chain.player} is not its event")
            self._counts["operations"] += 1
            self._counts["movements"] += len(operation.movements)
            self._next = next(self._operations, None)
        self._counts["players"] += chain.after.seq > chain.before.seq
        audit.finish(chain.after.seq, chain.after.hash, chain.after.balances)
        if audit.state.accounts != chain.after.accounts:
            self._find(f"the sums of player {chain.player} are not those of his movements")
        for problem in audit.problems:
            self._find(f"{problem.invariant}  player {problem.player}  operation {problem.seq}: {problem.text}")
        for key, units in added(chain.brand, chain.before, chain.after).items():
            self._sums[key] += units

    def _compare(self) -> None:
        manifest = self._manifest
        told = {
            "operations": manifest.operations,
            "movements": manifest.movements,
            "players": manifest.players,
            "chains": manifest.chains_file.lines,
        }
        for name, count in told.items():
            if self._counts[name] != count:
                self._find(f"the manifest says {count} {name}, the files hold {self._counts[name]}")
        if as_accounts(self._sums) != manifest.accounts:
            self._find("the sums of the accounts in the manifest are not those of the movements")

    def _find(self, text: str) -> None:
        self._findings.append(f"{self._manifest.month}: {text}")


def added(brand: str, before: State, after: State) -> Counter[tuple[str, str, str]]:
    """What a stretch of a chain added to each (account, brand, currency)."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for name, units in after.accounts.items():
        account, _, currency = name.rpartition(" ")
        if units != before.accounts.get(name, 0):
            sums[account, brand, currency] += units - before.accounts.get(name, 0)
    return sums


def as_accounts(sums: Counter[tuple[str, str, str]]) -> list[Account]:
    """Sums in the order of their names."""
    return sorted(Account(*key, units) for key, units in sums.items() if units)

"""Whether the database has lost what was committed: it was restored from a backup, or a standby took over that was behind.

A wallet that went on then would take the old commands again, half of them: stakes have expired meanwhile and are skipped,
wins never expire and would be paid. So it refuses, and people decide (docs/operations.md). Two witnesses are asked: what
this process has seen committed, exactly; and the offsets in Kafka, which follow commits by a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import Gauge

from services.wallet.intake import QUERIES, Taken
from services.wallet.ledger.positions import EpochError

_behind = Gauge("stakewire_wallet_database_behind", "1 while this wallet refuses a database that has lost commits")


class SetbackError(EpochError):
    """The database stands before commands that were committed already."""

    def __init__(self, partition: int, position: int, witness: str) -> None:
        super().__init__(
            f"the database has lost commits: partition {partition} stands at {position} there, but {witness}. It was restored without "
            "its last WAL, or a standby took over that was behind. Nothing is applied, because half of the old commands would be taken "
            "again. Bring the missing WAL back; if there is none, stop all wallets and follow docs/operations.md, `Restored without the "
            "last WAL` (`stakewire wallet new-epoch --restored`)."
        )
        self.partition = partition


class SetbackWatch:
    """One for a wallet process. Everything is per epoch: an explicit step may set positions anywhere."""

    def __init__(self) -> None:
        self._epoch = 0
        self._committed: dict[int, int] = {}
        self._told: dict[int, int] = {}

    def committed(self, epoch: int, positions: Mapping[int, int]) -> None:
        """These positions were committed, as the database itself has confirmed."""
        if epoch != self._epoch:
            self._epoch, self._committed, self._told = epoch, {}, {}
        self._committed.update(positions)

    def read(self, epoch: int, positions: Mapping[int, int]) -> None:
        """The positions that the database gives now. SetbackError where they are lower than what was committed."""
        if epoch == self._epoch:
            for partition, position in positions.items():
                if position < self._committed.get(partition, 0):
                    _behind.set(1)
                    raise SetbackError(partition, position, f"this wallet has seen {self._committed[partition]} committed")
        self.committed(epoch, positions)

    def assigned(self, hints: Mapping[int, int], positions: Mapping[int, int]) -> set[int]:
        """The offsets that Kafka was told, of partitions just assigned. Returns those that are not of this epoch.

        Higher than the position alone is no sign: queries move no position. Commands between the two are; `taken` looks at them.
        A topic made anew may have the offsets of its forerunner for a while. Where an epoch that was opened by hand has applied
        nothing yet they say nothing, and are to be told anew.
        """
        ahead = {partition: hint for partition, hint in hints.items() if hint > positions[partition]}
        stale = {partition for partition in ahead if self._epoch > 1 and not positions[partition]}
        self._told = {partition: hint for partition, hint in ahead.items() if partition not in stale}
        if not self._told:
            _behind.set(0)
        return stale

    def taken(self, items: Iterable[Taken], positions: Mapping[int, int]) -> None:
        """Commands about to be applied. SetbackError where one was committed before, by what Kafka was told."""
        if not self._told:
            return
        for item in items:
            told = self._told.get(item.partition, 0)
            if item.offset >= told:
                self._told.pop(item.partition, None)
            elif item.offset >= positions[item.partition] and (item.command is None or item.command.kind not in QUERIES):
                _behind.set(1)
                raise SetbackError(
                    item.partition, positions[item.partition], f"offset {item.offset} was done when Kafka was told {told}"
                )
        if not self._told:
            _behind.set(0)

"""Both wallets side by side: the same commands, in the same batches, must get the same answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from shared.contracts import Brand, Command, Reply
from shared.gaming_day import GamingDays
from tests.model.books import Books
from tests.model.commands import Dice, Writer
from tests.model.wallet import ModelWallet
from tests.model.world import UNSAID, ZONES, Answer
from tests.unit.wallet.memory import MemoryLedger

BEGIN_MS = 1_800_000_000_000
"""A Friday, 15 January 2027, 08:00 UTC: 09:00 in Berlin, 03:00 in New York."""
DAYS = GamingDays(
    {name: Brand(brand=name, time_zone=zone, gaming_day_start=f"{hour:02}:00") for name, (zone, hour) in ZONES.items()}
)
BATCH_MAX = 8
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS


@dataclass
class Duel:
    """One history so far. `met` counts what was met on the way."""

    ledger: MemoryLedger = field(default_factory=lambda: MemoryLedger(DAYS))
    model: ModelWallet = field(default_factory=ModelWallet)
    writer: Writer = field(default_factory=Writer)
    books: Books = field(default_factory=Books)
    now: int = BEGIN_MS
    pending: list[tuple[Command, bool]] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)
    """What was sent, for people."""

    def open(self) -> None:
        """The first commands of every history."""
        self.pending += [(command, False) for command in self.writer.opening(self.now)]
        self.cut()

    def step(self, kind: str, data: bytes) -> Command:
        """One command more; the batch is cut here, or goes on."""
        command = self.writer.write(kind, Dice(data[3:]), self.now)
        self.pending.append((command, Dice(data[:1]).rarely(16)))
        if data[1] % 8 < 3 or len(self.pending) >= BATCH_MAX:
            self.cut()
        return command

    def cut(self) -> None:
        """The batch goes to the wallet, its commands one by one to the model."""
        batch, self.pending = self.pending, []
        try:
            self._compare_batch(batch)
        except Exception as error:
            error.add_note("the history: " + "\n".join(["", *self.story]))
            raise

    def _compare_batch(self, batch: list[tuple[Command, bool]]) -> None:
        if not batch:
            return
        self.story += [f"  {plain(command)}{' (expired)' * expired}" for command, expired in batch] + [f"  -- cut at {self.now}"]
        replies = self.ledger.apply(batch, self.now)
        for (command, expired), reply in zip(batch, replies, strict=True):
            answer = self.model.handle(command, self.now, expired=expired)
            self.met[f"{command.kind} {answer.result}"] += 1
            self.met["answers"] += 1
            answer.balance = reply.balance if answer.balance == UNSAID else answer.balance
            self.met["replayed"] += answer.replayed
            self.met[f"limit {reply.limit.partition('_')[0] if 'free' not in reply.limit else reply.limit}"] += bool(reply.limit)
            self.met["overdraft"] += reply.balance < 0
            assert told(reply) == expected(command.player, answer), differs(command, reply, answer)
        self._compare()

    def tick(self, forward_ms: int) -> None:
        """Time goes by."""
        self.cut()
        self.now += forward_ms

    def _compare(self) -> None:
        balances = {
            (player, currency): balance for player, file in self.model.files.items() for currency, balance in file.balances.items()
        }
        assert self.ledger.balances == balances
        heads = {name: (player.seq, player.chain_head) for name, player in self.ledger.players.items()}
        assert {name: seq for name, (seq, _) in heads.items()} == {name: len(file.ops) for name, file in self.model.files.items()}
        self.books.read(self.ledger.events, self.ledger.balances, heads)
        for words, count in self.books.kinds.items():
            self.met[f"stored {words}"] += count
        self.books.kinds.clear()


PLAIN = frozenset({"command_id", "deadline_ms", "caller", "reply_partition", "schema", "wire_currency"})


def plain(command: Command) -> str:
    """What a command says besides what all say."""
    said = {each.name: getattr(command, each.name) for each in fields(command) if each.name not in PLAIN}
    return f"{type(command).__name__} { ({name: value for name, value in said.items() if value not in EMPTY}) }"


def differs(command: Command, reply: Reply, answer: Answer) -> str:
    """What a failed comparison says."""
    return f"{plain(command)}: the wallet says {told(reply)}, the model {expected(command.player, answer)}"


EMPTY: tuple[Any, ...] = ("", (), {}, False)


def told(reply: Reply) -> dict[str, Any]:
    """What of a reply is compared."""
    return {
        "result": reply.result, "balance": reply.balance, "limit": reply.limit, "replayed": reply.replayed,
        "transaction": reply.transaction_id, "left": reply.free_rounds_left, "charged": reply.free_rounds_charged,
        "items": [(item.result, item.transaction_id, item.replayed, item.limit) for item in reply.items],
    }  # fmt: skip


def expected(player: str, answer: Answer) -> dict[str, Any]:
    """The model's answer in the same words."""

    def name(seq: int) -> str:
        return f"{player}-{seq}" if seq else ""

    return {
        "result": answer.result, "balance": answer.balance, "limit": answer.limit, "replayed": answer.replayed,
        "transaction": name(answer.seq), "left": answer.left, "charged": answer.charged,
        "items": [(item.result, name(item.seq), item.replayed, item.limit) for item in answer.items],
    }  # fmt: skip

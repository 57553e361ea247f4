"""Random histories of commands: few players, few ids and small amounts, so that commands meet each other.

Made from a seed and a length, so that a history that fails can be made shorter and played again. Most commands are such
as a sound provider sends; each wrong turn (other currency, unknown session, another brand) is taken now and then.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

from hypothesis import strategies as st

from services.wallet.decisions.batches import parts_of
from shared.contracts import (
    ActivateSession,
    Adjust,
    Batch,
    BatchItem,
    Bet,
    BetAndWin,
    CancelFreeRounds,
    CloseAccount,
    CloseSession,
    Command,
    CreatePlayer,
    Deposit,
    EndRound,
    ErasePlayer,
    Exclude,
    GetBalance,
    GrantFreeRounds,
    LiftExclusion,
    LimitSetting,
    MoneyCommand,
    OpenSession,
    PromoWin,
    Rollback,
    RollbackItem,
    RollbackList,
    SetLimits,
    SetPlayerStatus,
    SettleRound,
    VoidRound,
    Win,
    Withdraw,
)
from shared.identity import player_key

NOW = 1_800_000_000_000
LENGTH_MAX = 150
OPERATORS_IDS = ("lucky11", "p-1", "p-2")
PLAYERS = tuple(player_key("main", each) for each in OPERATORS_IDS)

History = list[tuple[Command, bool]]
"""(command, whether it is expired)."""


class Author:
    """Writes one history. The third player is created by a command of the history, if at all."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._operators = 0
        self._references = 0
        self._written: list[Command] = []
        self._singles: list[Command] = []
        """The same with the items of lists instead of the lists: what may be undone."""

    def write(self, length: int) -> History:
        """Two players with a little money, a grant and a session, then `length` random commands."""
        random = self._random
        kinds: dict[Callable[[], Command], float] = {
            self._bet: 6, self._win: 4, self._bet_and_win: 8, self._rollback: 7, self._end_round: 1, self._get_balance: 2,
            self._deposit: 1, self._withdraw: 3, self._create_player: 1, self._session: 4, self._grant: 1, self._again: 5,
            self._status: 1.5, self._cancel: 0.5, self._erase: 0.1, self._batch: 5, self._rollback_list: 2, self._promo_win: 1,
            self._adjust: 1, self._void: 0.7, self._settle: 0.7, self._set_limits: 0.5, self._exclude: 0.15, self._lift: 0.6,
            self._close: 0.05,
        }  # fmt: skip
        chosen = random.choices(list(kinds), list(kinds.values()), k=length)
        made = self._opening()
        for write in chosen:
            command = write()
            self._written.append(command)
            self._singles.extend(each for each in parts_of(command) or (command,) if each.external_id)
            made.append((command, self._rarely(12)))
        return made

    def _opening(self) -> History:
        made: History = []
        for number, player in enumerate(PLAYERS[:2]):
            header: dict[str, Any] = {"command_id": "c", "player": player, "namespace": "operator"}
            at_operator: dict[str, Any] = {**header, "provider_account": "operator"}
            currencies = ("EUR", "USD")[: number + 1]
            names: dict[str, Any] = {"brand": "main", "operator_player_id": OPERATORS_IDS[number], "currencies": currencies}
            made += [
                (CreatePlayer(**at_operator, external_id="create", **names), False),
                (Deposit(**at_operator, external_id="deposit", currency="EUR", amount=10), False),
            ]
            at_provider: dict[str, Any] = {**header, "provider_account": "mascot-demo", "currency": "EUR"}
            grant: dict[str, Any] = {"grant_id": f"{player}.grant-1", "count": 4, "expires_at_ms": NOW + 3_600_000}
            session: dict[str, Any] = {"session_id": f"{player}.session-1", "game_id": "riot"}
            made += [
                (GrantFreeRounds(**at_provider, external_id="grant", **grant), False),
                (OpenSession(**at_provider, external_id="open", **session), False),
            ]
        return made

    def _again(self) -> Command:
        """A command of before, word for word."""
        return self._pick(*self._written) if self._written else self._bet()

    def _reference(self) -> str:
        """Mostly a new one; now and then one of before, by this player or another."""
        if self._references and self._rarely(5):
            return f"t{self._random.randrange(self._references) + 1}"
        self._references += 1
        return f"t{self._references}"

    def _rarely(self, of: int) -> bool:
        return self._random.randrange(of) == 0

    def _pick(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def _player(self) -> str:
        return PLAYERS[2] if self._rarely(12) else self._pick(*PLAYERS[:2])

    def _currency(self) -> str:
        return self._pick("USD", "SEK", "") if self._rarely(12) else "EUR"

    def _account(self) -> str:
        return "other-demo" if self._rarely(10) else "mascot-demo"

    def _session_id(self, player: str) -> str:
        return f"{player}.session-{self._pick(1, 2, 3)}"

    def _play(self) -> dict[str, Any]:
        player, currency = self._player(), self._currency()
        return {
            "command_id": "c",
            "player": player,
            "provider_account": self._account(),
            "namespace": "tx",
            "external_id": self._reference(),
            "brands": ("other",) if self._rarely(25) else ("main",),
            "currency": currency,
            "player_currency": "EUR" if self._rarely(20) else currency,
            "game_id": "venga" if self._rarely(8) else "riot",
            "game_state": self._state(),
            "brand_states": {self._pick("main", "other"): self._state()} if self._rarely(8) else {},
            "session_id": self._session_id(player) if self._rarely(5) else "",
            "provider_session_id": self._pick("ps-1", "ps-2") if self._rarely(6) else "",
            "session_required": self._rarely(25),
            "grant_id": f"{player}.grant-1" if self._rarely(3) else "",
        }

    def _state(self) -> Any:
        return self._pick("off", "off", "stopped") if self._rarely(10) else self._pick("live", "unknown")

    def _money(self) -> dict[str, Any]:
        play = self._play()
        return {
            **play,
            "round_id": self._pick("r1", "r2", "r3", ""),
            "closes_round": self._rarely(8),
            "compare_round": self._rarely(2),
            "compare_game": self._rarely(2),
            "promo_class": self._pick("bonus_reward", "jackpot") if self._rarely(10) else "",
            "charge_free_rounds": self._pick(1, 1, 2) if play["grant_id"] and self._rarely(2) else 0,
            "free_round": self._rarely(4),
            "free_round_stake": "nominal" if self._rarely(6) else "as_sent",
            "free_round_exhausted": self._pick("debit", "refuse"),
        }

    def _amount(self) -> int:
        return self._random.randrange(7)

    def _bet(self) -> Command:
        return Bet(**self._money(), stake=self._amount())

    def _win(self) -> Command:
        return Win(**self._money(), win=self._amount(), bet_required=self._rarely(6))

    def _bet_and_win(self) -> Command:
        return BetAndWin(**self._money(), stake=self._amount(), win=self._amount())

    def _rollback(self) -> Command:
        """Mostly as Mascot's: its slot is named by the original. Sometimes with an id of its own, sometimes of an undo."""
        fields = self._play()
        undone = [each for each in self._singles if isinstance(each, MoneyCommand | Rollback | PromoWin)]
        if undone and not self._rarely(4):
            target = self._pick(*undone[-4:])
            named = {name: getattr(target, name) for name in ("player", "provider_account", "external_id")}
            fields.update(named, namespace=target.namespace)
        ref, target_namespace = fields["external_id"], fields["namespace"]
        own = f"again-{ref}" if target_namespace == "undo" else f"own-{ref}" if self._rarely(5) else ref
        return Rollback(
            **{**fields, "namespace": "undo", "external_id": own},
            target_namespace=target_namespace,
            target_external_id=ref,
            round_id=self._pick("r1", ""),
            overspent=self._pick("overdraft", "refuse"),
        )

    def _batch(self) -> Command:
        """Mostly of calls that are new; some of one that came before, by itself or in another batch."""
        fields = {**self._money(), "namespace": "", "external_id": ""}
        items = [self._item() for _ in range(self._pick(1, 2, 2, 3, 4))]
        known = [each for each in self._singles if isinstance(each, Bet | Win) and each.player == fields["player"]]
        if known and self._rarely(3):
            again = self._pick(*known[-6:])
            names = ("provider_account", "currency", "player_currency", "game_id", "round_id")
            fields.update({name: getattr(again, name) for name in names})
            amounts = {"stake": again.stake} if isinstance(again, Bet) else {"win": again.win}
            words: Any = {"kind": again.kind, "external_id": again.external_id, "charge_free_rounds": again.charge_free_rounds}
            items.insert(self._random.randrange(len(items) + 1), BatchItem(**words, **amounts, namespace="tx"))
        if self._rarely(40):
            items = []
        return Batch(**fields, items=tuple(items), overspent=self._pick("overdraft", "refuse"))

    def _item(self) -> BatchItem:
        kind: Any = self._pick("bet", "bet", "win", "bet_and_win", "bet_and_win", "rollback", "end_round", "promo_win")
        amounts: dict[str, Any] = {}
        if kind in {"bet", "bet_and_win"}:
            amounts = {"stake": self._amount(), "charge_free_rounds": int(self._rarely(4)), "free_round": self._rarely(6)}
        if kind in {"win", "bet_and_win", "promo_win"}:
            amounts["win"] = self._amount()
        words = {"promo_class": self._pick("prize", "jackpot", "free_rounds")} if kind == "promo_win" else {}
        ref = self._reference()
        if kind == "rollback":
            words = {"target_namespace": "tx", "target_external_id": ref}
        return BatchItem(
            kind=kind, namespace="undo" if kind == "rollback" else "tx", external_id=ref, closes_round=self._rarely(8), **amounts, **words
        )  # fmt: skip

    def _rollback_list(self) -> Command:
        fields = {**self._play(), "namespace": "", "external_id": ""}
        undone = [each for each in self._singles if isinstance(each, Bet | Win | BetAndWin) and each.player == fields["player"]]
        refs = [self._pick(*undone[-8:]).external_id if undone else self._reference() for _ in range(self._pick(1, 2, 3))]
        if self._rarely(4):
            refs.append(self._reference())
        items = [RollbackItem(namespace="undo", external_id=ref, target_namespace="tx", target_external_id=ref) for ref in refs]
        return RollbackList(**fields, items=tuple(items), overspent=self._pick("overdraft", "refuse"))

    def _promo_win(self) -> Command:
        promo_class: Any = self._pick("prize", "jackpot", "free_rounds")
        round_id, note = self._pick("r1", ""), self._rarely(4)
        return PromoWin(**self._play(), win=self._amount(), promo_class=promo_class, round_id=round_id, informational=note)

    def _by_hand(self) -> dict[str, Any]:
        return {**self._operator(self._account()), "reason": "" if self._rarely(10) else "a mistake", "author": "key-1"}

    def _adjust(self) -> Command:
        currency, amount = self._currency(), self._random.randrange(-8, 9)
        round_id, overspent = self._pick("r1", "", ""), self._pick("overdraft", "refuse")
        return Adjust(**self._by_hand(), currency=currency, amount=amount, round_id=round_id, overspent=overspent)

    def _void(self) -> Command:
        return VoidRound(**self._by_hand(), round_id=self._pick("r1", "r2", "r3"), overspent=self._pick("overdraft", "refuse"))

    def _settle(self) -> Command:
        return SettleRound(**self._by_hand(), round_id=self._pick("r1", "r2", "r3"), win=self._amount())

    def _set_limits(self) -> Command:
        kind: Any = self._pick("stake", "loss", "wager", "deposit")
        window: Any = "" if kind == "stake" else self._pick("day", "week", "month")
        setting = LimitSetting(kind=kind, window=window, currency="EUR", value=self._pick(-1, 5, 20, 60))
        return SetLimits(**self._operator(), limits=(setting,), reason="asked for it", author="key-1")

    def _exclude(self) -> Command:
        return Exclude(**self._operator(), until_ms=NOW + self._pick(-1, 3_600_000), reason="asked for it", author="key-1")

    def _lift(self) -> Command:
        return LiftExclusion(**self._operator(), reason="a mistake", author="key-1")

    def _close(self) -> Command:
        return CloseAccount(**self._operator(), reason="asked for it", author="key-1")

    def _end_round(self) -> Command:
        return EndRound(**self._play(), round_id=self._pick("r1", "r2", "r3"))

    def _get_balance(self) -> Command:
        return GetBalance(**{**self._play(), "namespace": "", "external_id": ""})

    def _operator(self, provider_account: str = "operator") -> dict[str, Any]:
        # Now and then a key that was used before, for whatever it was.
        self._operators += not self._rarely(6)
        return {
            "command_id": "c",
            "player": self._player(),
            "provider_account": provider_account,
            "namespace": "operator",
            "external_id": f"k{self._operators}",
        }

    def _deposit(self) -> Command:
        return Deposit(**self._operator(), currency=self._currency(), amount=self._random.randrange(-1, 8))

    def _withdraw(self) -> Command:
        everything = self._rarely(3)
        amount = 0 if everything and not self._rarely(5) else self._random.randrange(-1, 15)
        return Withdraw(**self._operator(), currency=self._currency(), amount=amount, everything=everything)

    def _status(self) -> Command:
        """Mostly open for play, or there would be little to tell."""
        status: Any = self._pick("active", "active", "draining", "blocked")
        return SetPlayerStatus(**self._operator(), status=status, reason=self._pick("", "asked for it"))

    def _erase(self) -> Command:
        return ErasePlayer(**self._operator(), reason="GDPR")

    def _cancel(self) -> Command:
        header = self._operator(self._account())
        return CancelFreeRounds(**header, grant_id=f"{header['player']}.grant-1")

    def _create_player(self) -> Command:
        header = self._operator()
        name = OPERATORS_IDS[PLAYERS.index(header["player"])]
        currencies = self._pick(("EUR",), ("EUR", "USD"))
        return CreatePlayer(**header, brand="main", operator_player_id=name, currencies=currencies)

    def _session(self) -> Command:
        header = self._operator(self._account())
        session_id = self._session_id(header["player"])
        match self._pick("open", "open", "activate", "activate", "close"):
            case "open":
                currency, state = self._currency(), self._state()
                return OpenSession(**header, session_id=session_id, currency=currency, game_id="riot", game_state=state)
            case "activate":
                return ActivateSession(**header, session_id=session_id, provider_session_id=self._pick("ps-1", "ps-2", ""))
            case _:
                return CloseSession(**header, session_id=session_id, reason="logout", only_pending=self._rarely(2))

    def _grant(self) -> Command:
        header = self._operator(self._account())
        return GrantFreeRounds(
            **header,
            grant_id=f"{header['player']}.grant-1",
            currency=self._currency(),
            count=self._random.randrange(5),
            expires_at_ms=NOW + self._pick(3_600_000, 3_600_000, 0, -1),
            game_ids=self._pick((), (), ("riot",)),
        )


class Story(NamedTuple):
    """A history by its seed; a shorter one begins as a longer one does."""

    seed: int
    length: int

    @property
    def history(self) -> History:
        """The commands."""
        return Author(self.seed).write(LENGTH_MAX)[: 8 + self.length]


stories: st.SearchStrategy[Story] = st.builds(Story, st.integers(0, 2**32 - 1), st.integers(0, LENGTH_MAX))
sizes: st.SearchStrategy[list[int]] = st.lists(st.integers(1, 12), min_size=1, max_size=8)


def cut(history: History, sizes_: list[int]) -> list[History]:
    """The history in batches of these sizes, again and again."""
    batches, start, turn = [], 0, 0
    while start < len(history):
        size = sizes_[turn % len(sizes_)]
        batches.append(history[start : start + size])
        start, turn = start + size, turn + 1
    return batches

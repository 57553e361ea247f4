"""Writes the commands that both wallets get: few players, ids and units, so that commands meet each other.

A command is made from a kind and a handful of bytes. Zeros give the plainest one of its kind, so that a failing history
shrinks towards plain commands. Most are such as a sound provider sends; each wrong turn is taken now and then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from shared.contracts import (
    FOR_EVER_MS,
    NO_LIMIT,
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

NAMES = (("main", "lucky11"), ("main", "p-1"), ("other", "p-2"))
"""(brand, operator's id) of the players; the third is created by a command of the history, if at all."""
CURRENCIES = (("EUR",), ("EUR", "USD"), ("EUR", "BTC"))
ACCOUNTS = ("mascot-demo", "other-demo")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Dice:
    """Choices out of bytes; when they are used up, the plainest."""

    def __init__(self, data: bytes) -> None:
        self._data = iter(data)

    def below(self, count: int) -> int:
        """0..count-1; at most 256 of them."""
        return next(self._data, 0) % count

    def pick(self, *choices: Any) -> Any:
        """One of them, the first is the plainest."""
        return choices[self.below(len(choices))]

    def rarely(self, of: int) -> bool:
        """Once in so many."""
        return self.below(of) == of - 1


class Writer:
    """Writes one history. `salt` keeps the players of several histories apart."""

    def __init__(self, salt: str = "") -> None:
        self.operators_ids = tuple(name + salt for _, name in NAMES)
        self.players = tuple(player_key(brand, name + salt) for brand, name in NAMES)
        self.written: list[Command] = []
        self._dice = Dice(b"")
        self._now = 0
        self._references = 0
        self._keys = 0
        self._ahead: list[str] = []
        """References that were rolled back before they were seen."""
        self._kinds: dict[str, Callable[[], Command]] = {
            "bet": self._bet, "win": self._win, "spin": self._spin, "undo": self._undo, "again": self._again,
            "conflict": self._conflict, "batch": self._batch, "undo_list": self._undo_list, "promo": self._promo,
            "cash": self._cash, "person": self._person, "limit": self._limit, "exclusion": self._exclusion, "gift": self._gift,
            "session": self._session, "round": self._round, "adjust": self._adjust, "balance": self._balance,
        }  # fmt: skip

    @property
    def kinds(self) -> tuple[str, ...]:
        """What may be asked for."""
        return tuple(self._kinds)

    def opening(self, now: int) -> list[Command]:
        """Two players with a little money, a session and a few free rounds."""
        made: list[Command] = []
        for number in (0, 1):
            made.append(self._create(number))
            header = self._at(number, "operator", f"first-{number}")
            made.append(Deposit(**header, currency="EUR", amount=20))
            at_provider = {**header, "provider_account": ACCOUNTS[0]}
            grant: dict[str, Any] = {"currency": "EUR", "count": 4, "expires_at_ms": now + 10 * DAY_MS}
            made.append(GrantFreeRounds(**{**at_provider, "external_id": "gift"}, grant_id=self._grant_id(number), **grant))
            session: dict[str, Any] = {"currency": "EUR", "game_id": "riot", "idle_timeout_s": 90 * 86_400}
            session["absolute_timeout_s"] = 90 * 86_400
            made.append(OpenSession(**{**at_provider, "external_id": "open"}, session_id=self._session_id(number, 1), **session))
        return made

    def write(self, kind: str, dice: Dice, now: int) -> Command:
        """One command."""
        self._dice, self._now = dice, now
        command = self._kinds[kind]()
        self.written.append(command)
        return command

    # --- names ----------------------------------------------------------------------------------------------------

    def _number(self) -> int:
        """Which player."""
        return int(self._dice.pick(0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 2))

    def _at(self, number: int, account: str, key: str) -> dict[str, Any]:
        return {
            "command_id": "c", "player": self.players[number], "provider_account": account, "namespace": "operator",
            "external_id": key,
        }  # fmt: skip

    def _operator(self, account: str = "operator") -> tuple[int, dict[str, Any]]:
        # Now and then a key that was used before, for whatever it was.
        self._keys += not self._dice.rarely(16)
        number = self._number()
        return number, self._at(number, account, f"k{self._keys}")

    def _by_hand(self) -> dict[str, Any]:
        return {"reason": "" if self._dice.rarely(12) else "asked for it", "author": "key-1"}

    def _account(self) -> str:
        return ACCOUNTS[1] if self._dice.rarely(10) else ACCOUNTS[0]

    def _grant_id(self, number: int) -> str:
        return f"{self.players[number]}.gift-1"

    def _session_id(self, number: int, which: int) -> str:
        return f"{self.players[number]}.session-{which}"

    def _currency(self, number: int) -> str:
        own = CURRENCIES[number][-1]
        return str(self._dice.pick("SEK", "", "USD")) if self._dice.rarely(20) else str(self._dice.pick("EUR", "EUR", own))

    def _reference(self) -> str:
        """Mostly new; now and then one that was rolled back already, or one of before."""
        if self._ahead and self._dice.rarely(4):
            return self._ahead.pop()
        if self._references and self._dice.rarely(10):
            return f"t{1 + self._dice.below(self._references)}"
        self._references += 1
        return f"t{self._references}"

    # --- providers' calls -------------------------------------------------------------------------------------------

    def _play(self) -> dict[str, Any]:
        dice, number = self._dice, self._number()
        reference, currency = self._reference(), self._currency(number)
        made: dict[str, Any] = {
            **self._at(number, self._account(), reference), "namespace": "tx", "currency": currency, "player_currency": currency,
            "game_id": "riot", "game_state": "live",
        }  # fmt: skip
        if dice.rarely(3):
            made["session_id"] = self._session_id(number, dice.pick(1, 2, 3))
        if dice.rarely(4):
            made["grant_id"] = self._grant_id(number)
        if dice.rarely(4):
            odd = dice.pick(
                {"game_state": "unknown"}, {"game_state": "off"}, {"game_state": "stopped"}, {"brand_states": {"main": "off"}},
                {"brands": ("main",)}, {"brands": ("main", "other")}, {"session_required": True}, {"player_currency": "EUR"},
                {"provider_session_id": "ps-1"}, {"provider_session_id": "ps-2"}, {"game_id": "venga"},
                {"session_id": f"{self.players[number]}.nobody"},
            )  # fmt: skip
            made.update(odd)
        return made

    def _round_id(self) -> str:
        return str(self._dice.pick("r1", "r2", "r3", "r4", "r1", "r2", ""))

    def _money(self) -> dict[str, Any]:
        dice, made = self._dice, self._play()
        made["round_id"] = self._round_id()
        if made.get("grant_id"):
            made.update(
                dice.pick({"charge_free_rounds": 1}, {"free_round": True}, {"charge_free_rounds": 2}, {"charge_free_rounds": 1})
            )
            made["free_round_exhausted"] = dice.pick("debit", "refuse")
        if dice.rarely(6):
            odd = dice.pick(
                {"closes_round": True}, {"compare_round": False}, {"compare_game": False}, {"free_round": True},
                {"free_round": True, "free_round_stake": "nominal"}, {"jackpot_contribution": 1}, {"closes_round": True},
            )  # fmt: skip
            made.update(odd)
        return made

    def _amount(self) -> int:
        return int(self._dice.pick(1, 2, 3, 4, 5, 6, 0, 9))

    def _bet(self) -> Command:
        return Bet(**self._money(), stake=self._amount())

    def _win(self) -> Command:
        promo = {"promo_class": "bonus_reward"} if self._dice.rarely(10) else {}
        return Win(**{**self._money(), **promo}, win=self._amount(), bet_required=self._dice.rarely(6))

    def _spin(self) -> Command:
        stake = self._amount()
        return BetAndWin(**self._money(), stake=stake, win=self._amount())

    def _balance(self) -> Command:
        return GetBalance(**{**self._play(), "namespace": "", "external_id": ""})

    def _promo(self) -> Command:
        classes = ("jackpot", "free_rounds", "tournament", "prize", "cashback")
        return PromoWin(
            **self._play(),
            win=self._amount(),
            promo_class=self._dice.pick(*classes),
            campaign_id="summer",
            round_id=self._dice.pick("", "r1"),
            informational=self._dice.rarely(4),
        )

    def _target(self, like: dict[str, Any] | None = None) -> tuple[dict[str, Any], str, str]:
        """A header, and the namespace and id of what is to be undone: mostly something of before, or an undo.

        `like`: what is undone by the same message is of the same player, account and currency.
        """
        dice = self._dice
        undone = [
            each
            for each in self.written
            if isinstance(each, Bet | Win | BetAndWin | Rollback | PromoWin)
            and each.currency in CURRENCIES[self.players.index(each.player)]
            and (like is None or all(getattr(each, name) == like[name] for name in ("player", "provider_account", "currency")))
        ]
        if undone and not dice.rarely(6):
            target = undone[-1 - dice.below(min(6, len(undone)))]
            header = {
                field.name: getattr(target, field.name)
                for field in fields(GetBalance)
                if field.init and field.name not in {"kind", "schema"}
            }
            return header, target.namespace, target.external_id
        header = self._play()
        self._ahead.append(header["external_id"])
        return header, "tx", header["external_id"]

    def _undo(self) -> Command:
        header, namespace, reference = self._target()
        plain = f"again-{reference}" if namespace == "undo" else reference
        own = f"own-{namespace}-{reference}" if self._dice.rarely(5) else plain
        return Rollback(
            **{**header, "namespace": "undo", "external_id": own},
            target_namespace=namespace,
            target_external_id=reference,
            overspent=self._dice.pick("overdraft", "refuse"),
        )

    def _undo_list(self) -> Command:
        first, items = self._target(), []
        for turn in range(1 + self._dice.below(3)):
            _, namespace, reference = first if turn == 0 else self._target(first[0])
            own = f"again-{reference}" if namespace == "undo" else reference
            target = {"target_namespace": namespace, "target_external_id": reference}
            items.append(RollbackItem(namespace="undo", external_id=own, **target))
        if self._dice.rarely(20):
            items = []
        return RollbackList(
            **{**first[0], "namespace": "", "external_id": ""}, items=tuple(items), overspent=self._dice.pick("overdraft", "refuse")
        )

    def _batch(self) -> Command:
        dice, money = self._dice, self._money()
        charge = money.pop("charge_free_rounds", 0)
        for name in ("free_round", "closes_round", "jackpot_contribution"):
            money.pop(name, None)
        items = []
        for turn in range(1 + dice.below(4)):
            kind = dice.pick("bet", "win", "bet_and_win", "rollback", "bet", "win", "end_round", "promo_win")
            reference = money["external_id"] if turn == 0 else self._reference()
            item = BatchItem(kind=kind, namespace="tx", external_id=reference)
            stake, win = self._amount(), self._amount()
            match kind:
                case "rollback":
                    _, namespace, target = self._target(money)
                    item = replace(item, namespace="undo", external_id=f"b-{namespace}-{target}")
                    item = replace(item, target_namespace=namespace, target_external_id=target)
                case "promo_win":
                    item = replace(item, win=win, promo_class="prize")
                case "end_round":
                    pass
                case _:
                    item = replace(item, stake=stake if kind != "win" else 0, win=win if kind != "bet" else 0)
                    item = replace(item, charge_free_rounds=charge if kind != "win" and turn == 0 else 0)
            items.append(item)
        if dice.rarely(25):
            items = []
        return Batch(
            **{**money, "namespace": "", "external_id": ""}, items=tuple(items), overspent=dice.pick("overdraft", "refuse")
        )

    def _again(self) -> Command:
        """A command of before, word for word."""
        return self.written[-1 - self._dice.below(min(12, len(self.written)))] if self.written else self._bet()

    def _conflict(self) -> Command:
        """A key of before with other content."""
        keyed = [each for each in self.written if each.external_id and _other(each, self._dice.below(3)) is not None]
        if not keyed:
            return self._bet()
        chosen = keyed[-1 - self._dice.below(min(8, len(keyed)))]
        return _other(chosen, self._dice.below(4)) or chosen

    def _round(self) -> Command:
        dice, play = self._dice, self._play()
        number = self.players.index(play["player"])
        named = dice.pick("r1", "r2", "r3", "r4", "r1", "r2", "r9")
        choice = dice.pick("end", "void", "settle", "settle")
        if choice == "end":
            return EndRound(**play, round_id=named)
        self._keys += 1
        header = {**self._at(number, play["provider_account"], f"k{self._keys}"), **self._by_hand()}
        if choice == "void":
            return VoidRound(**header, round_id=named, overspent=dice.pick("overdraft", "refuse"))
        return SettleRound(**header, round_id=named, win=self._amount())

    # --- the operator's commands ------------------------------------------------------------------------------------

    def _adjust(self) -> Command:
        amount = self._amount() * self._dice.pick(1, -1)
        header = {**self._play(), "namespace": "operator", **self._by_hand()}
        return Adjust(**header, amount=amount, overspent=self._dice.pick("refuse", "overdraft"))

    def _create(self, number: int) -> Command:
        return CreatePlayer(
            **self._at(number, "operator", "create"),
            brand=NAMES[number][0],
            operator_player_id=self.operators_ids[number],
            currencies=CURRENCIES[number],
        )

    def _cash(self) -> Command:
        number, header = self._operator()
        currency = self._currency(number)
        match self._dice.pick("deposit", "withdraw", "deposit", "everything", "deposit"):
            case "deposit":
                return Deposit(**header, currency=currency, amount=self._dice.pick(5, 1, 20, 3, 12, 0))
            case "withdraw":
                return Withdraw(**header, currency=currency, amount=self._dice.pick(3, 1, 15, 0))
            case _:
                return Withdraw(**header, currency=currency, amount=self._dice.pick(0, 0, 0, 3), everything=True)

    def _person(self) -> Command:
        number, header = self._operator()
        told: dict[str, Any] = {"reason": "asked for it", "author": "key-1"}
        status = self._dice.pick("active", "blocked", "draining", "active", "active")
        match self._dice.pick("create", "status", "status", "create", "status", "status", "close", "erase"):
            case "create":
                made = self._create(self._dice.pick(2, 2, number))
                return replace(made, external_id=header["external_id"]) if self._dice.rarely(2) else made
            case "close":
                return CloseAccount(**header, **told)
            case "erase":
                return ErasePlayer(**header, **told)
            case _:
                return SetPlayerStatus(**header, status=status, **told)

    def _limit(self) -> Command:
        number, header = self._operator()
        settings = [self._setting(number) for _ in range(1 + self._dice.below(3))]
        if self._dice.rarely(25):
            settings = []
        return SetLimits(**header, limits=tuple(settings))

    def _setting(self, number: int) -> LimitSetting:
        dice = self._dice
        kind = dice.pick("loss", "wager", "stake", "deposit", "session_time", "loss", "wager")
        window: Any = dice.pick("day", "week", "month") if kind not in {"stake", "session_time"} else ""
        if dice.rarely(30):
            window = "" if window else "day"
        currency = "" if kind == "session_time" else self._currency(number)
        value = dice.pick(3600, 600, 86_400, NO_LIMIT) if kind == "session_time" else dice.pick(10, 5, 20, 2, NO_LIMIT, 0, 30)
        return LimitSetting(kind=kind, value=value, window=window, currency=currency)

    def _exclusion(self) -> Command:
        _, header = self._operator()
        if self._dice.rarely(2):
            return LiftExclusion(**header, **self._by_hand())
        until = self._dice.pick(self._now + HOUR_MS, self._now + 2 * DAY_MS, FOR_EVER_MS, self._now + 1, self._now)
        return Exclude(**header, until_ms=until, reason="asked for it")

    def _gift(self) -> Command:
        number, header = self._operator(self._account())
        if self._dice.rarely(3):
            return CancelFreeRounds(**header, grant_id=self._grant_id(number))
        count, life = self._dice.pick(3, 1, 5, 0), self._dice.pick(10 * DAY_MS, HOUR_MS, 0)
        grant: dict[str, Any] = {"count": count, "expires_at_ms": self._now + life, "game_ids": self._dice.pick((), ("riot",))}
        return GrantFreeRounds(**header, grant_id=self._grant_id(number), currency=self._currency(number), **grant)

    def _session(self) -> Command:
        dice = self._dice
        which = dice.pick(1, 2, 3, 4)
        number, header = self._operator(ACCOUNTS[which == 4])
        session_id = self._session_id(number, which)
        match dice.pick("open", "activate", "open", "activate", "close"):
            case "open":
                idle, state = dice.pick(40 * 86_400, 3_600), dice.pick("live", "live", "live", "off", "stopped")
                facts: dict[str, Any] = {"session_id": session_id, "game_id": "riot", "idle_timeout_s": idle}
                facts.update(currency=self._currency(number), game_state=state, absolute_timeout_s=dice.pick(60 * 86_400, 86_400))
                return OpenSession(**header, **facts)
            case "activate":
                return ActivateSession(**header, session_id=session_id, provider_session_id=dice.pick("ps-1", "ps-2", ""))
            case _:
                return CloseSession(**header, session_id=session_id, reason="logout", only_pending=dice.rarely(2))


def _other(command: Command, way: int) -> Command | None:
    """The same key with other money, round, game or currency; None where a kind has nothing of the sort."""
    match command:
        case Bet() | BetAndWin():
            ways: list[dict[str, Any]] = [
                {"stake": command.stake + 1},
                {"round_id": "r-other"},
                {"game_id": "g-other"},
                {"currency": ""},
            ]
            changes = ways[way]
        case Win() | PromoWin():
            changes = {"win": command.win + 1}
        case Deposit() | Withdraw() | Adjust():
            changes = {"amount": command.amount + 1}
        case SettleRound():
            changes = {"win": command.win + 1}
        case VoidRound():
            changes = {"round_id": "r-other"}
        case Rollback():
            changes = {"target_external_id": f"{command.target_external_id}-other"}
        case _:
            return None
    return replace(command, **changes)

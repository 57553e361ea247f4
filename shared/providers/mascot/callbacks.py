"""Mascot's four methods as commands of ours. Refuses only what cannot be read; every business refusal is the wallet's.

Amounts on the wire are integers in minor units of `currency`. The player's name is the id that we gave at Player.Set:
`<player key>_<currency>`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from shared.contracts.commands import Bet, BetAndWin, Command, GetBalance, Rollback, Win
from shared.contracts.replies import Result
from shared.errors import MoneyError
from shared.identity import parse_provider_player_id
from shared.money import MAX_UNITS, MinorUnits
from shared.providers.dialect import MAX_ID_BYTES, Call, Callback, GameStates, Refusal, Stamp, text_fits
from shared.providers.mascot import jsonrpc
from shared.providers.mascot.settings import MascotSettings
from shared.settings.accounts import ProviderAccount

NAMESPACE: Final = "tx"
UNDO_NAMESPACE: Final = "undo"
BONUS_REWARD: Final = "bonus_reward"
FINAL: Final = "GAME_PLAY_FINAL"

NEGATIVE_DEPOSIT: Final = 3
NEGATIVE_WITHDRAWAL: Final = 4

_Text = Annotated[str, Meta(max_length=MAX_ID_BYTES)]
_Reference = Annotated[str, Meta(min_length=1, max_length=MAX_ID_BYTES)]
_Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class MascotCall(Call, frozen=True):
    """A call of Mascot's: `echo` is the JSON-RPC id, `money` converts the amounts of the answer (None: no currency)."""

    echo: bytes
    money: MinorUnits | None
    bonus_named: bool
    charge_asked: bool


class _Params(msgspec.Struct, rename="camel", kw_only=True):
    caller_id: int
    player_name: _Text
    game_id: _Text | None = None
    session_id: _Text | None = None
    session_alternative_id: _Text | None = None
    bonus_id: _Text | None = None


class _Balance(_Params, rename="camel", kw_only=True):
    currency: _Text


class _Money(_Params, rename="camel", kw_only=True):
    currency: _Text
    withdraw: int
    deposit: int
    transaction_ref: _Reference
    game_round_ref: _Text | None = None
    reason: _Text | None = None
    charge_freerounds: _Count | None = None
    freeround: bool | None = None


class _Rollback(_Params, rename="camel", kw_only=True):
    transaction_ref: _Reference
    game_round_ref: _Text | None = None


class _BonusReward(_Params, rename="camel", kw_only=True):
    currency: _Text
    deposit_amount: int
    transaction_ref: _Reference
    game_round_ref: _Text | None = None


class _Known(msgspec.Struct):
    """What all methods have found out before a command is made."""

    stamp: Stamp
    echo: bytes
    player: str
    player_currency: str


class Callbacks:
    """Reads the callbacks of one account."""

    def __init__(self, account: ProviderAccount, settings: MascotSettings, game_states: GameStates) -> None:
        self._account = account
        self._settings = settings
        self._states_of = game_states.of
        self._methods: dict[str, tuple[Callable[[bytes], Any], Callable[[Any, _Known], MascotCall | Refusal]]] = {
            "getBalance": (msgspec.json.Decoder(_Balance).decode, self._balance),
            "withdrawAndDeposit": (msgspec.json.Decoder(_Money).decode, self._money),
            "rollbackTransaction": (msgspec.json.Decoder(_Rollback).decode, self._rollback),
        }
        if settings.collect_bonus_reward == "win":
            self._methods["collectBonusReward"] = (msgspec.json.Decoder(_BonusReward).decode, self._bonus_reward)

    @property
    def methods(self) -> frozenset[str]:
        """The methods served."""
        return frozenset(self._methods)

    def parse(self, callback: Callback, stamp: Stamp) -> MascotCall | Refusal:
        """The call in a callback whose caller is verified, or the Refusal with its JSON-RPC code."""
        content_type = callback.headers.get(b"content-type", b"")
        if content_type != b"application/json" and content_type.partition(b";")[0].strip().lower() != b"application/json":
            return Refusal("content_type", "the content type must be application/json", jsonrpc.INVALID_REQUEST)
        request = jsonrpc.read(callback.body)
        if isinstance(request, Refusal):
            return request
        echo, method, raw = request
        known = self._methods.get(method)
        if known is None:
            return Refusal("syntax", "there is no such method", jsonrpc.UNKNOWN_METHOD, echo)
        decode, build = known
        try:
            params = decode(raw)
        except (msgspec.DecodeError, RecursionError) as error:
            return Refusal("syntax", str(error)[:200], jsonrpc.INVALID_PARAMS, echo, method)
        problem = self._problem(params, raw)
        if problem:
            return Refusal("syntax", problem, jsonrpc.INVALID_PARAMS, echo, method)
        return self._build(build, params, method, _Known(stamp, echo, *_player(params.player_name)))

    def _build(
        self, build: Callable[[Any, _Known], MascotCall | Refusal], params: _Params, method: str, known: _Known
    ) -> MascotCall | Refusal:
        try:
            call = build(params, known)
        except MoneyError as error:
            return Refusal("syntax", str(error), jsonrpc.INVALID_PARAMS, known.echo, method)
        if not known.player and isinstance(call, MascotCall):
            return MascotCall(method, None, Result.PLAYER_NOT_FOUND, known.echo, None, bonus_named=False, charge_asked=False)
        return call

    def _problem(self, params: _Params, raw: bytes) -> str:
        if params.caller_id != self._settings.casino_id:
            return "callerId is not this casino's"
        # Without escapes and beyond ASCII nothing the decoder has let through can be too long, or hold a NUL.
        if (b"\\u" in raw or not raw.isascii()) and not all(
            text_fits(value) for value in msgspec.structs.astuple(params) if isinstance(value, str)
        ):
            return f"a text is longer than {MAX_ID_BYTES} bytes or holds characters that are not accepted"
        return ""

    def _balance(self, params: _Balance, known: _Known) -> MascotCall | Refusal:
        money = self._account.currencies.get(params.currency)
        game_state, brand_states = self._states_of(params.game_id or "")
        command = GetBalance(
            command_id=known.stamp.command_id,
            caller=known.stamp.caller,
            reply_partition=known.stamp.reply_partition,
            player=known.player,
            provider_account=self._account.name,
            namespace="",
            external_id="",
            brands=self._account.brands,
            deadline_ms=self._settings.deadline_ms,
            currency=money.mapping.currency if money else "",
            wire_currency=params.currency,
            player_currency=known.player_currency,
            game_id=params.game_id or "",
            game_state=game_state,
            brand_states=brand_states,
            session_id=params.session_alternative_id or "",
            provider_session_id=params.session_id or "",
            grant_id=params.bonus_id or "",
        )
        return MascotCall("getBalance", command, "", known.echo, money, bonus_named=bool(params.bonus_id), charge_asked=False)

    def _money(self, params: _Money, known: _Known) -> MascotCall | Refusal:
        if params.withdraw < 0:
            return Refusal("syntax", "withdraw is negative", NEGATIVE_WITHDRAWAL, known.echo, "withdrawAndDeposit")
        if params.deposit < 0:
            return Refusal("syntax", "deposit is negative", NEGATIVE_DEPOSIT, known.echo, "withdrawAndDeposit")
        money = self._account.currencies.get(params.currency)
        stake, win = _units(money, params.withdraw), _units(money, params.deposit)
        charge = params.charge_freerounds or 0
        common = self._play(params, known, money)
        common["closes_round"] = params.reason == FINAL
        common["charge_free_rounds"] = charge
        common["free_round"] = bool(params.freeround)
        command: Command
        if stake > 0 and win == 0:
            command = Bet(stake=stake, **common)
        elif stake == 0 and win > 0 and not charge:
            command = Win(win=win, **common)
        else:
            command = BetAndWin(stake=stake, win=win, **common)
        return MascotCall(
            "withdrawAndDeposit",
            command,
            "",
            known.echo,
            money,
            bonus_named=bool(params.bonus_id),
            charge_asked=params.charge_freerounds is not None,
        )

    def _bonus_reward(self, params: _BonusReward, known: _Known) -> MascotCall | Refusal:
        if params.deposit_amount < 0:
            return Refusal("syntax", "depositAmount is negative", NEGATIVE_DEPOSIT, known.echo, "collectBonusReward")
        money = self._account.currencies.get(params.currency)
        win = _units(money, params.deposit_amount)
        command = Win(win=win, promo_class=BONUS_REWARD, **self._play(params, known, money))
        return MascotCall(
            "collectBonusReward", command, "", known.echo, money, bonus_named=bool(params.bonus_id), charge_asked=False
        )

    def _rollback(self, params: _Rollback, known: _Known) -> MascotCall | Refusal:
        game_state, brand_states = self._states_of(params.game_id or "")
        command = Rollback(
            command_id=known.stamp.command_id,
            caller=known.stamp.caller,
            reply_partition=known.stamp.reply_partition,
            player=known.player,
            provider_account=self._account.name,
            namespace=UNDO_NAMESPACE,
            external_id=params.transaction_ref,
            target_namespace=NAMESPACE,
            target_external_id=params.transaction_ref,
            brands=self._account.brands,
            deadline_ms=self._settings.deadline_ms,
            player_currency=known.player_currency,
            game_id=params.game_id or "",
            game_state=game_state,
            brand_states=brand_states,
            session_id=params.session_alternative_id or "",
            provider_session_id=params.session_id or "",
            grant_id=params.bonus_id or "",
            round_id=params.game_round_ref or "",
            overspent=self._settings.overspent,
        )
        return MascotCall("rollbackTransaction", command, "", known.echo, None, bonus_named=False, charge_asked=False)

    def _play(self, params: _Money | _BonusReward, known: _Known, money: MinorUnits | None) -> dict[str, Any]:
        """What bets and wins share. Without a gameRoundRef the transactionRef is the round."""
        settings = self._settings
        game_state, brand_states = self._states_of(params.game_id or "")
        return {
            "command_id": known.stamp.command_id,
            "caller": known.stamp.caller,
            "reply_partition": known.stamp.reply_partition,
            "player": known.player,
            "provider_account": self._account.name,
            "namespace": NAMESPACE,
            "external_id": params.transaction_ref,
            "brands": self._account.brands,
            "deadline_ms": settings.deadline_ms,
            "currency": money.mapping.currency if money else "",
            "wire_currency": params.currency,
            "player_currency": known.player_currency,
            "game_id": params.game_id or "",
            "game_state": game_state,
            "brand_states": brand_states,
            "session_id": params.session_alternative_id or "",
            "provider_session_id": params.session_id or "",
            "session_required": settings.session_required,
            "grant_id": params.bonus_id or "",
            "round_id": params.game_round_ref or params.transaction_ref,
            "compare_round": settings.compare_round,
            "compare_game": settings.compare_game,
            "free_round_exhausted": settings.free_round_exhausted,
        }


def _player(name: str) -> tuple[str, str]:
    """(player key, currency), both empty where the name is no id of ours."""
    return parse_provider_player_id(name) or ("", "")


def _units(money: MinorUnits | None, amount: int) -> int:
    """Our units of a wire amount >= 0. Without a mapping it goes on as given: the wallet refuses the currency."""
    if money is not None:
        return money.to_units(amount)
    if amount > MAX_UNITS:
        raise MoneyError(f"the amount is out of range: at most {MAX_UNITS} units are accepted")
    return amount

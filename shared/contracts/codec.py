"""Encode and decode the contracts. msgspec reads the same dataclasses that FastStream documents, about 1 us each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from shared.contracts import commands as c
from shared.contracts import operator as o
from shared.contracts import queries as q
from shared.contracts.archive import CallbackRecord
from shared.contracts.events import DeadLetter, OperationRecorded
from shared.contracts.games import GameRecord
from shared.contracts.replies import Reply, ReplyBundle
from shared.contracts.switches import SwitchSet
from shared.errors import ContractError

T = TypeVar("T")

COMMAND_CLASSES: Final[dict[str, type[c.Command]]] = {
    "create_player": o.CreatePlayer,
    "deposit": o.Deposit,
    "withdraw": o.Withdraw,
    "set_player_status": o.SetPlayerStatus,
    "erase_player": o.ErasePlayer,
    "grant_free_rounds": o.GrantFreeRounds,
    "cancel_free_rounds": o.CancelFreeRounds,
    "set_limits": o.SetLimits,
    "exclude": o.Exclude,
    "lift_exclusion": o.LiftExclusion,
    "close_account": o.CloseAccount,
    "adjust": o.Adjust,
    "void_round": o.VoidRound,
    "settle_round": o.SettleRound,
    "open_session": c.OpenSession,
    "activate_session": c.ActivateSession,
    "close_session": c.CloseSession,
    "get_player": q.GetPlayer,
    "get_session": q.GetSession,
    "list_sessions": q.ListSessions,
    "get_grant": q.GetGrant,
    "list_grants": q.ListGrants,
    "list_operations": q.ListOperations,
    "get_limits": q.GetLimits,
    "get_round": q.GetRound,
    "authenticate": q.Authenticate,
    "get_balance": c.GetBalance,
    "bet": c.Bet,
    "win": c.Win,
    "bet_and_win": c.BetAndWin,
    "rollback": c.Rollback,
    "end_round": c.EndRound,
    "promo_win": c.PromoWin,
    "batch": c.Batch,
    "rollback_list": c.RollbackList,
}


class UnknownKindError(ContractError):
    """A command of a kind this wallet does not know: a newer gateway. The wallet must be upgraded first."""

    def __init__(self, header: Header) -> None:
        super().__init__(
            f"command {header.command_id!r} is of kind {header.kind!r}, which this version does not know; "
            f"known are {', '.join(sorted(COMMAND_CLASSES))}. Upgrade the wallet before the gateway."
        )
        self.header = header


class Header(msgspec.Struct, frozen=True):
    """The fields that are read first: they choose the class and say whom to answer, whatever the rest holds."""

    kind: str = ""
    command_id: str = ""
    player: str = ""
    caller: str = ""
    reply_partition: int = -1


encode: Final = msgspec.json.Encoder().encode
_read_header: Final = msgspec.json.Decoder(Header).decode
_command_decoders: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(cls) for kind, cls in COMMAND_CLASSES.items()
}
_decoders_by_mark: Final[dict[bytes, Callable[[bytes], c.Command]]] = {
    kind.encode(): decoder.decode for kind, decoder in _command_decoders.items()
}
_KIND: Final = b'"kind":"'
_bundle: Final = msgspec.json.Decoder(ReplyBundle)
_event: Final = msgspec.json.Decoder(OperationRecorded)
_callback: Final = msgspec.json.Decoder(CallbackRecord)
_game: Final = msgspec.json.Decoder(GameRecord)
_switch: Final = msgspec.json.Decoder(SwitchSet)
_dead_letter: Final = msgspec.json.Decoder(DeadLetter)


def decode_header(raw: bytes) -> Header | None:
    """The header of a record, or None where not even that can be read."""
    try:
        return _read_header(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def decode_command(raw: bytes) -> c.Command:
    """One record of `wallet.commands`.

    Raises UnknownKindError for a kind of a newer version, ContractError where the bytes are no command at all.
    """
    # As our gateway writes it, the kind stands before anything nested and is found without reading the whole text first: it
    # is the record's own only where no object was opened before it. What is not found or fails so is read in full.
    mark = raw.find(_KIND)
    start = mark + len(_KIND)
    decode = None
    if mark > 0 and raw.find(b"{", 1, mark) < 0:
        decode = _decoders_by_mark.get(raw[start : raw.find(b'"', start)])
    try:
        if decode is not None:
            return decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    try:
        header = _read_header(raw)
        decoder = _command_decoders.get(header.kind)
        if decoder is None:
            raise UnknownKindError(header)
        command: c.Command = decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"not a command: {error}") from error
    return command


def _decode(decoder: msgspec.json.Decoder[T], raw: bytes, what: str) -> T:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ContractError(f"not a {what}: {error}") from error


def decode_replies(raw: bytes) -> ReplyBundle:
    """One record of `wallet.replies`; ContractError where it is none."""
    return _decode(_bundle, raw, "reply bundle")


def decode_event(raw: bytes) -> OperationRecorded:
    """One record of `wallet.events`; ContractError where it is none."""
    return _decode(_event, raw, "wallet event")


def decode_callback(raw: bytes) -> CallbackRecord:
    """One record of `gateway.callbacks`; ContractError where it is none."""
    return _decode(_callback, raw, "callback record")


def decode_switch(raw: bytes) -> SwitchSet:
    """One record of `gateway.switches`; ContractError where it is none."""
    return _decode(_switch, raw, "switch")


def decode_game(raw: bytes) -> GameRecord:
    """One record of `catalogue.games`; ContractError where it is none."""
    return _decode(_game, raw, "game")


def decode_view(view: type[T], reply: Reply) -> T:
    """A query's answer as a value of `views`; ContractError where its data is none."""
    return _decode(msgspec.json.Decoder(view), reply.data.encode(), view.__name__)


def decode_dead_letter(raw: bytes) -> DeadLetter:
    """One record of `wallet.dead-letters`; ContractError where it is none."""
    return _decode(_dead_letter, raw, "dead letter")

"""Encode and decode the contracts. msgspec reads the same dataclasses that FastStream documents, about 1 us each."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from shared.contracts import commands as c
from shared.contracts.archive import CallbackRecord
from shared.contracts.events import DeadLetter, OperationRecorded
from shared.contracts.games import GameRecord
from shared.contracts.replies import Reply, ReplyBundle
from shared.contracts.switches import SwitchSet
from shared.errors import ContractError

T = TypeVar("T")

COMMAND_CLASSES: Final[dict[str, type[c.Command]]] = {
    "create_player": c.CreatePlayer,
    "deposit": c.Deposit,
    "withdraw": c.Withdraw,
    "open_session": c.OpenSession,
    "activate_session": c.ActivateSession,
    "close_session": c.CloseSession,
    "grant_free_rounds": c.GrantFreeRounds,
    "cancel_free_rounds": c.CancelFreeRounds,
    "set_player_status": c.SetPlayerStatus,
    "erase_player": c.ErasePlayer,
    "get_player": c.GetPlayer,
    "get_session": c.GetSession,
    "list_sessions": c.ListSessions,
    "get_grant": c.GetGrant,
    "list_grants": c.ListGrants,
    "list_operations": c.ListOperations,
    "get_balance": c.GetBalance,
    "bet": c.Bet,
    "win": c.Win,
    "bet_and_win": c.BetAndWin,
    "rollback": c.Rollback,
    "end_round": c.EndRound,
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

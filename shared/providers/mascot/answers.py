"""The wallet's replies in Mascot's words.

Codes (Seamless API v2): 1 funds, 2 currency, 3 and 4 negative amounts, 5 a budget or responsible-gaming limit, 6 the
stake limit, 7 definitely not done, 8 outcome unknown. Only 8 starts the provider's rollback cycle, so whatever is not
known to be refused must be 8, and nothing that was refused may be.
"""

from __future__ import annotations

from typing import Final

import msgspec

from shared.contracts.replies import Reply, Result
from shared.providers.mascot import jsonrpc
from shared.providers.mascot.callbacks import MascotCall
from shared.providers.mascot.settings import MascotSettings

NOT_DONE: Final = 7
UNKNOWN: Final = 8
BUDGET_EXCEEDED: Final = 5
STAKE_LIMIT_EXCEEDED: Final = 6
STAKE_LIMIT: Final = "stake"

_CODES: Final[dict[str, int]] = {
    Result.INSUFFICIENT_FUNDS: 1,
    Result.WRONG_CURRENCY: 2,
    Result.LIMIT_EXCEEDED: BUDGET_EXCEEDED,
    Result.PLAYER_NOT_FOUND: NOT_DONE,
    Result.PLAYER_BLOCKED: NOT_DONE,
    Result.TOKEN_UNKNOWN: NOT_DONE,
    Result.TOKEN_EXPIRED: NOT_DONE,
    Result.GAME_FORBIDDEN: NOT_DONE,
    Result.ORIGINAL_NOT_FOUND: NOT_DONE,
    Result.ORIGINAL_CANCELLED: NOT_DONE,
    Result.ORIGINAL_SETTLED: NOT_DONE,
    Result.DUPLICATE_DIFFERENT: NOT_DONE,
    Result.NOT_DONE: NOT_DONE,
    Result.BAD_REQUEST: jsonrpc.INVALID_PARAMS,
    Result.UNKNOWN: UNKNOWN,
}
_MESSAGES: Final[dict[str, str]] = {
    Result.INSUFFICIENT_FUNDS: "insufficient funds",
    Result.WRONG_CURRENCY: "illegal currency",
    Result.LIMIT_EXCEEDED: "spending budget exceeded",
    Result.PLAYER_NOT_FOUND: "player not found",
    Result.PLAYER_BLOCKED: "player is blocked",
    Result.TOKEN_UNKNOWN: "session not found",
    Result.TOKEN_EXPIRED: "session has ended",
    Result.GAME_FORBIDDEN: "game is not available",
    Result.ORIGINAL_NOT_FOUND: "transaction not found",
    Result.ORIGINAL_CANCELLED: "transaction was rolled back before",
    Result.ORIGINAL_SETTLED: "transaction is settled",
    Result.DUPLICATE_DIFFERENT: "transactionRef was used with other content",
    Result.NOT_DONE: "not done",
    Result.BAD_REQUEST: "invalid params",
    Result.UNKNOWN: "outcome unknown",
}
_encode: Final = msgspec.json.Encoder().encode


def answer(call: MascotCall, reply: Reply, settings: MascotSettings) -> bytes:
    """The body of the answer to a call that was understood."""
    if reply.result != Result.OK:
        return jsonrpc.error(call.echo, error_code(reply, settings), _message(reply))
    if call.method == "rollbackTransaction":
        return jsonrpc.result(call.echo, b"{}")
    if call.money is None:
        # An OK in a currency that the account does not map cannot be told in the provider's units.
        return jsonrpc.error(call.echo, UNKNOWN, _MESSAGES[Result.UNKNOWN])
    balance = call.money.from_units(reply.balance_now if reply.replayed and settings.replay_balance == "current" else reply.balance)
    left = b',"freeroundsLeft":%d' % reply.free_rounds_left if call.bonus_named and reply.free_rounds_left >= 0 else b""
    if call.method == "getBalance":
        return jsonrpc.result(call.echo, b'{"balance":%d%b}' % (balance, left))
    charged = b""
    if call.charge_asked:
        charged = b',"freeroundWasCharged":true' if reply.free_rounds_charged > 0 else b',"freeroundWasCharged":false'
    return jsonrpc.result(
        call.echo, b'{"newBalance":%d,"transactionId":%b%b%b}' % (balance, _encode(reply.transaction_id), left, charged)
    )


def error_code(reply: Reply, settings: MascotSettings) -> int:
    """The code of a result that is not OK; a result that this version does not know is an unknown outcome."""
    if reply.result == Result.LIMIT_EXCEEDED and reply.limit == STAKE_LIMIT:
        return STAKE_LIMIT_EXCEEDED
    if reply.result == Result.ORIGINAL_CANCELLED:
        return settings.late_bet_code
    return _CODES.get(reply.result, UNKNOWN)


def _message(reply: Reply) -> str:
    if reply.result == Result.LIMIT_EXCEEDED and reply.limit == STAKE_LIMIT:
        return "maximum stake exceeded"
    return _MESSAGES.get(reply.result, _MESSAGES[Result.UNKNOWN])

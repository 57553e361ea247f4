"""The error codes of Operator API v1, and the exception that carries one to the answer.

Only 10802 BONUS_ID_INVALID and JSON-RPC's own codes are known from the provider; the others follow its style (unverified).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from services.simulator.errors import SimulatorError


class Code(Struct, frozen=True):
    """A code and its message, as they stand in the answer."""

    code: int
    message: str


PARSE_ERROR: Final = Code(-32700, "Parse error")
INVALID_REQUEST: Final = Code(-32600, "Invalid Request")
METHOD_NOT_FOUND: Final = Code(-32601, "Method not found")
INVALID_PARAMS: Final = Code(-32602, "Invalid params")

SUBJECT_INVALID: Final = Code(10001, "SUBJECT_INVALID")
TIMESTAMP_INVALID: Final = Code(10002, "TIMESTAMP_INVALID")
SIGNATURE_INVALID: Final = Code(10003, "SIGNATURE_INVALID")
NONCE_INVALID: Final = Code(10004, "NONCE_INVALID")
LIMIT_REACHED: Final = Code(10010, "LIMIT_REACHED")
BANK_GROUP_ID_INVALID: Final = Code(10201, "BANK_GROUP_ID_INVALID")
BANK_GROUP_CURRENCY_CHANGED: Final = Code(10202, "BANK_GROUP_CURRENCY_CHANGED")
CURRENCY_INVALID: Final = Code(10203, "CURRENCY_INVALID")
PLAYER_ID_INVALID: Final = Code(10301, "PLAYER_ID_INVALID")
PLAYER_BANK_GROUP_CHANGED: Final = Code(10302, "PLAYER_BANK_GROUP_CHANGED")
GAME_ID_INVALID: Final = Code(10401, "GAME_ID_INVALID")
GAME_WITHOUT_DEMO: Final = Code(10402, "GAME_WITHOUT_DEMO")
SESSION_ID_INVALID: Final = Code(10501, "SESSION_ID_INVALID")
BONUS_ID_INVALID: Final = Code(10802, "BONUS_ID_INVALID")
BONUS_GAME_INVALID: Final = Code(10803, "BONUS_GAME_INVALID")


class RpcError(SimulatorError):
    """A call is answered with an error. `detail` says in words what was wrong; it goes into `error.data`."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(f"{code.message} ({code.code}): {detail}")
        self.code = code
        self.detail = detail

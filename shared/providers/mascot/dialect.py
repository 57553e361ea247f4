"""The Mascot dialect of one provider account: what the gateway asks, answered by the other modules of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared.contracts.replies import Reply
from shared.providers.dialect import Answer, Callback, GameStates, NonceRule, Refusal, RefusalCause, Verified
from shared.providers.edge import Edge
from shared.providers.games import ConfiguredGames
from shared.providers.mascot import answers, jsonrpc, signature
from shared.providers.mascot.callbacks import Callbacks, MascotCall
from shared.providers.mascot.settings import MascotSettings, mascot_settings
from shared.settings.accounts import ProviderAccount

_JSON: Final = (b"content-type", b"application/json")
_STATUS: Final[dict[RefusalCause, int]] = {"address": 403, "size": 413, "content_type": 415, "syntax": 200, "internal": 200}
_ARCHIVED: Final = tuple(
    (name.encode(), name)
    for name in ("content-type", "host", "user-agent", "x-forwarded-for", "x-request-id", "x-subject", "x-nonce", "x-timestamp")
)


class MascotDialect:
    """Implements `shared.providers.dialect.Dialect`."""

    name = "mascot"
    paths = frozenset({""})

    def __init__(self, account: ProviderAccount, game_states: GameStates | None = None) -> None:
        settings = mascot_settings(account)
        self.settings: MascotSettings = settings
        self.edge = Edge(settings)
        self.nonces = NonceRule(settings.timestamp_window_s, settings.nonce) if settings.auth == "signature" else None
        self._keys = signature.mac_keys(account.keys)
        self._subject = b"casino:%d" % settings.casino_id
        self._callbacks = Callbacks(account, settings, game_states or ConfiguredGames(account.games))
        self.methods = self._callbacks.methods
        self.parse = self._callbacks.parse

    def verify(self, callback: Callback, now_s: float) -> Verified | Refusal:
        """By signature, or in mTLS mode by what the trusted proxy says of the client certificate."""
        if self.settings.auth == "mtls":
            if self.edge.certified(callback.peer, callback.headers):
                return Verified()
            return Refusal("authentication", "client certificate not accepted")
        return signature.verify(
            callback.headers,
            callback.body,
            subject=self._subject,
            keys=self._keys,
            now_s=now_s,
            window_s=self.settings.timestamp_window_s,
        )

    def render(self, call: MascotCall, reply: Reply, verified: Verified) -> Answer:
        """HTTP 200 with result or error, signed."""
        return self._answer(200, answers.answer(call, reply, self.settings), verified)

    def refuse(self, refusal: Refusal, verified: Verified | None) -> Answer:
        """A JSON-RPC error; signed once the caller is verified, never before."""
        if refusal.cause == "authentication":
            body = jsonrpc.error(jsonrpc.NO_ID, jsonrpc.INVALID_REQUEST, refusal.detail)
            return self._answer(self.settings.auth_failure_status, body, None)
        code = answers.UNKNOWN if refusal.cause == "internal" else refusal.code or jsonrpc.INVALID_REQUEST
        return self._answer(_STATUS[refusal.cause], jsonrpc.error(refusal.echo, code, refusal.detail), verified)

    def redact(self, headers: Mapping[bytes, bytes]) -> dict[str, str]:
        """The headers that help a diagnosis; of the signature only the key id."""
        kept = {shown: headers[name].decode("latin-1") for name, shown in _ARCHIVED if name in headers}
        key_id = headers.get(signature.SIGNATURE, b"").partition(b"=")[0]
        if key_id in self._keys:
            kept["x-signature"] = key_id.decode()
        return kept

    def _answer(self, status: int, body: bytes, verified: Verified | None) -> Answer:
        headers = [_JSON, (b"content-length", b"%d" % len(body))]
        if verified is not None and isinstance(verified.nonce, int):
            key = self._keys[verified.key_id.encode()]
            headers += signature.sign(key, self._subject, verified.nonce, verified.timestamp, body)
        return Answer(status, headers, body)

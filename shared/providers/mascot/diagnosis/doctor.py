"""The doctor of one Mascot account: leads a callback to the rules that its outcome calls for, and gives their notes words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.contracts.replies import Result
from shared.providers.diagnosis import unsure
from shared.providers.diagnosis.doctor import REFUSED_METHOD, REFUSED_PATH, Examination, Seen
from shared.providers.diagnosis.finding import Finding, Note, Scrubber, load_words
from shared.providers.diagnosis.sheet import Sheet
from shared.providers.dialect import Callback, GameStates, Refusal, Stamp
from shared.providers.mascot.diagnosis import door, reading
from shared.providers.mascot.diagnosis.authentic import Authenticity, Findings
from shared.providers.mascot.diagnosis.headers import read_timestamp
from shared.providers.mascot.diagnosis.outcomes import OutcomeRules
from shared.providers.mascot.diagnosis.params import ParamRules
from shared.providers.mascot.diagnosis.reading import Read
from shared.providers.mascot.dialect import MascotDialect
from shared.providers.mascot.signature import TIMESTAMP
from shared.settings.accounts import ProviderAccount

WORDS: Final = load_words(Path(__file__).with_name("words.toml"))
ALSO_MAX: Final = 4
_STAMP: Final = Stamp("", "", 0)


class MascotDoctor:
    """Implements `shared.providers.diagnosis.Doctor`. `others` are all provider accounts of this dialect, by name."""

    def __init__(
        self, account: ProviderAccount, others: Mapping[str, ProviderAccount], game_states: GameStates | None = None
    ) -> None:
        self._dialect = MascotDialect(account, game_states)
        self._knows_games = game_states is not None
        settings = self._settings = self._dialect.settings
        casinos = {
            each.settings["casino_id"]: name
            for name, each in others.items()
            if name != account.name and type(each.settings.get("casino_id")) is int
        }
        self._authenticity = Authenticity(account, others, settings.timestamp_window_s)
        self._params = ParamRules(settings.casino_id, casinos, account.currencies)
        self._outcomes = OutcomeRules(account)
        self._scrubber = Scrubber([*account.keys.values(), *(key for each in others.values() for key in each.keys.values())])

    def diagnose(self, seen: Seen, *, thorough: bool = True) -> Finding | None:
        """See `Doctor`. The work is bounded by the body's size and the number of signatures tried."""
        notes = self._notes(seen, thorough=thorough)
        if not notes:
            return None
        first, *more = notes
        also = tuple(f"Besides: {each.said}" for each in more[:ALSO_MAX])
        return self._scrubber.finding(first.but(*also), WORDS)

    def examine(self, callback: Callback, *, at_s: float | None, http_method: str = "POST") -> Examination:
        """See `Doctor`. The dialect has the last word on what is accepted; the rules say why it is not."""
        address = self._dialect.edge.caller(callback.peer, callback.headers) if callback.peer else ""
        sheet = Sheet(self._scrubber, WORDS)
        seen = Seen(callback=callback, at_s=at_s or 0.0, result="", http_method=http_method, address=address)
        if not sheet.told("method", [door.method_note(seen)] if http_method != "POST" else [], "POST, as expected"):
            sheet.skipped("everything else", "only a POST carries a call")
            return sheet.examination()
        astray = [door.path_note(seen)] if callback.path not in self._dialect.paths else []
        sheet.told("address of the call", astray, "the account's own")
        self._examine_sender(seen, sheet)
        self._examine_caller(callback, at_s, sheet)
        self._examine_call(callback, sheet)
        sheet.skipped("money", "the wallet was not asked: balance, limits, sessions and earlier transactions")
        return sheet.examination()

    def _examine_sender(self, seen: Seen, sheet: Sheet) -> None:
        edge = self._dialect.edge
        if not seen.callback.peer:
            sheet.skipped("sender", "no address was given (remote_address)")
            return
        notes = [] if edge.admits(seen.address) else [door.address_note(seen, edge)]
        sheet.told("sender", notes, f"{seen.address} may call")

    def _examine_caller(self, callback: Callback, at_s: float | None, sheet: Sheet) -> None:
        if self._settings.auth == "mtls":
            if not callback.peer:
                sheet.skipped("client certificate", "no address of the proxy was given (remote_address)")
                return
            certified = self._dialect.edge.certified(callback.peer, callback.headers)
            seen = Seen(callback=callback, at_s=0.0, result="")
            notes = [] if certified else [door.certificate_note(seen, self._dialect.edge, self._settings)]
            sheet.told("client certificate", notes, "verified by a trusted proxy")
            return
        stamp, _ = read_timestamp(callback.headers.get(TIMESTAMP, b""))
        verified = self._dialect.verify(callback, float(stamp or 0) if at_s is None else at_s)
        if isinstance(verified, Refusal):
            notes = list(self._authenticity.look(callback, at_s).notes) or [_unexplained(verified.detail)]
            sheet.told("signature", notes, "")
        else:
            sheet.told("signature", [], f"right, under the key {verified.key_id!r}")
        if at_s is None:
            when = f" (X-Timestamp says {stamp})" if stamp is not None else ""
            sheet.skipped("clock", f"received_at was not given{when}")
        sheet.skipped("nonce", "whether it was used before is known to the listener alone; nothing was claimed")

    def _examine_call(self, callback: Callback, sheet: Sheet) -> None:
        call = self._dialect.parse(callback, _STAMP)
        if isinstance(call, Refusal):
            sheet.told("body and parameters", self._unreadable(callback) or [_unexplained(call.detail)], "")
            return
        read = self._read(callback)
        sheet.told("body and parameters", [], f"a call of {call.method}")
        sheet.told("player and currency", self._outcomes.foreseen(read.method, read.params), "of the forms that were agreed")
        if self._knows_games and call.command is not None:
            seen = Seen(callback=callback, at_s=0.0, result=Result.OK, command=call.command)
            note = self._outcomes.note(seen, read.params)
            sheet.told("game", [] if note is None else [note], "known, or none is named")

    def _notes(self, seen: Seen, *, thorough: bool) -> list[Note]:
        edge = self._dialect.edge
        if seen.result == REFUSED_METHOD:
            return [door.method_note(seen)]
        if seen.result == REFUSED_PATH:
            return [door.path_note(seen)]
        if seen.result == "refused_address":
            return [door.address_note(seen, edge)]
        if seen.result == "refused_size":
            return [door.size_note(seen)]
        if seen.result == "refused_authentication":
            return self._unauthentic(seen, thorough=thorough)
        if seen.result in ("refused_syntax", "refused_content_type"):
            return self._unreadable(seen.callback) or [_unexplained(seen.detail)]
        if seen.result == Result.UNKNOWN:
            return [unsure.note_of(seen, self._settings.deadline_ms)]
        note = self._outcomes.note(seen, self._read(seen.callback).params)
        return [] if note is None else [note]

    def _unauthentic(self, seen: Seen, *, thorough: bool) -> list[Note]:
        if self._settings.auth == "mtls":
            return [door.certificate_note(seen, self._dialect.edge, self._settings)]
        if seen.claim == "conflicting":
            said = "The nonce came before, with other bytes, both signed rightly; the later request was refused."
            return [Note("nonce_reused", said, ("It was not looked at further.",))]
        if seen.claim == "repeated":
            return [Note("nonce_repeated", "The same request came before under this nonce; this account is set to nonce = refuse.")]
        looked: Findings = self._authenticity.look(seen.callback, seen.at_s, thorough=thorough)
        return list(looked.notes) or [_unexplained(seen.detail)]

    def _unreadable(self, callback: Callback) -> list[Note]:
        read = self._read(callback)
        return [read.note] if read.note is not None else self._params.notes(read.method, read.params)

    def _read(self, callback: Callback) -> Read:
        return reading.read(callback, self._dialect.methods)


def _unexplained(detail: str) -> Note:
    return Note(
        "unexplained", "It was refused, and nothing wrong was found when it was looked at again.", (f"The gateway said: {detail}.",)
    )

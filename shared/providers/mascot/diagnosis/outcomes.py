"""What the wallet has answered to a call that was read, and what of it an integrator should know.

Business refusals (funds, limits, a blocked player, a game that is switched off) are no faults: nothing is said of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from shared.contracts.replies import Result
from shared.identity import PLAYER_KEY_CHARS, is_player_key, parse_provider_player_id, player_key_of
from shared.money import MinorUnits
from shared.providers.diagnosis.doctor import NEVER_SEEN, Seen
from shared.providers.diagnosis.finding import Note, shown
from shared.providers.mascot.diagnosis.params import FIELDS
from shared.settings.accounts import ProviderAccount

_SESSIONS: Final = ("sessionAlternativeId", "sessionId")


class OutcomeRules:
    """The rules of one account."""

    def __init__(self, account: ProviderAccount) -> None:
        self._currencies: Mapping[str, MinorUnits] = account.currencies
        self._brands = account.brands
        self._rules: dict[str, Callable[[Seen, Mapping[str, Any]], Note | None]] = {
            Result.OK: self._ok,
            Result.WRONG_CURRENCY: self._currency,
            Result.PLAYER_NOT_FOUND: self._player,
            Result.TOKEN_UNKNOWN: self._session,
            Result.TOKEN_EXPIRED: _ended,
            Result.DUPLICATE_DIFFERENT: _duplicate,
            Result.ORIGINAL_CANCELLED: _cancelled,
            Result.ORIGINAL_SETTLED: _settled,
            Result.BAD_REQUEST: _refused,
            Result.NOT_DONE: _too_late,
        }

    def note(self, seen: Seen, params: Mapping[str, Any]) -> Note | None:
        """The note of an answered call; None where there is nothing to say."""
        rule = self._rules.get(seen.result)
        return None if rule is None else rule(seen, params)

    def foreseen(self, method: str, params: Mapping[str, Any]) -> list[Note]:
        """What the wallet would refuse for certain, as far as the call itself shows it."""
        name, currency = _text(params, "playerName"), _text(params, "currency")
        player = parse_provider_player_id(name)
        found = [self._form_of(name)] if player is None else []
        mapped = self._currencies.get(currency)
        if "currency" in FIELDS[method] and (mapped is None or (player is not None and mapped.mapping.currency != player[1])):
            found.append(self._currency_note(currency, player))
        foreign = self._foreign_session(params)
        if foreign is not None:
            found.append(foreign)
        return found

    def _ok(self, seen: Seen, params: Mapping[str, Any]) -> Note | None:
        command = seen.command
        if command is None:
            return None
        if command.kind == "rollback" and seen.detail == NEVER_SEEN:
            said = f"The transactionRef {shown(command.external_id)} never came before its rollback; it is remembered."
            return Note("rollback_unknown", said, ("A call under it that comes later is refused.",))
        if getattr(command, "game_state", "") == "unknown" and _text(params, "gameId"):
            return Note(
                "game_unknown", f"The catalogue does not have the game {shown(_text(params, 'gameId'))}; the call was served."
            )
        return None

    def _currency(self, _: Seen, params: Mapping[str, Any]) -> Note:
        return self._currency_note(_text(params, "currency"), parse_provider_player_id(_text(params, "playerName")))

    def _currency_note(self, currency: str, player: tuple[str, str] | None) -> Note:
        agreed = ", ".join(self._currencies)
        mapped = self._currencies.get(currency)
        if mapped is None:
            same = next((each for each in self._currencies if each.casefold() == currency.strip().casefold()), None)
            if same is not None:
                return Note("currency_case", f"The currency is written {shown(currency)}; agreed is {same!r}.")
            return Note("currency_unknown", f"The currency {shown(currency)} was not agreed for this account; it has: {agreed}.")
        ours = mapped.mapping.currency
        if player is not None and player[1] != ours:
            return Note("currency_not_players", f"The call is in {currency}, while the player's name says {player[1]}.")
        return Note("currency_not_players", f"The call is in {currency}, which is not the currency of the session or the player.")

    def _player(self, _: Seen, params: Mapping[str, Any]) -> Note:
        name = _text(params, "playerName")
        if parse_provider_player_id(name) is None:
            return self._form_of(name)
        brands = ", ".join(self._brands)
        said = f"No player of the brands of this account ({brands}) has the name {shown(name)}."
        foreign = self._foreign_session(params)
        hint = "He may belong to another brand or environment, or was never set."
        return Note("player_unknown", said, (hint,)).but(foreign.said if foreign is not None else "")

    def _form_of(self, name: str) -> Note:
        known = tuple(each.mapping.currency for each in self._currencies.values())
        key, _, rest = name.strip().partition("_")
        if is_player_key(key) and not rest:
            return Note(
                "player_form", f"The playerName {shown(name)} lacks its currency: given was {key}_{known[0]}, or another currency."
            )
        if parse_provider_player_id(f"{key.lower()}_{rest.upper()}") is not None and len(key) == PLAYER_KEY_CHARS:
            said = f"The playerName {shown(name)} was given as '{key.lower()}_{rest.upper()}': capital and small letters differ."
            return Note("player_form", said)
        said = f"The playerName {shown(name)} is no name that was given at Player.Set, such as 'k5x2mdp7q3ra4zte_{known[0]}'."
        return Note("player_form", said)

    def _session(self, _: Seen, params: Mapping[str, Any]) -> Note:
        foreign = self._foreign_session(params)
        if foreign is not None:
            return foreign
        named = ", ".join(f"{name} {shown(_text(params, name))}" for name in _SESSIONS if _text(params, name))
        return Note("session_unknown", f"The player has no session with the {named}." if named else "The call names no session.")

    def _foreign_session(self, params: Mapping[str, Any]) -> Note | None:
        player, owner = parse_provider_player_id(_text(params, "playerName")), player_key_of(_text(params, "sessionAlternativeId"))
        if player is None or owner is None or owner == player[0]:
            return None
        said = f"The session belongs to the player {owner}, while playerName says {player[0]}."
        return Note("session_of_other_player", said)


def _ended(seen: Seen, params: Mapping[str, Any]) -> Note:
    named = next((f"{name} {shown(_text(params, name))}" for name in _SESSIONS if _text(params, name)), "none")
    return Note("session_ended", f"The stake names a session that has ended ({named}).").but(seen.detail)


def _duplicate(_: Seen, params: Mapping[str, Any]) -> Note:
    said = f"The transactionRef {shown(_text(params, 'transactionRef'))} came before with other content; nothing was moved."
    return Note("duplicate_different", said)


def _cancelled(seen: Seen, params: Mapping[str, Any]) -> Note:
    said = f"The transactionRef {shown(_text(params, 'transactionRef'))} was rolled back before this call came; nothing was moved."
    return Note("late_bet", said).but(f"The wallet: {seen.detail}." if seen.detail else "")


def _settled(_: Seen, params: Mapping[str, Any]) -> Note:
    said = f"The round of {shown(_text(params, 'transactionRef'))} was settled by the operator by hand; it is not taken back by callback."
    return Note("original_settled", said)


def _refused(seen: Seen, _: Mapping[str, Any]) -> Note:
    return Note("wallet_refused", f"The wallet could not use the command: {seen.detail or 'it did not say why'}.")


def _too_late(seen: Seen, _: Mapping[str, Any]) -> Note:
    return Note("not_done", f"The wallet came to the command too late and did nothing: {seen.detail or 'it had expired'}.")


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name)
    return value if isinstance(value, str) else ""

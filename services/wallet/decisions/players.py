"""The operator's own commands about a player: creating him, his status, closing and erasing him."""

from __future__ import annotations

import json

from services.wallet.decisions.common import (
    AUTHOR_CHARS_MAX,
    REASON_CHARS_MAX,
    as_details,
    closed_sessions,
    foreign_player,
    names_of,
    replay_or_conflict,
)
from services.wallet.decisions.model import APPLIED, CLOSED, Decision, Operation, Player, Profile, View, answer
from shared.contracts import CloseAccount, CreatePlayer, ErasePlayer, Result, SetPlayerStatus


def decide_create_player(command: CreatePlayer, view: View) -> Decision:
    """A new player with an account in each currency. One that exists alike is a success, one that differs a conflict."""
    if view.stored is not None:
        return replay_or_conflict(view.stored, same=view.stored.kind == command.kind and _alike(command, view))
    if not command.currencies or not command.operator_player_id:
        return answer(Result.BAD_REQUEST, detail="a player needs an id and at least one currency")
    if view.player is not None:
        if _alike(command, view):
            return answer(Result.OK, detail="exists")
        return answer(Result.DUPLICATE_DIFFERENT, detail="the player exists with other data")
    currencies = tuple(sorted(set(command.currencies)))
    return Decision(
        result=Result.OK,
        status=APPLIED,
        new_player=Player(player=command.player, brand=command.brand, test=command.test),
        new_currencies=currencies,
        profile=Profile(
            player=command.player,
            operator_player_id=command.operator_player_id,
            country=command.country,
            language=command.language,
        ),
        # A country names nobody: reports need it, and it stays when the profile is erased.
        details=as_details(currencies=currencies, test=command.test, **({"country": command.country} if command.country else {})),
    )


def _alike(command: CreatePlayer, view: View) -> bool:
    player, profile = view.player, view.profile
    return (
        player is not None
        and player.brand == command.brand
        and player.test == command.test
        and set(command.currencies) == set(view.currencies)
        and (
            profile is None  # erased: nothing to compare with any more
            or (profile.operator_player_id, profile.country, profile.language)
            == (command.operator_player_id, command.country, command.language)
        )
    )


def decide_set_player_status(command: SetPlayerStatus, view: View) -> Decision:
    """Blocks a player, lets his rounds run out or opens him again. Setting the status he has is a success, for the record.

    A closed player stays closed: his data are gone, and nobody could say any more who plays.
    """
    player, stored = view.player, view.stored
    if foreign_player(command, view) or player is None:
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        return replay_or_conflict(stored, same=stored.kind == command.kind and _set_to(stored) == command.status)
    if player.status == CLOSED:
        # Not stored: a mistake of the caller's, no effect on the player.
        return answer(Result.BAD_REQUEST, detail="the player was closed for good; his status stays as it is")
    return Decision(
        result=Result.OK,
        status=APPLIED,
        player_status=command.status,
        details=_change_of_status(command, player.status, command.status),
    )


def _set_to(stored: Operation) -> str:
    to: str = json.loads(stored.details)["to"]
    return to


def decide_close_account(command: CloseAccount, view: View) -> Decision:
    """Closes a player and his sessions for good. Closing him again is a success that changes nothing."""
    player, stored = view.player, view.stored
    if foreign_player(command, view) or player is None:
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        return replay_or_conflict(stored, same=stored.kind == command.kind)
    return Decision(
        result=Result.OK,
        status=APPLIED,
        player_status=CLOSED,
        sessions=closed_sessions(view, "account_closed"),
        details=_change_of_status(command, player.status, CLOSED, sessions=names_of(view.live)),
    )


def decide_erase_player(command: ErasePlayer, view: View) -> Decision:
    """Personal data go, the ledger stays; the player is closed for good. Erasing him again finds nothing to delete."""
    player, stored = view.player, view.stored
    if foreign_player(command, view) or player is None:
        return answer(Result.PLAYER_NOT_FOUND)
    if stored is not None:
        return replay_or_conflict(stored, same=stored.kind == command.kind)
    return Decision(
        result=Result.OK,
        status=APPLIED,
        player_status=CLOSED,
        erases=True,
        sessions=closed_sessions(view, "erased"),
        details=_change_of_status(command, player.status, CLOSED, sessions=names_of(view.live)),
    )


def _change_of_status(
    command: SetPlayerStatus | ErasePlayer | CloseAccount, before: str, after: str, **facts: list[list[str]]
) -> str:
    author, reason = command.author[:AUTHOR_CHARS_MAX], command.reason[:REASON_CHARS_MAX]
    return as_details(**{"from": before, "to": after, "reason": reason, "author": author, **facts})

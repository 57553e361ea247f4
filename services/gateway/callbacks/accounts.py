"""The provider accounts this gateway serves: each with its dialect, its nonces and its counters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.gateway.callbacks.nonces import NonceBook
from services.gateway.callbacks.unknown_games import ToldOfGames
from services.gateway.games import GameBook
from services.gateway.switches import SwitchBoard
from shared.errors import SettingsError
from shared.providers.diagnosis import Doctor
from shared.providers.dialect import Dialect
from shared.providers.registry import open_dialect, open_doctor
from shared.settings import AccountsFile


@dataclass(slots=True)
class Account:
    """One provider account as the listener sees it."""

    name: str
    dialect: Dialect[Any]
    nonces: NonceBook | None
    doctor: Doctor | None = None


def open_accounts(
    file: AccountsFile, nonces_max: int, board: SwitchBoard | None = None, book: GameBook | None = None
) -> dict[str, Account]:
    """All accounts of the file by name; SettingsError names the first that cannot be served.

    Their games are those of the book, under the board's switches.
    """
    if not file.provider_accounts:
        raise SettingsError(f"{file.path}: there is no provider account; add a table [provider_accounts.<name>]")
    board, book, accounts = SwitchBoard() if board is None else board, GameBook() if book is None else book, {}
    for name, entry in file.provider_accounts.items():
        games = board.game_states(name, entry.brands, entry.games, book)
        dialect = open_dialect(entry, ToldOfGames(name, games, book))
        nonces = NonceBook(dialect.nonces.window_s, nonces_max) if dialect.nonces else None
        accounts[name] = Account(name, dialect, nonces, open_doctor(entry, file.provider_accounts))
    return accounts

"""What the technicians' commands share: players and times as people write them, and servers that do not answer."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from services.cli import where
from services.cli.keys import DURATION, DatabaseAwayError, duration
from services.cli.output import INTERRUPTED_EXIT_CODE, errors, without_logs
from services.cli.players import key_of
from shared.database.away import DATABASE_AWAY
from shared.errors import SettingsError
from shared.identity import parse_provider_player_id

R = TypeVar("R")

PlayerOption = Annotated[
    str,
    typer.Option(
        "--player",
        "-p",
        help="Your own id of the player, `key:<player key>`, or his id towards providers (`k5x2mdp7q3ra4zte_EUR`).",
        show_default=False,
    ),
]
BrandOption = Annotated[str, typer.Option(help="Brand of the player, where he is named by your own id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of words.")]


def player_of(text: str, brand: str) -> str:
    """Return the key of a player in whichever way he is named; empty for an empty text."""
    named = parse_provider_player_id(text)
    return named[0] if named else key_of(text, brand) if text else ""


def moment(text: str, option: str) -> int:
    """Return Unix milliseconds of a time as people write it: `24h` ago, or `2026-11-22T10:30` (UTC unless it says otherwise).

    Raises:
        SettingsError: it is neither.
    """
    if DURATION.fullmatch(text):
        return int((time.time() - duration(text, option).total_seconds()) * 1_000)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{option} {text!r} is no time: write a time span such as 24h (so long ago) or a time such as 2026-11-22T10:30 (UTC)"
        ) from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)


def work(main: Coroutine[Any, Any, R], *, when_interrupted: Callable[[], str] = str) -> R:
    """Run something that reads the ledger or the topics; without log lines, because the command's own words tell all.

    Raises:
        DatabaseAwayError: the database did not answer.
        typer.Exit: it was interrupted.
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        with without_logs():
            return asyncio.run(main)
    except KeyboardInterrupt:
        errors.print(f"\ninterrupted. {when_interrupted()}".rstrip())
        raise typer.Exit(INTERRUPTED_EXIT_CODE) from None
    except DATABASE_AWAY as error:
        raise DatabaseAwayError(
            f"the ledger could not be read: {error!r}. Is the database up, and its schema in place (`stakewire migrate`)?"
        ) from error


def database_if_known() -> str:
    """Return the ledger's address, empty where neither a setting nor a running stack tells it."""
    try:
        return where.database_url()
    except SettingsError:
        return ""


def kafka_if_known() -> str:
    """Return Kafka's address, empty where neither a setting nor a running stack tells it."""
    try:
        return where.kafka_bootstrap_servers()
    except SettingsError:
        return ""


def print_json(value: Any) -> None:
    """Print a value as one JSON object."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")

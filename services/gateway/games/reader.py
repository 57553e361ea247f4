"""Reads `catalogue.games` into a book, and keeps doing so."""

from __future__ import annotations

from typing import Final

import structlog
from prometheus_client import Gauge
from typing_extensions import override

from services.gateway.games.book import GAMES_MAX, GameBook
from shared.contracts import codec
from shared.errors import ContractError
from shared.kafka.compacted import TOPIC_CHECK_S, CompactedReader
from shared.kafka.topics import GAMES, TopicNames

log = structlog.get_logger(__name__)

KEY_PARTS: Final = 2

_games = Gauge("stakewire_games_known", "Games of the catalogue that this process knows, withdrawn ones too")
_left_out = Gauge("stakewire_games_left_out", "Records of new games that were left out, the book being full")


class GameReader(CompactedReader):
    """Fills `book`. `check_topic_s` is how often it is asked whether the topic is still the same one."""

    def __init__(
        self,
        bootstrap_servers: str,
        names: TopicNames,
        book: GameBook,
        *,
        check_topic_s: float = TOPIC_CHECK_S,
    ) -> None:
        super().__init__(bootstrap_servers, names, GAMES, check_topic_s=check_topic_s)
        self.book = book

    @override
    def take(self, key: bytes, value: bytes | None) -> None:
        account, game_id = _parts(key)
        book = self.book
        if value is None:
            if book.purge(account, game_id):
                log.info("game purged", account=account, game=game_id)
        else:
            record = codec.decode_game(value)
            if (record.provider_account, record.game_id) != (account, game_id):
                raise ContractError(f"the record under the key {key[:200]!r} is of another game")
            known, left_out = book.find(account, game_id), book.left_out
            if book.apply(record) and known is not None and self.caught_up:
                log.info("game changed", account=account, game=game_id, state=record.state, version=record.version)
            if left_out == 0 < book.left_out:
                log.error("the book of games is full: what the catalogue adds stays unknown here", games_max=GAMES_MAX)
        _games.set(len(book))
        _left_out.set(book.left_out)

    @override
    def reached_end(self) -> None:
        if not self.book.complete:
            log.info("the games are read", games=len(self.book))
        self.book.complete = True


def _parts(key: bytes) -> tuple[str, str]:
    """Provider account and game id of a record key; ContractError where it is none."""
    try:
        parts = key.decode().split("|", 1)
    except UnicodeDecodeError:
        parts = []
    if len(parts) != KEY_PARTS or not all(parts):
        raise ContractError(f"{key[:200]!r} is no key of a game: <provider account>|<game id> is expected")
    return parts[0], parts[1]

"""Reads `gateway.switches` into a board, and keeps doing so."""

from __future__ import annotations

import structlog
from typing_extensions import override

from services.gateway.switches.board import SwitchBoard, SwitchKey, key_of
from shared.contracts import SwitchSet, codec
from shared.kafka.compacted import TOPIC_CHECK_S, CompactedReader
from shared.kafka.topics import SWITCHES, TopicNames

log = structlog.get_logger(__name__)


class SwitchReader(CompactedReader):
    """Fills `board`. `check_topic_s` is how often it is asked whether the topic is still the same one."""

    def __init__(
        self,
        bootstrap_servers: str,
        names: TopicNames,
        board: SwitchBoard,
        *,
        check_topic_s: float = TOPIC_CHECK_S,
    ) -> None:
        super().__init__(bootstrap_servers, names, SWITCHES, check_topic_s=check_topic_s)
        self.board = board
        self._on_topic: dict[SwitchKey, int] = {}

    @property
    def on_topic(self) -> dict[SwitchKey, int] | None:
        """The version that the newest record of each switch carries; None while the topic is being read anew."""
        return self._on_topic if self.at_end else None

    async def wait_for(self, switch: SwitchSet, timeout_s: float) -> bool:
        """Waits until the board has this change of a switch, or a newer one; False where it has not in time."""
        key = key_of(switch)
        return await self.wait_for_it(lambda: self.board.version_of(key) >= switch.version, timeout_s)

    @override
    def begin(self) -> None:
        self._on_topic = {}

    @override
    def take(self, key: bytes, value: bytes | None) -> None:
        switch = codec.decode_switch(value or b"")
        self._on_topic[key_of(switch)] = switch.version
        if self.board.apply(switch) and self.caught_up:
            log.info("switch", key=str(key_of(switch)), state=switch.state, version=switch.version)

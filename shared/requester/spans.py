"""The spans of one question to the wallet: sending the command, and waiting for the reply. Only sampled requests have them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from shared.contracts.commands import Command
from shared.contracts.replies import Reply
from shared.tracing import HEADER

if TYPE_CHECKING:  # importing it is what a process without traces is spared
    from shared.tracing.tracer import Span


class AskSpans:
    """Begins when the command is about to be sent; `headers` go with it and make the wallet's spans children of the sending."""

    def __init__(self, parent: Span, command: Command, topic: str) -> None:
        self._parent = parent
        self._sending = parent.child(
            f"send {topic}",
            "producer",
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "send",
                "messaging.destination.name": topic,
                "messaging.message.id": command.command_id,
                "stakewire.kind": command.kind,
                "stakewire.player": command.player,
            },
        )
        self._waiting: Span | None = None
        self.headers = [(HEADER, self._sending.traceparent)]

    @classmethod
    def beneath(cls, parent: Span | None, command: Command, topic: str) -> Self | None:
        """The spans of a question asked in a request; None where the request is not sampled."""
        return None if parent is None else cls(parent, command, topic)

    def handed_over(self, sent: asyncio.Future[object]) -> None:
        """The producer has it. The sending ends when Kafka has it too, which may be after the reply."""
        self._waiting = self._parent.child("wait for reply")
        sent.add_done_callback(self._sent)

    def _sent(self, sent: asyncio.Future[object]) -> None:
        if sent.cancelled() or sent.exception() is not None:
            self._sending.fail("not confirmed")
        self._sending.end()

    def end(self, waiter: asyncio.Future[Reply]) -> None:
        """There is a reply, or there will be none."""
        if self._waiting is None:
            self._sending.fail("not handed over")
            self._sending.end()
            return
        if waiter.cancelled() or not waiter.done() or waiter.exception() is not None:
            self._waiting.fail("no reply")
        else:
            self._waiting.set({"stakewire.result": str(waiter.result().result)})
        self._waiting.end()

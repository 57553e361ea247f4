"""The published document of the topics says what the contracts say."""

import json
from pathlib import Path

from shared.contracts.codec import COMMAND_CLASSES
from shared.kafka.asyncapi import document
from shared.kafka.topics import TOPICS

DOCUMENT = Path(__file__).parents[3] / "docs" / "asyncapi.json"


def test_document_is_fresh() -> None:
    """docs/asyncapi.json is what the contracts give today (else: `stakewire topics document`)."""
    assert DOCUMENT.read_text(encoding="utf-8") == document()


def test_document_names_every_topic_and_command() -> None:
    """No topic and no kind of command is left out."""
    published = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    assert set(published["channels"]) == {topic.name for topic in TOPICS}
    assert {cls.__name__ for cls in COMMAND_CLASSES.values()} <= set(published["components"]["schemas"])

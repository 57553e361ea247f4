"""`stakewire topics`: creates the topics and checks them. What they are is defined in `shared.kafka.topics`."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli import where
from services.cli.output import say

app = typer.Typer(no_args_is_help=True, help="Create and check the Kafka topics.")


@app.command()
def apply(
    replication: Annotated[
        int, typer.Option(min=1, max=9, help="Copies of each new topic; 3 on a cluster, 1 on a single node.")
    ] = 1,
) -> None:
    """Create missing topics and bring the settings of present ones up to date; safe to repeat.

    The number of partitions of a present topic is never changed: each player lives on one of them.

    Example: `KAFKA_BOOTSTRAP_SERVERS=kafka-1:9092 stakewire topics apply --replication 3`
    """
    from shared.kafka.admin import apply_topics

    created = apply_topics(where.kafka_bootstrap_servers(), where.topic_names(), replication=replication)
    say(f"created: {', '.join(created)}" if created else "all topics were there; their settings are up to date")


@app.command()
def check() -> None:
    """Check that every topic is there with its number of partitions; exit code 1 and the reason if not.

    Example: `stakewire topics check && echo ready`
    """
    from shared.kafka.admin import check_topics

    check_topics(where.kafka_bootstrap_servers(), where.topic_names())
    say("all topics are as they should be")


@app.command()
def document(
    target: Annotated[Path, typer.Argument(help="File to write.")] = Path("docs/asyncapi.json"),
) -> None:
    """Write the AsyncAPI document of all topics, made from the contracts.

    Example: `stakewire topics document` after a change of a contract
    """
    from shared.kafka.asyncapi import document as asyncapi_document

    target.write_text(asyncapi_document(), encoding="utf-8")
    say(f"written: {target}")

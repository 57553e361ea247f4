"""`stakewire topics`: creates the topics and their access rules and checks both. What they are stands in two files.

Topics: `shared/kafka/topics.toml`. Who may do what: `deploy/kafka/access.toml`, or a file of one's own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.parts import CHECKOUT
from services.cli import where
from services.cli.output import fail, say
from shared.errors import TopicError

app = typer.Typer(no_args_is_help=True, help="Create and check the Kafka topics, and who may do what on them.")

AccessFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--access", help="Who may do what: a file, or deploy/kafka/access.toml as it was installed. Can be given several times."
    ),
]


def _installed(path: Path) -> Path:
    """Where nothing lies at a path of ours, as in a container, what was installed under it."""
    ours = CHECKOUT / path
    return ours if not path.exists() and ours.exists() else path


@app.command()
def apply(
    replication: Annotated[
        int, typer.Option(min=1, max=9, help="Copies of each new topic; 3 on a cluster, 1 on a single node.")
    ] = 1,
    access: AccessFiles = None,
    remove_others: Annotated[
        bool, typer.Option("--remove-others", help="Take away rules on our topics and groups that are not in the files.")
    ] = False,
) -> None:
    """Create missing topics and bring the settings of present ones up to date; safe to repeat.

    The number of partitions of a present topic is never changed: each player lives on one of them. With --access the
    brokers are told who may do what; that needs brokers with an authorizer.

    Examples:

    `KAFKA_BOOTSTRAP_SERVERS=kafka-1:9092 stakewire topics apply --replication 3`

    `stakewire topics apply --replication 3 --access deploy/kafka/access.toml`
    """
    from shared.kafka.acls import apply_access, load_access
    from shared.kafka.admin import apply_topics

    if remove_others and not access:
        fail("--remove-others says what to do with rules that are not in a file; name the file by --access")
    wanted = load_access(map(_installed, access or ()))
    servers, names = where.kafka_bootstrap_servers(), where.topic_names()
    created = apply_topics(servers, names, replication=replication)
    say(f"created: {', '.join(created)}" if created else "all topics were there; their settings are up to date")
    if not access:
        return
    difference = apply_access(servers, wanted, names, remove=remove_others)
    say(f"made {len(difference.missing)} rules" if difference.missing else "all rules were there")
    for rule in difference.unexpected:
        say(f"removed: {rule}" if remove_others else f"left, though not in the file (--remove-others takes it away): {rule}")
    for rule in difference.wider:
        say(f"left, because it reaches beyond our topics: {rule}")


@app.command()
def check(access: AccessFiles = None) -> None:
    """Check topics, partitions, settings and, with --access, who may do what; exit code 1 and all differences if not.

    Examples:

    `stakewire topics check && echo ready`

    `stakewire topics check --access deploy/kafka/access.toml`
    """
    from shared.kafka.acls import load_access, read_difference
    from shared.kafka.admin import KafkaAbsentError, check_configuration, check_topics

    wanted = load_access(map(_installed, access or ()))
    servers, names = where.kafka_bootstrap_servers(), where.topic_names()
    looks: list[Callable[[], object]] = [lambda: check_topics(servers, names), lambda: check_configuration(servers, names)]
    if access:
        looks.append(lambda: read_difference(servers, wanted, names))
    problems = []
    for look in looks:
        try:
            problems.append(str(look() or ""))
        except KafkaAbsentError:
            raise
        except TopicError as error:
            problems.append(str(error))
    told = "; ".join(filter(None, problems))
    if told:
        raise TopicError(told)
    say("all topics are as they should be" + (", and so is who may do what" if access else ""))


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

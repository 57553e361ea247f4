"""`stakewire up`, `down`, `status`, `reset`: the local stack in the background."""

import dataclasses
import json
import sys
from typing import Annotated

import typer
from rich.table import Table

from deploy.local.lock import Foreground
from deploy.local.settings import load_stack_settings
from deploy.local.stack import PartStatus, Preparation, Stack
from services.cli import where
from services.cli.interrupts import orderly_end
from services.cli.output import ConsoleProgress, console, fail, say
from services.cli.schema import migrate_all

LABELS = {"operator_api": "operator api", "backoffice": "console"}
STATE_STYLES = {"ready": "green", "not ready": "yellow", "stopped": "red", "elsewhere": "cyan"}


def preparation() -> Preparation:
    """Return what brings schema and topics up to date before the services start."""

    def operator_key(database_url: str, token: str) -> None:
        from services.cli.keys import register_demo_key

        register_demo_key(database_url, token)

    def kafka(bootstrap_servers: str) -> None:
        from shared.kafka.admin import apply_topics

        apply_topics(bootstrap_servers, where.topic_names())

    return Preparation(migrate_all, kafka, operator_key, register_demo_user)


def register_demo_user(database_url: str, login: str, password: str) -> None:
    """Let the stack's own user sign in to the console, as an administrator. One that was changed or disabled stays so."""
    from services.backoffice.migrate import ROLE
    from services.backoffice.office.users import add_first
    from services.cli.keys import in_database

    in_database(database_url, lambda pool: add_first(pool, login, "Demo", "admin", password), ROLE)


def print_addresses(stack: Stack) -> None:
    """Print where everything is, first what to open in a browser."""
    content = where.stack_file(stack.settings) or {}
    for name in ("lobby", "backoffice", "callbacks", "operator_api", "catalogue", "simulator"):
        if name in content:
            say(f"  {LABELS.get(name, name):<13} {content[name]}")
        if name == "backoffice" and "console_password" in content:
            say(f"  {'':<13} sign in as {content['console_login']} with {content['console_password']}")
    for account, details in content.get("provider_accounts", {}).items():
        say(f"  {'callbacks of':<13} {account}: {details['callback_url']}")
    say(f"  {'everything':<13} {stack.settings.stack_file} (addresses and secrets), logs in {stack.settings.run_dir / 'logs'}")


def up(
    servers_only: Annotated[
        bool, typer.Option("--servers-only", help="Only PostgreSQL and Kafka, with schema and topics.")
    ] = False,
) -> None:
    """Start the whole stack in the background; return when it is healthy.

    What runs is left alone and what died is started again, so `up` also repairs: nothing is lost by kill -9 of any
    part. The first start fetches Kafka (45 MB) and makes demo secrets; later ones need no network.

    Examples:

    `stakewire up`

    `STAKEWIRE_BASE_PORT=9080 stakewire up` - all ports from 9080 on

    `stakewire up --servers-only` - run the services yourself, e.g. in a debugger
    """
    settings = load_stack_settings()
    with ConsoleProgress() as progress:
        stack = Stack(settings, progress)
        with orderly_end(stack.processes) as interrupted:
            try:
                started = stack.up(preparation(), servers_only=servers_only)
            finally:
                if interrupted.is_set():
                    say("interrupted; what was started keeps running: `stakewire up` goes on, `stakewire down` stops it")
    Foreground(settings.run_dir).give_to_background()
    say(f"started: {', '.join(started)}" if started else "everything was running already")
    print_addresses(stack)
    say("stop it with `stakewire down`, look with `stakewire status`")


def down() -> None:
    """Stop the whole stack; the data stays.

    Each part gets the time to end in order: what feeds others stops first, PostgreSQL last. A second Ctrl-C kills
    what is left.
    """
    settings = load_stack_settings()
    with ConsoleProgress() as progress:
        stack = Stack(settings, progress)
        with orderly_end(stack.processes):
            stopped = stack.down()
    Foreground(settings.run_dir).give_to_background()
    say(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show every part: whether it runs and is healthy, where, since when. Exit code 1 unless all are ready.

    Example: `stakewire status --json | python3 -m json.tool`
    """
    stack = Stack(load_stack_settings())
    lines = stack.status()
    if as_json:
        sys.stdout.write(json.dumps([dataclasses.asdict(line) for line in lines], indent=2) + "\n")
    else:
        console.print(_table(lines))
        for line in lines:
            if line.state == "not ready":
                say(f"{line.name} runs but is not ready; its log: {stack.processes.log_file(line.name)}")
    if any(line.state not in ("ready", "elsewhere") for line in lines):
        raise typer.Exit(1)


def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop the stack and delete its data: ledger and topics. Configuration, secrets and logs stay.

    Only local servers are touched, never those that DATABASE_URL or KAFKA_BOOTSTRAP_SERVERS name.
    """
    settings = load_stack_settings()
    if not yes and not typer.confirm(f"Delete the ledger and all topics of the stack in {settings.run_dir}?"):
        fail("Nothing was deleted.")
    Stack(settings).reset()
    say(f"the data of the stack in {settings.run_dir} is deleted")


def _table(lines: list[PartStatus]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("part", "state", "address", "pid", "up", "memory"):
        table.add_column(name, justify="right" if name in ("pid", "up", "memory") else "left", no_wrap=True)
    for line in lines:
        style = STATE_STYLES[line.state]
        table.add_row(
            line.name,
            f"[{style}]{line.state}[/]",
            line.address,
            str(line.pid or ""),
            _duration(line.uptime_s),
            f"{line.memory_mib:.0f} MiB" if line.memory_mib else "",
        )
    return table


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"

"""`stakewire dead-letters list|show|retry`: the commands that the wallet could not read or apply."""

import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from services.cli import where
from services.cli.output import console, fail, say
from services.cli.technician import AsJson, database_if_known, moment, print_json, work
from shared.contracts.replies import Reply, Result
from shared.money import render_decimal

if TYPE_CHECKING:
    from services.wallet.decisions.model import Operation
    from services.wallet.tools.letters import Opened

app = typer.Typer(no_args_is_help=True, help="Commands that the wallet could not read or apply: list, show, send again.")

LetterId = Annotated[
    str, typer.Argument(help="Id of the letter, as `dead-letters list` shows it: <partition>-<offset>.", show_default=False)
]
NOT_ASKED = "the ledger was not asked: DATABASE_URL is not set and no stack runs here"


@app.command("list")
def list_letters(
    cause: Annotated[str, typer.Option(help="Only letters with this in their cause or its detail.")] = "",
    since: Annotated[str, typer.Option(help="Only letters from then on: `24h` (ago) or `2026-11-22T10:30` (UTC).")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Show so many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the dead letters, newest first, and what the ledger holds of each now.

    A letter has done its duty once the ledger holds its key: sent again, or repeated by its sender. Nothing else marks it.

    Example: `stakewire dead-letters list --since 24h --cause "player held"`
    """
    from services.wallet.ledger.search import open_ledger
    from services.wallet.tools.letters import Letter, newest
    from services.wallet.tools.scan import reading
    from shared.kafka.topics import DEAD_LETTERS

    since_ms = moment(since, "--since") if since else 0
    kafka, names, database = where.kafka_bootstrap_servers(), where.topic_names(), database_if_known()

    async def main() -> tuple[list[Letter], int]:
        async with AsyncExitStack() as stack:
            ledger = await stack.enter_async_context(open_ledger(database)) if database else None
            reader = await stack.enter_async_context(reading(kafka, names, DEAD_LETTERS))
            return await newest(reader, cause=cause, since_ms=since_ms, limit=limit, ledger=ledger)

    letters, fitting = work(main())
    if as_json:
        print_json({"found": fitting, "letters": letters})
        return
    if not letters:
        say("there are no dead letters" + (" that fit" if cause or since else ""))
        return
    table = Table(box=None, pad_edge=False)
    for name in ("id", "time", "player", "kind", "cause", "origin", "in the ledger now"):
        table.add_column(name, overflow="fold")
    for each in letters:
        origin = f"{each.origin_partition}/{each.origin_offset}"
        row = (each.id, _time(each.at_ms), each.player or "-", each.kind or "-", each.cause, origin, each.state or "?")
        table.add_row(*(text.replace("[", r"\[") for text in row))
    console.print(table)
    if fitting > len(letters):
        say(f"{fitting - len(letters)} older ones are not shown (--limit)")
    if not database:
        say(NOT_ASKED)


@app.command()
def show(letter_id: LetterId, as_json: AsJson = False) -> None:
    """Show all of one letter: its cause, where it came from, its command, and what the ledger holds of it now.

    Example: `stakewire dead-letters show 2-17`
    """
    from services.wallet.tools.letters import refusal_to_retry, shown

    opened, stored, database = _look(letter_id)
    letter, command = opened.letter, opened.taken.command
    refusal = refusal_to_retry(opened)
    if as_json:
        print_json({"letter": letter, "content": shown(opened), "stored": stored, "no_retry": refusal})
        return
    table = Table(show_header=False, box=None)
    for name, value in {
        "letter": letter.id,
        "time": _time(letter.at_ms),
        "cause": letter.cause,
        "detail": letter.detail,
        "origin": f"wallet.commands, partition {letter.origin_partition}, offset {letter.origin_offset}",
        "player": letter.player or "-",
        "kind": letter.kind or "-",
        "readable": "yes" if command else f"no: {opened.taken.cause}",
        "in the ledger now": letter.state,
        "send again": f"no: {refusal}" if refusal else f"stakewire dead-letters retry {letter.id}",
    }.items():
        table.add_row(name, value.replace("[", r"\["))
    console.print(table)
    say("its command:" if command else "its text:")
    _print_content(shown(opened))
    if not database:
        say(NOT_ASKED)


@app.command()
def retry(
    letter_id: LetterId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a letter's command to the wallet again, and show its answer.

    The command goes out as it was, under its own key, so it takes effect at most once however often it is sent: a second
    time the wallet answers from what it has stored. Stakes, withdrawals, launches and queries are not sent again: their
    caller was told UNKNOWN long ago and has repeated them or rolled them back.

    Exit code 1 where it was not sent, or was answered with anything but OK.

    Example: `stakewire dead-letters retry 2-17 --yes`
    """
    from services.wallet.tools.letters import refusal_to_retry
    from services.wallet.tools.letters import retry as send_again
    from shared.requester import OutcomeUnknownError, Requester

    opened, stored, database = _look(letter_id)
    letter = opened.letter
    refusal = refusal_to_retry(opened)
    if refusal:
        fail(f"letter {letter.id} is not sent again: {refusal}.")
    if stored and not letter.state.startswith("in part"):
        _tell_done(opened, stored, as_json)
        return
    if not database and not as_json:
        say(f"{NOT_ASKED}; the wallet itself looks whether it is stored")
    if not yes and not typer.confirm(f"Send the {letter.kind} of player {letter.player} ({', '.join(letter.external_ids)}) again?"):
        fail("nothing was sent")

    async def main() -> Reply:
        requester = Requester(where.kafka_bootstrap_servers(), where.topic_names(), instance_id=f"cli-{secrets.token_hex(4)}")
        await requester.start()
        try:
            return await send_again(opened, requester.ask)
        finally:
            await requester.stop()

    try:
        reply = work(main())
    except OutcomeUnknownError as error:
        fail(
            f"{error}. The command is sent and does not expire: it takes effect when a wallet runs. "
            f"Look with `dead-letters show {letter.id}`."
        )
    _tell_reply(letter.id, reply, as_json)


def _tell_done(opened: "Opened", stored: "list[Operation]", as_json: bool) -> None:
    """Say that the ledger holds it already, and whether that is another thing than the letter's."""
    from services.wallet.tools.letters import same_content

    letter, command = opened.letter, opened.taken.command
    differs = command is not None and len(stored) == 1 and not same_content(command, stored[0])
    if as_json:
        print_json({"letter": letter.id, "sent": False, "state": letter.state, "other_content": differs})
        return
    text = f"nothing to do: the ledger holds it already ({letter.state})"
    if differs:
        text += f". But operation {stored[0].seq} is another one than the letter's {letter.kind} under the same id: look at both"
    say(text)


def _tell_reply(letter_id: str, reply: Reply, as_json: bool) -> None:
    """Print the wallet's answer; exit code 1 unless it is OK."""
    if as_json:
        print_json({"letter": letter_id, "sent": True, "reply": reply})
    else:
        table = Table(show_header=False, box=None)
        for name in ("result", "detail", "transaction_id", "replayed"):
            if value := getattr(reply, name):
                table.add_row(name.replace("_", " "), str(value))
        if reply.currency:
            table.add_row("balance", f"{render_decimal(reply.balance_now, reply.currency)} {reply.currency}")
        console.print(table)
    if reply.result == Result.UNKNOWN:
        fail(f"the wallet could not apply it this time either ({reply.detail or 'no reason told'}): it is a new dead letter")
    if reply.result != Result.OK:
        fail(f"the wallet answered {reply.result}: nothing of it took effect now")


def _look(letter_id: str) -> "tuple[Opened, list[Operation], bool]":
    """(the letter, what the ledger holds under its keys, whether the ledger was asked)."""
    from services.wallet.ledger.search import open_ledger
    from services.wallet.tools.letters import find, ledger_keys, place_of, state_of
    from services.wallet.tools.scan import reading
    from shared.kafka.topics import DEAD_LETTERS

    place_of(letter_id)
    kafka, names, database = where.kafka_bootstrap_servers(), where.topic_names(), database_if_known()

    async def main() -> "tuple[Opened, list[Operation]]":
        async with reading(kafka, names, DEAD_LETTERS) as reader:
            opened = await find(reader, letter_id)
        command = opened.taken.command
        keys = ledger_keys(command) if command else None
        if not database:
            return opened, []
        async with open_ledger(database) as ledger:
            stored = [operation for operation, _ in (await ledger.by_keys(keys or [])).values()]
        opened.letter.state = state_of(opened.letter.kind, keys, stored)
        return opened, stored

    opened, stored = work(main())
    return opened, stored, bool(database)


def _print_content(content: dict[str, Any] | str) -> None:
    if isinstance(content, dict):
        console.print_json(data=content)
    else:
        say(content)


def _time(at_ms: int) -> str:
    from services.wallet.tools.story import told_time

    return told_time(at_ms)

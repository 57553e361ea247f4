"""`stakewire wallet explain` and `stakewire wallet unfollowed`: what became of a provider's transactions."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from services.cli import where
from services.cli.output import ConsoleProgress, console, say
from services.cli.technician import (
    AsJson,
    BrandOption,
    PlayerOption,
    kafka_if_known,
    moment,
    player_of,
    print_json,
    work,
)

if TYPE_CHECKING:
    from services.wallet.tools.story import CallbackSeen, CommandSeen, OperationSeen, Story
    from services.wallet.tools.unfollowed import Report

BODY_SHOWN_MAX = 600
CALLS_SHOWN_MAX = 20
YOUNG_S = 120


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `stakewire wallet`."""
    app.command()(explain)
    app.command()(unfollowed)


def explain(
    external_id: Annotated[str, typer.Argument(help="The provider's id of the transaction.", show_default=False)],
    player: PlayerOption = "",
    account: Annotated[str, typer.Option("--account", "-a", help="Only of this provider account.", show_default=False)] = "",
    brand: BrandOption = "main",
    since: Annotated[
        str, typer.Option(help="How far back the topics are searched where nothing is stored: `48h`, or a time (UTC).")
    ] = "48h",
    seconds: Annotated[int, typer.Option(min=1, max=3_600, help="Limit of each search.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of one transaction of a provider: what came, what was stored, what was answered, and what it means.

    Looks into the ledger, and into the commands, the archive of callbacks, the dead letters and the replies as long as
    Kafka keeps them. With the player the ledger is asked by key; without him its newest pages are read first, until the
    id or the end of the time is reached. Changes nothing.

    Exit code 1 where nothing is known of it.

    Examples:

    `stakewire wallet explain 1:8842-77 --player k5x2mdp7q3ra4zte_EUR`

    `stakewire wallet explain 1:8842-77 --account mascot-demo --json`
    """
    from services.wallet.tools.explain import Question, Sources
    from services.wallet.tools.explain import explain as tell_story

    question = Question(
        external_id=external_id,
        player=player_of(player, brand),
        account=account,
        since_ms=moment(since, "--since"),
        limit_s=float(seconds),
    )
    sources = Sources(database_url=where.database_url(), bootstrap_servers=kafka_if_known(), names=where.topic_names())
    with ConsoleProgress() as progress:
        story = work(tell_story(question, sources, progress.doing))
    if as_json:
        print_json(story)
    else:
        _tell(story)
    if not story.known:
        raise typer.Exit(1)


def _tell(story: "Story") -> None:
    for seen in story.operations:
        _tell_operation(seen)
    if story.commands:
        say(f"commands ({len(story.commands)}):")
        for command in story.commands[:CALLS_SHOWN_MAX]:
            _tell_command(command)
    if story.callbacks:
        say(f"callbacks ({len(story.callbacks)}):")
        for callback in story.callbacks[:CALLS_SHOWN_MAX]:
            _tell_callback(callback)
    for letter in story.letters:
        say(f"dead letter {letter.id} of {_time(letter.at_ms)}: {letter.cause}; {letter.detail}")
    for text in story.searched:
        say(f"searched  {text}")
    for text in story.missing:
        say(f"not searched  {text}")
    say("")
    for sentence in story.conclusion:
        say(sentence)


def _tell_operation(seen: "OperationSeen") -> None:
    from services.wallet.tools.story import told_money

    operation, currency = seen.operation, seen.operation.currency
    table = Table(
        show_header=False, box=None, title=f"operation {operation.seq} of player {operation.player}", title_justify="left"
    )
    rows = {
        "what": f"{operation.kind}, {operation.status}, {operation.result}" + (f" ({operation.limit})" if operation.limit else ""),
        "key": f"{operation.provider_account} / {operation.namespace} / {operation.external_id}",
        "time": f"{_time(operation.occurred_at_ms)}, gaming day {operation.gaming_day}, brand {operation.brand}",
        "money": f"stake {told_money(operation.stake, currency)}, win {told_money(operation.win, currency)}"
        if currency
        else "none",
        "balance": f"{told_money(seen.balance_before, currency)} -> {told_money(operation.balance_after, currency)}"
        if currency
        else "",
        "movements": "; ".join(
            f"{told_money(each.amount, each.currency)} from {each.debit_account} to {each.credit_account}"
            for each in operation.movements
        ),
        "game": operation.game_id,
        "details": operation.details,
        "taken back by": f"operation {seen.undone_by.seq}, {_time(seen.undone_by.occurred_at_ms)}" if seen.undone_by else "",
        "takes back": f"operation {seen.undoes.seq}, {_time(seen.undoes.occurred_at_ms)}" if seen.undoes else "",
        "left by": f"operation {seen.entombed_by.seq}" if seen.entombed_by else "",
        "previous hash": operation.previous_hash,
        "hash": operation.hash,
        "chain": "; ".join(seen.chain_problems) or "fits: before it, its own content, after it",
    }
    for name, found in seen.around.items():
        rows[name] = ", ".join(f"{key} {value}" for key, value in found.items() if value not in ("", 0, None) and key != "player")
    for name, value in rows.items():
        if value:
            table.add_row(name, value.replace("[", r"\["))
    console.print(table)
    say("")


def _tell_command(command: "CommandSeen") -> None:
    namespace = f"{command.namespace}/{command.external_id}"
    say(
        f"  {_time(command.at_ms)}  {command.kind} {namespace}, {command.partition}/{command.offset}, attempt {command.command_id}: {command.fate}"
    )


def _tell_callback(callback: "CallbackSeen") -> None:
    what = f"{callback.method or 'a callback'} {callback.verdict} {callback.result} (HTTP {callback.status}, {callback.total_ms:.1f} ms)"
    say(f"  {_time(callback.at_ms)}  {what}{': ' + callback.diagnosis if callback.diagnosis else ''}")
    say(f"      request {_cut(callback.request)}")
    say(f"      answer  {_cut(callback.answer)}")


def _cut(text: str) -> str:
    return text if len(text) <= BODY_SHOWN_MAX else f"{text[:BODY_SHOWN_MAX]} ... (--json shows all)"


def unfollowed(
    since: Annotated[str, typer.Option(help="Callbacks from then on: `24h` (ago) or `2026-11-22T10:30` (UTC).")] = "24h",
    as_json: AsJson = False,
) -> None:
    """List what was applied although the provider was told UNKNOWN, and nobody followed up: money he may not know of.

    A provider that hears UNKNOWN repeats the call or rolls it back, under the same id. Where he did neither, both sides'
    books differ: ask him what he has under these ids. Reads the archive of callbacks, the ledger and the commands.

    Exit code 1 where there is any.

    Example: `stakewire wallet unfollowed --since 24h`
    """
    from services.wallet.ledger.search import open_ledger
    from services.wallet.tools.unfollowed import Report
    from services.wallet.tools.unfollowed import unfollowed as report_of

    since_ms = moment(since, "--since")
    database, kafka, names = where.database_url(), where.kafka_bootstrap_servers(), where.topic_names()
    with ConsoleProgress() as progress:

        async def main() -> Report:
            async with open_ledger(database) as ledger:
                return await report_of(ledger, kafka, names, since_ms, progress.doing)

        report = work(main())
    if as_json:
        print_json(report)
    else:
        _tell_report(report)
    if report.found:
        raise typer.Exit(1)


def _tell_report(report: "Report") -> None:
    from services.wallet.tools.story import told_money

    say(
        f"since {_time(report.since_ms)}: {report.callbacks:,} callbacks with money were answered UNKNOWN, {report.unknown:,} transactions"
    )
    say(f"  moved nothing: {report.not_applied:,}")
    say(f"  applied, and followed up by the provider: {report.followed_up:,}")
    say(f"  applied, and nobody followed up: {report.found:,}")
    if report.unpaired:
        say(f"  {report.unpaired:,} more cannot be looked up: no command was made of them (a fault of ours, or an older gateway)")
    for text in report.incomplete:
        say(f"  incomplete: {text}")
    if not report.unfollowed:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("told UNKNOWN", "age", "player", "account", "id", "what", "amount", "operation"):
        table.add_column(name, overflow="fold")
    for each in report.unfollowed:
        identity = f"{each.namespace}/{each.external_id}"
        amount = told_money(each.amount, each.currency)
        row = (
            _time(each.answered_unknown_at_ms),
            _age(each.age_s),
            each.player,
            each.provider_account,
            identity,
            each.kind,
            amount,
            str(each.seq),
        )
        table.add_row(*(text.replace("[", r"\[") for text in row))
    console.print(table)
    if report.found > len(report.unfollowed):
        say(f"{report.found - len(report.unfollowed):,} more are not listed")
    if any(each.age_s < YOUNG_S for each in report.unfollowed):
        say("those of the last two minutes may still be followed up")


def _age(seconds: int) -> str:
    hours, rest = divmod(seconds, 3_600)
    return f"{hours}h {rest // 60:02d}m" if hours else f"{rest // 60}m {rest % 60:02d}s"


def _time(at_ms: int) -> str:
    from services.wallet.tools.story import told_time

    return told_time(at_ms)

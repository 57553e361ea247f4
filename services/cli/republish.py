"""`stakewire republish`: the events of stored operations sent to `wallet.events` once more."""

from typing import Annotated

import typer

from services.cli import where
from services.cli.output import ConsoleProgress, fail, say
from services.cli.technician import AsJson, BrandOption, PlayerOption, moment, player_of, print_json, work
from shared.errors import SettingsError
from shared.identity import is_player_key


def republish(
    player: PlayerOption = "",
    since: Annotated[str, typer.Option(help="Operations from then on: `24h` (ago) or `2026-11-22T10:30` (UTC).")] = "",
    until: Annotated[str, typer.Option(help="Operations before then; as --since.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every operation of every player.")] = False,
    after: Annotated[str, typer.Option(help="Go on after this player key, as an interrupted run tells it.")] = "",
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="Events a second.")] = 2_000,
    brand: BrandOption = "main",
    as_json: AsJson = False,
) -> None:
    """Send the events of stored operations again, from the ledger, byte for byte as at first.

    For when Kafka has lost its data, and for consumers that begin later than the topic reaches back. Player by player and
    in each one's order, on the partition where the wallets put them. It changes nothing: whoever knows an event already
    sees the same number and the same hash. So it may be interrupted and run again at any time, also beside wallets.

    Exit code 1 where operations were left out because their hash is not that of their content.

    Examples:

    `stakewire republish --all --rate 5000` - after Kafka was lost (first `stakewire topics apply`)

    `stakewire republish --since 36h` - what happened since the day before yesterday's evening

    `stakewire republish --player alice` - one player from his first operation on
    """
    from services.wallet.ledger.search import open_ledger
    from services.wallet.tools.republish import Republisher, Sent, Wanted

    if not (player or since or until or everything):
        raise SettingsError("say what to send: --player, --since, --until or --all")
    if player and (everything or after):
        raise SettingsError("--player sends one player's events; --all and --after are for all players")
    if after and not is_player_key(after):
        raise SettingsError(f"--after {after!r} is no player key; expected 16 characters of a-z and 2-7")
    since_ms = moment(since, "--since") if since else 0
    until_ms = moment(until, "--until") if until else 0
    if until and until_ms <= since_ms:
        raise SettingsError("--until is not after --since: there is nothing between them")
    wanted = Wanted(player=player_of(player, brand), after=after, since_ms=since_ms, until_ms=until_ms)
    database, kafka, names = where.database_url(), where.kafka_bootstrap_servers(), where.topic_names()
    made: list[Republisher] = []

    with ConsoleProgress() as progress:

        def tell(sent: Sent) -> None:
            progress.doing(f"events: {sent.events:,} of {sent.players:,} players sent, the last of them {sent.player}")

        async def main() -> Sent:
            async with open_ledger(database) as ledger:
                made.append(Republisher(ledger, kafka, names, rate))
                return await made[0].run(wanted, tell)

        sent = work(main(), when_interrupted=lambda: made[0].so_far() if made else "Nothing was sent.")
    if as_json:
        print_json(sent)
    else:
        say(f"{sent.events:,} events of {sent.players:,} players are sent")
        if sent.archived:
            say(
                f"of {sent.archived:,} players the first operations are in the archive only: they are not in the database, and were not sent"
            )
    if sent.broken:
        fail(
            f"{len(sent.broken)} players' events are not complete: the hash is not that of the content from {', '.join(sent.broken)} on. "
            "Nothing of that was sent; keep the database as it is and run `stakewire verify`."
        )

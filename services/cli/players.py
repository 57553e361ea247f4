"""`stakewire players`, `deposit`, `withdraw`, `balance`, `sessions`, `free-rounds`: the operator's side by hand.

Sends commands to the wallet over Kafka, as the gateway does; amounts are decimal strings in major units. Nothing here
reads or writes the database. Every command repeats safely under the same `--idempotency-key`.
"""

import asyncio
import secrets
import time
from typing import Annotated, Any, NoReturn

import typer
from rich.table import Table

from services.cli import where
from services.cli.output import console, fail
from shared.contracts import (
    ActivateSession,
    CloseSession,
    Command,
    CreatePlayer,
    Deposit,
    GetBalance,
    GrantFreeRounds,
    OpenSession,
    Withdraw,
)
from shared.contracts.replies import Reply, Result
from shared.errors import MoneyError
from shared.identity import is_player_key, new_keyed_id, player_key, player_key_of, provider_player_id
from shared.money import parse_decimal, render_decimal, scale_of

OPERATOR = "operator"
KEY_PREFIX = "key:"
DEADLINE_MS = 10_000
DAY_S = 86_400

_WHY = {
    Result.PLAYER_NOT_FOUND: "there is no such player (create it with `stakewire players create`)",
    Result.INSUFFICIENT_FUNDS: "the player has not that much money",
    Result.WRONG_CURRENCY: "the player has no account in this currency",
    Result.PLAYER_BLOCKED: "the player is blocked",
    Result.TOKEN_UNKNOWN: "there is no such session",
    Result.TOKEN_EXPIRED: "the session has ended",
    Result.DUPLICATE_DIFFERENT: "the idempotency key was used before with other content",
    Result.UNKNOWN: "nobody knows what became of it; repeat it with the same --idempotency-key",
}

Player = Annotated[str, typer.Argument(help=f"Your own id of the player, or `{KEY_PREFIX}<player key>`.", show_default=False)]
Amount = Annotated[str, typer.Argument(help="Decimal, in major units: `12.34`.", show_default=False)]
Currency = Annotated[str, typer.Option("--currency", "-c", help="Currency of the account.")]
Brand = Annotated[str, typer.Option(help="Brand of the player.")]
Account = Annotated[str, typer.Option("--account", "-a", help="Provider account, as in the settings file.")]
Game = Annotated[str, typer.Option("--game", "-g", help="The provider's id of the game.")]
Session = Annotated[str, typer.Argument(help="Our session id, as `sessions open` printed it.", show_default=False)]
Idempotency = Annotated[
    str, typer.Option("--idempotency-key", help="Makes a repetition safe; a random one if left out.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]

players_app = typer.Typer(no_args_is_help=True, help="Players: create them.")
sessions_app = typer.Typer(no_args_is_help=True, help="Game sessions: open, activate, close.")
free_rounds_app = typer.Typer(no_args_is_help=True, help="Free rounds: grant them.")


def register(app: typer.Typer, panel: str = "Players and money") -> None:
    """Add the commands of this module to the entry point."""
    app.add_typer(players_app, name="players", rich_help_panel=panel)
    app.command(rich_help_panel=panel)(deposit)
    app.command(rich_help_panel=panel)(withdraw)
    app.command(rich_help_panel=panel)(balance)
    app.add_typer(sessions_app, name="sessions", rich_help_panel=panel)
    app.add_typer(free_rounds_app, name="free-rounds", rich_help_panel=panel)


@players_app.command()
def create(
    player: Annotated[str, typer.Argument(help="Your own id of the player.", show_default=False)],
    currency: Annotated[list[str], typer.Option("--currency", "-c", help="Currency of an account; repeat for more.")],
    brand: Brand = "main",
    country: Annotated[str, typer.Option(help="Two-letter country code.")] = "",
    language: Annotated[str, typer.Option(help="Language code.")] = "",
    test: Annotated[bool, typer.Option("--test", help="A test player: kept out of reports.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a player with an account in each currency; safe to repeat.

    Example: `stakewire players create alice --currency EUR`
    """
    for each in currency:
        _checked(each)
    key = player_key(brand, player)
    command = CreatePlayer(
        **_operator(key, f"create-{key}"),
        brand=brand,
        operator_player_id=player,
        currencies=tuple(currency),
        country=country,
        language=language,
        test=test,
    )
    reply = _ask(command)
    ids = [provider_player_id(key, each) for each in currency]
    _show(command, reply, as_json, player_key=key, provider_player_ids=", ".join(ids))


def deposit(
    player: Player,
    amount: Amount,
    currency: Currency = "EUR",
    brand: Brand = "main",
    idempotency_key: Idempotency = "",
    as_json: AsJson = False,
) -> None:
    """Give a player money from the operator's cash.

    Example: `stakewire deposit alice 100.00 --currency EUR`
    """
    units = _units(amount, currency)
    command = Deposit(**_operator(key_of(player, brand), idempotency_key), currency=currency, amount=units)
    _show(command, _ask(command), as_json)


def withdraw(
    player: Player,
    amount: Amount,
    currency: Currency = "EUR",
    brand: Brand = "main",
    idempotency_key: Idempotency = "",
    as_json: AsJson = False,
) -> None:
    """Take money from a player back to the operator's cash; refused without the funds.

    Example: `stakewire withdraw alice 25.50`
    """
    units = _units(amount, currency)
    command = Withdraw(**_operator(key_of(player, brand), idempotency_key), currency=currency, amount=units)
    _show(command, _ask(command), as_json)


def balance(player: Player, currency: Currency = "EUR", brand: Brand = "main", as_json: AsJson = False) -> None:
    """Show a player's balance.

    Example: `stakewire balance alice`
    """
    _checked(currency)
    command = GetBalance(
        command_id="",
        player=key_of(player, brand),
        provider_account=OPERATOR,
        namespace="",
        external_id="",
        deadline_ms=DEADLINE_MS,
        currency=currency,
        player_currency=currency,
    )
    _show(command, _ask(command), as_json)


@sessions_app.command(name="open")
def open_(
    player: Player,
    account: Account,
    game: Game,
    currency: Currency = "EUR",
    brand: Brand = "main",
    grant: Annotated[str, typer.Option(help="Free rounds to play in it: the grant's id.")] = "",
    as_json: AsJson = False,
) -> None:
    """Open a pending game session and print its id.

    Example: `stakewire sessions open alice --account mascot-demo --game riot`
    """
    _checked(currency)
    key = key_of(player, brand)
    session_id = new_keyed_id(key)
    command = OpenSession(
        **_operator(key, session_id, account), session_id=session_id, currency=currency, game_id=game, grant_id=grant
    )
    _show(command, _ask(command), as_json, session_id=session_id)


@sessions_app.command()
def activate(
    session: Session,
    account: Account,
    provider_session: Annotated[str, typer.Option(help="The provider's id of its side of the session.")] = "",
    as_json: AsJson = False,
) -> None:
    """Activate a session; the player's earlier ones at this provider account end.

    Example: `stakewire sessions activate <session> --account mascot-demo --provider-session qx9sgvvpihtrlug`
    """
    command = ActivateSession(
        **_operator(_key_in(session, "session"), f"activate-{session}", account),
        session_id=session,
        provider_session_id=provider_session,
    )
    _show(command, _ask(command), as_json)


@sessions_app.command()
def close(
    session: Session,
    account: Account,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "closed by hand",
    as_json: AsJson = False,
) -> None:
    """Close a session.

    Example: `stakewire sessions close <session> --account mascot-demo`
    """
    key = _key_in(session, "session")
    command = CloseSession(**_operator(key, f"close-{session}", account), session_id=session, reason=reason)
    _show(command, _ask(command), as_json)


@free_rounds_app.command()
def grant(
    player: Player,
    account: Account,
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many rounds.")],
    game: Annotated[
        list[str] | None, typer.Option("--game", "-g", help="Game they are for; repeat for more; any if left out.")
    ] = None,
    stake: Annotated[str, typer.Option(help="Nominal stake of one round; 0 where the provider decides.")] = "0",
    days: Annotated[int, typer.Option(min=1, max=3_650, help="Days until they expire.")] = 30,
    grant_id: Annotated[str, typer.Option("--id", help="Id of the grant (the provider's bonus id); made if left out.")] = "",
    currency: Currency = "EUR",
    brand: Brand = "main",
    as_json: AsJson = False,
) -> None:
    """Grant free rounds at a provider account and print the grant's id, which is the bonus id towards the provider.

    Example: `stakewire free-rounds grant alice --account mascot-demo --count 10 --game riot`
    """
    key = key_of(player, brand)
    grant_id = grant_id or new_keyed_id(key)
    command = GrantFreeRounds(
        **_operator(key, grant_id, account),
        grant_id=grant_id,
        currency=currency,
        count=count,
        expires_at_ms=int((time.time() + days * DAY_S) * 1_000),
        game_ids=tuple(game or ()),
        stake=_units(stake, currency),
    )
    _show(command, _ask(command), as_json, grant_id=grant_id)


def _operator(key: str, idempotency_key: str, provider_account: str = OPERATOR) -> dict[str, Any]:
    """What all commands of an operator carry; the requester adds id and address."""
    return {
        "command_id": "",
        "player": key,
        "provider_account": provider_account,
        "namespace": OPERATOR,
        "external_id": idempotency_key or secrets.token_hex(16),
        "deadline_ms": DEADLINE_MS,
    }


def key_of(player: str, brand: str) -> str:
    """Return the key of a player as a person names him: the operator's own id, or `key:<player key>`."""
    if not player.startswith(KEY_PREFIX):
        return player_key(brand, player)
    key = player.removeprefix(KEY_PREFIX)
    if not is_player_key(key):
        _wrong(f"{key!r} is no player key; expected 16 characters of a-z and 2-7")
    return key


def _key_in(keyed_id: str, what: str) -> str:
    key = player_key_of(keyed_id)
    if key is None:
        _wrong(f"{keyed_id!r} is no {what} id of ours; expected <player key>.<random>")
    return key


def _units(amount: str, currency: str) -> int:
    try:
        units = parse_decimal(amount, currency)
    except MoneyError as error:
        _wrong(str(error))
    if units < 0:
        _wrong(f"{amount!r} is negative; expected an amount of 0 or more")
    return units


def _checked(currency: str) -> None:
    try:
        scale_of(currency)
    except MoneyError as error:
        _wrong(str(error))


def _wrong(message: str) -> NoReturn:
    raise typer.BadParameter(message)


def _ask(command: Command) -> Reply:
    """The wallet's reply. RequesterError (shown as a message) where Kafka is away or the wallet does not answer."""
    # Kafka's client is slow to import, and `stakewire --help` should not wait for it.
    from shared.requester import Requester

    async def ask() -> Reply:
        requester = Requester(where.kafka_bootstrap_servers(), where.topic_names(), instance_id=f"cli-{secrets.token_hex(4)}")
        await requester.start()
        try:
            return await requester.ask(command)
        finally:
            await requester.stop()

    return asyncio.run(ask())


def _show(command: Command, reply: Reply, as_json: bool, **facts: str) -> None:
    """Print what came of it; exit code 1 unless the result is OK."""
    shown: dict[str, Any] = {"result": reply.result, "player": command.player, **facts}
    if reply.currency:
        shown |= {"balance": render_decimal(reply.balance_now, reply.currency), "currency": reply.currency}
    if reply.transaction_id:
        shown["transaction_id"] = reply.transaction_id
    if command.external_id:
        shown["idempotency_key"] = command.external_id
    if reply.replayed:
        shown["replayed"] = True
    if reply.free_rounds_left >= 0:
        shown["free_rounds_left"] = reply.free_rounds_left
    if reply.detail:
        shown["detail"] = reply.detail
    if as_json:
        console.print_json(data=shown)
    else:
        table = Table(show_header=False, box=None)
        for name, value in shown.items():
            table.add_row(name.replace("_", " "), str(value))
        console.print(table)
    if reply.result != Result.OK:
        fail(f"{command.kind}: {reply.result}: {_WHY.get(reply.result, reply.detail or 'the wallet refused it')}")

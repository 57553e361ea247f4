"""`stakewire switch`: what is open for play, by brand, provider account and game. Works on the database and the topic."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, get_args

import asyncpg
import typer
from rich.table import Table

from services.cli import where
from services.cli.keys import actor, in_database
from services.cli.output import console, fail, say
from services.gateway.switches import StoredSwitch, SwitchControl, Switched, SwitchKey, SwitchStore
from shared.contracts import SwitchState
from shared.errors import SettingsError

app = typer.Typer(no_args_is_help=True, help="Open and close brands, provider accounts and games.")

STATE_STYLES = {"live": "green", "drain": "yellow", "off": "red"}
MEANING = {
    "live": "open, as far as no other switch closes it",
    "drain": "no launches and no new rounds; open rounds finish",
    "off": "no launches and no stakes",
}


@app.command("set")
def set_switch(
    state: Annotated[str, typer.Argument(help="live, drain or off.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.", show_default=False)],
    brand: Annotated[str, typer.Option(help="Only for this brand.")] = "",
    account: Annotated[str, typer.Option("--account", "-a", help="Only at this provider account.")] = "",
    game: Annotated[str, typer.Option("--game", "-g", help="Only for this game, by the provider's id.")] = "",
    everything: Annotated[
        bool, typer.Option("--everything", help="Needed where none of brand, account and game is given.")
    ] = False,
) -> None:
    """Set a switch; it holds within a second, in launches and callbacks. Wins and rollbacks always pass.

    Of all switches that match a game the strictest counts: `live` on a game does not open what is off for its provider
    account.

    Examples:

    `stakewire switch set drain --account mascot-demo --reason "maintenance at 14:00"`

    `stakewire switch set off --brand main --account mascot-demo --game riot --reason "paytable under review"`

    `stakewire switch set live --account mascot-demo --reason "maintenance is over"`
    """
    chosen = next((each for each in get_args(SwitchState) if each == state), None)
    if chosen is None:
        raise SettingsError(f"a switch stands on {', '.join(get_args(SwitchState))}; not on {state!r}")
    key = SwitchKey(brand, account, game)
    if not any(key) and not everything:
        fail("this would switch all brands, provider accounts and games; say --everything if that is meant")
    _check_names(key)
    servers, names = where.kafka_bootstrap_servers(), where.topic_names()

    async def work(pool: asyncpg.Pool) -> Switched:
        control = SwitchControl(SwitchStore(pool), servers, names)
        try:
            return await control.set(key, chosen, reason=reason, actor=actor())
        finally:
            await control.stop()

    switched = in_database(where.database_url(), work)
    say(f"{_what(key)}: {chosen}, {MEANING[chosen]} (version {switched.switch.version})")
    if not switched.published:
        say("it is kept, but Kafka has not taken it yet: the operator API publishes it as soon as Kafka answers")


@app.command("list")
def list_switches(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show all switches that were ever set.

    Example: `stakewire switch list`
    """
    stored = in_database(where.database_url(), lambda pool: SwitchStore(pool).all())
    if as_json:
        sys.stdout.write(json.dumps([_as_json(each) for each in stored], indent=2) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("brand", "provider account", "game", "state", "since", "by", "published", "reason"):
        table.add_column(name, overflow="fold")
    for each in stored:
        switch = each.switch
        table.add_row(
            switch.brand or "all",
            switch.provider_account or "all",
            switch.game_id or "all",
            f"[{STATE_STYLES[switch.state]}]{switch.state}[/]",
            _time(switch.changed_at_ms),
            each.changed_by,
            "yes" if each.published else "not yet",
            switch.reason.replace("[", r"\["),
        )
    console.print(table)


def _check_names(key: SwitchKey) -> None:
    """A switch on a name that does not exist would close nothing, in silence."""
    brands = where.brands()
    if brands is None:
        return
    accounts = {name for names in brands.values() for name in names}
    if key.brand and key.brand not in brands:
        raise SettingsError(f"there is no brand {key.brand!r}; the configuration has {', '.join(sorted(brands))}")
    if key.provider_account and key.provider_account not in accounts:
        known = ", ".join(sorted(accounts)) or "none"
        raise SettingsError(f"there is no provider account {key.provider_account!r}; the configuration has {known}")


def _what(key: SwitchKey) -> str:
    game = f"game {key.game_id}" if key.game_id else "all games"
    return f"{game} of {key.provider_account or 'all provider accounts'} for {key.brand or 'all brands'}"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _as_json(stored: StoredSwitch) -> dict[str, object]:
    switch = stored.switch
    return {
        "brand": switch.brand,
        "provider_account": switch.provider_account,
        "game_id": switch.game_id,
        "state": switch.state,
        "reason": switch.reason,
        "version": switch.version,
        "changed_at": _time(switch.changed_at_ms),
        "changed_by": stored.changed_by,
        "published": stored.published,
    }

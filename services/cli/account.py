"""`stakewire account`: sets provider accounts up, lists them, and checks them from both sides.

What is particular to a provider lies in its folder below `shared/providers`; here are questions, options and tables.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import typer
from rich.table import Table

from deploy.local.settings import load_stack_settings
from services.cli import where
from services.cli.output import console, fail, say, without_logs
from shared.errors import MoneyError
from shared.money import CRYPTO_SCALES, scale_of

STYLES = {"ok": "green", "failed": "bold red", "skipped": "yellow"}
PROMPT_EXAMPLES = {"--currency": "EUR"}
FIAT_DIGITS, CRYPTO_DIGITS = 2, 8
CURRENCY_PARTS_MAX = 3
KEY_ID_PATTERN = r"[A-Za-z0-9._-]{1,64}"
T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Provider accounts: add, list, check.")
add_app = typer.Typer(no_args_is_help=True, help="Add an account of a provider to the settings file.")
app.add_typer(add_app, name="add")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file; default: STAKEWIRE_CONFIG_FILE or the stack's.", show_default=False)
]


@add_app.command()
def mascot(
    name: Annotated[str, typer.Option(help="Name of the account: a-z, 0-9 and '-'.", show_default=False)] = "",
    casino_id: Annotated[int | None, typer.Option(min=0, help="Our casino id at the provider.", show_default=False)] = None,
    currency: Annotated[
        list[str] | None,
        typer.Option(
            "--currency", "-c", help="`EUR`, or `<provider's code>=<ours>:<digits>:<factor>`, e.g. `mBTC=BTC:5:-3`; repeat."
        ),
    ] = None,
    operator_api_url: Annotated[
        str | None, typer.Option(help="The provider's Operator API, https://.../v1/signed/ or .../v1/; empty: not known yet.")
    ] = None,
    brand: Annotated[list[str] | None, typer.Option(help="Brand that uses it; repeat; default main.", show_default=False)] = None,
    auth: Annotated[str, typer.Option(help="How its callbacks prove who sends them: signature or mtls.")] = "signature",
    key_id: Annotated[list[str] | None, typer.Option(help="Id of a key to make; repeat; default main.", show_default=False)] = None,
    provider_address: Annotated[
        list[str] | None, typer.Option(help="Network the provider calls from; repeat; default any.")
    ] = None,
    trusted_proxy: Annotated[list[str] | None, typer.Option(help="Network of our reverse proxies; repeat.")] = None,
    certificate_header: Annotated[str, typer.Option(help="mtls: where the proxy puts the result of its check.")] = "",
    certificate_value: Annotated[str, typer.Option(help="mtls: its value that means verified.")] = "",
    certificate: Annotated[str, typer.Option(help="Our client certificate with key, PEM, relative to the settings file.")] = "",
    ca: Annotated[str, typer.Option(help="Authorities of the provider's server, PEM, relative to the settings file.")] = "",
    base_host: Annotated[str, typer.Option(help="Our own domain for games.")] = "",
    static_host: Annotated[str, typer.Option(help="Host of the games' static files.")] = "",
    our_address: Annotated[list[str] | None, typer.Option(help="Address we call from, to tell the provider; repeat.")] = None,
    public_url: Annotated[str, typer.Option(help="Our public address, e.g. https://callbacks.casino.example.")] = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Add a Mascot account: a checked entry in the settings file, a key for signatures, and what to send to the provider.

    What is not given is asked for at a terminal. A secret file that exists already (`secrets/<name>-<key id>` beside the
    settings file, say with the key that the provider sent) is used; otherwise one is made at random, readable to its
    owner only. Comments in the settings file stay.

    Examples:

    `stakewire account add mascot --name mascot-eu --casino-id 12 --currency EUR --currency USD`

    `stakewire account add mascot --name mascot-eu --casino-id 12 -c EUR --operator-api-url https://api.provider.example/v1/signed/`
    """
    from services.cli.accounts_file import NewAccount, add_account

    name = name or _asked("--name", "Name of the account (a-z, 0-9, '-')", str)
    casino = casino_id if casino_id is not None else _asked("--casino-id", "Our casino id at the provider", int)
    codes = currency or _asked("--currency", "Currencies, separated by blanks", str).split()
    if operator_api_url is None:
        operator_api_url = _asked("--operator-api-url", "The provider's Operator API (empty: not known yet)", str, default="")
    settings = _given(
        casino_id=casino,
        auth=auth if auth != "signature" else None,
        operator_api_url=operator_api_url,
        operator_api_certificate=certificate,
        operator_api_ca=ca,
        base_host=base_host,
        static_host=static_host,
        allowed_addresses=provider_address,
        trusted_proxies=trusted_proxy,
        certificate_header=certificate_header,
        certificate_value=certificate_value,
    )
    key_ids = tuple(key_id or (["main"] if auth == "signature" else []))
    _check_key_ids(key_ids)
    file = _config_file(config)
    new = NewAccount(name, "mascot", tuple(brand or ["main"]), settings, dict(_currency(code) for code in codes), key_ids)
    added = add_account(file, new)
    to_send = {
        "callback URL": _public_callback(public_url, name),
        "casino id": str(casino),
        "key ids": ", ".join(key_ids) or "none: callbacks come with the provider's client certificate",
        "our addresses": ", ".join(our_address or []) or "the addresses this machine calls from (--our-address)",
    }
    secrets = {key: str(path) for key, path in added.secrets.items()}
    expected = _expected_back(settings)
    if as_json:
        told = {"name": name, "file": str(file), "send": to_send, "secrets": secrets, "expect": expected}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    say(f"{name} is in {file}")
    say("\nSend to the provider:")
    for what, value in to_send.items():
        say(f"  {what:<14} {value}")
    for key, path in secrets.items():
        state = "made just now" if Path(path) in added.made else "was there already"
        say(f"  secret of {key:<4} in {path} ({state}); send it on a safe way, never by mail")
    say("\nThe provider must give back:")
    for what in expected:
        say(f"  - {what}")
    say(f"\nThen restart the services (`stakewire down`, `stakewire up`) and run `stakewire account check {name}`.")


@app.command(name="list")
def list_(config: Config = None, as_json: AsJson = False) -> None:
    """List the provider accounts of the settings file, without secrets.

    Example: `stakewire account list --json`
    """
    from shared.settings import load_accounts_file

    where.know_the_stack()
    file = load_accounts_file(_config_file(config))
    rows: list[dict[str, str | list[str]]] = [
        {
            "name": account.name,
            "dialect": account.dialect,
            "brands": list(account.brands),
            "currencies": list(account.currencies),
            "keys": list(account.keys),
            "provider": str(account.settings.get("operator_api_url", "")),
            "callbacks": _callback_url(account.name),
        }
        for account in file.provider_accounts.values()
    ]
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "dialect", "brands", "currencies", "keys", "provider", "callbacks"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, str) else ", ".join(cell) for cell in row.values()))
    console.print(table)


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="Name of the account in the settings file.", show_default=False)],
    callback_url: Annotated[
        str, typer.Option(help="Where our callbacks are called; default: the stack that runs here.", show_default=False)
    ] = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Check an account from both sides; exit code 1 if a step failed.

    Asks the provider for its list of games with the account's keys, and looks at address, TLS, clock and signatures on the
    way; then asks our own callbacks as the provider would, for the balance of a player who does not exist. Changes nothing.

    Example: `stakewire account check mascot-demo`
    """
    from shared.providers.registry import check_account
    from shared.settings import load_accounts_file

    where.know_the_stack()
    file = load_accounts_file(_config_file(config))
    account = file.provider_accounts.get(name)
    if account is None:
        fail(f"there is no provider account {name} in {file.path}; there are: {', '.join(file.provider_accounts) or 'none'}")

    async def run() -> bool:
        steps = []
        async for step in check_account(account, callback_url or _callback_url(name)):
            steps.append(step)
            if not as_json:
                console.print(f"[{STYLES[step.state]}]{step.state:<8}[/]", end="")
                say(f"{step.name}: {step.found}" + (f"\n        what to do: {step.mend}" if step.mend else ""))
        if as_json:
            sys.stdout.write(json.dumps(msgspec.to_builtins(steps), indent=2) + "\n")
        return any(step.state == "failed" for step in steps)

    with without_logs():
        any_failed = asyncio.run(run())
    if any_failed:
        raise typer.Exit(1)


def _asked(option: str, question: str, kind: Callable[[str], T], default: T | None = None) -> T:
    """The answer of the person at the terminal; without one the default, or an error that names the option."""
    if sys.stdin.isatty():
        answer: T = typer.prompt(question, default=default if default is not None else PROMPT_EXAMPLES.get(option), type=kind)
        return answer
    if default is None:
        _wrong(f"{option} is missing, and there is no terminal to ask at; give it as an option")
    return default


def _given(**settings: Any) -> dict[str, Any]:
    """The settings that were given; the others keep their defaults."""
    return {name: value for name, value in settings.items() if value is not None and value not in ("", [])}


def _currency(text: str) -> tuple[str, dict[str, Any]]:
    """`EUR`, `EUR:2`, `mBTC=BTC:5:-3`: the provider's code and its entry of currency_map."""
    names, *numbers = text.split(":")
    wire, _, ours = names.partition("=")
    ours = ours or wire
    try:
        scale_of(ours)
        digits, factor, *more = [int(number) for number in numbers] + [None] * (CURRENCY_PARTS_MAX - 1 - len(numbers))
    except MoneyError as error:
        _wrong(f"--currency {text!r}: {error}")
    except ValueError:
        _wrong(f"--currency {text!r}: expected <provider's code>=<ours>:<digits>:<factor>, such as EUR or mBTC=BTC:5:-3")
    if not wire or more:
        _wrong(f"--currency {text!r}: expected <provider's code>=<ours>:<digits>:<factor>, such as EUR or mBTC=BTC:5:-3")
    if digits is None:
        digits = CRYPTO_DIGITS if ours in CRYPTO_SCALES else FIAT_DIGITS
    return wire, {"currency": ours, "factor_exponent": factor or 0, "digits": digits}


def _check_key_ids(key_ids: tuple[str, ...]) -> None:
    import re

    for key_id in key_ids:
        if not re.fullmatch(KEY_ID_PATTERN, key_id, re.ASCII) or key_id.startswith("."):
            _wrong(f"--key-id {key_id!r}: expected at most 64 letters, digits, '.', '_' and '-', as it names a file, too")


def _expected_back(settings: dict[str, Any]) -> list[str]:
    """What only the provider can tell."""
    back = ["that it has the key and our addresses, and that the casino id is ours"]
    if "operator_api_url" not in settings:
        back.append("the address of its Operator API (operator_api_url), ending in /v1/signed/ or /v1/")
    if "allowed_addresses" not in settings:
        back.append("the addresses it calls from (allowed_addresses)")
    if settings.get("auth") == "mtls":
        back.append("the authority of its client certificates, for the reverse proxy")
    back.append("the currencies with their digits, compared with currency_map")
    back.append("its answers to the open points of docs/mascot.md")
    return back


def _public_callback(public_url: str, name: str) -> str:
    return f"{public_url.rstrip('/') or 'https://<your public host>'}/callbacks/{name}"


def _callback_url(name: str) -> str:
    """Where the stack that runs here takes an account's callbacks; empty when none runs."""
    content = where.stack_file(load_stack_settings()) or {}
    return f"{content['callbacks']}/callbacks/{name}" if "callbacks" in content else ""


def _config_file(given: Path | None) -> Path:
    return given.absolute() if given is not None else load_stack_settings().config_file


def _wrong(message: str) -> NoReturn:
    raise typer.BadParameter(message)

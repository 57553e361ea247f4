"""`stakewire account diagnose`, `faults`, `fault`: the doctor and the simulator's broken requests, for a technician."""

import http.client
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.settings import load_stack_settings
from services.cli import where
from services.cli.output import console, fail, say
from services.cli.simulator import call
from shared.errors import SettingsError

FILE_BYTES_MAX = 1_048_576
FAULT_S = 60.0
STYLES = {"ok": "green", "failed": "bold red", "skipped": "yellow"}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file; default: STAKEWIRE_CONFIG_FILE or the stack's.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Adds the three commands to `stakewire account`."""
    app.command()(diagnose)
    app.command()(faults)
    app.command()(fault)


def diagnose(
    name: Annotated[str, typer.Argument(help="Name of the account in the settings file.", show_default=False)],
    file: Annotated[Path, typer.Argument(help="The request as it crossed the wire; - for the standard input.", show_default=False)],
    received_at: Annotated[
        str, typer.Option(help="When it came, e.g. 2026-11-22T10:30:05 (UTC); without it the clocks are not compared.")
    ] = "",
    remote_address: Annotated[str, typer.Option(help="The address of the connection it came over.")] = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell why a callback would be refused; exit code 1 if it would. Sends nothing, keeps nothing, asks no server.

    The file holds request line, headers, a blank line and the body. It is taken byte for byte.

    Example: `stakewire account diagnose mascot-demo request.http --received-at 2026-11-22T10:30:05`
    """
    import msgspec

    from shared.providers.diagnosis.paste import PasteError, read_paste
    from shared.providers.registry import open_doctor
    from shared.settings import load_accounts_file

    where.know_the_stack()
    accounts = load_accounts_file(config.absolute() if config is not None else load_stack_settings().config_file).provider_accounts
    account = accounts.get(name)
    if account is None:
        fail(f"there is no provider account {name}; there are: {', '.join(accounts) or 'none'}")
    doctor = open_doctor(account, accounts)
    if doctor is None:
        fail(f"there are no rules for the dialect {account.dialect} yet")
    try:
        pasted = read_paste(_content(file), name, remote_address)
    except PasteError as error:
        fail(f"{file}: {error}")
    found = doctor.examine(pasted.callback, at_s=_seconds(received_at), http_method=pasted.http_method)
    if as_json:
        sys.stdout.write(json.dumps(msgspec.to_builtins(found), indent=2) + "\n")
    else:
        for remark in pasted.remarks:
            say(f"note: {remark}")
        for check in found.checks:
            console.print(f"[{STYLES[check.state]}]{check.state:<8}[/]", end="")
            say(f"{check.name}: {check.said}")
        for each in found.findings:
            say(f"\n{each.title} ({each.code}, {each.severity})\n  {each.said}")
            for line in each.evidence:
                say(f"  - {line}")
            say(f"  what to do: {each.advice}\n  the rule: {each.rule}")
    if any(each.severity != "info" for each in found.findings):
        raise typer.Exit(1)


def faults(as_json: AsJson = False) -> None:
    """List the broken requests that the running simulator can send.

    Example: `stakewire account faults`
    """
    listed = _asked("GET", "/faults")
    if as_json:
        sys.stdout.write(json.dumps(listed, indent=2) + "\n")
        return
    for each in listed:
        needs = f" (needs an account: {each['account_must_be']})" if each["account_must_be"] else ""
        say(f"{each['name']:<32} {each['about']}{needs}")


def fault(
    name: Annotated[str, typer.Argument(help="Name of the fault; `stakewire account faults` lists them.", show_default=False)],
    account: Annotated[str, typer.Option("--account", "-a", help="Provider account at which it is sent.")] = "mascot-demo",
    as_json: AsJson = False,
) -> None:
    """Let the running simulator send a broken request; the archive's record has its request id.

    Example: `stakewire account fault little_endian`
    """
    done = _asked("POST", "/faults", {"name": name, "provider_account": account})
    if as_json:
        sys.stdout.write(json.dumps(done, indent=2) + "\n")
        return
    say(f"{done['name']}: {done['about']}")
    for each in done["exchanges"]:
        say(f"  request {each['request_id']} was answered with HTTP {each['status']}: {each['answer'][:200]}")


def _asked(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    content = where.stack_file(load_stack_settings()) or {}
    if "simulator" not in content:
        fail("no stack with a simulator runs here; start one with `stakewire up`")
    host = str(content["simulator"]).removeprefix("http://")
    status, answer = call(host, method, path, json.dumps(body).encode() if body is not None else None, FAULT_S)
    text = answer.decode("utf-8", "replace")
    if status != http.client.OK:
        fail(f"the simulator answered with HTTP {status}: {text[:300]}")
    return json.loads(text)


def _content(file: Path) -> bytes:
    try:
        content = sys.stdin.buffer.read(FILE_BYTES_MAX + 1) if str(file) == "-" else file.read_bytes()[: FILE_BYTES_MAX + 1]
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}")
    if len(content) > FILE_BYTES_MAX:
        fail(f"{file} has more than {FILE_BYTES_MAX} bytes; a callback has a few hundred")
    return content


def _seconds(text: str) -> float | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        now = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds")
        raise SettingsError(f"--received-at {text!r} is no time such as {now}") from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()

"""The dead letters: read, told in words, and sent again where that is right. Decides nothing about money.

A letter's id is its place on the topic, `<partition>-<offset>`. A letter is done when the ledger holds the key of its
command: that is the only mark, it is as durable as the effect, and it makes a second retry an answer from what is stored.
"""

from __future__ import annotations

import base64
import binascii
import heapq
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from services.wallet.decisions.model import Operation
from services.wallet.intake import QUERIES, Taken, may_expire, take
from services.wallet.ledger.search import Ledger
from services.wallet.tools.scan import Found, TopicReader
from services.wallet.working_set import Key
from shared.contracts import Command, Reply
from shared.contracts.codec import decode_dead_letter, decode_header, encode
from shared.contracts.keys import keys_of
from shared.errors import ContractError, StakewireError

_ID: Final = re.compile(r"([0-9]{1,4})-([0-9]{1,18})")
_SECRET: Final = re.compile(r"token|secret|passw|signature|authorization|cookie|api_?key", re.IGNORECASE)
_SECRET_IN_TEXT: Final = re.compile(
    r'(\\?"[^"\\]{0,64}(?:token|secret|passw|signature|authorization|cookie|api_?key)[^"\\]{0,64}\\?"\s*:\s*)\\?"[^"\\]*\\?"',
    re.IGNORECASE,
)
HIDDEN: Final = "(not shown)"
TEXT_SHOWN_MAX: Final = 2_000
REPLY_LIMIT_MS: Final = 20_000


class LetterError(StakewireError):
    """A dead letter cannot be used: it is not there, or must not be sent again."""


class Letter(Struct, kw_only=True):
    """One dead letter without its record. `state`: what the ledger holds of it now, empty where nobody looked."""

    id: str
    at_ms: int
    player: str
    kind: str
    cause: str
    detail: str
    origin_partition: int
    origin_offset: int
    external_ids: list[str]
    state: str = ""


class Opened(NamedTuple):
    """A letter with what it holds: the record as it was, and the command where it can be read by this version."""

    letter: Letter
    raw: bytes
    taken: Taken


def open_letter(found: Found) -> Opened | None:
    """A record of the topic as a letter; None where it is none."""
    try:
        content = decode_dead_letter(found.value)
        raw = base64.b64decode(content.record_base64, validate=True)
    except (ContractError, binascii.Error):
        return None
    (taken,) = take([_Record(content.origin_partition, content.origin_offset, content.at_ms, content.record_key.encode(), raw)])
    header = decode_header(raw)
    command = taken.command
    letter = Letter(
        id=f"{found.partition}-{found.offset}",
        at_ms=content.at_ms,
        player=command.player if command else (header.player if header else "") or content.record_key,
        kind=command.kind if command else (header.kind if header else ""),
        cause=content.cause,
        detail=content.detail,
        origin_partition=content.origin_partition,
        origin_offset=content.origin_offset,
        external_ids=[key.external_id for key in keys_of(command)] if command else [],
    )
    return Opened(letter, raw, taken)


class _Record(NamedTuple):
    """A record as the wallet's consumer gave it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


async def newest(reader: TopicReader, *, cause: str, since_ms: int, limit: int, ledger: Ledger | None) -> tuple[list[Letter], int]:
    """The newest letters, newest first, and how many there are that fit the filters.

    `cause` is a part of the cause or the detail; `since_ms` counts by the time of the letter. With a ledger each letter
    tells its state.
    """
    kept: list[tuple[int, str, Letter, list[Key] | None]] = []
    fitting = 0
    async for batch in reader.batches(since_ms=since_ms):
        for found in batch:
            opened = open_letter(found)
            if opened is None or not _fits(opened.letter, cause, since_ms):
                continue
            fitting += 1
            command = opened.taken.command
            entry = (opened.letter.at_ms, opened.letter.id, opened.letter, ledger_keys(command) if command else None)
            if len(kept) < limit:
                heapq.heappush(kept, entry)
            else:
                heapq.heappushpop(kept, entry)
    chosen = sorted(kept, key=lambda entry: entry[:2], reverse=True)
    if ledger is not None:
        stored = await ledger.by_keys([key for _, _, _, keys in chosen for key in keys or ()])
        for _, _, letter, keys in chosen:
            letter.state = state_of(letter.kind, keys, [stored[key][0] for key in keys or () if key in stored])
    return [letter for _, _, letter, _ in chosen], fitting


def _fits(letter: Letter, cause: str, since_ms: int) -> bool:
    return letter.at_ms >= since_ms and cause.casefold() in f"{letter.cause}: {letter.detail}".casefold()


def place_of(letter_id: str) -> tuple[int, int]:
    """(partition, offset) of an id. LetterError where it is none."""
    match = _ID.fullmatch(letter_id)
    if match is None:
        raise LetterError(
            f"{letter_id[:60]!r} is no id of a dead letter; expected <partition>-<offset>, as `dead-letters list` shows"
        )
    return int(match[1]), int(match[2])


async def find(reader: TopicReader, letter_id: str) -> Opened:
    """One letter by its id. LetterError where there is none."""
    found = await reader.one(*place_of(letter_id))
    opened = open_letter(found) if found else None
    if opened is None:
        raise LetterError(
            f"there is no dead letter {letter_id}: the topic keeps letters for weeks only, and a recreated topic counts from 0 again"
        )
    return opened


def ledger_keys(command: Command) -> list[Key]:
    """The keys under which the ledger would hold a command."""
    return [(command.player, command.provider_account, key.namespace, key.external_id) for key in keys_of(command)]


def state_of(kind: str, keys: Sequence[Key] | None, stored: Sequence[Operation]) -> str:
    """What the ledger says of a letter, in a few words."""
    if keys is None:
        return "not readable"
    if stored:
        told = ", ".join(f"{operation.status} as operation {operation.seq}" for operation in stored)
        return told if len(stored) == len(keys) else f"in part: {told}"
    return "not stored" if keys else f"a {kind or 'record'} leaves no trace"


def refusal_to_retry(opened: Opened) -> str:
    """Why a letter must not be sent again, whatever the ledger holds; empty where it may be."""
    command = opened.taken.command
    if command is None:
        return (
            f"it cannot be read: {opened.taken.cause}. The wallet would bury it again; what it asks for has to come again from "
            "its sender, rightly"
        )
    if command.kind in QUERIES or not keys_of(command):
        return f"a {command.kind} changes nothing, and nobody waits for its answer any more"
    if may_expire(command):
        return (
            f"a {command.kind} takes the player's money, or opens something for him, only while its caller waits. The caller was told "
            "UNKNOWN and has repeated it or rolled it back since: applied now it would be money that nobody expects to be taken. "
            "If it is still wanted, its sender has to send it again"
        )
    return ""


async def retry(opened: Opened, ask: Callable[[Command], Awaitable[Reply]]) -> Reply:
    """Sends a letter's command again, as it was but for the address of its reply, and returns the wallet's reply.

    The key is the same, so however often this is done it takes effect once. LetterError where it must not be sent,
    RequesterError where no reply came.
    """
    refusal = refusal_to_retry(opened)
    command = opened.taken.command
    if refusal or command is None:
        raise LetterError(f"letter {opened.letter.id} is not sent again: {refusal}.")
    return await ask(replace(command, command_id="", caller="", reply_partition=-1, deadline_ms=REPLY_LIMIT_MS))


def same_content(command: Command, stored: Operation) -> bool:
    """Whether a stored operation looks like this command: the same kind and the same money."""
    if stored.kind != command.kind:
        return False
    if command.kind in {"rollback", "withdraw", "promo_win"}:
        return True  # they are stored by what they found, not by what they said
    said: dict[str, int | None] = {name: getattr(command, name, None) for name in ("amount", "stake", "win")}
    amount, stake, win = said["amount"], said["stake"], said["win"]
    if amount is not None:
        return stored.win - stored.stake == amount
    return (stake is None or stored.stake + stored.nominal_stake == stake) and (win is None or stored.win == win)


def shown(opened: Opened) -> dict[str, Any] | str:
    """What a letter holds, for a person: the command's fields, or the text as far as it can be shown. Never a token."""
    command = opened.taken.command
    content: Any = None
    try:
        content = msgspec.json.decode(encode(command) if command else opened.raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = _SECRET_IN_TEXT.sub(rf'\1"{HIDDEN}"', opened.raw[: TEXT_SHOWN_MAX * 4].decode("utf-8", "backslashreplace"))
        return text if len(text) <= TEXT_SHOWN_MAX else f"{text[:TEXT_SHOWN_MAX]} ... ({len(opened.raw):,} bytes)"
    hidden = without_secrets(content)
    return hidden if isinstance(hidden, dict) else str(hidden)


def without_secrets(content: Any) -> Any:
    """A JSON value with the values of all fields hidden whose names sound like secrets; empty ones stay."""
    if isinstance(content, dict):
        return {name: HIDDEN if _SECRET.search(str(name)) and each else without_secrets(each) for name, each in content.items()}
    if isinstance(content, list):
        return [without_secrets(each) for each in content]
    return content

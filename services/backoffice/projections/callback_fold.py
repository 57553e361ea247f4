"""From archived callbacks to rows: the archive itself, what failed how often, callbacks a second. Pure: no clock, no database.

Everything that is summed is summed without regard to order, so that batches and their cuts change nothing.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from bisect import bisect_left
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import asdict, replace

from shared.errors import ContractError

BUCKETS_MS: Final = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_500)
"""Upper bounds of the classes of `projections.pulse.buckets`; one more for what is slower."""
BUCKETS: Final = len(BUCKETS_MS) + 1
PULSE_KEPT_S: Final = 3_600
_LIMITS_US: Final = tuple(ms * 1_000 for ms in BUCKETS_MS)
_NUL: Final = "\x00"
_NO_NUL: Final = "\ufffd"
_NUL_ESCAPED: Final = b"\\u0000"
Natural = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""Fits a column of type integer."""


class Archived(Struct, frozen=True, kw_only=True):
    """A record of `gateway.callbacks` (contracts.CallbackRecord), headers and keys as the JSON text that they came as."""

    request_id: str
    provider_account: str
    dialect: str
    received_at_ms: int
    remote_address: str
    request_headers: Raw
    request_body: str
    response_status: Natural
    response_body: str
    verdict: str
    request_base64: bool = False
    response_base64: bool = False
    method: str = ""
    player: str = ""
    external_id: str = ""
    result: str = ""
    diagnosis: str = ""
    finding: str = ""
    finding_facts: str = ""
    kept_share: float = 1.0
    verify_us: Natural = 0
    parse_us: Natural = 0
    wallet_us: Natural = 0
    total_us: Natural = 0
    kind: str = ""
    keys: Raw = Raw(b"")


class FindingHour(Struct):
    """What is to be added to a row of `projections.finding_hours`."""

    count: int
    first_ms: int
    last_ms: int
    last_request_id: str


class Beat(Struct):
    """What is to be added to a row of `projections.pulse`."""

    count: int
    total_us: int
    slowest_us: int
    buckets: list[int]


class Callbacks(Struct):
    """What a batch of callbacks adds. `out_of_range` counts those of a month that is not kept: they are left out altogether."""

    rows: list[tuple[Any, ...]] = []
    months: set[date] = set()
    finding_hours: dict[tuple[str, str, int], FindingHour] = {}
    """By provider account, finding, hour (Unix seconds)."""
    pulse: dict[tuple[int, str, str, str], Beat] = {}
    """By second (Unix seconds), provider account, result, verdict."""
    out_of_range: int = 0


_decode: Final = msgspec.json.Decoder(Archived).decode


def decode_archived(raw: bytes) -> Archived:
    """One record of `gateway.callbacks`; ContractError where it is none.

    PostgreSQL's texts hold no NUL. A body with one is kept as base64, because evidence is not mended; elsewhere it is replaced.
    """
    try:
        record = _decode(raw)
        return _without_nul(record) if _NUL_ESCAPED in raw else record
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ContractError(f"not a callback record: {error}") from error


def fold_callbacks(records: Iterable[Archived], now: datetime, oldest: datetime) -> Callbacks:
    """What a batch adds. `oldest`: callbacks from before are not kept any more, nor those of more than a month ahead of `now`."""
    told = Callbacks()
    newest = next_month(next_month(now.date()))
    pulse_from_s = int(now.timestamp()) - PULSE_KEPT_S
    for record in records:
        received = _moment(record.received_at_ms)
        if received is None or received < oldest or received.date() >= newest:
            told.out_of_range += 1
            continue
        told.rows.append(_row(record, received))
        told.months.add(month_of(received.date()))
        if record.finding:
            _count_finding(told, record)
        second = record.received_at_ms // 1_000
        if second >= pulse_from_s:
            _count_beat(told, record, second)
    return told


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def weight_of(record: Archived) -> int:
    """For how many callbacks a record stands: successes may be archived by a share of them only.

    A whole number, so that sums stay exact; which of two neighbours it is depends on the request id, and on average it is right.
    """
    share = record.kept_share
    if not 0 < share < 1:
        return 1
    whole, rest = divmod(1 / share, 1)
    return int(whole) + int(zlib.crc32(record.request_id.encode()) < rest * 2**32)


def _moment(unix_ms: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(milliseconds=unix_ms)
    except OverflowError:
        return None


_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _count_finding(told: Callbacks, record: Archived) -> None:
    at_ms, finding = record.received_at_ms, record.finding
    key = (record.provider_account, finding, at_ms // 3_600_000 * 3_600)
    request_id = record.request_id
    hour = told.finding_hours.get(key)
    if hour is None:
        told.finding_hours[key] = FindingHour(1, at_ms, at_ms, request_id)
        return
    hour.count += 1
    hour.first_ms = min(hour.first_ms, at_ms)
    hour.last_ms, hour.last_request_id = max((hour.last_ms, hour.last_request_id), (at_ms, request_id))


def _count_beat(told: Callbacks, record: Archived, second: int) -> None:
    key = (second, record.provider_account, record.result, record.verdict)
    beat = told.pulse.get(key)
    if beat is None:
        beat = told.pulse[key] = Beat(0, 0, 0, [0] * BUCKETS)
    weight, total_us = weight_of(record), record.total_us
    beat.count += weight
    beat.total_us += weight * total_us
    beat.slowest_us = max(beat.slowest_us, total_us)
    beat.buckets[bisect_left(_LIMITS_US, total_us)] += weight


def _row(record: Archived, received: datetime) -> tuple[Any, ...]:
    """A row of `projections.callbacks`, columns as in `callback_store.COLUMNS`."""
    return (
        received,
        record.request_id,
        record.provider_account,
        record.dialect,
        record.method,
        record.kind,
        record.player,
        record.external_id,
        record.verdict,
        record.result,
        record.response_status,
        record.remote_address,
        record.diagnosis,
        record.finding,
        record.finding_facts,
        bytes(record.request_headers).decode(),
        record.request_body,
        record.request_base64,
        record.response_body,
        record.response_base64,
        record.verify_us,
        record.parse_us,
        record.wallet_us,
        record.total_us,
        bytes(record.keys).decode(),
    )


def _without_nul(record: Archived) -> Archived:
    request, request_base64 = _body(record.request_body, base64_already=record.request_base64)
    response, response_base64 = _body(record.response_body, base64_already=record.response_base64)
    texts = {name: value.replace(_NUL, _NO_NUL) for name, value in asdict(record).items() if isinstance(value, str)}
    bodies = {"request_body": request, "response_body": response}
    return replace(record, **{**texts, **bodies}, request_base64=request_base64, response_base64=response_base64)


def _body(text: str, *, base64_already: bool) -> tuple[str, bool]:
    if _NUL not in text:
        return text, base64_already
    return base64.b64encode(text.encode()).decode(), True


def body_bytes(text: str, *, is_base64: bool) -> bytes:
    """A stored body as it crossed the wire; ContractError where it is no base64."""
    if not is_base64:
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ContractError(f"a stored body is no base64: {error}") from error

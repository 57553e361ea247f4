"""The header that ties spans of two processes together: what is not exactly right is no parent, and no error."""

from __future__ import annotations

import pytest

from shared.tracing import HEADER, Parent, parse_traceparent, sampled_parent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01".encode()


def test_a_right_header_names_the_span() -> None:
    parent = parse_traceparent(GOOD)
    assert parent == Parent(int(TRACE, 16), int(SPAN, 16), sampled=True)
    assert parent.trace == TRACE


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True)])
def test_only_the_last_bit_of_the_flags_says_that_it_is_sampled(flags: str, sampled: bool) -> None:  # noqa: FBT001
    parent = parse_traceparent(f"00-{TRACE}-{SPAN}-{flags}".encode())
    assert parent is not None
    assert parent.sampled is sampled


def test_a_later_version_may_say_more() -> None:
    parent = parse_traceparent(f"01-{TRACE}-{SPAN}-01-what-may-come".encode())
    assert parent is not None
    assert parent.trace == TRACE


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"-",
        b"00",
        GOOD[:-1],
        GOOD + b"0",
        GOOD + b"-more",
        GOOD + b"\n",
        b" " + GOOD,
        GOOD.upper(),
        GOOD.replace(b"-", b"_"),
        GOOD.replace(b"4", b"g"),
        GOOD.replace(b"4", b"\xb2"),
        f"ff-{TRACE}-{SPAN}-01".encode(),
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"01-{TRACE}-{SPAN}-01-{'x' * 100}".encode(),
        b"0" * 1_000_000,
        b"\x00" * 55,
        bytes(range(256)),
    ],
)
def test_anything_else_is_ignored(value: bytes | None) -> None:
    assert parse_traceparent(value) is None
    assert sampled_parent([(HEADER, value)]) is None


def test_of_a_record_only_the_one_header_counts() -> None:
    others: list[tuple[str, bytes | None]] = [("tracestate", b"a=b"), ("x", None)]
    assert sampled_parent(others) is None
    assert sampled_parent([*others, (HEADER, GOOD)]) == parse_traceparent(GOOD)
    assert sampled_parent([(HEADER, GOOD[:-1] + b"0")]) is None
    assert sampled_parent([(HEADER, b"broken"), (HEADER, GOOD)]) is None

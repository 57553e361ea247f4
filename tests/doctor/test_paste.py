"""What people paste: read as it is, mended where it is certain, refused with a word of advice otherwise."""

from __future__ import annotations

import base64

import pytest

from shared.providers.diagnosis.paste import HEADERS_MAX, PasteError, decode_base64, made_of_parts, read_paste

GOOD = b'POST /callbacks/mascot-demo HTTP/1.1\r\nHost: x\r\nX-Nonce:  12 \r\nContent-Length: 8\r\n\r\n{"a":1}\n'


def test_a_whole_request_is_read() -> None:
    pasted = read_paste(GOOD, "mascot-demo", "192.0.2.1")
    assert (pasted.http_method, pasted.callback.path, pasted.callback.peer) == ("POST", "", "192.0.2.1")
    assert pasted.callback.headers[b"x-nonce"] == b"12"
    assert pasted.callback.body == b'{"a":1}\n'
    assert pasted.remarks == ()


def test_line_ends_of_lf_and_a_query_are_read_too() -> None:
    pasted = read_paste(b"\n\npost /callbacks/a?x=1\nX-A: b\n\nbody", "a")
    assert (pasted.http_method, pasted.callback.query, pasted.callback.body) == ("POST", b"x=1", b"body")


def test_what_is_behind_the_body_s_length_is_cut_and_said() -> None:
    pasted = read_paste(GOOD.replace(b"Length: 8", b"Length: 7"), "mascot-demo")
    assert pasted.callback.body == b'{"a":1}'
    assert "8 were pasted" in pasted.remarks[0]


def test_a_body_that_lost_bytes_is_told_of() -> None:
    assert "only 8" in read_paste(GOOD.replace(b"Length: 8", b"Length: 9"), "mascot-demo").remarks[0]


@pytest.mark.parametrize(
    ("path", "rest"),
    [("/callbacks/a", ""), ("/callbacks/a/b", "/b"), ("/callbacks/other", "/callbacks/other"), ("/behind/a/proxy", ""), ("", "")],
)
def test_the_path_is_compared_with_the_account_s(path: str, rest: str) -> None:
    assert made_of_parts("POST", path, {}, b"", "a").callback.path == rest


@pytest.mark.parametrize(
    "raw",
    [b"", b"hello", b"{}", b"POST /x HTTP/1.1\nno header\n\n", b"POST /x\n" + b"a: b\n" * 10_000, b"P /x"],
    ids=["empty", "words", "json", "bad header", "long head", "short method"],
)
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    with pytest.raises(PasteError, match=r"expected|more than"):
        read_paste(raw, "a")


def test_too_many_headers_are_refused() -> None:
    with pytest.raises(PasteError, match="more than 100 headers"):
        made_of_parts("POST", "", {f"x-{number}": "" for number in range(HEADERS_MAX + 1)}, b"", "a")


@pytest.mark.parametrize("headers", [{"a b": "c"}, {"\u00e9": "c"}, {"a": "\u4e2d"}])
def test_headers_that_cannot_be_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(PasteError, match="header"):
        made_of_parts("POST", "", headers, b"", "a")


def test_base64_with_line_breaks_is_read_and_rubbish_is_not() -> None:
    text = base64.encodebytes(GOOD).decode()
    assert decode_base64(text) == GOOD
    with pytest.raises(PasteError):
        decode_base64("*")

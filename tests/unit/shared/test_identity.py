"""Who is who: computed with other tools (sha256sum, base32, a bitwise CRC-32), so that a change here cannot go unseen."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import identity

PLAYER_KEYS = [
    ("main", "lucky11", "yq56eglbosaurqen"),
    ("main", "p-1", "lw525fduakopus3s"),
    ("brand2", "lucky11", "fhf4eyfiki32uba2"),
    ("main", "игрок-7", "2jxkpbqidr7b6kyy"),
    ("main", "", "nwfulss64dn3wwbf"),
]
CRC32 = [
    ("yq56eglbosaurqen", 2_850_834_606),
    ("lw525fduakopus3s", 1_404_545_925),
    ("fhf4eyfiki32uba2", 3_364_306_538),
    ("123456789", 0xCBF43926),  # the check value that every description of CRC-32 gives
    ("", 0),
]
KEY = "yq56eglbosaurqen"


@pytest.mark.parametrize(("brand", "operator_player_id", "expected"), PLAYER_KEYS)
def test_player_key_is_that_of_other_tools(brand: str, operator_player_id: str, expected: str) -> None:
    assert identity.player_key(brand, operator_player_id) == expected


def test_brand_and_id_do_not_run_into_each_other() -> None:
    assert identity.player_key("main", "1x") != identity.player_key("main1", "x")


@given(st.text(), st.text())
def test_every_player_key_has_the_form_of_one(brand: str, operator_player_id: str) -> None:
    key = identity.player_key(brand, operator_player_id)
    assert len(key) == identity.PLAYER_KEY_CHARS
    assert identity.is_player_key(key)
    assert identity.parse_provider_player_id(identity.provider_player_id(key, "EUR")) == (key, "EUR")
    assert identity.player_key_of(identity.new_keyed_id(key)) == key


@pytest.mark.parametrize(
    "text",
    ["", "YQ56EGLBOSAURQEN", "yq56eglbosaurqe", "yq56eglbosaurqenn", "yq56eglbosaurqe1", "yq56eglbosaurqen\n", "yq56eglbosaurqé2"],
)
def test_what_is_no_player_key(text: str) -> None:
    assert not identity.is_player_key(text)


@pytest.mark.parametrize(
    "text",
    ["", KEY, f"{KEY}_", f"{KEY}_eur", f"{KEY}_E", f"{KEY}_EUR\n", f"{KEY}_EUR_EUR", f" {KEY}_EUR", f"{KEY}-EUR", f"{KEY}_{'E' * 13}", f"{KEY}_EU\u0660"],
)  # fmt: skip
def test_what_is_no_id_of_ours_at_a_provider(text: str) -> None:
    assert identity.parse_provider_player_id(text) is None


def test_the_id_at_a_provider_names_player_and_currency() -> None:
    assert identity.provider_player_id(KEY, "EUR") == f"{KEY}_EUR"
    assert identity.parse_provider_player_id(f"{KEY}_USDT") == (KEY, "USDT")


@pytest.mark.parametrize(
    "text",
    ["", KEY, f"{KEY}.", f"{KEY}.short", f"{KEY}.{'x' * 65}", f"{KEY}.abcdefg\n", f"{KEY}.abc defgh", f"{KEY}_abcdefgh", f"K{KEY[1:]}.abcdefgh"],
)  # fmt: skip
def test_what_is_no_keyed_id(text: str) -> None:
    assert identity.player_key_of(text) is None


def test_keyed_ids_never_repeat() -> None:
    assert len({identity.new_keyed_id(KEY) for _ in range(1_000)}) == 1_000


def test_a_token_is_kept_as_its_hash_only() -> None:
    assert identity.token_sha256("token-1") == "3f08aace122ee2368432c1ca23a049bc640bafbf00fdf33a52429f38ba12dbf9"
    assert identity.token_sha256("token-1") == hashlib.sha256(b"token-1").hexdigest()


@pytest.mark.parametrize(("key", "crc"), CRC32)
@pytest.mark.parametrize("partitions", [1, 7, 12, 24])
def test_partition_is_crc32_modulo_partitions(key: str, crc: int, partitions: int) -> None:
    assert identity.partition_of(key, partitions) == crc % partitions

"""What a consumer of events notices: repetitions pass, gaps are told, forks stop it; in bounded memory."""

from __future__ import annotations

import hashlib

import pytest
from prometheus_client import REGISTRY

from shared.errors import ContractError
from shared.kafka.event_chain import GENESIS, EventChain, EventHead, ForkError, Link, head_of

ALICE, BOB, CAROL = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"


def history(player: str, count: int, *, before: str = GENESIS, first: int = 1, salt: str = "") -> list[EventHead]:
    """Events first..first+count-1 of a player; another salt is another past."""
    heads = []
    for seq in range(first, first + count):
        digest = hashlib.sha256(f"{before}{player}{seq}{salt}".encode()).hexdigest()
        heads.append(EventHead(player, seq, before, digest))
        before = digest
    return heads


def counted(name: str, consumer: str) -> float:
    return REGISTRY.get_sample_value(name, {"consumer": consumer}) or 0.0


def test_events_in_order_and_told_again_pass() -> None:
    chain = EventChain("t-order")
    events = history(ALICE, 5)
    assert [chain.take(each) for each in events] == [Link.FIRST, *[Link.NEXT] * 4]
    assert [chain.take(each) for each in events] == [Link.AGAIN] * 5
    assert chain.take(history(ALICE, 1, before=events[-1].hash, first=6)[0]) == Link.NEXT
    assert counted("stakewire_events_forks_total", "t-order") == 0


def test_a_consumer_that_begins_in_the_middle_takes_what_comes() -> None:
    chain = EventChain("t-middle")
    events = history(ALICE, 10)
    assert chain.take(events[6]) == Link.FIRST
    assert chain.take(events[7]) == Link.NEXT
    assert chain.take(events[6]) == Link.AGAIN
    assert chain.take(events[2]) == Link.OLD


def test_a_gap_is_told_and_what_follows_it_is_taken() -> None:
    chain = EventChain("t-gap")
    events = history(ALICE, 9)
    chain.take(events[0])
    assert chain.take(events[5]) == Link.GAP
    assert chain.take(events[6]) == Link.NEXT
    assert [chain.take(each) for each in events[1:4]] == [Link.OLD] * 3
    # The one right before the gap's end is known by the hash that its successor named.
    assert chain.take(events[4]) == Link.AGAIN
    assert counted("stakewire_events_gaps_total", "t-gap") == 1


@pytest.mark.parametrize("restored_to", [1, 3, 7, 9])
def test_a_ledger_that_went_back_and_on_is_a_fork(restored_to: int) -> None:
    consumer = f"t-fork-{restored_to}"
    chain = EventChain(consumer)
    events = history(ALICE, 10)
    for each in events:
        chain.take(each)
    other = history(ALICE, 1, before=events[restored_to - 1].hash, first=restored_to + 1, salt="other")[0]
    with pytest.raises(ForkError, match=rf"player {ALICE} has a fork: operation {restored_to + 1} .* `A fork`"):
        chain.take(other)
    assert counted("stakewire_events_forks_total", consumer) == 1


def test_a_successor_of_another_past_is_a_fork() -> None:
    """The first lost operation was never read here: the next one names a hash that is not the known one."""
    chain = EventChain("t-successor")
    events = history(ALICE, 5)
    for each in events:
        chain.take(each)
    lost = history(ALICE, 2, before=events[3].hash, first=5, salt="other")
    with pytest.raises(ForkError) as raised:
        chain.take(lost[1])
    assert raised.value.seq == 5


def test_another_beginning_is_a_fork() -> None:
    chain = EventChain("t-genesis")
    events = history(ALICE, 2)
    chain.take(events[0])
    with pytest.raises(ForkError):
        chain.take(EventHead(ALICE, 1, events[0].hash, events[0].hash))


def test_one_players_fork_is_nobody_elses() -> None:
    chain = EventChain("t-others")
    for each in (*history(ALICE, 3), *history(BOB, 3)):
        chain.take(each)
    with pytest.raises(ForkError):
        chain.take(history(ALICE, 3, salt="other")[2])
    assert chain.take(history(BOB, 4)[3]) == Link.NEXT


def test_what_a_consumer_has_stored_itself_counts_after_its_restart() -> None:
    events = history(ALICE, 4)
    chain = EventChain("t-stored")
    chain.remember(ALICE, 3, events[2].hash)
    assert chain.take(events[2]) == Link.AGAIN
    assert chain.take(events[3]) == Link.NEXT
    other = EventChain("t-stored")
    other.remember(ALICE, 3, "f" * 64)
    with pytest.raises(ForkError):
        other.take(events[3])


def test_memory_is_bounded_in_players_and_in_hashes() -> None:
    chain = EventChain("t-bounds", players_max=2, hashes_kept=4)
    events = history(ALICE, 20)
    for each in events:
        chain.take(each)
    assert [chain.take(each) for each in events[14:]] == [Link.OLD, Link.OLD, *[Link.AGAIN] * 4]
    for player in (BOB, CAROL):
        chain.take(history(player, 1)[0])
    assert chain.take(events[0]) == Link.FIRST  # forgotten: two others were heard of since


def test_the_head_of_an_event_is_read_from_its_text() -> None:
    text = b'{"player":"%s","seq":7,"kind":"bet","movements":[{"amount":5}],"previous_hash":"%s","hash":"%s"}'
    raw = text % (ALICE.encode(), b"a" * 64, b"b" * 64)
    assert head_of(raw) == EventHead(ALICE, 7, "a" * 64, "b" * 64)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"player":"a","seq":1}',
        b'{"player":"a","seq":1,"previous_hash":"00","hash":"00"}',
        b'{"player":"a","seq":0,"previous_hash":"%s","hash":"%s"}' % (b"a" * 64, b"a" * 64),
    ],
)
def test_what_has_no_place_in_a_chain_is_told_so(raw: bytes) -> None:
    with pytest.raises(ContractError, match="place in a chain"):
        head_of(raw)

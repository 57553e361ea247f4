"""The token bucket: a burst at once, then so many a second, each name for itself."""

from __future__ import annotations

from shared.web.rates import NAMES_MAX, RateLimit


class Clock:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    limit = RateLimit(2.0, 3, clock=clock)
    assert [limit.take("a") for _ in range(5)] == [0, 0, 0, 1, 1]
    clock.now += 0.5
    assert [limit.take("a") for _ in range(2)] == [0, 1]
    clock.now += 1_000
    assert [limit.take("a") for _ in range(4)] == [0, 0, 0, 1]


def test_names_do_not_share() -> None:
    limit = RateLimit(0.1, 1, clock=Clock())
    assert limit.take("a") == 0
    assert limit.take("a") == 10
    assert limit.take("b") == 0


def test_names_are_forgotten_beyond_the_limit() -> None:
    limit = RateLimit(0.1, 1, clock=Clock())
    for number in range(NAMES_MAX + 10):
        limit.take(str(number))
    assert len(limit._buckets) == NAMES_MAX

"""The paytable's return to player, and the ways in which a round is dealt into calls."""

import random
from fractions import Fraction

import pytest

from services.simulator.studios.mascot.paytable import RIOT, Paytable, Prize
from services.simulator.studios.mascot.rounds import STAKES, GameRound, Step, deal, deal_free


def test_the_return_to_player_is_known_exactly() -> None:
    assert RIOT.rtp == Fraction(9635, 10_000)


def test_every_stop_drawn_once_gives_back_exactly_the_return_to_player() -> None:
    stake = 100

    won = sum(RIOT.win_at(stop, stake) for stop in range(RIOT.total_weight))

    assert Fraction(won, stake * RIOT.total_weight) == RIOT.rtp


def test_every_stake_in_use_fits_every_prize() -> None:
    assert all(stake % RIOT.stake_step == 0 for stake in STAKES)


def test_a_stake_that_would_give_a_broken_win_is_refused() -> None:
    table = Paytable((Prize(Fraction(1, 3), 1),))

    with pytest.raises(ValueError, match="multiple of 3"):
        table.win_at(0, 100)


@pytest.mark.parametrize("prizes", [(), (Prize(Fraction(1), 0),), (Prize(Fraction(-1), 1),)])
def test_a_paytable_without_sense_is_refused(prizes: tuple[Prize, ...]) -> None:
    with pytest.raises(ValueError, match="paytable"):
        Paytable(prizes)


def _many(count: int = 3_000) -> list[GameRound]:
    rng = random.Random(5)
    return [deal(rng) for _ in range(count)]


def test_the_steps_of_a_round_add_up_to_its_stake_and_win_and_only_the_last_is_final() -> None:
    for game in _many():
        assert sum(step.withdraw for step in game.steps) == game.stake
        assert sum(step.deposit for step in game.steps) == game.win
        assert [step.final for step in game.steps] == [False] * (len(game.steps) - 1) + [True]
        assert game.named or len(game.steps) == 1


def test_rounds_are_played_in_all_the_ways_of_the_protocol() -> None:
    games = _many()

    assert any(len(game.steps) == 1 and game.win for game in games), "stake and win in one call"
    assert any(len(game.steps) == 1 and not game.named for game in games), "without a round reference"
    assert any(sum(1 for step in game.steps if step.deposit) > 1 for game in games), "a bet, then several wins"
    assert any(game.steps[-1] == Step(final=True) for game in games), "closed by a call that moves nothing"
    assert any(game.steps[0] == Step() for game in games), "opened by a call that moves nothing"


def test_only_the_first_call_of_a_free_round_charges_the_counter() -> None:
    rng = random.Random(5)
    games = [deal_free(rng, left=4) for _ in range(500)]

    assert all(game.with_grant and game.steps[0].charge for game in games)
    assert all(step.charge == 0 and step.free for game in games for step in game.steps[1:])
    assert {game.steps[0].charge for game in games} == {1, 5}, "one round, and one more than is left"
    assert any(step.withdraw and step.free for game in games for step in game.steps), "a later stake that must not be debited"

"""What the simulator does on the operator's side before a play."""

from __future__ import annotations

import pytest

from services.simulator.cashier import Cashier
from services.simulator.errors import RefusedError
from shared.contracts import Command, CreatePlayer, Reply, Result
from shared.identity import player_key


class Office:
    """Knows one player, or nobody, and remembers what it was asked."""

    def __init__(self, *, known_as_test: bool | None = None, refuses_with: str = "") -> None:
        self._known_as_test = known_as_test
        self._refuses_with = refuses_with
        self.asked: list[bool] = []

    async def ask(self, command: Command) -> Reply:
        """A player who is there with another mark is a conflict."""
        assert isinstance(command, CreatePlayer)
        self.asked.append(command.test)
        result = Result.DUPLICATE_DIFFERENT if self._known_as_test not in {None, command.test} else Result.OK
        return Reply(command_id=command.command_id, caller="", result=self._refuses_with or result)


def cashier(office: Office, *, test_players: bool) -> Cashier:
    return Cashier(office, brand="main", provider_account="mascot-demo", currency="EUR", test_players=test_players)


@pytest.mark.parametrize("mark", [True, False])
async def test_players_are_marked_as_the_setting_says(mark: bool) -> None:  # noqa: FBT001
    office = Office()
    assert await cashier(office, test_players=mark).create_player("p1") == player_key("main", "p1")
    assert office.asked == [mark]


@pytest.mark.parametrize("mark", [True, False])
async def test_a_player_of_before_with_the_other_mark_plays_on_as_he_is(mark: bool) -> None:  # noqa: FBT001
    office = Office(known_as_test=not mark)
    assert await cashier(office, test_players=mark).create_player("p1") == player_key("main", "p1")
    assert office.asked == [mark, not mark]


async def test_any_other_refusal_ends_the_play() -> None:
    office = Office(refuses_with=Result.WRONG_CURRENCY)
    with pytest.raises(RefusedError) as caught:
        await cashier(office, test_players=True).create_player("p1")
    assert (caught.value.result, office.asked) == (Result.WRONG_CURRENCY, [True])

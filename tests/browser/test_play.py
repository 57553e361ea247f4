"""From the lobby into a game: spins, free rounds, demos and misbehaviour, with one balance on all sides."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from playwright.async_api import Route, expect

from tests.browser.visit import CURRENCY, PLAYER, Place, Visit

pytestmark = pytest.mark.asyncio(loop_scope="package")

GAME, GAME_ID = "Aurora", "aurora"


async def test_spins_move_one_balance_in_game_lobby_api_and_ledger(visit: Visit) -> None:
    await visit.open(GAME)
    before = await visit.balances_agree()
    played = len(visit.place.operations())
    for number in range(1, 4):
        bet = Decimal((await visit.part("bet").locator("option:checked").inner_text()).split()[0])
        await visit.spin()
        after = await visit.balances_agree()
        assert after == before - bet + await visit.win()
        operations = visit.place.operations()[played:]
        assert len(operations) == number
        assert Decimal(operations[-1]["stake"]) == bet
        assert operations[-1]["game_id"] == GAME_ID
        before = after
    await visit.leave()
    assert await visit.lobby_balance() == before


@pytest.mark.parametrize("mode", ["twice", "timeout_rollback", "rollback_first", "wrong_signature"])
async def test_each_misbehaviour_ends_as_it_should(visit: Visit, mode: str) -> None:
    await visit.open(GAME)
    before = await visit.balances_agree()
    await visit.part("misbehave").locator("summary").click()
    await visit.part(f"misbehave-{mode}").click()
    await expect(visit.part(f"verdict-{mode}")).to_have_text("As expected")
    await visit.rested()
    after = await visit.balances_agree()
    if mode == "twice":
        last = visit.place.operations()[-1]
        assert after == before - Decimal(last["stake"]) + Decimal(last["win"])
    else:
        assert after == before
    assert await visit.part("exchanges").locator("> *").count() > 0
    await visit.leave()


async def test_free_rounds_are_found_by_the_lobby_and_cost_nothing(visit: Visit) -> None:
    place = visit.place
    expires_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    order = {"player_id": PLAYER, "currency": CURRENCY, "provider_account": place.account, "game_ids": [GAME_ID]}
    grant = place.operator.post(
        "/v1/free-rounds", order | {"count": 3, "bet": "0.50", "expires_at": expires_at}, key=secrets.token_hex(8)
    )
    await visit.open(GAME)
    await expect(visit.page.locator("#stage-mode")).to_have_text("3 free rounds")
    await expect(visit.part("free-rounds")).to_contain_text("3")
    before = await visit.balances_agree()
    for left in (2, 1, 0):
        await visit.spin()
        await expect(visit.part("free-rounds")).to_contain_text(str(left))
        after = await visit.balances_agree()
        assert after == before + await visit.win()
        assert place.operator.get(f"/v1/free-rounds/{grant['grant_id']}")["remaining"] == left
        before = after
    await visit.leave()
    await visit.open(GAME)
    await expect(visit.page.locator("#stage-mode")).to_have_text("Play money")


async def test_a_demo_leaves_the_ledger_alone(visit: Visit) -> None:
    before, played = visit.place.ledger_balance(), len(visit.place.operations())
    await visit.open(GAME, demo=True)
    assert await visit.game_balance() == Decimal(1000)
    await visit.spin()
    assert await visit.game_balance() != Decimal(1000) or await visit.win() > 0
    await expect(visit.page.locator("#stage-balance")).to_be_hidden()
    assert (visit.place.ledger_balance(), len(visit.place.operations())) == (before, played)


async def test_a_game_that_is_off_is_refused_with_the_reason(visit: Visit) -> None:
    path = f"/v1/provider-accounts/{visit.place.account}/games/{GAME_ID}/switch"
    switch = visit.place.operator
    assert switch.call("PUT", path, {"state": "off", "reason": "a browser test"}).status == 200
    try:
        await visit.search(GAME)
        await visit.tile(GAME).get_by_role("button", name=f"Play {GAME}").click()
        told = visit.page.get_by_role("alertdialog")
        await expect(told).to_contain_text("cannot be started now")
        await expect(told.get_by_role("button", name="Try again")).to_be_hidden()
        await told.get_by_role("button", name="Close").click()
    finally:
        assert switch.call("PUT", path, {"state": "live", "reason": "the browser test has ended"}).status == 200
    # The browser tells a refusal as a failed resource; nothing else may be amiss.
    assert visit.complaints == ["Failed to load resource: the server responded with a status of 409 (Conflict)"]
    visit.complaints.clear()
    await visit.open(GAME)


async def test_a_launch_whose_answer_was_lost_is_finished_by_trying_again(visit: Visit) -> None:
    def sessions() -> int:
        return len(visit.place.operator.get(f"/v1/players/{PLAYER}/sessions?limit=100")["sessions"])

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    before = sessions()
    await visit.page.route("**/lobby/launch", lose, times=1)
    await visit.search(GAME)
    await visit.tile(GAME).get_by_role("button", name=f"Play {GAME}").click()
    told = visit.page.get_by_role("alertdialog")
    await expect(told).to_contain_text("The lobby cannot be reached")
    visit.complaints.clear()
    await told.get_by_role("button", name="Try again").click()
    await expect(visit.game().locator('[data-ready="true"]')).to_be_visible()
    assert sessions() == before + 1


async def test_the_game_leads_back_to_the_lobby(visit: Visit) -> None:
    await visit.open(GAME)
    await visit.game().get_by_role("link", name="Back to the casino").click()
    await expect(visit.page.locator("#stage")).to_be_hidden()
    await expect(visit.tiles().first).to_be_visible()


async def test_a_phone_plays_too(phone: Visit) -> None:
    await phone.open(GAME)
    box = await phone.page.locator("#stage").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (390, 844)
    before = await phone.balances_agree()
    bet = Decimal((await phone.part("bet").locator("option:checked").inner_text()).split()[0])
    await phone.spin()
    assert await phone.balances_agree() == before - bet + await phone.win()
    assert await phone.game().locator("html").evaluate("page => page.scrollWidth <= innerWidth")


async def test_after_all_of_it_every_invariant_of_the_ledger_holds(place: Place) -> None:
    assert place.verified()

"""One application for all tests of this folder, with some games that all may look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.contracts import BetLimits
from shared.providers.facts import GameFacts
from tests.catalogue_api.stand import Stand, facts, stand
from tests.operator_api.api import Api
from tests.servers import Servers

MASCOT: tuple[GameFacts, ...] = (
    facts("starburst", name="Starburst", studio="NetEnt", tags=("FR", "space"), features=("demo", "free_rounds"), rtp=("96.09",)),
    facts("riot", name="Riot", studio="Mascot", section="slots", type="slot", rtp=("95.1", "94.0"), release_date="2024-05-01"),
    facts("canon", name="Cañón del Águila", studio="Mascot", section="slots", languages=("es", "en"), release_date="2020-01-31"),
    facts("book-of-dead", name="Book of Dead", studio="Play'n GO", rtp=("96.21",), volatility="high", lines="10"),
    facts("mobile-only", name="Pocket Mines", studio="Mascot", devices=("mobile",), languages=("en", "de")),
    facts("desktop-only", name="Grand Table", studio="Tables", section="table", type="roulette", devices=("desktop",)),
    facts("not-in-de", name="Far Away", studio="Mascot", forbidden_countries=("DE", "FR")),
    facts(
        "euro-only", name="Euro Spin", studio="Mascot", currencies=("EUR",), bet_limits=(BetLimits(currency="EUR", lowest=20_000),)
    ),
    facts("formula", name="=1+1", studio="@studio", description="+ a formula", lines="-5"),
    facts("percent", name="100% Wild_Card", studio="Mascot"),
    *(facts(f"twin-{number:02}", name="Twins", studio="Same Name") for number in range(25)),
)


@pytest.fixture(scope="session")
def running(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """The application."""
    with stand(servers, Path(tmp_path_factory.mktemp("catalogue"))) as started:
        done = started.sync("mascot", *MASCOT)
        assert (done["result"], done["added"]) == ("ok", len(MASCOT)), done
        assert started.sync("elsewhere", facts("hidden", name="Hidden Gem"))["result"] == "ok"
        assert started.sync("dollars", facts("buck", name="One Buck", features=()))["result"] == "ok"
        yield started


@pytest.fixture(scope="session")
def api(running: Stand) -> Api:
    """An operator of the brand `main` who may read and administer."""
    return running.api()

"""The scenario catalogue: what every dialect must answer, move and store, written down as data.

`catalogue.toml` is the one file; `model` reads and checks it, `document` makes `docs/scenarios.md` from it. Tests,
certification and documents share it. Nothing here plays a scenario: whoever plays one owns the way to do so.
"""

from shared.scenarios.errors import CatalogueError
from shared.scenarios.model import (
    Answers,
    Call,
    Catalogue,
    Dialect,
    Expectation,
    Grant,
    Row,
    Scenario,
    Section,
    Setup,
    Step,
    WalletSays,
)
from shared.scenarios.reader import CATALOGUE_FILE, load_catalogue, parse_catalogue

__all__ = [
    "CATALOGUE_FILE",
    "Answers",
    "Call",
    "Catalogue",
    "CatalogueError",
    "Dialect",
    "Expectation",
    "Grant",
    "Row",
    "Scenario",
    "Section",
    "Setup",
    "Step",
    "WalletSays",
    "load_catalogue",
    "parse_catalogue",
]

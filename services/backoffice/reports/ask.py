"""What a report is asked for: days, dimensions, filters. Checked here, for pages and API alike; reads nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from services.backoffice import problems as p
from shared.web.problems import INVALID_REQUEST, Problem
from shared.web.values import ACCOUNT_PATTERN, CURRENCY_PATTERN

DAYS_MAX: Final = 400
ROWS_MAX: Final = 10_000
DEFAULT_DAYS: Final = 7
FIRST_DAY: Final = date(2000, 1, 1)
NONE_OF_IT: Final = "-"
"""As a filter: what has no section, studio, tag, collection or country."""

Dimension = Literal[
    "", "day", "week", "month", "game", "section", "studio", "tag", "collection", "provider_account", "currency", "country", "brand",
    "player",
]  # fmt: skip
IN_TIME: Final = frozenset({"day", "week", "month"})
SEVERAL: Final = frozenset({"tag", "collection"})
"""A game may have several of these: their lines may add up to more than the total."""

Asked = TypeVar("Asked", bound=BaseModel)
WORDS: Final = r"^[^\x00-\x1f\x7f]*$"
Words = Annotated[str, StringConstraints(max_length=100, pattern=WORDS)]
_RANGE: Final = f"At most {DAYS_MAX} days."


class Sets(BaseModel):
    """Filters that name games, or sets of games; empty lets all pass, `-` what has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider_account: Annotated[str, StringConstraints(pattern=rf"{ACCOUNT_PATTERN}|^$")] = Field("", examples=["mascot-demo"])
    game_id: Annotated[str, StringConstraints(max_length=128, pattern=WORDS)] = Field("", examples=["riot"])
    section: Words = ""
    studio: Words = ""
    tag: Words = ""
    collection: Words = Field("", examples=["new-games"])


class ReportAsk(Sets):
    """A report. Money is told by currency always: amounts of different currencies are never added."""

    first: date | None = Field(
        None, description="First gaming day; left out: six days before the last one.", examples=["2030-01-01"]
    )
    last: date | None = Field(
        None, description=f"Last gaming day; left out: the one that it is now. {_RANGE}", examples=["2030-01-31"]
    )
    by: Dimension = Field("day", description="What the lines are told apart by, besides the currency.")
    across: Dimension = Field("", description="A second dimension, crossed with the first.")
    currency: Annotated[str, StringConstraints(pattern=rf"{CURRENCY_PATTERN}|^$")] = Field("", examples=["EUR"])
    country: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|-)?$")] = Field("", examples=["MT"])
    player: Annotated[str, StringConstraints(pattern=r"^([a-z2-7]{16})?$")] = Field("", description="A player's key.")
    test: bool = Field(False, description="Test players too.")

    def days(self, today: date) -> tuple[date, date]:
        """First and last gaming day. Problem `range-refused` where they make no range, or too long a one."""
        last = self.last or today
        if min(last, self.first or last) < FIRST_DAY:
            raise Problem(p.RANGE_REFUSED, f"the first day is before {FIRST_DAY}")
        first = self.first or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise Problem(p.RANGE_REFUSED, f"the first day, {first}, is after the last one, {last}")
        if (last - first).days >= DAYS_MAX:
            raise Problem(p.RANGE_REFUSED, f"{first} to {last} are {(last - first).days + 1} days; a report has at most {DAYS_MAX}")
        return first, last

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions, each once, without the currency."""
        return tuple(dict.fromkeys(each for each in (self.by, self.across) if each not in {"", "currency"}))

    def plain(self, **changes: Any) -> Self:
        """The same without dimensions, or with other ones."""
        return self.model_copy(update={"by": "", "across": ""} | changes)


def from_form(model: type[Asked], values: Mapping[str, str]) -> Asked:
    """A model from the fields of a form, in which an empty one is one that is left out. Problem `invalid-request` otherwise."""
    try:
        return model.model_validate_strings({name: value for name, value in values.items() if value != ""})
    except ValidationError as error:
        found = [
            {"field": ".".join(str(part) for part in item["loc"]), "message": item["msg"][:300]}
            for item in error.errors(include_url=False, include_input=False, include_context=False)[:20]
        ]
        raise Problem(
            INVALID_REQUEST, "; ".join(f"{item['field']}: {item['message']}" for item in found[:3]), errors=found
        ) from error

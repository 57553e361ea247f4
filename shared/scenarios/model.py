"""The values of the scenario catalogue: what a scenario, a step and an expectation are made of, strictly typed.

A scenario is a story in neutral steps (a bet, a win, a rollback...); each dialect adds what it expects to see after a
step. Nothing here reads a file (`reader` does) or knows how a dialect looks on the wire. The words used as values are
explained at the head of `catalogue.toml`, for those who write scenarios.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""Scenario ids, step names, labels of transactions, rounds, sessions and players."""

Amount = Annotated[str, Field(pattern=r"^-?[0-9]{1,30}(\.[0-9]{1,24})?$")]
"""A decimal in major units. Deliberately unbounded: scenarios about overflow need amounts that no ledger takes."""

CallKind = Literal["balance", "bet", "win", "bet_and_win", "rollback", "promo_win", "end_round"]
ActKind = Literal[
    "deposit", "block_player", "exclude_player", "set_limits", "open_session", "close_session",
    "expire_session", "expire_grant", "switch_game_off", "hold_player", "release_player",
    "stop_database", "start_database", "stop_broker", "start_broker", "kill_wallet_after_commit", "start_wallet",
]  # fmt: skip
StepKind = CallKind | Literal["repeat", "together"] | ActKind
CALLS: Final = frozenset({"balance", "bet", "win", "bet_and_win", "rollback", "promo_win", "end_round"})
SENDING: Final = CALLS | {"repeat", "together"}

Tamper = Literal[
    "none", "second-key", "wrong-key", "unknown-key", "unsigned", "no-key-id", "no-nonce", "no-timestamp", "no-merchant",
    "other-merchant", "body-changed", "nonce-changed", "timestamp-changed", "stale", "future", "old-in-window",
    "early-in-window", "no-certificate", "wrong-certificate",
]  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Group(_Strict):
    """A chapter of the catalogue, numbered as in the certification list."""

    number: int = Field(ge=1, le=99)
    title: str


class Account(_Strict):
    """A provider account that differs from the ordinary one in a few settings of its dialect."""

    about: str
    settings: dict[str, Any] = {}


class Dialect(_Strict):
    """What the catalogue must know of a dialect to be read, and what it must prove about it.

    `errors` and `faults` are lists to be covered: each code of the protocol's error table and each fault known from
    other integrations needs a scenario. `accounts` are the settings that scenarios ask for by name. `namespaces` says
    in which namespace of external ids a kind of operation is stored, `other` for all that are not listed. `unknown` is
    the answer that means "nobody knows": the provider then asks or undoes again.
    """

    title: str
    answer: str
    namespaces: dict[str, str]
    unknown: dict[str, Any]
    errors: dict[str, str]
    faults: dict[str, str]
    accounts: dict[Name, Account]


class Grant(_Strict):
    """Free rounds that the player has at the start; `games` empty means any game."""

    count: int = Field(ge=1)
    games: tuple[Name, ...] = ()


class Setup(_Strict):
    """The world before the first step: one player with one currency, one session, one game, some money."""

    account: Name = "ordinary"
    balance: Amount = "100.00"
    currency: str = "EUR"
    more_currencies: tuple[str, ...] = ()
    session: Literal["active", "pending", "none"] = "active"
    grant: Grant | None = None


class Call(_Strict):
    """One call of the provider, in neutral words. `times` sends it that often at once; "#" in `tx` is then 1, 2, 3..."""

    do: StepKind
    tx: str = ""
    tx_text: str = ""
    tx_length: int = Field(default=0, ge=0)
    stake: Amount | None = None
    win: Amount | None = None
    round: str = "r1"
    game: Name = "riot"
    currency: str = ""
    purse: str = ""
    player: str = "player"
    session: str = "current"
    final: StrictBool = False
    bonus: StrictBool = False
    charge: StrictInt | None = None
    free_round: StrictBool = False
    tamper: Tamper = "none"
    of: str = ""
    same_nonce_as: str = ""
    times: int = Field(default=1, ge=1, le=64)

    @model_validator(mode="after")
    def _complete(self) -> Call:
        needs: dict[str, tuple[str, ...]] = {
            "bet": ("tx", "stake"),
            "win": ("tx", "win"),
            "bet_and_win": ("tx", "stake", "win"),
            "promo_win": ("tx", "win"),
            "end_round": ("tx",),
            "rollback": ("tx",),
            "repeat": ("of",),
        }
        missing = [name for name in needs.get(self.do, ()) if not getattr(self, name)]
        if missing:
            raise ValueError(f"a step that does {self.do!r} needs {' and '.join(missing)}")
        return self

    def copies(self) -> tuple[Call, ...]:
        """The calls that `times` stands for, each with its own `tx`."""
        return tuple(
            self.model_copy(update={"times": 1, "tx": self.tx.replace("#", str(number))}) for number in range(1, self.times + 1)
        )


class WalletSays(_Strict):
    """A given answer of the wallet, for scenarios about wording."""

    result: str
    limit: str = ""


class PlayerLimit(_Strict):
    """A limit that the player sets, in the set-up's currency; of a session's time in seconds."""

    kind: Literal["stake", "loss", "wager", "deposit", "session_time"]
    value: Amount
    window: Literal["", "day", "week", "month"] = ""


class Step(Call):
    """One step of a story: a call, several calls at once, or an act of the operator or of fate.

    `step` names it, so that expectations and later steps can refer to it. `held` holds the player's row until all
    calls are under way; `persist` repeats the call while its outcome is unknown, as a provider does after a fault.
    `wallet` gives the wallet's answer in scenarios that only check how an answer is worded.
    """

    step: Name | None = None
    about: str = ""
    calls: tuple[Call, ...] = ()
    held: StrictBool = False
    persist: StrictBool = False
    amount: Amount | None = None
    limits: tuple[PlayerLimit, ...] = ()
    wallet: WalletSays | None = None

    @model_validator(mode="after")
    def _whole(self) -> Step:
        if self.do in SENDING and not self.step:
            raise ValueError(f"a step that does {self.do!r} needs a name: step = ...")
        if (self.do == "together") != bool(self.calls):
            raise ValueError("calls = [...] belongs to do = 'together', and to nothing else")
        if self.do == "deposit" and self.amount is None:
            raise ValueError("a deposit needs an amount")
        if (self.do == "set_limits") != bool(self.limits):
            raise ValueError("limits = [...] belongs to do = 'set_limits', and to nothing else")
        if self.do == "open_session" and not self.session:
            raise ValueError("open_session needs the name of the session: session = ...")
        return self

    @property
    def sends(self) -> bool:
        """Whether the provider sends something in this step, so that every dialect must say what it expects."""
        return self.do in SENDING

    def all_calls(self) -> tuple[Call, ...]:
        """Every single call of the step, copies unfolded."""
        return tuple(copy for call in (self.calls or (self,)) for copy in call.copies())


class Row(_Strict):
    """One operation that a step stores, or `times` of them. What is left out has the value ordinary for such a row.

    `tx` and `player` are the step's; "#" in `tx` is any number; `result` is OK for `applied` and `void`, and not looked
    at for a tombstone; amounts are 0, and not looked at for a rollback; `undoes` is the `tx` that an applied rollback undoes.
    """

    kind: StrictStr
    status: Literal["applied", "refused", "void", "tombstone"] = "applied"
    result: str = ""
    times: int = Field(default=1, ge=1)
    tx: str = ""
    player: str = ""
    stake: Amount = "0"
    win: Amount = "0"
    nominal: Amount = "0"
    charged: int = 0
    undoes: str = ""


class Answers(_Strict):
    """One answer and how many calls of a step that sends several must get it."""

    times: int = Field(default=1, ge=1)
    answer: dict[str, Any]


class Expectation(_Strict):
    """What is seen after a step: on the wire, in the balance, in the store.

    `balance` left out means "as before"; `stored` left out means "nothing new". `grant_left`, `rounds` and
    `sessions` are looked at where given. `why` gives the reason where the protocol's document leaves it open.
    """

    http: int = 200
    answer: dict[str, Any] | None = None
    same_answer_as: str = ""
    answers: tuple[Answers, ...] = ()
    balance: Amount | None = None
    stored: tuple[Row, ...] = ()
    rounds: dict[str, Literal["open", "closed"]] = {}
    sessions: dict[str, Literal["pending", "active", "superseded", "closed"]] = {}
    grant_left: int | None = None
    why: str = ""

    @model_validator(mode="after")
    def _one_answer(self) -> Expectation:
        if (self.answer is not None) + bool(self.same_answer_as) + bool(self.answers) != 1:
            raise ValueError("give exactly one of answer, same_answer_as, answers")
        return self


class Section(_Strict):
    """What one dialect expects of a scenario.

    `expect` maps a step to one expectation, or to several where each of them is right (a race may go either way).
    `send` changes how a step goes over the wire, in the dialect's own words. `guards` names the faults of other
    integrations that this scenario would catch.
    """

    guards: tuple[Name, ...] = ()
    why: str = ""
    send: dict[Name, dict[str, Any]] = {}
    expect: dict[Name, Expectation | tuple[Expectation, ...]]

    def alternatives(self, step: str) -> tuple[Expectation, ...]:
        """The expectations of a step, each of which is right."""
        found = self.expect[step]
        return (found,) if isinstance(found, Expectation) else found


Run = Literal["stack", "render", "faults", "later"]


class Scenario(_Strict):
    """One story and what each dialect makes of it.

    `run` says how it is proved: `stack` on running services; `render` by wording a given answer of the wallet;
    `faults` by the tests that stop and kill servers; `later` not yet, `because` says why.
    """

    id: Name
    group: int
    title: str = Field(min_length=8)
    about: str = ""
    run: Run = "stack"
    because: str = ""
    setup: Setup = Setup()
    steps: tuple[Step, ...] = Field(min_length=1)
    dialect: dict[Name, Section] = Field(min_length=1)

    @property
    def named_steps(self) -> dict[str, Step]:
        """Steps by name, in order."""
        return {step.step: step for step in self.steps if step.step}


class Catalogue(_Strict):
    """The whole file."""

    schema_version: Literal[1] = Field(alias="schema")
    groups: tuple[Group, ...]
    dialects: dict[Name, Dialect]
    scenarios: tuple[Scenario, ...] = Field(alias="scenario")

    def of_dialect(self, dialect: str, *, run: Run | None = None) -> tuple[Scenario, ...]:
        """The scenarios that a dialect takes part in; `run` picks those that are proved in that way."""
        return tuple(each for each in self.scenarios if dialect in each.dialect and run in (None, each.run))

    def group_title(self, number: int) -> str:
        """The title of a group."""
        return next(group.title for group in self.groups if group.number == number)

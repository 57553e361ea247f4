"""The world of one scenario while it is played: who the labels of the catalogue are this time."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from shared.identity import new_keyed_id, player_key
from shared.scenarios import Call, Scenario

BRAND = "main"
NO_PLAYERS = frozenset({"unknown", "malformed"})


@dataclass
class Session:
    """A session by both its ids."""

    ours: str
    providers: str


@dataclass
class Player:
    """A player of the scenario; `key` is his key, `sessions` are his by label ("current" is the one of the set-up)."""

    operator_player_id: str
    key: str
    sessions: dict[str, Session] = field(default_factory=dict)
    grant_id: str = ""


@dataclass
class World:
    """Labels of one scenario and what they stand for; `run` makes every id new each time a scenario is played."""

    scenario: Scenario
    account: str
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    game_off: bool = False
    players: dict[str, Player] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    count: int = 0

    @property
    def currency(self) -> str:
        """The player's main currency."""
        return self.scenario.setup.currency

    def labels(self) -> list[str]:
        """The players that must exist before the first step."""
        found = ["player"]
        for step in self.scenario.steps:
            for call in (step, *step.calls):
                for label in (call.player, call.session.removeprefix("of-") if call.session.startswith("of-") else ""):
                    if label and label not in found and label not in NO_PLAYERS:
                        found.append(label)
        return found

    def new_player(self, label: str) -> Player:
        """A player who exists nowhere yet."""
        operator_player_id = f"{self.scenario.id}-{label}-{self.run}"
        key = player_key(BRAND, operator_player_id)
        self.players[label] = Player(operator_player_id, key)
        return self.players[label]

    def new_session(self, label: str, player: str = "player") -> Session:
        """Ids for a session that is about to be opened."""
        session = Session(new_keyed_id(self.players[player].key), f"ps-{secrets.token_hex(6)}")
        self.players[player].sessions[label] = session
        return session

    def provider_player_id(self, call: Call) -> str:
        """How the provider calls the player of a call."""
        if call.player == "malformed":
            return "lucky11"
        if call.player == "unknown":
            return f"{player_key(BRAND, f'nobody-{self.run}')}_{call.purse or self.currency}"
        return f"{self.players[call.player].key}_{call.purse or self.currency}"

    def session_of(self, call: Call) -> Session:
        """What a call names as its session; an empty text where it names none."""
        key = self.players[call.player].key if call.player in self.players else player_key(BRAND, "nobody")
        fresh = Session(new_keyed_id(key), f"ps-{secrets.token_hex(6)}")
        own = self.players[call.player].sessions.get("current") if call.player in self.players else None
        match call.session:
            case "none":
                return Session("", "")
            case "unknown":
                return fresh
            case "malformed":
                return Session("no session of ours", fresh.providers)
            case "unknown-provider":
                return Session("", fresh.providers)
            case "provider-only":
                assert own is not None, "provider-only needs a session"
                return Session("", own.providers)
            case label if label.startswith("of-"):
                return self.players[label.removeprefix("of-")].sessions["current"]
            case label:
                found = self.players[call.player].sessions.get(label)
                return found if found is not None else Session("", "")

    def external_id(self, call: Call) -> str:
        """The provider's id of the transaction; remembered under its label."""
        text = call.tx_text or f"1:{call.tx}-{self.run}"
        if call.tx_length:
            text = text.ljust(call.tx_length, "x")
        self.texts[call.tx] = text
        return text

    def texts_of(self, label: str) -> set[str]:
        """The ids that a label of the catalogue may stand for; "#" in it is any number."""
        pattern = re.compile(re.escape(label).replace(r"\#", "[0-9]+"))
        return {text for tx, text in self.texts.items() if pattern.fullmatch(tx)}

    def round_id(self, label: str) -> str:
        """The provider's id of a round; a transaction without a round is its own."""
        return self.texts.get(label, f"{label}:{self.run}")

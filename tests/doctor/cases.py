"""The cases as data, the accounts they are played at, and the judge of a finding: right, missed or wrong."""

from __future__ import annotations

import json
import re
import secrets
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from services.simulator.studios.mascot.faults import FAULTS, Bench, Mate
from shared.contracts.accounts import CurrencyMapping
from shared.identity import player_key
from shared.money import MinorUnits
from shared.settings.accounts import ProviderAccount

FILE = Path(__file__).with_name("cases.toml")
CASINOS = {"mascot-plain": 7, "mascot-other": 8, "mascot-once": 9, "mascot-mtls": 10, "mascot-past": 11, "mascot-fenced": 12}
LOCAL = "127.0.0.1"
CERTIFICATE = {"auth": "mtls", "certificate_header": "x-client-verify", "certificate_value": "SUCCESS"}
SETTINGS: dict[str, dict[str, Any]] = {
    "mascot-once": {"nonce": "refuse"},
    "mascot-mtls": {**CERTIFICATE, "trusted_proxies": ["127.0.0.0/8"]},
    "mascot-past": {**CERTIFICATE, "trusted_proxies": ["192.0.2.0/24"]},
    "mascot-fenced": {"allowed_addresses": ["192.0.2.0/24"], "trusted_proxies": ["198.51.100.0/24"]},
}
"""What is special about an account."""

General = frozenset({"signature_mismatch", "headers_missing", "header_missing", "unexplained", "body_not_json"})
"""Codes that name no cause of their own: where one of them comes instead of the expected one, the case is missed, not wrong."""


class Case(BaseModel):
    """One broken request and what must be found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fault: str
    how: str
    code: str
    says: list[str]
    rule: str
    account: str = "mascot-plain"
    wallet: str = ""
    detail: str = ""
    stage: Literal["", "shed", "deadline", "wallet", "internal"] = ""
    only_here: str = ""
    last: bool = False


def load_cases() -> list[Case]:
    """All cases; each names a fault of the simulator's."""
    cases = [Case.model_validate(each) for each in tomllib.loads(FILE.read_text(encoding="utf-8"))["case"]]
    assert {each.fault for each in cases} == FAULTS.keys()
    return cases


@dataclass(frozen=True)
class Estate:
    """The accounts with their keys, and the bench of one of them."""

    accounts: dict[str, ProviderAccount]

    @classmethod
    def new(cls) -> Estate:
        """Accounts with new keys of 64 hex digits, so that a key can be taken for hex and for base64, too."""
        accounts = {}
        for name, casino_id in CASINOS.items():
            currencies = {each: MinorUnits.of(CurrencyMapping(wire=each, currency=each)) for each in ("EUR", "USD")}
            keys = {"main": secrets.token_hex(32).encode(), "next": secrets.token_hex(32).encode()}
            settings = {"casino_id": casino_id, "deadline_ms": 5_000, **SETTINGS.get(name, {})}
            accounts[name] = ProviderAccount(name, "mascot", ("main",), settings, currencies, {"riot": "live"}, keys)
        return cls(accounts)

    def bench(self, account: str, now: int, **facts: Any) -> Bench:
        """The bench of an account; `facts` replaces what a running stack knows better: player and sessions."""
        entry, other = self.accounts[account], self.accounts["mascot-other"]
        key = player_key("main", "alice")
        values: dict[str, Any] = {
            "player": f"{key}_EUR",
            "session": f"{key}.openSession00000000a",
            "ended_session": f"{key}.endedSession0000000a",
            "foreign_session": f"{player_key('main', 'bob')}.sessionOfBob00000000",
            "foreign_player": f"{player_key('second', 'carol')}_EUR",
        } | facts
        return Bench(
            provider_account=account,
            casino_id=CASINOS[account],
            key_id="main",
            key=entry.keys["main"],
            second_key_id="next",
            second_key=entry.keys["next"],
            other=Mate(other.name, CASINOS[other.name], "main", other.keys["main"]),
            currency="EUR",
            game="riot",
            now=now,
            nonce=secrets.randbits(62) | 2**63 | 1,
            ref=f"1:{secrets.token_hex(6)}",
            **values,
        )

    def secrets(self) -> list[str]:
        """Every key in the forms in which it could slip out."""
        return [form for each in self.accounts.values() for key in each.keys.values() for form in (key.decode(), key.hex())]

    def toml(self) -> tuple[str, dict[str, bytes]]:
        """The accounts file of a gateway, and the files of keys it refers to."""
        lines = ["[brands.main]", 'currencies = ["EUR", "USD"]', "[brands.second]", 'currencies = ["EUR"]']
        files: dict[str, bytes] = {}
        for name, account in self.accounts.items():
            table = f"provider_accounts.{name}"
            lines += [f"[{table}]", 'dialect = "mascot"', 'brands = ["main"]', f"[{table}.settings]"]
            lines += [f"{key} = {json.dumps(value)}" for key, value in account.settings.items()]
            lines += [f"[{table}.keys]", *(f'{key_id} = "file:{name}-{key_id}"' for key_id in account.keys)]
            files |= {f"{name}-{key_id}": key for key_id, key in account.keys.items()}
            for currency in account.currencies:
                lines += [f"[{table}.currency_map.{currency}]", f'currency = "{currency}"']
            lines += [f"[{table}.games]", 'riot = "live"']
        return "\n".join(lines) + "\n", files


def judge(case: Case, finding: dict[str, Any] | None) -> tuple[Literal["right", "missed", "wrong"], str]:
    """What a finding is worth. Missed: nothing, or a general one; wrong: another cause is named, or the words are not the case's."""
    if finding is None:
        return "missed", f"{case.fault}: nothing was found, expected {case.code}"
    code = finding["code"]
    if code != case.code:
        return ("missed" if code in General else "wrong"), f"{case.fault}: {code} ({finding['said']}), expected {case.code}"
    words = " ".join([finding["said"], *finding["evidence"], finding["advice"]])
    lacking = [each for each in case.says if not _is_said(each, words)]
    return ("wrong", f"{case.fault}: {lacking} is not said in {words!r}") if lacking else ("right", "")


def _is_said(wanted: str, words: str) -> bool:
    pattern = wanted[1:-1] if len(wanted) > 1 and wanted[0] == wanted[-1] == "/" else re.escape(wanted)
    return re.search(pattern, words) is not None


def summary(verdicts: Sequence[tuple[str, str]]) -> str:
    """Right, missed and wrong apart, and what is to be said of those that are not right."""
    counts = Counter(verdict for verdict, _ in verdicts)
    told = "\n".join(text for _, text in verdicts if text)
    return f"right {counts['right']}, missed {counts['missed']}, wrong {counts['wrong']}\n{told}"

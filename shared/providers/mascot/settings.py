"""The settings of a Mascot account: the casino, and every point that the provider's sources leave open.

`docs/mascot.md` explains each of them. Defaults are the reading we consider most likely.
"""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from shared.errors import SettingsError
from shared.providers.edge import EdgeSettings
from shared.settings.accounts import ProviderAccount, explain_settings_error

KEY_ID_CHARS_MAX: Final = 64


class MascotSettings(EdgeSettings):
    """`[provider_accounts.<name>.settings]` of an account with dialect "mascot"."""

    casino_id: int = Field(ge=0, le=2**63 - 1, description="our casino id at Mascot: X-Subject and callerId must name it")
    auth: Literal["signature", "mtls"] = Field(default="signature", description="how callbacks prove who sends them")
    timestamp_window_s: int = Field(
        default=300, ge=1, le=3_600, description="how far X-Timestamp may be from our clock, either side"
    )
    nonce: Literal["answer", "refuse"] = Field(
        default="answer", description="the same nonce with the same bytes: answered again or refused"
    )
    auth_failure_status: Literal[200, 400, 401, 403] = Field(
        default=401, description="HTTP status of a failed authentication (unverified)"
    )
    deadline_ms: int = Field(default=5_000, ge=100, le=60_000, description="how long a callback waits for the wallet")
    late_bet_code: Literal[7, 8] = Field(default=7, description="error of a bet that comes after its rollback (sources differ)")
    free_round_exhausted: Literal["debit", "refuse"] = Field(
        default="debit", description="a charge that the counter does not cover: debit the stake or refuse (sources differ)"
    )
    collect_bonus_reward: Literal["win", "refuse"] = Field(
        default="win",
        description="book collectBonusReward as a promotional win, or answer that there is no such method (unverified)",
    )
    session_required: bool = Field(default=False, description="refuse a stake that names no session at all")
    compare_round: bool = Field(default=True, description="the same transactionRef with another round is a conflict")
    compare_game: bool = Field(default=True, description="the same transactionRef with another game is a conflict")
    replay_balance: Literal["stored", "current"] = Field(
        default="stored", description="the balance a repeated call is answered with"
    )
    overspent: Literal["overdraft", "refuse"] = Field(default="overdraft", description="rollback of a win that is already spent")

    @model_validator(mode="after")
    def _certificates(self) -> Self:
        if self.auth == "mtls" and self.certificate_header is None:
            raise ValueError("auth = 'mtls' needs certificate_header, a value or pattern for it, and trusted_proxies")
        return self


def mascot_settings(account: ProviderAccount) -> MascotSettings:
    """The account's settings, checked; SettingsError names the key and what is valid."""
    try:
        settings = MascotSettings.model_validate(account.settings)
    except ValidationError as error:
        raise explain_settings_error(account, error) from None
    if settings.auth == "signature" and not account.keys:
        raise SettingsError(
            f"provider_accounts.{account.name}.keys: at least one key is needed to check signatures; add <key id> = 'file:<path>'"
        )
    for key_id in account.keys:
        if not key_id.isascii() or "=" in key_id or len(key_id) > KEY_ID_CHARS_MAX:
            raise SettingsError(
                f"provider_accounts.{account.name}.keys: key id {key_id!r} must be ASCII, without '=', at most {KEY_ID_CHARS_MAX} characters"
            )
    return settings

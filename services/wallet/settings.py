"""The wallet's settings, all from the environment with the prefix STAKEWIRE_."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ServiceSettings

PORT_OFFSET = 5


class WalletSettings(ServiceSettings):
    """Limits of the batch loop. The defaults fit one process on one core."""

    wallet_group: str = Field(default="stakewire-wallet", description="consumer group of all wallets")
    wallet_instance_id: str = Field(default="", max_length=128, description="static member id; only where host names are stable")
    wallet_session_timeout_ms: int = Field(
        default=10_000, ge=6_000, le=300_000, description="Kafka forgets a silent wallet after this"
    )
    wallet_batch_max: int = Field(default=500, ge=1, le=5_000, description="commands in one transaction")
    wallet_lock_timeout_ms: int = Field(default=1_000, ge=10, le=60_000, description="wait for a player somebody else holds")
    wallet_statement_timeout_ms: int = Field(default=10_000, ge=100, le=120_000)
    wallet_defer_limit_ms: int = Field(default=10_000, ge=100, le=600_000, description="how long commands of a held player wait")
    wallet_expiry_margin_ms: int = Field(
        default=500, ge=0, le=60_000, description="added to a caller's deadline before a stake expires"
    )
    wallet_failpoint: str = Field(default="", description="tests only: die at this step (see worker.FAILPOINTS)")

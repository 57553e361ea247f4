"""The commands of the wallet's technicians, run as a person runs them: `stakewire` on a stand's servers."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner
from typer.testing import Result as Outcome

from services.cli.main import app
from shared.errors import StakewireError
from tests.integration.wallet.stand import WalletStand


@dataclass(frozen=True)
class Technician:
    """Somebody at a terminal; `changes` to his environment, None takes a variable away."""

    stand: WalletStand

    def environment(self, **changes: str | None) -> dict[str, str | None]:
        """What the commands are told by variables."""
        return {
            "DATABASE_URL": self.stand.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.stand.kafka_bootstrap_servers,
            "STAKEWIRE_TOPIC_PREFIX": self.stand.prefix,
            "STAKEWIRE_RUN_DIR": str(self.stand.folder / "nothing-runs-here"),
            "COLUMNS": "300",
            **changes,
        }

    async def run(self, *arguments: str, **changes: str | None) -> Outcome:
        """A command and how it ended."""
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments), env=self.environment(**changes)))

    async def told(self, *arguments: str, exit_code: int = 0, **changes: str | None) -> str:
        """What a command says, which ends with this exit code."""
        outcome = await self.run(*arguments, **changes)
        assert outcome.exit_code == exit_code, f"{outcome.output} {outcome.exception!r}"
        return outcome.output

    async def json(self, *arguments: str, exit_code: int = 0, **changes: str | None) -> Any:
        """What a command gives to a program."""
        outcome = await self.run(*arguments, "--json", **changes)
        assert outcome.exit_code == exit_code, f"{outcome.output} {outcome.exception!r}"
        return json.loads(outcome.stdout)

    async def refused(self, *arguments: str, **changes: str | None) -> str:
        """Why a command did nothing: its own message."""
        outcome = await self.run(*arguments, **changes)
        assert outcome.exit_code != 0, outcome.output
        assert outcome.exception is None or isinstance(outcome.exception, StakewireError | SystemExit), repr(outcome.exception)
        return f"{outcome.exception} {outcome.output}"

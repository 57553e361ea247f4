"""What can be wrong with the scenario catalogue."""

from __future__ import annotations

from shared.errors import StakewireError


class CatalogueError(StakewireError):
    """The catalogue is not readable or contradicts itself; names the file, the scenario, the place and what is valid."""

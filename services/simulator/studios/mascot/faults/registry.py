"""The faults by name. A module for each kind; here they come together."""

from __future__ import annotations

from typing import Final

from services.simulator.studios.mascot.faults import bodies, contents, doors, headers, keys, packing, stories
from services.simulator.studios.mascot.faults.named import Fault

FAULTS: Final[dict[str, Fault]] = {
    fault.name: fault for module in (bodies, keys, packing, headers, doors, contents, stories) for fault in module.FAULTS
}

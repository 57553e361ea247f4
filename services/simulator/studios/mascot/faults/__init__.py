"""Broken requests on demand: a good request of Mascot's and a name for each way to break it, for proofs and for technicians.

Signs with the simulator's own code, written from the protocol document; nothing here knows how the operator checks.
"""

from services.simulator.studios.mascot.faults.bench import Bench, Mate, Sent
from services.simulator.studios.mascot.faults.named import Fault
from services.simulator.studios.mascot.faults.registry import FAULTS

__all__ = ["FAULTS", "Bench", "Fault", "Mate", "Sent"]

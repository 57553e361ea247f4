"""Request and reply over Kafka: `ask` sends a command to the wallet and waits for its reply.

Used by the gateway, the command line and the simulator. The wallet's side is not here.
"""

from shared.requester.client import Requester, RequesterLimits
from shared.requester.errors import OutcomeUnknownError, RequesterError, ShedError

__all__ = ["OutcomeUnknownError", "Requester", "RequesterError", "RequesterLimits", "ShedError"]

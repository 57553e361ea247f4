"""A provider's failures as problems of the operator's API."""

from __future__ import annotations

from typing import Final

from services.gateway.operator_api import problems as p
from shared.providers.client import (
    ProviderAnswerInvalid,
    ProviderError,
    ProviderNotConfigured,
    ProviderNotOffered,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnreachable,
)
from shared.web.problems import Problem, ProblemType

_KINDS: Final[tuple[tuple[type[ProviderError], ProblemType], ...]] = (
    (ProviderNotConfigured, p.PROVIDER_NOT_CONFIGURED),
    (ProviderNotOffered, p.GAME_NOT_SUITABLE),
    (ProviderTimeout, p.PROVIDER_TIMEOUT),
    (ProviderUnreachable, p.PROVIDER_UNREACHABLE),
    (ProviderRefused, p.PROVIDER_REFUSED),
    (ProviderAnswerInvalid, p.PROVIDER_ANSWER_INVALID),
)
ANY: Final = tuple(kind for _, kind in _KINDS)


def problem_of(error: ProviderError) -> Problem:
    """The problem that tells of a provider's failure, with the client's advice."""
    kind = next((kind for cls, kind in _KINDS if isinstance(error, cls)), p.PROVIDER_UNREACHABLE)
    if isinstance(error, ProviderRefused):
        return Problem(kind, str(error), advice=error.advice, code=error.code, provider_message=error.message)
    return Problem(kind, str(error), advice=error.advice)

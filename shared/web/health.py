"""What tells orchestrators and monitors of an HTTP service: alive, ready, metrics."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, Response

from shared.telemetry import METRICS_CONTENT_TYPE, metrics_page


def add_health(app: FastAPI, not_ready_because: Callable[[], str]) -> None:
    """Adds `/health/live`, `/health/ready` (503 with the reason, while there is one) and `/metrics`."""

    @app.get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/health/ready", include_in_schema=False)
    async def ready(response: Response) -> dict[str, str]:
        problem = not_ready_because()
        response.status_code = 503 if problem else 200
        return {"status": problem or "ready"}

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(metrics_page(), media_type=METRICS_CONTENT_TYPE)

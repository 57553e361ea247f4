"""The wallet's own small HTTP listener: liveness, readiness, metrics. Nothing about money passes here."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from shared.telemetry import METRICS_CONTENT_TYPE, metrics_page

Readiness = Callable[[], tuple[bool, str]]


async def serve_health(host: str, port: int, readiness: Readiness) -> web.AppRunner:
    """Listens on host:port; the caller cleans the returned runner up. OSError where the port is taken."""

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(_: web.Request) -> web.Response:
        is_ready, why = readiness()
        return web.json_response({"status": "ready" if is_ready else "not ready", "detail": why}, status=200 if is_ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics_page(), headers={"Content-Type": METRICS_CONTENT_TYPE})

    app = web.Application(client_max_size=1024)
    app.add_routes([web.get("/health/live", live), web.get("/health/ready", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner

"""The way out: off means nothing is imported, wrong settings stop the start, a collector that is away is no trouble."""

from __future__ import annotations

import logging
import subprocess
import sys
import time

import pytest
from structlog.testing import capture_logs

from deploy.local.ports import free_ports
from shared.errors import SettingsError
from shared.settings import ServiceSettings, load_settings
from shared.tracing import tracing
from shared.tracing.export import LINE_EVERY_S, Export, _Seldom

OFF = """
import asyncio, sys
from services.wallet import main
from {module} import server
from shared.settings import ServiceSettings
from shared.tracing import tracing
async def run():
    async with tracing(ServiceSettings(), "gateway") as tracer:
        assert tracer is None
asyncio.run(run())
print(*(name for name in sys.modules if name.startswith(NAMES)))
"""


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector where nobody listens."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_ports(1)[0]}")


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("services.gateway.callbacks", ("opentelemetry", "google.protobuf")),
        # FastAPI imports OpenTelemetry's interface, where it is installed, but no more of it.
        ("services.gateway.operator_api", ("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf")),
    ],
)
def test_off_is_the_default_and_imports_nothing(module: str, names: tuple[str, ...]) -> None:
    script = OFF.replace("{module}", module).replace("NAMES", repr(names))
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    assert child.stdout.strip() == ""


@pytest.mark.parametrize("share", ["-0.1", "1.1", "nan", "inf", "much"])
def test_a_share_is_between_0_and_1(share: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAKEWIRE_TRACE_SHARE", share)
    with pytest.raises(SettingsError, match="STAKEWIRE_TRACE_SHARE"):
        load_settings(ServiceSettings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1000000"),
    ],
)
async def test_a_wrong_setting_stops_the_start(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="OTEL_"):
        async with tracing(ServiceSettings(trace_share=1), "test"):
            raise AssertionError


@pytest.mark.usefixtures("away")
async def test_a_collector_that_is_away_holds_nothing_up() -> None:
    with capture_logs() as logged:
        started_s = time.monotonic()
        async with tracing(ServiceSettings(trace_share=1), "test") as tracer:
            assert tracer is not None
            for _ in range(5_000):  # more than the queue holds
                span = tracer.request("request", None)
                assert span is not None
                span.end()
        assert time.monotonic() - started_s < 30
    lines = [each for each in logged if each["event"].startswith("traces are not exported")]
    assert len(lines) == 1
    assert lines[0]["service"] == "test"


@pytest.mark.usefixtures("away")
def test_secrets_of_an_address_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://somebody:secret@127.0.0.1:4318")
    export = Export("test")
    assert export.host == "127.0.0.1:4318"
    export.close()


def test_a_warning_is_told_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    handler = _Seldom("test")
    record = logging.LogRecord("opentelemetry", logging.WARNING, "", 1, "away", None, None)
    with capture_logs() as logged:
        for _ in range(100):
            handler.handle(record)
        now_s[0] += LINE_EVERY_S
        handler.handle(record)
    assert [each["similar_before"] for each in logged] == [0, 99]

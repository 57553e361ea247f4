"""docker-compose.yml as it is written: no secret in it, and every container confined. Needs no daemon."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.compose.stack import COMPOSE_FILE, rendered

DUMMY = {"POSTGRES_PASSWORD": "dummy-of-postgres", "GRAFANA_PASSWORD": "dummy-of-grafana"}
ONE_SHOT = {"setup", "tools"}
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|PRIVATE|CREDENTIAL")
PASSWORD_IN_ADDRESS = re.compile(r"://[^/:@\s]+:([^@\s]+)@")

pytestmark = pytest.mark.usefixtures("compose")


@pytest.fixture
def services(tmp_path: Path) -> dict[str, dict[str, Any]]:
    answer = rendered(DUMMY, tmp_path, ["--format", "json"])
    assert answer.returncode == 0, answer.stderr
    found: dict[str, dict[str, Any]] = json.loads(answer.stdout)["services"]
    assert {
        "postgres",
        "kafka",
        "setup",
        "gateway",
        "operator-api",
        "wallet",
        "catalogue",
        "backoffice",
        "simulator",
        "tools",
    } <= set(found)
    return found


def test_without_passwords_it_says_what_to_do(tmp_path: Path) -> None:
    answer = rendered({}, tmp_path)
    assert answer.returncode != 0
    assert "POSTGRES_PASSWORD" in answer.stderr
    assert "make compose-env" in answer.stderr


def test_every_secret_comes_from_the_environment(services: dict[str, dict[str, Any]]) -> None:
    seen = set()
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            passwords = PASSWORD_IN_ADDRESS.findall(value or "")
            if SECRET_NAME.search(variable) and not variable.endswith("_FILE"):
                passwords.append(value)
            seen.update(passwords)
            assert set(passwords) <= set(DUMMY.values()), f"{name}: {variable}"
    assert DUMMY["POSTGRES_PASSWORD"] in seen
    # What a rendering could hide: a value given as a default.
    assert not re.search(r"PASSWORD:?-[^}]", COMPOSE_FILE.read_text())


def test_every_service_is_watched_limited_and_started_again(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert limits["pids"] > 0, name
        assert int(limits["memory"]) > 0, name
        assert float(limits["cpus"]) > 0, name
        assert service["logging"]["options"]["max-size"], name
        if name in ONE_SHOT:
            assert service["restart"] == "no", name
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_every_service_is_confined(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        # Our images name their account themselves (see test_stack); others' are told.
        if not service["image"].startswith("stakewire/"):
            assert re.fullmatch(r"[1-9][0-9]*:[0-9]+", service["user"]), name


def test_ports_are_for_this_machine_only_and_the_scaled_ones_do_not_collide(services: dict[str, dict[str, Any]]) -> None:
    taken: dict[int, str] = {}
    for name, service in services.items():
        assert "container_name" not in service, name
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", name
            first, _, last = str(port["published"]).partition("-")
            for number in range(int(first), int(last or first) + 1):
                assert number not in taken, f"{name} and {taken.get(number)} both want {number}"
                taken[number] = name
    assert "ports" not in services["wallet"]
    assert "ports" not in services["postgres"]
    assert "ports" not in services["kafka"]
    assert len([name for name in taken.values() if name == "gateway"]) > 1


def test_services_wait_for_servers_and_setup(services: dict[str, dict[str, Any]]) -> None:
    for name in ("gateway", "operator-api", "wallet", "catalogue", "backoffice", "simulator"):
        conditions = {other: each["condition"] for other, each in services[name]["depends_on"].items()}
        assert conditions == {
            "setup": "service_completed_successfully",
            "postgres": "service_healthy",
            "kafka": "service_healthy",
        }

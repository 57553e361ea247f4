"""Settings and ports of a local stack."""

import json
import socket
from pathlib import Path

import pytest

from deploy.local.errors import PortTaken, SettingError
from deploy.local.ports import BASE_PORT_MAX, Ports, ensure_port_free, free_ports
from deploy.local.settings import load_stack_settings


def test_one_setting_moves_every_port() -> None:
    ports = Ports(9080)
    assert [ports.callbacks, ports.operator_api, ports.catalogue, ports.backoffice, ports.simulator] == [
        9080,
        9081,
        9082,
        9083,
        9084,
    ]
    assert [ports.wallet(1), ports.postgres, ports.kafka, ports.kafka_controller] == [9085, 9086, 9087, 9088]
    assert [ports.wallet(2), ports.wallet(3)] == [9090, 9091]


def test_no_two_parts_share_a_port() -> None:
    ports = Ports(8080)
    several = [ports.callbacks, ports.operator_api, ports.catalogue, ports.backoffice, ports.simulator, ports.postgres, ports.kafka]
    several += [ports.kafka_controller, *(ports.wallet(number) for number in range(1, 65))]
    assert len(set(several)) == len(several)


def test_defaults_and_environment(tmp_path: Path) -> None:
    plain = load_stack_settings({"STAKEWIRE_RUN_DIR": str(tmp_path)})
    assert (plain.ports.base, plain.host, plain.wallets, plain.database_url) == (8080, "127.0.0.1", 1, None)
    assert plain.config_file == tmp_path / "config" / "stakewire.toml"
    chosen = load_stack_settings(
        {
            "STAKEWIRE_RUN_DIR": str(tmp_path),
            "STAKEWIRE_BASE_PORT": "9080",
            "STAKEWIRE_HOST": "0.0.0.0",  # noqa: S104 - the very value under test
            "STAKEWIRE_WALLETS": "3",
            "DATABASE_URL": "postgresql://elsewhere/stakewire",
            "STAKEWIRE_CONFIG_FILE": str(tmp_path / "own.toml"),
        }
    )
    assert (chosen.ports.base, chosen.reach_host, chosen.wallets) == (9080, "127.0.0.1", 3)
    assert chosen.database_url == "postgresql://elsewhere/stakewire"
    assert chosen.config_file == tmp_path / "own.toml"


def test_a_running_stack_keeps_its_ports_without_the_setting(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"base_port": 9480}))
    assert load_stack_settings({"STAKEWIRE_RUN_DIR": str(tmp_path)}).ports.base == 9480
    assert load_stack_settings({"STAKEWIRE_RUN_DIR": str(tmp_path), "STAKEWIRE_BASE_PORT": "9580"}).ports.base == 9580


@pytest.mark.parametrize("value", ["80", "eighty", "-1", "8080.5", str(BASE_PORT_MAX + 1)])
def test_a_base_port_that_cannot_be_used_is_named(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=f"STAKEWIRE_BASE_PORT='{value}'.*from 1024 to"):
        load_stack_settings({"STAKEWIRE_RUN_DIR": str(tmp_path), "STAKEWIRE_BASE_PORT": value})


@pytest.mark.parametrize("value", ["0", "65", "two"])
def test_a_number_of_wallets_that_cannot_be_used_is_named(value: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=f"STAKEWIRE_WALLETS='{value}'.*from 1 to 64"):
        load_stack_settings({"STAKEWIRE_RUN_DIR": str(tmp_path), "STAKEWIRE_WALLETS": value})


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(PortTaken, match=r"gateway cannot listen on 192\.0\.2\.1:.*STAKEWIRE_HOST"):
        ensure_port_free("192.0.2.1", free_ports(1)[0], "gateway", "STAKEWIRE_HOST")


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()

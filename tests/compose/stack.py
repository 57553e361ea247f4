"""`docker compose` on a project of a test's own: own name, own ports, own passwords; nothing of it is left at the end."""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.ports import free_ports, is_port_open

CHECKOUT = Path(__file__).parents[2]
COMPOSE_FILE = CHECKOUT / "docker-compose.yml"
SERVICES = ("gateway", "operator-api", "wallet", "catalogue", "backoffice", "simulator")
OUR_IMAGES = ("tools", *SERVICES)
OTHERS_IMAGES = ("python:3.11-slim", "postgres:18", "apache/kafka:4.1.1")
VERSION = "test"
GATEWAYS_MAX = 2
ANSWER_LIMIT_S = 20
PULL_LIMIT_S = 180
COMMAND_LIMIT_S = 280
BUILD_LIMIT_S = 1_200
# What a developer has set for a stack of his own must not reach this one.
FOREIGN = re.compile(r"(STAKEWIRE_|KAFKA_|POSTGRES_|GRAFANA_|PROMETHEUS_|COMPOSE_|OTEL_|GATEWAY_|WALLET_|DATABASE_URL)")
METRICS = """
import os, urllib.request
print(urllib.request.urlopen(f"http://127.0.0.1:{os.environ['STAKEWIRE_PORT']}/metrics", timeout=10).read().decode())
"""


def run(*argv: str, limit_s: float = COMMAND_LIMIT_S) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal and return what it said, whatever its exit code."""
    environment = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    return subprocess.run(
        argv,
        cwd=CHECKOUT,
        env={**environment, "STAKEWIRE_VERSION": VERSION, "STAKEWIRE_ENV_FILE": "not-there.env"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )


def why_no_compose() -> str:
    """Return why there is no `docker compose` here; empty where there is."""
    try:
        answer = run("docker", "compose", "version", limit_s=ANSWER_LIMIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"docker compose does not answer: {error}"
    return "" if answer.returncode == 0 else f"docker compose does not answer: {answer.stderr.strip()}"


def why_no_docker() -> str:
    """Return why no container can be started here; empty where one can."""
    if reason := why_no_compose():
        return reason
    try:
        answer = run("docker", "info", limit_s=ANSWER_LIMIT_S)
        if answer.returncode != 0:
            return f"docker does not answer: {answer.stderr.strip()}"
        for image in OTHERS_IMAGES:
            if run("docker", "image", "inspect", image, limit_s=ANSWER_LIMIT_S).returncode != 0:
                pulled = run("docker", "pull", "--quiet", image, limit_s=PULL_LIMIT_S)
                if pulled.returncode != 0:
                    return f"the image {image} is not here and cannot be pulled: {pulled.stderr.strip()}"
    except subprocess.TimeoutExpired as error:
        return f"docker takes too long: {error}"
    return ""


@dataclass(frozen=True)
class Container:
    """What `docker inspect` tells of a container."""

    name: str
    facts: dict[str, Any]

    @property
    def exit_code(self) -> int:
        """How its program ended; 0 while it runs, too."""
        return int(self.facts["State"]["ExitCode"])


class ComposeStack:
    """The services of docker-compose.yml under a project name of its own."""

    def __init__(self, project: str, env_file: Path) -> None:
        """Nothing is started yet; `env_file` holds the passwords and ports."""
        self.project = project
        self._env_file = env_file

    def compose(self, *arguments: str, profile: str = "demo", limit_s: float = COMMAND_LIMIT_S) -> str:
        """Run `docker compose` and return its output.

        Raises:
            AssertionError: it failed; with all it said.
        """
        prefix = ("docker", "compose", "-p", self.project, "--env-file", str(self._env_file), "--profile", profile)
        done = run(*prefix, *arguments, limit_s=limit_s)
        assert done.returncode == 0, f"docker compose {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def up(self, *arguments: str) -> None:
        """Bring everything up, as many as `--scale` says, and wait until all of it is healthy."""
        try:
            self.compose("up", "--wait", "--wait-timeout", "240", *arguments)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('logs', '--tail', '40')}") from None

    def containers(self, service: str) -> list[Container]:
        """Return the containers of a service in the order of their numbers, also those that have ended."""
        ids = self.compose("ps", "--all", "--quiet", service).split()
        facts = json.loads(run("docker", "inspect", *ids).stdout) if ids else []
        found = [Container(each["Name"].lstrip("/"), each) for each in facts]
        return sorted(found, key=lambda each: int(each.name.rpartition("-")[2]))

    def address(self, service: str, port: int) -> str:
        """Return where the host reaches a service's port."""
        return f"http://{self.compose('port', service, str(port)).strip()}"

    def metric(self, container: Container, name: str) -> float:
        """Return a metric of one container's service, summed over its labels."""
        answer = run("docker", "exec", container.name, "/opt/stakewire/bin/python", "-c", METRICS)
        assert answer.returncode == 0, answer.stderr
        lines = [line for line in answer.stdout.splitlines() if re.match(rf"{name}(\{{| )", line)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)


@contextmanager
def compose_stack(folder: Path) -> Iterator[ComposeStack]:
    """Give a stack that is not started yet; at the end it is gone, with its volumes and its network."""
    env_file = folder / "compose.env"
    made = run("sh", "deploy/docker/make-env.sh", str(env_file))
    assert made.returncode == 0, made.stderr
    callbacks = _consecutive_ports(GATEWAYS_MAX)
    operator_api, catalogue, backoffice, simulator = free_ports(4)
    with env_file.open("a") as file:
        file.write(
            f"STAKEWIRE_CALLBACKS_PORTS={callbacks}-{callbacks + GATEWAYS_MAX - 1}\nSTAKEWIRE_OPERATOR_API_PORT={operator_api}\n"
            f"STAKEWIRE_CATALOGUE_PORT={catalogue}\nSTAKEWIRE_BACKOFFICE_PORT={backoffice}\nSTAKEWIRE_SIMULATOR_PORT={simulator}\n"
        )
    stack = ComposeStack(f"swtest{secrets.token_hex(4)}", env_file)
    try:
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "5", profile="*")


def build_images(stack: ComposeStack) -> None:
    """Build all images; first the last of the Dockerfile alone: the classic builder makes all the others' layers on the way there."""
    stack.compose("build", "wallet", limit_s=BUILD_LIMIT_S)
    stack.compose("build", limit_s=BUILD_LIMIT_S)


def rendered(env: dict[str, str], folder: Path, arguments: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run `docker compose config` over all profiles with exactly these variables; no daemon is needed."""
    env_file = folder / "dummy.env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    return run("docker", "compose", "--env-file", str(env_file), "--profile", "*", "config", *arguments)


def _consecutive_ports(count: int) -> int:
    while True:
        first = free_ports(1)[0]
        if all(_is_free(first + offset) for offset in range(count)):
            return first


def _is_free(port: int) -> bool:
    return not is_port_open("127.0.0.1", port)

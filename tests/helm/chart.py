"""Renders the chart as `helm template` does, and gives the manifests as values. Needs helm; says so where it is missing."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy" / "helm" / "stakewire"
EXAMPLES = ROOT / "deploy" / "helm" / "examples"
GOLDEN = Path(__file__).parent / "golden"
NAMES = ("small", "production", "hpa")
KUBERNETES = "1.34.0"
HELM_TIMEOUT_S = 120

Manifest = dict[str, Any]


def find_helm() -> str | None:
    """The helm on the PATH, or the one that `make tools-helm` has built."""
    built = ROOT / ".tools" / "bin" / "helm"
    return shutil.which("helm") or (str(built) if built.exists() else None)


needs_helm = pytest.mark.skipif(find_helm() is None, reason="helm is not installed here: `make tools-helm` builds it")


def example(name: str) -> Path:
    """The file of a value set."""
    return EXAMPLES / f"{name}.yaml"


def run_helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs helm with an empty environment of its own, whatever its end."""
    helm = find_helm()
    assert helm is not None
    return subprocess.run([helm, *arguments], capture_output=True, text=True, timeout=HELM_TIMEOUT_S, check=False)


def template(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`helm template` of a release `stakewire` in the namespace `casino`."""
    return run_helm("template", "stakewire", str(CHART), "--namespace", "casino", "--kube-version", KUBERNETES, *arguments)


@cache
def rendered(name: str) -> str:
    """What helm makes of a value set."""
    answer = template("--values", str(example(name)))
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@cache
def manifests(text: str) -> list[Manifest]:
    """All objects of a rendered chart. Not to be changed: they are read once."""
    return [document for document in yaml.safe_load_all(text) if document]


def of_kind(found: list[Manifest], *kinds: str) -> list[Manifest]:
    """The objects of these kinds."""
    return [one for one in found if one["kind"] in kinds]


def pods(found: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """(component, pod template) of everything that makes pods."""
    for one in of_kind(found, "Deployment", "StatefulSet", "Job"):
        pod = one["spec"]["template"]
        yield pod["metadata"]["labels"]["app.kubernetes.io/component"], pod


def containers(pod: Manifest) -> Iterator[Manifest]:
    """All containers of a pod, the first ones too."""
    yield from pod["spec"].get("initContainers", [])
    yield from pod["spec"]["containers"]


def environment(container: Manifest) -> dict[str, Any]:
    """The variables of a container: text, or where their value comes from."""
    names = [entry["name"] for entry in container.get("env", [])]
    assert len(names) == len(set(names)), f"a variable is set twice: {names}"
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container.get("env", [])}


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether a selector of labels takes an object with these labels."""
    return all(labels.get(key) == value for key, value in selector.items())


def secrets_of(found: list[Manifest]) -> set[tuple[str, str]]:
    """(name, key) of every Secret that the objects refer to; the key is empty where the whole Secret is meant."""
    references = set()
    for _, pod in pods(found):
        references |= {(entry["name"], "") for entry in pod["spec"].get("imagePullSecrets", [])}
        references |= {(volume["secret"]["secretName"], "") for volume in pod["spec"].get("volumes", []) if "secret" in volume}
        for container in containers(pod):
            values = environment(container).values()
            held = [value["secretKeyRef"] for value in values if isinstance(value, dict) and "secretKeyRef" in value]
            references |= {(entry["name"], entry["key"]) for entry in held}
    for one in of_kind(found, "Ingress"):
        references |= {(entry["secretName"], "") for entry in one["spec"].get("tls", [])}
    for one in of_kind(found, "TriggerAuthentication"):
        references |= {(entry["name"], entry["key"]) for entry in one["spec"]["secretTargetRef"]}
    return references

"""What Kubernetes is given, in each value set: nobody is root, no secret is written down, names fit together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from deploy.local.parts import services
from deploy.local.settings import load_stack_settings
from services.backoffice.settings import BackofficeSettings
from services.catalogue.lobby.settings import LobbySettings
from services.catalogue.settings import CatalogueSettings
from services.gateway.operator_api.settings import OperatorApiSettings
from services.gateway.settings import GatewaySettings
from services.simulator.settings import SimulatorSettings
from services.wallet.settings import WalletSettings
from shared.kafka import connection
from shared.kafka.topics import COMMANDS, TopicNames
from shared.settings import ServiceSettings
from tests.helm.chart import (
    NAMES,
    Manifest,
    containers,
    environment,
    example,
    manifests,
    needs_helm,
    of_kind,
    pods,
    rendered,
    secrets_of,
    selects,
    template,
)

pytestmark = needs_helm

SETTINGS: dict[str, tuple[type[ServiceSettings], ...]] = {
    "gateway": (GatewaySettings,),
    "operator-api": (OperatorApiSettings,),
    "wallet": (WalletSettings,),
    "catalogue": (CatalogueSettings, LobbySettings),
    "backoffice": (BackofficeSettings,),
    "simulator": (SimulatorSettings,),
    "setup": (ServiceSettings,),
}
PORTS = {"gateway": 8080, "operator-api": 8081, "catalogue": 8082, "backoffice": 8083, "simulator": 8084, "wallet": 8085}
KAFKA = {
    connection.PROTOCOL,
    connection.MECHANISM,
    connection.USERNAME,
    connection.PASSWORD,
    connection.CAFILE,
    connection.CERTFILE,
    connection.KEYFILE,
}
TRACES = {"OTEL_EXPORTER_OTLP_ENDPOINT"}
VERSIONS = {
    "ConfigMap": "v1",
    "Service": "v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Job": "batch/v1",
    "PodDisruptionBudget": "policy/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "Ingress": "networking.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "ScaledObject": "keda.sh/v1alpha1",
    "TriggerAuthentication": "keda.sh/v1alpha1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
}


@pytest.fixture(params=NAMES)
def found(request: pytest.FixtureRequest) -> list[Manifest]:
    return manifests(rendered(request.param))


def known_variables(component: str) -> set[str]:
    """The variables that a service's settings read."""
    names = set()
    for cls in SETTINGS[component]:
        for name, field in cls.model_fields.items():
            alias = field.validation_alias
            choices = alias if isinstance(alias, str) else getattr(alias, "choices", [f"STAKEWIRE_{name}".upper()])
            names |= {choices} if isinstance(choices, str) else {str(choice) for choice in choices}
    return names


def strings(value: Any) -> Iterator[str]:
    """All texts in a value."""
    if isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


def test_every_object_is_of_a_version_that_clusters_serve(found: list[Manifest]) -> None:
    assert {one["kind"]: one["apiVersion"] for one in found} == {one["kind"]: VERSIONS[one["kind"]] for one in found}
    names = [(one["kind"], one["metadata"]["name"]) for one in found]
    assert len(names) == len(set(names))
    assert all(len(name) <= 63 for _, name in names)


def test_every_component_is_there_and_no_other() -> None:
    always = {"gateway", "operator-api", "wallet", "catalogue", "backoffice", "setup"}
    assert {component for component, _ in pods(manifests(rendered("production")))} == always
    assert {component for component, _ in pods(manifests(rendered("small")))} == always | {"simulator"}
    answer = template("--set", "backoffice.enabled=false")
    assert {component for component, _ in pods(manifests(answer.stdout))} == always - {"backoffice"}


def test_no_container_is_root_or_writes_to_its_image(found: list[Manifest]) -> None:
    for component, pod in pods(found):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, component
        assert spec["enableServiceLinks"] is False, component
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_every_container_has_limits_and_every_service_its_probes(found: list[Manifest]) -> None:
    for component, pod in pods(found):
        for container in containers(pod):
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), container["name"]
            assert "memory" in container["resources"]["limits"]
            assert container["image"].endswith(":0.1.0"), "never a tag that moves"
        if component == "setup":
            continue
        (container,) = pod["spec"]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": PORTS[component], "protocol": "TCP"}]
        assert environment(container)["STAKEWIRE_PORT"] == str(PORTS[component])
        paths = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
        assert paths == {
            "startup": {"path": "/health/live", "port": "http"},
            "liveness": {"path": "/health/live", "port": "http"},
            "readiness": {"path": "/health/ready", "port": "http"},
        }


def test_the_ports_are_those_of_the_stack_on_one_machine() -> None:
    assert {one.name: one.port for one in services(load_stack_settings({}))} == PORTS


def test_every_mount_has_its_volume_and_every_volume_a_mount(found: list[Manifest]) -> None:
    for component, pod in pods(found):
        volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
        mounts = {mount["name"] for container in containers(pod) for mount in container.get("volumeMounts", [])}
        assert volumes == mounts, component
        for container in containers(pod):
            paths = [mount["mountPath"] for mount in container.get("volumeMounts", [])]
            files = [value for value in environment(container).values() if isinstance(value, str) and value.startswith("/")]
            assert all(any(file.startswith(path) for path in paths) for file in files), (component, files, paths)


def test_every_variable_is_one_that_the_service_reads(found: list[Manifest]) -> None:
    for component, pod in pods(found):
        for container in containers(pod):
            unknown = set(environment(container)) - known_variables(component) - KAFKA - TRACES
            assert not unknown, (component, unknown)


def test_the_services_take_what_they_are_given(found: list[Manifest], monkeypatch: pytest.MonkeyPatch) -> None:
    for component, pod in pods(found):
        (container,) = pod["spec"]["containers"]
        given = {name: value if isinstance(value, str) else "from-elsewhere" for name, value in environment(container).items()}
        with monkeypatch.context() as patch:
            for name, value in given.items():
                patch.setenv(name, value)
            for cls in SETTINGS[component]:
                cls()
        without_files = {name: value for name, value in given.items() if name != connection.CAFILE}
        assert connection.read_security(without_files).protocol == given[connection.PROTOCOL]


def test_no_secret_is_written_down(found: list[Manifest]) -> None:
    assert of_kind(found, "Secret") == []
    for text in strings(found):
        assert "postgresql://" not in text
        assert "PRIVATE KEY" not in text
    for _, pod in pods(found):
        for container in containers(pod):
            for name, value in environment(container).items():
                if name in {"DATABASE_URL", connection.USERNAME, connection.PASSWORD}:
                    assert set(value) == {"secretKeyRef"}, name


@pytest.mark.parametrize("name", NAMES)
def test_every_secret_is_named_in_the_values(name: str) -> None:
    named = set(strings(yaml.safe_load(example(name).read_text(encoding="utf-8")))) | {"stakewire-database"}
    assert {secret for secret, _ in secrets_of(manifests(rendered(name)))} <= named


def test_the_wallet_has_no_key_of_a_provider() -> None:
    for component, pod in pods(manifests(rendered("production"))):
        held = {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume}
        assert ("stakewire-providers" in held) == (component in {"gateway", "operator-api", "catalogue"}), component


def test_selectors_take_the_pods_of_their_component_and_no_others(found: list[Manifest]) -> None:
    labels = {component: pod["metadata"]["labels"] for component, pod in pods(found)}
    for one in of_kind(found, "Deployment", "StatefulSet", "Service", "PodDisruptionBudget"):
        selector = one["spec"]["selector"]
        taken = [component for component, own in labels.items() if selects(selector.get("matchLabels", selector), own)]
        assert taken == [one["metadata"]["labels"]["app.kubernetes.io/component"]], one["metadata"]["name"]


def test_the_wallet_is_a_static_member_with_time_to_hand_over(found: list[Manifest]) -> None:
    (wallet,) = of_kind(found, "StatefulSet")
    spec = wallet["spec"]
    headless = [one["metadata"]["name"] for one in of_kind(found, "Service") if one["spec"].get("clusterIP") == "None"]
    assert [spec["serviceName"]] == headless
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] >= 45
    variables = environment(spec["template"]["spec"]["containers"][0])
    assert variables["STAKEWIRE_WALLET_INSTANCE_ID"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert variables["STAKEWIRE_WALLET_SESSION_TIMEOUT_MS"] == "6000"
    assert ("replicas" in spec) == (not of_kind(found, "ScaledObject", "HorizontalPodAutoscaler")), "an autoscaler's number stays"


def test_keda_looks_at_the_topic_and_group_of_the_wallets() -> None:
    found = manifests(rendered("production"))
    (scaled,) = of_kind(found, "ScaledObject")
    (wallet,) = of_kind(found, "StatefulSet")
    assert scaled["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": wallet["metadata"]["name"]}
    assert scaled["spec"]["minReplicaCount"] >= 1
    (trigger,) = scaled["spec"]["triggers"]
    group = "casino." + str(WalletSettings.model_fields["wallet_group"].default)
    assert trigger["metadata"]["consumerGroup"] == group
    assert trigger["metadata"]["topic"] == TopicNames("casino.").of(COMMANDS)
    assert (trigger["metadata"]["sasl"], trigger["metadata"]["tls"]) == ("scram_sha512", "enable")
    (access,) = of_kind(found, "TriggerAuthentication")
    assert trigger["authenticationRef"] == {"name": access["metadata"]["name"]}
    assert {entry["parameter"] for entry in access["spec"]["secretTargetRef"]} == {"username", "password", "ca"}


def test_scaling_goes_down_far_more_slowly_than_up() -> None:
    (scaled,) = of_kind(manifests(rendered("production")), "ScaledObject")
    (cpu,) = of_kind(manifests(rendered("hpa")), "HorizontalPodAutoscaler")
    for behaviour in (scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"], cpu["spec"]["behavior"]):
        assert behaviour["scaleDown"]["stabilizationWindowSeconds"] >= 600
        assert behaviour["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 300}]
        assert behaviour["scaleUp"]["stabilizationWindowSeconds"] <= 60
    assert [metric["type"] for metric in cpu["spec"]["metrics"]] == ["Resource", "Pods"]


def test_keda_needs_no_credentials_where_kafka_asks_for_none() -> None:
    found = manifests(template("--set", "wallet.autoscaling.kind=keda").stdout)
    assert of_kind(found, "TriggerAuthentication") == []
    (scaled,) = of_kind(found, "ScaledObject")
    assert "authenticationRef" not in scaled["spec"]["triggers"][0]


def peers(policy: Manifest, direction: str) -> list[dict[str, Any]]:
    """Everybody whom a policy lets through."""
    return [peer for rule in policy["spec"][direction] for peer in rule.get("from" if direction == "ingress" else "to", [])]


def test_a_network_policy_covers_each_pod() -> None:
    found = manifests(rendered("production"))
    policies = {one["metadata"]["labels"]["app.kubernetes.io/component"]: one for one in of_kind(found, "NetworkPolicy")}
    for component, pod in pods(found):
        policy = policies.pop(component)
        assert selects(policy["spec"]["podSelector"]["matchLabels"], pod["metadata"]["labels"])
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        allowed = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
        assert allowed == ({PORTS[component]} if component in PORTS else set())
    assert policies == {}
    assert of_kind(manifests(rendered("small")), "NetworkPolicy") == []


def test_the_wallet_speaks_with_the_database_kafka_and_the_name_server_only() -> None:
    found = manifests(rendered("production"))
    policies = {one["metadata"]["labels"]["app.kubernetes.io/component"]: one for one in of_kind(found, "NetworkPolicy")}
    wallet = policies["wallet"]
    ports = {port["port"] for rule in wallet["spec"]["egress"] for port in rule["ports"]}
    assert ports == {53, 5432, 9093, 4318}, "and the traces' collector, where there is one"
    callers = peers(wallet, "ingress")
    ours = {peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in callers if "podSelector" in peer}
    assert ours == {"gateway", "operator-api"}, "who ask it for its version before they start"
    assert [peer for peer in callers if "namespaceSelector" in peer] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]
    assert 5432 not in {port["port"] for rule in policies["gateway"]["spec"]["egress"] for port in rule["ports"]}


def test_both_ends_of_a_way_between_our_pods_are_open() -> None:
    text = template(
        "--values",
        str(example("production")),
        "--set",
        "simulator.enabled=true",
        "--set",
        "kafka.sasl.existingSecrets.simulator=stakewire-kafka-simulator",
    ).stdout
    policies = of_kind(manifests(text), "NetworkPolicy")
    ways: dict[str, set[tuple[str, str]]] = {"ingress": set(), "egress": set()}
    for policy in policies:
        own = policy["metadata"]["labels"]["app.kubernetes.io/component"]
        for direction, found_ways in ways.items():
            for peer in peers(policy, direction):
                other = peer.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/component")
                if other:
                    found_ways.add((other, own) if direction == "ingress" else (own, other))
    assert ways["ingress"] == ways["egress"]
    assert {("catalogue", "operator-api"), ("backoffice", "operator-api"), ("backoffice", "catalogue")} <= ways["egress"]
    assert ("simulator", "gateway") in ways["egress"]


def test_the_job_runs_before_everything_else_and_needs_nothing_of_the_release(found: list[Manifest]) -> None:
    (job,) = of_kind(found, "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    spec = job["spec"]["template"]["spec"]
    commands = [[*one["command"], *one["args"]] for one in containers(job["spec"]["template"])]
    assert commands[0] == ["stakewire", "migrate"]
    assert commands[1][:3] == ["stakewire", "topics", "apply"]
    assert job["spec"]["backoffLimit"] <= 6
    own = {one["metadata"]["name"] for one in of_kind(found, "ConfigMap")}
    assert not {volume["configMap"]["name"] for volume in spec["volumes"] if "configMap" in volume} & own
    for policy in of_kind(found, "NetworkPolicy"):
        if policy["metadata"]["name"] == job["metadata"]["name"]:
            weights = [int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in (policy, job)]
            assert weights[0] < weights[1]


def test_gateways_wait_for_the_wallets_on_the_wallets_own_service(found: list[Manifest]) -> None:
    waiting = {
        component: pod["spec"]["initContainers"] for component, pod in pods(found) if component in {"gateway", "operator-api"}
    }
    (wallet,) = of_kind(found, "StatefulSet")
    for component, (one,) in waiting.items():
        assert one["command"] == ["/opt/stakewire/bin/python", "-m", "services.gateway.wallets_first"], component
        host, port, _ = one["args"]
        assert host.split(".")[0] == wallet["spec"]["serviceName"]
        assert int(port) == PORTS["wallet"]
    others = [
        component for component, pod in pods(found) if component not in {*waiting, "setup"} and "initContainers" in pod["spec"]
    ]
    assert others == []
    assert all(
        one["spec"]["publishNotReadyAddresses"] for one in of_kind(found, "Service") if one["spec"].get("clusterIP") == "None"
    )


def test_prometheus_finds_every_service_under_the_names_of_the_rules() -> None:
    found = manifests(rendered("production"))
    (monitor,) = of_kind(found, "ServiceMonitor")
    assert monitor["spec"]["jobLabel"] == "app.kubernetes.io/component"
    (expression,) = monitor["spec"]["selector"]["matchExpressions"]
    scraped = {
        one["metadata"]["labels"]["app.kubernetes.io/component"]
        for one in of_kind(found, "Service")
        if selects(monitor["spec"]["selector"]["matchLabels"], one["metadata"]["labels"])
        and one["metadata"]["labels"][expression["key"]] in expression["values"]
    }
    assert scraped == {"gateway", "operator-api", "wallet", "catalogue", "backoffice"}


def test_an_ingress_shows_callbacks_and_the_api_and_nothing_else() -> None:
    found = of_kind(manifests(rendered("hpa")), "Ingress")
    paths = {rule["host"]: [path["path"] for path in rule["http"]["paths"]] for one in found for rule in one["spec"]["rules"]}
    assert paths == {"callbacks.casino.example": ["/callbacks"], "operator.casino.example": ["/v1", "/docs", "/openapi.json"]}


def test_a_new_version_of_the_chart_alone_restarts_nothing(found: list[Manifest]) -> None:
    for _, pod in pods(found):
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(pod["metadata"]["labels"])

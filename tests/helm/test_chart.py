"""The chart as a whole: it lints, it renders what is written down, it refuses what is wrong, and says what."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.settings import load_accounts_file, load_brands
from tests.helm.chart import (
    CHART,
    EXAMPLES,
    GOLDEN,
    KUBERNETES,
    NAMES,
    ROOT,
    example,
    manifests,
    needs_helm,
    of_kind,
    rendered,
    run_helm,
    secrets_of,
    template,
)

REWRITE = os.environ.get("STAKEWIRE_WRITE_GOLDEN") == "1"
RULES = ROOT / "deploy" / "prometheus" / "rules"


def golden_text(name: str) -> str:
    """What is compared: all objects but the alert rules, each with where it comes from."""
    parts = [part.strip() for part in ("\n" + rendered(name)).split("\n---\n")]
    return "".join(f"---\n{part}\n" for part in parts if part and "\nkind: PrometheusRule\n" not in part)


@needs_helm
@pytest.mark.parametrize("name", ["", *NAMES])
def test_helm_finds_nothing_to_complain_of(name: str) -> None:
    values = ("--values", str(example(name))) if name else ()
    answer = run_helm("lint", "--strict", str(CHART), *values)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "[WARNING]" not in answer.stdout


@needs_helm
@pytest.mark.parametrize("name", NAMES)
def test_a_value_set_renders_as_its_golden_file(name: str) -> None:
    golden = GOLDEN / f"{name}.yaml"
    if REWRITE:
        golden.write_text(golden_text(name), encoding="utf-8")
    assert golden_text(name) == golden.read_text(encoding="utf-8"), "look at the difference; if it is meant: `make chart`"


def test_every_value_set_has_a_golden_file() -> None:
    assert (
        {path.name for path in EXAMPLES.iterdir()} == {path.name for path in GOLDEN.iterdir()} == {f"{name}.yaml" for name in NAMES}
    )


REFUSED = [
    ("wallet.replicas=25", "/wallet/replicas"),
    ("wallet.autoscaling.minReplicas=0", "/wallet/autoscaling/minReplicas"),
    ("wallet.autoscaling.kind=vpa", "/wallet/autoscaling/kind"),
    ("wallet.sessionTimeoutMs=1000", "/wallet/sessionTimeoutMs"),
    ("wallets.replicas=2", "'wallets' not allowed"),
    ("kafka.password=hunter2", "'password' not allowed"),
    ("kafka.sasl.password=hunter2", "'password' not allowed"),
    ("database.url=postgresql://user:secret@db/stakewire", "'url' not allowed"),
    ("kafka.securityProtocol=SASL", "/kafka/securityProtocol"),
    ("kafka.sasl.mechanism=GSSAPI", "/kafka/sasl/mechanism"),
    ("kafka.bootstrapServers=kafka", "/kafka/bootstrapServers"),
    ("runAsUser=0", "/runAsUser"),
    ("gateway.terminationGracePeriodSeconds=1", "/gateway/terminationGracePeriodSeconds"),
    ("gateway.settings.DATABASE_URL=postgresql://db/stakewire", "DATABASE_URL"),
    ("gateway.settings.STAKEWIRE_PORT=80", "STAKEWIRE_PORT"),
    ("gateway.image.digest=sha256:12", "/gateway/image/digest"),
    ("gateway.resources.limits=null", "limits"),
    ("tracing.share=2", "/tracing/share"),
    ("setup.topicReplication=0", "/setup/topicReplication"),
]


@needs_helm
@pytest.mark.parametrize(("wrong", "named"), REFUSED)
def test_a_wrong_value_is_refused_by_name(wrong: str, named: str) -> None:
    answer = template("--set", wrong)
    assert answer.returncode != 0
    assert "values don't meet the specifications of the schema" in answer.stderr
    assert named in answer.stderr


INCOMPLETE = [
    (("kafka.securityProtocol=SASL_SSL",), "kafka.sasl.existingSecrets."),
    (("database.existingSecret=",), "database.existingSecrets."),
    (("gateway.ingress.enabled=true",), "gateway.ingress.host is empty"),
    (("tracing.share=0.1",), "tracing.endpoint is empty"),
    (("wallet.autoscaling.kind=hpa", "wallet.autoscaling.minReplicas=9"), "maxReplicas (8) is below minReplicas (9)"),
    (
        (
            "wallet.autoscaling.kind=keda",
            "kafka.securityProtocol=SASL_PLAINTEXT",
            *(
                f"kafka.sasl.existingSecrets.{c}=k"
                for c in ("gateway", "operatorApi", "wallet", "catalogue", "backoffice", "setup")
            ),
        ),
        "kafka.sasl.existingSecrets.autoscaler",
    ),
]


@needs_helm
@pytest.mark.parametrize(("values", "told"), INCOMPLETE)
def test_values_that_do_not_fit_together_are_refused_with_what_to_do(values: tuple[str, ...], told: str) -> None:
    answer = template(*(part for value in values for part in ("--set", value)))
    assert answer.returncode != 0
    assert told in answer.stderr


def unlisted(values: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "") -> list[str]:
    """Values without a place in the schema, and objects of the schema that are open."""
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if not isinstance(values, dict):
        return []
    if "additionalProperties" not in schema:
        return [f"{where}: open"]
    known = schema.get("properties", {})
    if schema["additionalProperties"] is not False:
        return []
    missing = [f"{where}/{key}" for key in values if key not in known]
    return missing + [line for key in values if key in known for line in unlisted(values[key], known[key], root, f"{where}/{key}")]


def test_every_value_is_in_the_schema_and_none_of_it_is_open() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert unlisted(values, schema, schema) == []
    assert set(schema["properties"]) - set(values) == {"global"}


def test_the_chart_has_the_alert_rules_of_prometheus() -> None:
    source = {path.name: path.read_text(encoding="utf-8") for path in RULES.glob("*.yml")}
    copied = {path.name: path.read_text(encoding="utf-8") for path in (CHART / "rules").glob("*.yml")}
    assert source
    assert copied == source, "`make chart` copies them"


@needs_helm
def test_the_rules_reach_the_cluster_as_they_are() -> None:
    objects = of_kind(manifests(rendered("production")), "PrometheusRule")
    groups = {group["name"]: group for one in objects for group in one["spec"]["groups"]}
    wanted = [group for path in RULES.glob("*.yml") for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]]
    assert groups == {group["name"]: group for group in wanted}


@needs_helm
def test_the_configuration_of_an_example_is_one_the_services_take(tmp_path: Path) -> None:
    (config,) = of_kind(manifests(rendered("small")), "ConfigMap")
    text = config["data"]["stakewire.toml"]
    assert '"file:/etc/stakewire/secrets/mascot-demo-main"' in text
    path, key = tmp_path / "stakewire.toml", tmp_path / "mascot-demo-main"
    key.write_text("a-key", encoding="utf-8")
    path.write_text(text.replace("/etc/stakewire/secrets", str(tmp_path)), encoding="utf-8")
    assert load_accounts_file(path).provider_accounts["mascot-demo"].keys == {"main": b"a-key"}
    key.unlink()
    assert list(load_brands(path)) == ["main"], "the wallet reads the brands without the providers' secrets"


@needs_helm
def test_the_notes_name_the_secrets_to_be_made(tmp_path: Path) -> None:
    chart = tmp_path / "stakewire"
    shutil.copytree(CHART, chart)
    notes = (chart / "templates" / "NOTES.txt").read_text(encoding="utf-8")
    # Helm gives the notes to a cluster only: as an object of the chart they are rendered without one.
    (chart / "templates" / "notes.yaml").write_text(
        '{{- define "the.notes" }}' + notes + '{{ end }}\nkind: Notes\ntext: {{ include "the.notes" . | toJson }}\n',
        encoding="utf-8",
    )
    answer = run_helm("template", "stakewire", str(chart), "--kube-version", KUBERNETES, "--values", str(example("production")))
    assert answer.returncode == 0, answer.stderr
    (told,) = of_kind(manifests(answer.stdout), "Notes")
    assert "https://callbacks.casino.example/callbacks/" in told["text"]
    assert "Wallets:       3 to 12, scaled by keda" in told["text"]
    listed = re.search(r"made by you: (.*)\.", told["text"])
    assert listed is not None
    assert set(listed[1].split(", ")) == {secret for secret, _ in secrets_of(manifests(rendered("production")))} | {"callbacks-tls"}

"""Who may do what on Kafka: read from a file, made on the brokers, compared with what is there. Blocking; for commands only.

The file (deploy/kafka/access.toml says what may stand in it) is the whole truth about our topics and groups: what brokers
allow on them besides is told, and taken away only when that is asked for.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from shared.errors import SettingsError, TopicError
from shared.kafka.admin import TIMEOUT_S, VISIBLE_LIMIT_S, Admin, admin_client
from shared.kafka.topics import TOPICS, TopicNames

CLUSTER: Final = "kafka-cluster"
"""The only name a cluster has as the object of a rule."""
AUTHORIZER_SETTING: Final = "authorizer.class.name"


class Grants(BaseModel):
    """What one principal may do, as its table in the file says; names without the topic prefix."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purpose: str
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    groups: tuple[str, ...] = Field(default=())
    inspect: bool = False
    administer: bool = False

    @field_validator("read", "write")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = {topic.name for topic in TOPICS}
        for name in value:
            if name not in known:
                raise ValueError(f"{name!r} is no topic; there are {', '.join(sorted(known))}")
        return value


Access = dict[str, Grants]
"""Principals as Kafka writes them (`User:gateway`) and what each may do."""


@dataclass(frozen=True, order=True, slots=True)
class Rule:
    """One rule on a broker, in Kafka's own words and lower case: kind of object, its name, who, what."""

    principal: str
    operation: str
    kind: str
    name: str
    pattern: str = "literal"
    host: str = "*"
    permission: str = "allow"

    def __str__(self) -> str:
        """For people."""
        may = "may" if self.permission == "allow" else "is denied to"
        where = "" if self.host == "*" else f" from {self.host}"
        pattern = "" if self.pattern == "literal" and self.name != "*" else "everything that begins with "
        what = "all of them" if self.name == "*" else pattern + self.name
        return f"{self.principal} {may} {self.operation} {self.kind} {what}{where}"


def load_access(paths: Iterable[Path]) -> Access:
    """Reads the files; SettingsError names file, key and what is valid. No principal may stand in two of them."""
    access: Access = {}
    for path in paths:
        try:
            content = TypeAdapter(dict[str, Grants]).validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{path}: not readable as TOML: {error}") from None
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_url=False))
            raise SettingsError(f"{path}: " + "; ".join(problems)) from None
        for principal, grants in content.items():
            kind, _, name = principal.partition(":")
            if kind != "User" or not name or name == "*":
                raise SettingsError(f"{path}: {principal!r} is no principal; expected 'User:' and one user's name")
            if principal in access:
                raise SettingsError(f"{path}: {principal!r} stands in another of the files too; say in one what it may do")
            access[principal] = grants
    return access


def rules_of(access: Access, names: TopicNames) -> set[Rule]:
    """The rules that the files ask for."""
    rules = set()
    ours = [names.of(topic) for topic in TOPICS]
    for principal, grants in access.items():
        rules |= {Rule(principal, "read", "topic", names.prefix + name) for name in grants.read}
        rules |= {Rule(principal, "write", "topic", names.prefix + name) for name in grants.write}
        rules |= {Rule(principal, "read", "group", names.prefix + name) for name in grants.groups}
        on_topics, on_cluster = set[str](), set[str]()
        if grants.inspect or grants.administer:
            on_topics, on_cluster = {"describe", "describe_configs"}, {"describe", "describe_configs"}
        if grants.administer:
            on_topics, on_cluster = on_topics | {"alter_configs"}, on_cluster | {"create", "alter"}
        rules |= {Rule(principal, operation, "topic", name) for operation in on_topics for name in ours}
        rules |= {Rule(principal, operation, "cluster", CLUSTER) for operation in on_cluster}
    return rules


@dataclass(frozen=True, slots=True)
class Difference:
    """How the brokers' rules differ from the files'. `wider`: rules of others that reach ours by a pattern."""

    missing: tuple[Rule, ...]
    unexpected: tuple[Rule, ...]
    wider: tuple[Rule, ...]

    def __str__(self) -> str:
        """For people; empty where there is none."""
        return "; ".join(
            [f"missing: {rule}" for rule in self.missing]
            + [f"not in the file: {rule}" for rule in self.unexpected]
            + [f"not in the file, and reaches beyond our topics: {rule}" for rule in self.wider]
        )


def compare(access: Access, names: TopicNames, present: Iterable[Rule]) -> Difference:
    """What the brokers have too little and too much, as far as it is about our topics, groups and principals."""
    wanted, found = rules_of(access, names), set(present)
    topics = {names.of(topic) for topic in TOPICS}
    groups = {names.prefix + group for grants in access.values() for group in grants.groups}

    def is_ours(rule: Rule) -> bool:
        if rule.kind == "cluster":
            return rule.principal in access
        return rule.pattern == "literal" and rule.name in {"topic": topics, "group": groups}.get(rule.kind, set())

    def reaches_ours(rule: Rule) -> bool:
        names_of_kind = {"topic": topics, "group": groups}.get(rule.kind, set())
        if rule.pattern == "prefixed":
            return any(name.startswith(rule.name) for name in names_of_kind)
        return rule.name == "*" and bool(names_of_kind)

    others = found - wanted
    return Difference(
        missing=tuple(sorted(wanted - found)),
        unexpected=tuple(sorted(filter(is_ours, others))),
        wider=tuple(sorted(rule for rule in others if not is_ours(rule) and reaches_ours(rule))),
    )


def read_difference(bootstrap_servers: str, access: Access, names: TopicNames) -> Difference:
    """Asks the brokers. TopicError where they keep no rules, or do not tell us theirs."""
    client = admin_client(bootstrap_servers)
    try:
        return compare(access, names, _read_rules(client))
    except KafkaException as error:
        raise _refused(client, error) from error


def apply_access(bootstrap_servers: str, access: Access, names: TopicNames, *, remove: bool = False) -> Difference:
    """Makes what is missing; takes away what is not in the files only with `remove`, and never what reaches beyond ours.

    Returns what differed before. TopicError where the brokers keep no rules or refuse.
    """
    client = admin_client(bootstrap_servers)
    try:
        difference = compare(access, names, _read_rules(client))
        if difference.missing:
            _wait(client.create_acls([_binding(rule) for rule in difference.missing], request_timeout=TIMEOUT_S))
        if remove and difference.unexpected:
            _wait(client.delete_acls([_exactly(rule) for rule in difference.unexpected], request_timeout=TIMEOUT_S))
        _wait_until_kept(client, access, names)
    except KafkaException as error:
        raise _refused(client, error) from error
    return difference


def _read_rules(client: Admin) -> set[Rule]:
    """All rules there are. Who may not see them gets none and no error from the client: so it is asked first."""
    cluster = client.describe_cluster(include_authorized_operations=True, request_timeout=TIMEOUT_S).result()
    if not _has_authorizer(client, str(cluster.controller.id)):
        raise TopicError(
            "the brokers have no authorizer: they would keep no rules, and everybody who reaches them may do everything. "
            f"Set {AUTHORIZER_SETTING} on the brokers, or leave --access out"
        )
    if AclOperation.DESCRIBE not in (cluster.authorized_operations or ()):
        raise TopicError("this principal may not see the rules; it needs `inspect` or `administer`, or be a super user")
    anything: Any = None  # what the library means by it; its types do not know that
    every = AclBindingFilter(
        ResourceType.ANY, anything, ResourcePatternType.ANY, anything, anything, AclOperation.ANY, AclPermissionType.ANY
    )
    return {_rule(binding) for binding in client.describe_acls(every, request_timeout=TIMEOUT_S).result()}


def _has_authorizer(client: Admin, broker: str) -> bool:
    """Where we may not ask, there is somebody who forbids it."""
    (asked,) = client.describe_configs([ConfigResource(ResourceType.BROKER, broker)], request_timeout=TIMEOUT_S).values()
    try:
        found = asked.result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            return True
        raise
    return AUTHORIZER_SETTING not in found or bool(found[AUTHORIZER_SETTING].value)


def _wait_until_kept(client: Admin, access: Access, names: TopicNames) -> None:
    """A rule just made takes a moment until brokers act by it: who starts services next should not find them locked out."""
    until_s = time.monotonic() + VISIBLE_LIMIT_S
    while missing := compare(access, names, _read_rules(client)).missing:
        if time.monotonic() > until_s:
            raise TopicError(f"Kafka took the rules, but after {VISIBLE_LIMIT_S:.0f} s it does not show this one: {missing[0]}")
        time.sleep(0.1)


def _binding(rule: Rule) -> Any:
    return AclBinding(*_parts(rule))


def _exactly(rule: Rule) -> Any:
    return AclBindingFilter(*_parts(rule))


def _parts(rule: Rule) -> Sequence[Any]:
    return (
        ResourceType.BROKER if rule.kind == "cluster" else ResourceType[rule.kind.upper()],
        rule.name,
        ResourcePatternType[rule.pattern.upper()],
        rule.principal,
        rule.host,
        AclOperation[rule.operation.upper()],
        AclPermissionType[rule.permission.upper()],
    )


def _rule(binding: Any) -> Rule:
    kind = "cluster" if binding.restype == ResourceType.BROKER else binding.restype.name.lower()
    return Rule(
        principal=binding.principal,
        operation=binding.operation.name.lower(),
        kind=kind,
        name=binding.name,
        pattern=binding.resource_pattern_type.name.lower(),
        host=binding.host,
        permission=binding.permission_type.name.lower(),
    )


def _wait(futures: dict[Any, Any]) -> None:
    for future in futures.values():
        future.result()


def _refused(client: Admin, error: KafkaException) -> TopicError:
    if error.args[0].code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
        return TopicError("this principal may not change the rules; it needs `administer` in the file, or be a super user")
    return TopicError(f"Kafka did not do it: {client.why(error)}")

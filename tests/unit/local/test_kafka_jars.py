"""The files of Kafka: locked by hash, fetched once, refused when changed. The mirror of these tests is a real HTTP server."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from deploy.local import kafka_jars
from deploy.local.errors import DownloadFailed

CONTENT = b"the bytes of a jar"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A file server that does not write to the terminal."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Path]:
    """A Maven repository with one file, as a folder and over HTTP."""
    folder = tmp_path / "mirror"
    file = folder / "org" / "example" / "part" / "1.0" / "part-1.0.jar"
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    file.with_name("part-1.0.jar.sha1").write_text(hashlib.sha1(CONTENT, usedforsecurity=False).hexdigest())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(kafka_jars.REPOSITORY_SETTING, f"http://127.0.0.1:{server.server_port}")
            patch.setenv(kafka_jars.CACHE_SETTING, str(tmp_path / "cache"))
            patch.setattr(kafka_jars, "LOCK_FILE", tmp_path / "lock.json")
            yield file
        server.shutdown()
        thread.join()


def lock(tmp_path: Path, content: bytes) -> None:
    entry = {"coordinate": "org.example:part:1.0", "sha256": hashlib.sha256(content).hexdigest()}
    (tmp_path / "lock.json").write_text(json.dumps([entry]))


def test_a_missing_file_is_fetched_and_told(mirror: Path, tmp_path: Path) -> None:
    lock(tmp_path, CONTENT)
    told: list[str] = []
    (path,) = kafka_jars.class_path(told.append)
    assert path.read_bytes() == CONTENT
    assert told == [f"kafka: fetching version {kafka_jars.KAFKA_VERSION}, 1 of 1 files"]
    assert mirror.exists()


def test_a_second_start_needs_no_network(mirror: Path, tmp_path: Path) -> None:
    lock(tmp_path, CONTENT)
    first = kafka_jars.class_path()
    mirror.unlink()
    assert kafka_jars.class_path(pytest.fail) == first


def test_a_file_with_other_bytes_is_refused_and_not_kept(mirror: Path, tmp_path: Path) -> None:
    lock(tmp_path, b"what was locked")
    with pytest.raises(DownloadFailed, match=r"org\.example:part:1\.0.*SHA-256"):
        kafka_jars.class_path()
    assert mirror.exists()
    assert list((tmp_path / "cache" / f"kafka-{kafka_jars.KAFKA_VERSION}").iterdir()) == []


def test_a_file_that_is_not_there_names_what_to_do(mirror: Path, tmp_path: Path) -> None:
    lock(tmp_path, CONTENT)
    mirror.unlink()
    with pytest.raises(DownloadFailed, match=r"STAKEWIRE_MAVEN_REPOSITORY.*KAFKA_BOOTSTRAP_SERVERS"):
        kafka_jars.class_path()


def test_the_lock_is_complete_and_without_doubles() -> None:
    jars = kafka_jars.locked_jars()
    names = [jar.coordinate.rpartition(":")[0] for jar in jars]
    assert len(set(names)) == len(names)
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert kafka_jars.KAFKA in {jar.coordinate for jar in jars}
    bindings = [name for name in names if name.startswith("org.slf4j:slf4j-") and name != "org.slf4j:slf4j-api"]
    assert bindings == ["org.slf4j:slf4j-reload4j"], "SLF4J wants exactly one binding"

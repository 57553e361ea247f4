"""`stakewire archive --check`: files that were changed, cut, mixed up or taken away are found without a database."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from services.wallet.audit.archive import archive, check_folder
from services.wallet.audit.files import digest_of
from tests.integration.wallet.test_archive import NOW, three_months
from tests.servers import Servers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(servers: Servers, ledger_template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """An archive of three months."""
    url = servers.new_database(ledger_template)
    owner = await asyncpg.connect(url)
    await three_months(owner)
    await owner.close()
    folder = tmp_path_factory.mktemp("archive")
    await archive(url, "2026-04", folder, NOW)
    yield folder
    servers.drop_database(url)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def rewrite(folder: Path, file: str, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Changes lines of a file, and its facts in the manifests, so that only the content can tell."""
    path = next(folder.glob(f"{file}.*"))
    kept = change(gzip.decompress(path.read_bytes()).splitlines())
    path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in kept)))
    before = ""
    for manifest in sorted(folder.glob("manifest-*.json")):
        content = json.loads(manifest.read_text())
        for name in ("operations_file", "chains_file"):
            if content[name]["name"] == path.name:
                content[name] |= {"bytes": path.stat().st_size, "sha256": digest_of(path)}
        content["previous"] = before
        manifest.write_text(json.dumps(content))
        before = digest_of(manifest)


CHANGES: list[tuple[str, Callable[[list[bytes]], list[bytes]], str]] = [
    ("operations-2026-01", lambda lines: [lines[0].replace(b'"main"', b'"mine"'), *lines[1:]], "I11"),
    ("operations-2026-01", lambda lines: lines[1:], "I3"),
    ("operations-2026-01", lambda lines: lines[:-1], "I3"),
    ("operations-2026-01", lambda lines: [lines[1], lines[0], *lines[2:]], "I3"),
    ("operations-2026-01", lambda lines: [lines[0], *lines], "I3"),
    ("operations-2026-01", lambda lines: [lines[0].replace(b'{"player"', b'{"more":1,"player"'), *lines[1:]], "not its event"),
    ("operations-2026-01", lambda lines: [*lines[:2], b"{", *lines[3:]], "after 3 lines"),
    ("operations-2026-03", lambda lines: [*lines, lines[-1].replace(b'"z"', b'"zz"')], "no chain"),
    ("chains-2026-01", lambda lines: lines[1:], "no chain"),
    ("chains-2026-02", lambda lines: lines[:-1], "is not in this one"),
    ("chains-2026-02", lambda lines: [lines[0], *lines[2:]], "is not in this one"),
    ("chains-2026-02", lambda lines: lines[::-1], "sorted"),
    ("chains-2026-02", lambda lines: [lines[0].replace(b'"seq":4', b'"seq":3'), *lines[1:]], "does not go on"),
    ("chains-2026-01", lambda lines: [lines[0].replace(b'"cash EUR":-', b'"cash EUR":-1'), *lines[1:]], "the sums of player a"),
]


def test_a_whole_archive_agrees(whole: Path) -> None:
    manifests, findings = check_folder(whole)
    assert ([each.month for each in manifests], findings) == (["2026-01", "2026-02", "2026-03"], [])


def test_an_archive_may_begin_later(folder: Path) -> None:
    for path in folder.glob("*2026-01*"):
        path.unlink()
    assert check_folder(folder)[1] == []


@pytest.mark.parametrize(("file", "change", "words"), CHANGES)
def test_changed_content_is_found_whatever_the_manifest_says(
    file: str, change: Callable[[list[bytes]], list[bytes]], words: str, folder: Path
) -> None:
    rewrite(folder, file, lambda lines: lines)
    assert check_folder(folder)[1] == []
    rewrite(folder, file, change)
    _, findings = check_folder(folder)
    assert any(words in each for each in findings), findings


@pytest.mark.parametrize("name", ["operations-2026-02.jsonl.gz", "chains-2026-02.jsonl.gz"])
@pytest.mark.parametrize("cut", [0, 10])
def test_a_cut_file_is_found(name: str, cut: int, folder: Path) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[: cut and -cut])
    assert "cut or changed" in check_folder(folder)[1][0]


@pytest.mark.parametrize("name", ["manifest-2026-02.json", "operations-2026-02.jsonl.gz"])
def test_a_missing_file_is_found(name: str, folder: Path) -> None:
    (folder / name).unlink()
    assert "2026-02" in check_folder(folder)[1][0]


def test_a_changed_manifest_is_found_by_the_next(folder: Path) -> None:
    path = folder / "manifest-2026-02.json"
    path.write_text(path.read_text().replace('"players": 1', '"players": 2'))
    assert "was changed" in check_folder(folder)[1][0]


def test_what_is_no_archive_is_told(folder: Path) -> None:
    (folder / "manifest-2026-01.json").write_text('{"format":"stakewire archive 2","month":"2026-01"}')
    assert "no manifest" in check_folder(folder)[1][0]

"""Change files on a disk that forgets names which were not forced to it."""

import json
from pathlib import Path
from random import Random

import pytest

from support.journeys.copying import extract
from support.simulate.disk import Disk, in_use
from support.simulate.sqlite_files import unavailable
from support.small_company import Clock, client, company

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "available")


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A disk with a copy of two streams, made a moment ago."""
    made = Disk(tmp_path, Random(1))
    emulator = company(Clock())
    with in_use(made), client(emulator) as reader:
        made.restore({"copy": None})
        for _ in range(2):
            extract(reader, f"jsonl:{tmp_path}/copy", "LOCATION", "JOURNAL", select={"LOCATION": ["NAME"]}, full=True)
    emulator.close()
    return made


def test_every_file_that_a_manifest_names_is_there_after_a_power_cut(disk: Disk, tmp_path: Path) -> None:
    """The manifest was forced to disk, and the names of its files were not."""
    manifest = tmp_path / "copy" / "manifest.json"
    before = json.loads(manifest.read_text())
    assert {stream: len(entry["files"]) for stream, entry in before["streams"].items()} == {"LOCATION": 1, "JOURNAL": 1}
    for number in range(20):
        disk.random = Random(number)
        left = disk.after_power_cut()
        after = json.loads(left["copy/manifest.json"] or b"")
        assert after["streams"] == before["streams"], "a run that has ended stays ended"
        named = [file["name"] for entry in after["streams"].values() for file in entry["files"]]
        assert [name for name in named if not left.get(f"copy/{name}")] == []
    disk.close()

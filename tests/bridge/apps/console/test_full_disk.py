"""A full disk under the console: each page answers 507 with a sentence, and works again once there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.apps.console_site import RunningConsole, running_console, save_connection
from support.full_disk import fill, small_disk

CSV = b"JOURNAL,DATE,DOCUMENT\n" + b"GJ,2026-11-30,D-1\n" * 3


@pytest.fixture
def disk(user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with small_disk(tmp_path / "state") as folder:
        monkeypatch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture
def console_on_disk(disk: Path, gateway: str) -> Iterator[RunningConsole]:
    save_connection("full", gateway, archive=str(disk / "archive"))
    with running_console() as console:
        yield console


def test_a_dropped_file_is_refused_until_there_is_room(disk: Path, console_on_disk: RunningConsole) -> None:
    visitor = console_on_disk.signed_in()
    files = {"file": ("entries.csv", CSV)}
    fields = {"connection": "full", "as": "journal-entries"}
    filler = fill(disk)
    refused = visitor.upload("/load/add", files, fields)
    assert (refused.status, "No space left on device" in refused.text) == (507, True), refused.text
    assert "Free some disk space" in refused.text and "A bug" not in refused.text
    filler.unlink()
    assert visitor.upload("/load/add", files, fields).status == 303


def test_an_upload_that_the_temporary_folder_cannot_hold_is_refused(
    console_on_disk: RunningConsole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file over a megabyte is written there as it comes."""
    with small_disk(tmp_path / "temporary") as folder:
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        visitor = console_on_disk.signed_in()
        refused = visitor.upload("/load/add", {"file": ("long.csv", CSV + b"x" * (3 << 20))}, {"connection": "full"})
    assert (refused.status, "cannot keep the upload" in refused.text) == (507, True), refused.text


def test_pages_that_need_the_outbox_say_why_it_cannot_be_made(disk: Path, console_on_disk: RunningConsole) -> None:
    visitor = console_on_disk.signed_in()
    fill(disk)
    for path in ("/approvals", "/outbox", "/outbox.json", "/home.json"):
        seen = visitor.get(path)
        assert seen.status in (200, 404, 507), (path, seen.text)
        assert "A bug" not in seen.text
    assert console_on_disk.server.app.jobs.of("anna") == []

"""Attached files saved by runs that are killed at any step, refused, or left without disk space."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pytest

from intacct_bridge.client.attachments import AttachedFile
from intacct_bridge.client.client import Client
from intacct_bridge.extract.attachments import INDEX, fetch_attachments
from intacct_bridge.machine.locks import try_lock
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import BusyError, SettingsError, TransientError
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.attached_company import FILES, assert_whole, attached_company, expected, index, place_of, visible
from support.small_company import client, connection

Transport = Callable[[str, bytes], Reply]


class Cut(BaseException):
    """The process is killed."""


class Steps:
    """Counts the steps of a run, which are calls and changes of the disk, and kills the run at one of them."""

    def __init__(self, ends_at: int = 0) -> None:
        self.ends_at = ends_at
        self.taken = 0

    def take(self) -> bool:
        """One step; True for the last one, which may be half done."""
        self.taken += 1
        if self.ends_at and self.taken > self.ends_at:
            raise Cut
        return self.taken == self.ends_at


class HalfWritten:
    """A file whose writing may end in the middle."""

    def __init__(self, file: IO[Any], steps: Steps) -> None:
        self._file, self._steps = file, steps

    def write(self, data: Any) -> int:
        if self._steps.take():
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            raise Cut
        return self._file.write(data)

    def __enter__(self) -> "HalfWritten":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.fixture(scope="module")
def grown_company() -> Iterator[Emulator]:
    made = attached_company()
    yield made
    made.close()


@pytest.fixture
def emulator(grown_company: Emulator) -> Iterator[Emulator]:
    made = grown_company.clone()
    yield made
    assert made.incidents == []
    made.close()


def fetch(transport: Transport, folder: Path, *objects: str, **options: Any) -> dict[str, tuple[int, str]]:
    with client(transport, **options) as gateway:
        found = fetch_attachments(gateway, objects or ("VENDOR",), folder)
        return {supdoc: (count, problem) for supdoc, count, problem in found}


def watched(steps: Steps, patched: pytest.MonkeyPatch, transport: Transport) -> Transport:
    """A transport whose calls are steps."""

    def stepping(method: Callable[..., Any]) -> Callable[..., Any]:
        def step(self: Path, *arguments: Any, **more: Any) -> Any:
            if steps.take():
                raise Cut
            return method(self, *arguments, **more)

        return step

    really_open = Path.open

    def opening(self: Path, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        file = really_open(self, mode, *arguments, **more)
        return HalfWritten(file, steps) if mode[0] in "wax" and self.name != ".writing" else file

    for name in ("mkdir", "rename", "replace"):
        patched.setattr(Path, name, stepping(getattr(Path, name)))
    patched.setattr(Path, "open", opening)

    def call(endpoint: str, body: bytes) -> Reply:
        if steps.take():
            raise Cut
        return transport(endpoint, body)

    return call


def cut_at(step: int, transport: Transport, folder: Path) -> int:
    """A run that is killed at a step, or ends; the number of its steps."""
    steps = Steps(step)
    with pytest.MonkeyPatch.context() as patched:
        call = watched(steps, patched, transport)
        with suppress(Cut):
            fetch(call, folder)
    return steps.taken


def test_the_run_after_one_that_is_killed_at_any_step_completes_the_files(emulator: Emulator, tmp_path: Path) -> None:
    whole = expected()
    total = cut_at(0, emulator, tmp_path / "unbroken")
    assert_whole(tmp_path / "unbroken")
    assert total > 40
    for step in range(1, total + 1):
        folder = tmp_path / str(step)
        assert cut_at(step, emulator, folder) >= step
        assert visible(folder).items() <= whole.items(), step
        folders = {place.partition("/")[0] for place in visible(folder)}
        assert len(visible(folder)) == sum(place.partition("/")[0] in folders for place in whole), step
        fetch(emulator, folder)
        assert_whole(folder)
        shutil.rmtree(folder)


def test_runs_that_are_killed_repeatedly_complete_the_files(emulator: Emulator, tmp_path: Path) -> None:
    for step in range(3, 30):
        cut_at(step, emulator, tmp_path / "files")
    fetch(emulator, tmp_path / "files")
    assert_whole(tmp_path / "files")


def test_nothing_is_fetched_twice(emulator: Emulator, tmp_path: Path) -> None:
    first, second = fetch(emulator, tmp_path), fetch(emulator, tmp_path)
    assert {supdoc: count for supdoc, (count, _) in first.items()} == {one: len(files) for one, files in FILES.items()}
    assert second == {}


def altered(emulator: Emulator, supdoc: str, old: bytes, new: bytes) -> Transport:
    """The company, with a change to every request for one supdoc."""

    def call(endpoint: str, body: bytes) -> Reply:
        return emulator(endpoint, body.replace(old, new) if f'key="{supdoc}"'.encode() in body else body)

    return call


def test_a_supdoc_that_is_refused_or_deleted_costs_only_itself(emulator: Emulator, tmp_path: Path) -> None:
    refusing = altered(emulator, "A", b'object="supdoc"', b'object="no_such_thing"')
    losing = altered(emulator, "S-1", b'key="S-1"', b'key="S-9"')

    def both(endpoint: str, body: bytes) -> Reply:
        return (losing if b'key="S-1"' in body else refusing)(endpoint, body)

    done = fetch(both, tmp_path)
    assert {supdoc for supdoc, (_, problem) in done.items() if problem} == {"A", "S-1"}
    assert done["S-1"] == (0, "there is no attachment S-1")
    assert_whole(tmp_path, [one for one in FILES if one not in ("A", "S-1")])
    assert set(fetch(emulator, tmp_path)) == {"A", "S-1"}
    assert set(visible(tmp_path)) == set(expected())


def test_a_supdoc_whose_files_cannot_be_read_costs_only_itself(emulator: Emulator, tmp_path: Path) -> None:
    def garbled(endpoint: str, body: bytes) -> Reply:
        reply = emulator(endpoint, body)
        if b'key="A"' not in body:
            return reply
        return Reply(
            reply.status, reply.body.replace(b"<attachmentdata", b"<attachmentdata>*</attachmentdata><was"), {}
        )

    def spoiled(endpoint: str, body: bytes) -> Reply:
        return emulator(endpoint, body)

    done = fetch(garbled, tmp_path / "one")
    assert done["A"][0] == 0
    assert done["A"][1]
    assert_whole(tmp_path / "one", [one for one in FILES if one != "A"])
    assert fetch(spoiled, tmp_path / "one")["A"] == (1, "")


def test_an_object_that_cannot_be_read_costs_only_itself(emulator: Emulator, tmp_path: Path) -> None:
    done = fetch(emulator, tmp_path, "APBILLS", "VENDOR")
    assert "APBILLS" in done["files of APBILLS"][1]
    assert_whole(tmp_path)


def test_one_lost_answer_costs_only_itself_and_several_end_the_run(emulator: Emulator, tmp_path: Path) -> None:
    lost: set[str] = {"S-1"}

    def silent(endpoint: str, body: bytes) -> Reply:
        if any(f'key="{supdoc}"'.encode() in body for supdoc in lost):
            raise ConnectionCutError("the connection broke", sent=True)
        return emulator(endpoint, body)

    done = fetch(silent, tmp_path / "one")
    assert {supdoc for supdoc, (_, problem) in done.items() if problem} == {"S-1"}
    assert_whole(tmp_path / "one", [one for one in FILES if one != "S-1"])
    lost |= set(FILES)
    with pytest.raises(TransientError):
        fetch(silent, tmp_path / "none")
    lost.clear()
    for name in ("one", "none"):
        fetch(silent, tmp_path / name)
        assert visible(tmp_path / name) == expected()


def test_a_cap_stops_the_run_with_a_message_and_a_later_run_continues(emulator: Emulator, tmp_path: Path) -> None:
    for _ in range(len(FILES)):
        with Client(connection(), transport=emulator, max_transactions=5, keep=False) as gateway:
            problems = [problem for _, _, problem in fetch_attachments(gateway, ["VENDOR"], tmp_path) if problem]
        if not problems:
            break
        assert len(problems) == 1
        assert "transactions" in problems[0]
    else:
        pytest.fail("it never ends")
    assert_whole(tmp_path)


def test_files_that_are_fetched_again_are_indexed_again(emulator: Emulator, tmp_path: Path) -> None:
    fetch(emulator, tmp_path)
    with client(emulator) as gateway:
        assert gateway.attachments.add("A", [AttachedFile("more", "txt", b"more")]).ok
    shutil.rmtree(tmp_path / place_of("A"))
    assert fetch(emulator, tmp_path) == {"A": (2, "")}
    assert {one for one in index(tmp_path) if one.startswith("A/")} == {"A/a.txt", "A/more.txt"}
    (tmp_path / INDEX).unlink()
    assert fetch(emulator, tmp_path) == {}
    assert set(index(tmp_path)) == set(visible(tmp_path))


def test_an_error_names_the_file_in_the_way(emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="file cannot be written"):
        fetch(emulator, tmp_path / "file")
    fetch(emulator, tmp_path / "good")
    (tmp_path / "good" / INDEX).write_text("{}\n")
    with pytest.raises(SettingsError, match="is damaged"):
        fetch(emulator, tmp_path / "good")
    with (tmp_path / "good" / ".writing").open("wb") as other:
        assert try_lock(other)
        with pytest.raises(BusyError, match="another run is writing"):
            fetch(emulator, tmp_path / "good")

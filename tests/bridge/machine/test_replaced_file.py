"""A file that several replace at once is always one of theirs, and no part is left."""

import threading
from pathlib import Path

import pytest

from intacct_bridge.machine.replaced_file import replaced


def test_writers_that_overlap_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with replaced(path) as first:
        first.write_text("first")
        with replaced(path) as second:
            second.write_text("second, which is longer")
            assert not path.exists()
        assert path.read_text() == "second, which is longer"
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_finds_one_whole_file_while_many_write(tmp_path: Path) -> None:
    path, texts = tmp_path / "file", [letter * 200_000 for letter in "abcd"]

    def write(text: str) -> None:
        for _ in range(20):
            with replaced(path) as fresh:
                fresh.write_text(text)

    path.write_text(texts[0])
    writers = [threading.Thread(target=write, args=(text,)) for text in texts]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_after_an_error_the_file_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(OSError, match="full"), replaced(path) as fresh:
        fresh.write_text("half")
        raise OSError("full")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]

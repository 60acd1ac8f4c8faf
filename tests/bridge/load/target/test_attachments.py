"""The files that a record names are its own, there, and told apart."""

from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_bridge.load.records.write import Write
from intacct_bridge.load.target.attachments import folder_write, read_paths, real_folder, supdoc
from intacct_protocol.errors import RecordError
from intacct_protocol.xml.xml import Element


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a/scan.pdf", "b/scan.pdf", "b/Scan.PDF", "b/scan.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_files_of_one_name_are_told_apart(folder: Path) -> None:
    paths = read_paths("a/scan.pdf; b/scan.pdf; b/Scan.PDF; b/scan.png", folder)
    write = replace(folder_write("F"), attachments=paths)
    names = [(one.findtext("attachmentname"), one.findtext("attachmenttype")) for one in _files(write)]
    assert names == [("scan", "pdf"), ("scan (2)", "pdf"), ("Scan (3)", "PDF"), ("scan", "png")]
    texts = [b64decode(one.findtext("attachmentdata")).decode() for one in _files(write)]
    assert texts == ["a/scan.pdf", "b/scan.pdf", "b/Scan.PDF", "b/scan.png"]


def _files(write: Write) -> tuple[Element, ...]:
    return supdoc(write, "F").findall("attachments")[0].children


def test_a_link_counts_as_the_file_that_it_leads_to(folder: Path) -> None:
    inside, outside = folder / "b", folder / "a" / "scan.pdf"
    (inside / "link.pdf").symlink_to(inside / "scan.pdf")
    (inside / "out.pdf").symlink_to(outside)
    (folder / "other").symlink_to(inside)
    base = real_folder(folder / "other")
    assert read_paths("link.pdf; scan.pdf; ./scan.png", base) == tuple(
        str(inside / name) for name in ("scan.pdf", "scan.pdf", "scan.png")
    )
    for cell in ("out.pdf", "../a/scan.pdf", str(outside)):
        with pytest.raises(RecordError, match="outside"):
            read_paths(cell, base)


def test_a_folder_with_the_name_of_a_file_is_none(folder: Path) -> None:
    (folder / "scans.pdf").mkdir()
    with pytest.raises(RecordError, match=r"there is no file scans\.pdf"):
        read_paths("scans.pdf", folder)


@pytest.mark.parametrize("cell", [f"{'x' * 300}.pdf", [{"id": "1", "name": f"{'x' * 300}.pdf"}]])
def test_a_name_too_long_for_any_file_is_refused(folder: Path, cell: object) -> None:
    with pytest.raises(RecordError, match="there is no file"):
        read_paths(cell, folder)


@pytest.mark.parametrize("cell", ["a\0.pdf", ["a\0.pdf"], [{"path": "a\0.pdf"}], [{"id": "1\0", "name": "a.pdf"}]])
def test_nul_in_a_name_is_refused(folder: Path, cell: object) -> None:
    with pytest.raises(RecordError, match="NUL"):
        read_paths(cell, folder)

"""The check of pinned versions against security advisories, with records in OSV's schema."""

import json
import zipfile
from datetime import date
from pathlib import Path

import advisories
import pytest
from advisories import affected_versions, collected, pinned_versions


def record(**more: object) -> dict[str, object]:
    """A record as OSV's schema 1.7 has it."""
    return {"schema_version": "1.7.0", "id": "GHSA-1", "summary": "It fails", **more}


def affected(name: str, *events: dict[str, str], **more: object) -> dict[str, object]:
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    return {"package": {"ecosystem": "PyPI", "name": name}, "ranges": ranges, **more}


RECORDS = {
    "range": record(aliases=["CVE-1"], affected=[affected("Some_Package", {"introduced": "0"}, {"fixed": "2.6.0"})]),
    "two-ranges": record(
        id="GHSA-2",
        affected=[
            affected(
                "other", {"introduced": "1.0"}, {"fixed": "1.4"}, {"introduced": "2.0rc1"}, {"last_affected": "2.1"}
            )
        ],
    ),
    "versions": record(id="PYSEC-3", affected=[affected("listed", versions=["1.0", "1.1"])]),
    "never-fixed": record(id="GHSA-4", affected=[affected("open", {"introduced": "3"})]),
    "withdrawn": record(
        id="GHSA-5", withdrawn="2026-11-02T00:00:00Z", affected=[affected("open", {"introduced": "0"})]
    ),
    "of-npm": record(id="GHSA-6", affected=[{"package": {"ecosystem": "npm", "name": "open"}, "ranges": []}]),
    "not-ours": record(id="GHSA-7", affected=[affected("elsewhere", {"introduced": "0"})]),
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in RECORDS.items():
            file.writestr(f"{name}.json", json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("package", "version", "told"),
    [
        ("some-package", "2.5.9", "GHSA-1, CVE-1"),
        ("some-package", "2.6.0rc1", "GHSA-1, CVE-1"),
        ("some-package", "2.6.0", ""),
        ("other", "0.9", ""),
        ("other", "1.3.9", "GHSA-2"),
        ("other", "1.4", ""),
        ("other", "2.1", "GHSA-2"),
        ("other", "2.1.1", ""),
        ("listed", "1.1", "PYSEC-3"),
        ("listed", "1.1.0", "PYSEC-3"),
        ("listed", "1.2", ""),
        ("open", "3.0", "GHSA-4"),
        ("open", "2", ""),
    ],
)
def test_an_advisory_applies_to_the_versions_of_its_ranges(
    archive: Path, package: str, version: str, told: str
) -> None:
    pinned = {name: {"0"} for name in ("some-package", "other", "listed", "open")}
    listed = collected(archive, pinned)
    assert [advisory["id"] for advisory in listed] == ["PYSEC-3", "GHSA-4", "GHSA-2", "GHSA-1"]
    assert [version_told.advisory for version_told in affected_versions({package: {version}}, listed)] == (
        [told] if told else []
    )


def test_each_pinned_version_is_read_once_and_with_its_normal_name(tmp_path: Path) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text("Py_Dantic==2.1 ; python_version < '3.12' \\\n    --hash=sha256:0==1\npydantic-core==2.50.4 \\\n")
    assert pinned_versions([file]) == {"py-dantic": {"2.1"}, "pydantic-core": {"2.50.4"}}


def test_no_pinned_version_is_affected_and_the_age_of_the_list_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    day = date.fromisoformat(json.loads(advisories.LIST.read_text("utf-8"))["date"])
    assert advisories.main([], today=date.fromordinal(day.toordinal() + 40)) == 0
    assert f"of {day} (40 days old)" in capsys.readouterr().out


def test_a_refresh_replaces_the_list(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("other==1.2\nopen==2\n")
    monkeypatch.setattr(advisories, "LIST", tmp_path / "list.json")
    monkeypatch.setattr(advisories, "pinned_versions", lambda: pinned_versions([constraints]))
    assert advisories.main(["--refresh", str(archive)], today=date(2026, 12, 1)) == 1
    printed = capsys.readouterr()
    assert printed.err == "other 1.2: GHSA-2, fixed in 1.4. It fails\n"
    assert printed.out == (
        "1 of 2 pinned packages are affected by the list of 2 advisories of 2026-12-01 (0 days old).\n"
    )

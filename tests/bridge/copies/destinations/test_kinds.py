"""Kinds of destinations that other packages register, judged by the suite that they would run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import intacct_bridge
import intacct_protocol
from intacct_bridge.copies.destinations import uri as addresses
from intacct_bridge.copies.destinations.open import (
    KINDS,
    DestinationKind,
    copy_states,
    destination_kind,
    open_destination,
)
from intacct_bridge.copies.destinations.uri import SCHEMES, parse_uri
from intacct_protocol.errors import SettingsError

LAKE = """
from dataclasses import replace
from intacct_bridge.copies.destinations.files import FileDestination
from intacct_bridge.copies.destinations.formats import FORMATS
from intacct_bridge.copies.destinations.open import KINDS


class Forgetful(FileDestination):
    def bookmarks(self):
        return {}


LAKE = replace(KINDS["parquet"], address="lake:DIR", open=lambda path, _: FileDestination(path, FORMATS["parquet"]))
FORGETFUL = replace(LAKE, address="forgetful:DIR", open=lambda path, _: Forgetful(path, FORMATS["parquet"]))
OTHER = 7
"""
ENTRY_POINTS = """[intacct_bridge.destinations]
lake = my_lake:LAKE
forgetful = my_lake:FORGETFUL
other = my_lake:OTHER
lost = no_such_module:LAKE
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An installed package of another maker."""
    described = tmp_path / "site" / "my_lake-1.dist-info"
    described.mkdir(parents=True)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: my-lake\nVersion: 1\n")
    (described / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "site" / "my_lake.py").write_text(LAKE)
    return tmp_path / "site"


def judged(package: Path, folder: Path, scheme: str) -> subprocess.CompletedProcess[str]:
    """`pytest --destination` in an empty folder, with the package installed."""
    folder.mkdir()
    sources = [Path(module.__file__ or "").parent.parent for module in (intacct_bridge, intacct_protocol)]
    path = os.pathsep.join(map(str, (package, *sources)))
    environment = {**os.environ, "PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "intacct_bridge.pytest_plugin"]
    command += ["-W", "error", "--noconftest", f"--destination={scheme}:{{folder}}/copy"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_destination_of_another_package_passes_the_suite(package: Path, tmp_path: Path) -> None:
    ran = judged(package, tmp_path / "work", "lake")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed, 1 skipped" in ran.stdout


def test_the_suite_refuses_a_destination_that_forgets_its_bookmarks(package: Path, tmp_path: Path) -> None:
    ran = judged(package, tmp_path / "work", "forgetful")
    assert ran.returncode == 1
    assert "test_bookmarks_are_those_of_the_last_commit_of_each_stream" in ran.stdout


def test_a_registered_kind_is_opened_by_its_scheme(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(package)
    addresses.registered_kinds.cache_clear()
    try:
        assert (parse_uri("lake://any/where").path, parse_uri("lake:x").local_path) == ("//any/where", None)
        assert open_destination(f"lake:{tmp_path}/copy").commit_rows == 50_000
        assert copy_states(f"lake:{tmp_path}/copy") == {}
        with pytest.raises(SettingsError, match="the destination other cannot be used: my_lake:OTHER is not a Dest"):
            open_destination("other:x")
        with pytest.raises(SettingsError, match="the destination lost cannot be loaded: No module named") as refused:
            open_destination("lost:x")
        assert refused.value.fix == "install the package of no_such_module:LAKE again"
    finally:
        addresses.registered_kinds.cache_clear()


def test_each_scheme_of_this_package_has_its_kind() -> None:
    assert set(KINDS) == set(SCHEMES)
    assert all(isinstance(destination_kind(scheme), DestinationKind) for scheme in SCHEMES)

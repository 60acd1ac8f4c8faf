"""The page on fidelity: written from its data, each row held by a test that exists, each setting a real one."""

import ast
import importlib.util
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, SenderSettings, UserSettings

HERE = Path(__file__).parent
KINDS = (Behaviour, CompanySettings, EmulatorSettings, SenderSettings, UserSettings)
SETTINGS = {one.name for kind in KINDS for one in fields(kind)}


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fidelity", HERE.parent.parent / "scripts" / "fidelity.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIDELITY = script()


def test_the_page_is_written_from_the_data() -> None:
    assert FIDELITY.PAGE.read_text(encoding="utf-8") == FIDELITY.page(), "run: make docs"


@pytest.mark.parametrize("row", FIDELITY.rows(), ids=lambda row: row["behaviour"][:40])
def test_every_row_is_held_by_a_test(row: dict[str, str]) -> None:
    assert set(row) - {"setting", "probe", "no_probe"} == {"area", "behaviour", "tag", "source", "test"}
    assert row["tag"] in FIDELITY.TAGS
    if row["tag"] in ("inferred", "choice"):
        has_a_probe_or_a_reason(row)
    holds(row)


@pytest.mark.parametrize("row", FIDELITY.unsettled(), ids=lambda row: row["question"][:40])
def test_every_unsettled_question_is_a_setting_and_has_a_test(row: dict[str, str]) -> None:
    assert set(row) - {"probe", "no_probe"} == {"question", "setting", "does", "side", "test"}
    has_a_probe_or_a_reason(row)
    holds(row)


def has_a_probe_or_a_reason(row: dict[str, str]) -> None:
    assert ("probe" in row) != ("no_probe" in row)
    assert row.get("no_probe", "write") in FIDELITY.NO_PROBE


def holds(row: dict[str, str]) -> None:
    file, _, name = row["test"].partition("::")
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    named = {one.strip() for one in row.get("setting", "").split(",")} - {""}
    assert named <= SETTINGS
    assert "|" not in "".join(row.values())

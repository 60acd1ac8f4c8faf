"""The public names of each package: a list, and each can be imported, has a docstring, and costs nothing until used."""

import ast
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import intacct_bridge
import intacct_emulator

PACKAGES = pytest.mark.parametrize("package", [intacct_bridge, intacct_emulator], ids=lambda module: module.__name__)
OF_THE_EMULATOR = """
    Administration Behaviour CREDENTIALS CompanySettings CompanySource CopiedCompany CopiedTable Emulator
    EmulatorSettings EmulatorSnapshot REST_CREDENTIALS Received RequestOutcome RunningServer ScriptedFault
    SenderSettings UserSettings __version__ copied_company load_companies load_faults load_scenario serve
"""
OF_TESTING = {
    "intacct_emulator.testing": "Company CompanyArguments emulated_company make_company",
    "intacct_bridge.testing": "Company CompanyArguments emulated_company make_company read_copy",
}


def test_the_public_names_of_the_emulator_are_these() -> None:
    assert sorted(intacct_emulator.__all__) == sorted(OF_THE_EMULATOR.split())


@pytest.mark.parametrize("module", OF_TESTING)
def test_the_public_names_for_tests_are_these(module: str) -> None:
    assert import_module(module).__all__ == OF_TESTING[module].split()


@PACKAGES
def test_the_public_names_are_sorted_few_and_complete(package: ModuleType) -> None:
    names = package.__all__
    assert len(names) < 50
    assert len(names) == len(set(names))
    assert dir(package) == sorted(names)
    for name in names:
        assert getattr(package, name) is not None


@PACKAGES
def test_editors_see_exactly_the_public_names(package: ModuleType) -> None:
    assert package.__file__ is not None
    source = ast.parse(Path(package.__file__).read_text())
    block = next(node for node in source.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    here = {name for name in package.__all__ if name in vars(package) and name not in seen}
    assert sorted({*seen, *here}) == sorted(package.__all__)
    assert here <= {"__version__", "CREDENTIALS", "REST_CREDENTIALS"}
    for name, module in seen.items():
        public = getattr(package, name)
        home = getattr(public, "__module__", module)
        assert home == module or not (inspect.isclass(public) or inspect.isfunction(public)), name


@PACKAGES
def test_every_public_name_has_a_docstring(package: ModuleType) -> None:
    silent = []
    for name in package.__all__:
        public = getattr(package, name)
        if inspect.isclass(public) or inspect.isfunction(public):
            members = vars(public).items() if inspect.isclass(public) else ()
            silent += [name] if not inspect.getdoc(public) else []
            silent += [
                f"{name}.{member}"
                for member, value in members
                if not member.startswith("_")
                and (inspect.isfunction(value) or isinstance(value, property))
                and not inspect.getdoc(value)
            ]
    assert silent == []


@PACKAGES
def test_importing_the_package_imports_nothing_else(package: ModuleType) -> None:
    name = package.__name__
    program = f"import sys, {name}; print([m for m in sys.modules if m.startswith('intacct_') and m != '{name}'])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_client_needs_none_of_the_extras() -> None:
    heavy = "{'pyarrow', 'duckdb', 'lxml', 'starlette', 'uvicorn', 'openpyxl', 'keyring', 'rich', 'click'}"
    program = f"import sys; from intacct_bridge import Client, connect, Query; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@PACKAGES
def test_a_private_name_cannot_be_imported(package: ModuleType) -> None:
    assert not hasattr(package, "nothing")

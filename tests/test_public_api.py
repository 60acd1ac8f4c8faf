"""The public names: each can be imported, has a docstring, and costs nothing until it is used."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import intacct_bridge

SOURCE = ast.parse(Path(intacct_bridge.__file__).read_text())


def test_the_public_names_are_sorted_few_and_complete() -> None:
    names = intacct_bridge.__all__
    assert len(names) < 40
    assert len(names) == len(set(names))
    assert dir(intacct_bridge) == sorted(names)
    for name in names:
        assert getattr(intacct_bridge, name) is not None


def test_editors_see_exactly_the_public_names() -> None:
    block = next(node for node in SOURCE.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert sorted([*seen, "__version__"]) == sorted(intacct_bridge.__all__)
    for name, module in seen.items():
        found = getattr(intacct_bridge, name)
        home = getattr(found, "__module__", module)
        assert home == module or not (inspect.isclass(found) or inspect.isfunction(found)), name


def test_every_public_name_has_a_docstring() -> None:
    silent = []
    for name in intacct_bridge.__all__:
        found = getattr(intacct_bridge, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            members = vars(found).items() if inspect.isclass(found) else ()
            silent += [name] if not inspect.getdoc(found) else []
            silent += [
                f"{name}.{member}"
                for member, value in members
                if not member.startswith("_")
                and (inspect.isfunction(value) or isinstance(value, property))
                and not inspect.getdoc(value)
            ]
    assert silent == []


def test_importing_the_package_imports_nothing_else() -> None:
    program = "import sys, intacct_bridge; print([m for m in sys.modules if m.startswith('intacct_bridge.')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_client_needs_none_of_the_extras() -> None:
    heavy = "{'pyarrow', 'duckdb', 'lxml', 'starlette', 'uvicorn', 'openpyxl', 'keyring', 'rich', 'click'}"
    program = f"import sys; from intacct_bridge import Client, connect, Query; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_private_name_cannot_be_imported() -> None:
    assert not hasattr(intacct_bridge, "nothing")

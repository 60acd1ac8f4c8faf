"""Imports only go down: a module sees the floors below it and the earlier lines of its own floor.

The order is in `floors.txt`, one module a line, lowest first; `emulator.` lines are the tower, which stands on
`errors`, `wire` and `model` only. A module without a line fails.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PKG = Path(__file__).parent.parent / "src" / "intacct_bridge"
ORDER = [
    line.split("#")[0].strip()
    for line in (Path(__file__).parent / "floors.txt").read_text().splitlines()
    if line.split("#")[0].strip()
]
FLOORS = ("errors", "diagnosis", "wire", "model", "client", "flow", "edge", "testing", "pytest_plugin")
HEIGHT = {name: height for height, name in enumerate(ORDER)}
STANDS_ON = ("errors", "wire", "model", "data")
DOORS = {"__init__", "__main__", "data.__init__", *(f"{floor}.__init__" for floor in (*FLOORS, "emulator"))}
MAY_START_THE_EMULATOR = ("edge.", "testing")
PURE = ("errors", "diagnosis", "wire.", "model.")
OUTSIDE = {
    "socket",
    "http",
    "urllib3",
    "requests",
    "time",
    "random",
    "uuid",
    "secrets",
    "sqlite3",
    "asyncio",
    "threading",
}
ONLY_IN = {"pyspark": ("edge.spark",), "starlette": ("emulator.",), "uvicorn": ("emulator.",), "lxml": ("emulator.",)}


def imported(source: str) -> Iterator[str]:
    """Full dotted names this source imports, lazy and type-only imports included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "a relative import"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full.removeprefix("intacct_bridge.") in HEIGHT else f"{node.module}"


def floor(module: str) -> int:
    """The number of the floor that a module stands on."""
    return FLOORS.index(module.split(".", maxsplit=1)[0])


def allowed(module: str, target: str) -> bool:
    """Whether `module` may import `target`, both without the package's name."""
    if target in ("data", "__version__"):
        return True
    if target not in HEIGHT:
        return False
    if module.startswith("emulator."):
        if target.startswith("emulator."):
            return HEIGHT[target] < HEIGHT[module]
        return target.split(".", maxsplit=1)[0] in STANDS_ON
    if target.startswith("emulator."):
        return module.startswith(MAY_START_THE_EMULATOR)
    return floor(target) < floor(module) or (floor(target) == floor(module) and HEIGHT[target] < HEIGHT[module])


def breaches(module: str, source: str) -> list[str]:
    """What is wrong with one module's imports."""
    if module in DOORS:
        return []
    if module not in HEIGHT:
        return [f"{module} has no line in floors.txt"]
    found = []
    for name in imported(source):
        top = name.split(".")[0]
        if top == "intacct_bridge" or name == "a relative import":
            target = name.removeprefix("intacct_bridge.")
            if target != "intacct_bridge" and not allowed(module, target):
                found.append(f"{module} -> {target}")
        elif module.startswith(PURE) and top in OUTSIDE:
            found.append(f"{module} -> {top}, which touches the outside world")
        elif top in ONLY_IN and not module.startswith(ONLY_IN[top]):
            found.append(f"{module} -> {top}, which belongs to {' '.join(ONLY_IN[top])}")
    return found


def modules() -> Iterator[tuple[str, Path]]:
    """Every module of the package with its file."""
    for path in sorted(PKG.rglob("*.py")):
        yield ".".join(path.relative_to(PKG).with_suffix("").parts), path


def test_imports_only_go_down() -> None:
    assert [b for module, path in modules() for b in breaches(module, path.read_text())] == []


def test_every_line_of_the_order_is_a_module() -> None:
    assert sorted(set(ORDER) - {module for module, _ in modules()}) == []
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("wire.codec", "from intacct_bridge.model.query import Query"),
        ("wire.codec", "import socket"),
        ("wire.xml", "from intacct_bridge.wire import codec"),
        ("emulator.gateway", "from intacct_bridge.client.session import Session"),
        ("client.session", "from intacct_bridge.emulator.gateway import Emulator"),
        ("wire.codec", "from . import xml"),
        ("flow.extract", "import lxml.etree"),
        ("wire.nowhere", ""),
    ],
)
def test_a_planted_breach_is_seen(module: str, source: str) -> None:
    assert breaches(module, source)


@pytest.mark.parametrize(("module", "path"), [pytest.param(m, p, id=m) for m, p in modules()])
def test_no_module_holds_two_ideas(module: str, path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400, f"{module} is over 400 lines: split it"

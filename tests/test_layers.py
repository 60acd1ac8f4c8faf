"""The structure of the source: the order of packages, the size of folders, and class names.

`layers.txt` lists every package in order, lowest first, with its modules in order. A module may import packages on
earlier lines and modules named before it on its own line. The emulator is a tower beside the rest: it stands on
`errors`, `wire` and `model`, and only `edge` and `testing` may start it.
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "intacct_bridge"
MOST_MODULES = 15


def listed(text: str) -> Iterator[str]:
    """Every module that the list names, in its order."""
    for line in text.splitlines():
        package, colon, names = line.split("#")[0].strip().partition(":")
        if colon:
            yield from (f"{package}.{name}" for name in names.split())
        elif package:
            yield package


ORDER = list(listed((Path(__file__).parent / "layers.txt").read_text()))
HEIGHT = {name: height for height, name in enumerate(ORDER)}
EMULATOR_STANDS_ON = ("errors", "wire", "model", "data")
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
ONLY_IN = {
    "pyspark": ("edge.spark.source",),
    "starlette": ("emulator.", "edge.console.", "edge.fleet.", "edge.mcp."),
    "uvicorn": ("emulator.", "edge.console.", "edge.mcp.", "edge.serving."),
    "lxml": ("emulator.",),
    "jinja2": ("edge.console.",),
    "mcp": ("edge.mcp.",),
    "pg8000": ("store.",),
    "dbos": ("fleet.",),
    "cryptography": ("fleet.",),
}
READS = ("flow.streams.", "flow.destinations.", "flow.extract.")
WRITES = ("flow.records.", "flow.company.", "flow.layouts.", "flow.outbox.", "flow.plan.", "flow.post.", "flow.undo.")
APART = (
    (READS, WRITES),
    (WRITES, READS),
    (("emulator.reading.",), ("emulator.subledgers.", "emulator.trade.", "emulator.functions.")),
)
"""Packages that must not know each other although the order would allow it."""
OPTION = re.compile(r"[`'\"( ](--[a-z][a-z-]+)")
COMMAND = re.compile(r"intacct [a-z]+ [^\n]*")
"""A command for the user to type, such as `intacct query REPORTINGPERIOD --select NAME`, which may name options."""
DEMO = "emulator.demo."
DEMO_STANDS_ON = (DEMO, "emulator.accounting.", "emulator.settings.")
MAY_IMPORT_THE_DEMO = (DEMO, "emulator.gateway.companies")
"""The demo company is a program on the accounting engine, and one module hands it to the gateway."""


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


def allowed(module: str, target: str) -> bool:
    """Whether `module` may import `target`, both without the package's name."""
    if target in ("data", "__version__"):
        return True
    if target not in HEIGHT or HEIGHT[target] >= HEIGHT[module]:
        return False
    if any(module.startswith(ones) and target.startswith(others) for ones, others in APART):
        return False
    if target.startswith(DEMO) and not module.startswith(MAY_IMPORT_THE_DEMO):
        return False
    if module.startswith(DEMO) and target.startswith("emulator.") and not target.startswith(DEMO_STANDS_ON):
        return False
    if module.startswith("emulator."):
        return target.split(".", maxsplit=1)[0] in (*EMULATOR_STANDS_ON, "emulator")
    return not target.startswith("emulator.") or module.startswith(MAY_START_THE_EMULATOR)


def breaches(module: str, source: str) -> list[str]:
    """What is wrong with one module's imports."""
    if module.endswith("__init__") or module == "__main__":
        return []
    if module not in HEIGHT:
        return [f"{module} is not in layers.txt"]
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
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(path.relative_to(PACKAGE).with_suffix("").parts), path


def test_imports_only_go_down() -> None:
    assert [b for module, path in modules() for b in breaches(module, path.read_text())] == []


def test_every_name_in_the_order_is_a_module() -> None:
    assert sorted(set(ORDER) - {module for module, _ in modules()}) == []
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("wire.codec", "from intacct_bridge.model.query.query import Query"),
        ("wire.codec", "import socket"),
        ("wire.xml", "from intacct_bridge.wire import codec"),
        ("emulator.gateway.gateway", "from intacct_bridge.client.gateway.session import Session"),
        ("client.gateway.session", "from intacct_bridge.emulator.gateway.gateway import Emulator"),
        ("flow.extract.run", "from intacct_bridge.flow.tables.cells import read_amount"),
        ("flow.post.loader", "from intacct_bridge.flow.destinations.base import Destination"),
        ("emulator.reading.query", "from intacct_bridge.emulator.subledgers.families import FAMILIES"),
        ("emulator.demo.company", "from intacct_bridge.emulator.store.store import Store"),
        ("emulator.gateway.gateway", "from intacct_bridge.emulator.demo.company import demo_company"),
        ("wire.codec", "from . import xml"),
        ("flow.extract.run", "import lxml.etree"),
        ("wire.nowhere", ""),
    ],
)
def test_a_planted_breach_is_found(module: str, source: str) -> None:
    assert breaches(module, source)


def test_no_folder_holds_too_many_modules() -> None:
    sizes = Counter(path.parent for _, path in modules() if path.name != "__init__.py")
    assert {str(folder.relative_to(PACKAGE)): size for folder, size in sizes.items() if size > MOST_MODULES} == {}


def test_a_public_class_name_exists_once() -> None:
    homes = defaultdict(list)
    for module, path in modules():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(module)
    assert {name: where for name, where in homes.items() if len(where) > 1} == {}


def test_no_option_is_named_below_the_edge() -> None:
    """A lower layer names the setting, in backticks and as `setting="date_order"`; the edge names the option."""
    lower = [path for name in ("wire", "model", "client", "flow") for path in (PACKAGE / name).rglob("*.py")]
    named = {str(path): OPTION.findall(COMMAND.sub("", path.read_text("utf-8"))) for path in lower}
    assert {path: options for path, options in named.items() if options} == {}

"""Imports go down: between the distributions, and between the packages inside each of them.

`PACKAGES` lists the packages of a distribution in order, lowest first. A module may import its own package and those
before it. Nothing holds the order of the modules inside a package.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.repository import BRIDGE, DISTRIBUTIONS, PROTOCOL

PACKAGES = {
    "intacct_protocol": "errors diagnosis xml model rest",
    "intacct_emulator": (
        "settings store from_copy company access records ledger demo_company subledgers orders reading handlers rest "
        "server recordings testing command pytest_plugin"
    ),
    "intacct_bridge": (
        "machine mapping connections shared_state client streams copies extract export_maps changes load "
        "reconcile runs setup fleet operations notebook results library dlt testing destination_suite pytest_plugin "
        "apps spark"
    ),
}
STANDS_ON = {"intacct_protocol": (), "intacct_emulator": ("intacct_protocol",), "intacct_bridge": ("intacct_protocol",)}
"""The distributions that each may import."""
MAY_START_THE_EMULATOR = (
    *("intacct_bridge.apps.", "intacct_bridge.testing", "intacct_bridge.pytest_plugin"),
    *("intacct_bridge.connections.demo_company", "intacct_bridge.connections.embedded_demo"),
)
GIVES_A_CLIENT = ("intacct_bridge.fleet.fleet", "intacct_bridge.library")
"""A fleet gives the library's client of a tenant, though it stands below the library."""
OUTSIDE_WORLD = (
    *("socket", "http", "urllib3", "requests", "time", "random", "uuid", "secrets", "sqlite3", "asyncio", "threading"),
)
"""What `intacct_protocol` must not touch."""
ONLY_IN = {
    "pyspark": ("intacct_bridge.apps.spark.source",),
    "starlette": ("intacct_emulator.", "intacct_bridge.apps."),
    "uvicorn": ("intacct_emulator.", "intacct_bridge.apps."),
    "click": ("intacct_emulator.", "intacct_bridge.apps."),
    "lxml": ("intacct_emulator.",),
    "jinja2": ("intacct_emulator.server.", "intacct_emulator.rest.", "intacct_bridge.apps."),
    "mcp": ("intacct_bridge.apps.mcp.",),
    "pg8000": ("intacct_bridge.shared_state.",),
    "cryptography": ("intacct_emulator.server.", "intacct_bridge.fleet."),
}
READS = ("intacct_bridge.streams.", "intacct_bridge.copies.", "intacct_bridge.extract.")
WRITES = ("intacct_bridge.load.",)
DEMO = "intacct_emulator.demo_company."
_APPS = ("console", "demo", "fleet_site", "jobs", "mcp", "singer", "spark", "terminal", "views", "web")
NO_COMMANDS = tuple(f"intacct_bridge.apps.{app}." for app in _APPS)
"""The apps that the command line starts, or that use its output: none of them runs a command."""
APART = (
    (NO_COMMANDS, ("intacct_bridge.apps.cli.",)),
    (("intacct_bridge.apps.fleet_site.", "intacct_bridge.apps.web."), ("intacct_bridge.apps.console.",)),
    (READS, WRITES),
    (WRITES, READS),
    (
        ("intacct_emulator.reading.",),
        ("intacct_emulator.subledgers.", "intacct_emulator.orders.", "intacct_emulator.handlers."),
    ),
)
"""Packages that must not know each other although the order would allow it."""
DEMO_STANDS_ON = (DEMO, "intacct_emulator.ledger.", "intacct_emulator.settings.")
MAY_IMPORT_THE_DEMO = (DEMO, "intacct_emulator.server.companies")
"""The demo company is a program on the accounting engine, and one module hands it to the gateway."""
OPTION = re.compile(r"[`'\"( ](--[a-z][a-z-]+)")
COMMAND = re.compile(r"intacct [a-z]+ [^\n]*")
"""A command for the user to type, such as `intacct query REPORTINGPERIOD --select NAME`, which may name options."""


def modules() -> dict[str, Path]:
    """Every module of the distributions with its file."""
    return {
        ".".join((source.name, *path.relative_to(source).with_suffix("").parts)): path
        for source in DISTRIBUTIONS
        for path in sorted(source.rglob("*.py"))
    }


MODULES = modules()


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
                yield full if full in MODULES else f"{node.module}"


def height(module: str) -> int:
    """The place of a module's package in the order of its distribution; -1 for a package that is not listed."""
    distribution, _, inside = module.partition(".")
    order = PACKAGES[distribution].split()
    package = max((name for name in order if f"{inside}.".startswith(f"{name}.")), key=len, default="")
    return order.index(package) if package else -1


def allowed(module: str, target: str) -> bool:
    """Whether a module may import another of ours."""
    distribution, _, inside = target.partition(".")
    if distribution == "intacct_emulator" and module.startswith(MAY_START_THE_EMULATOR):
        return not target.startswith(DEMO)
    if not inside or inside == "data":  # the version, and the public names
        return distribution == module.partition(".")[0] or distribution in STANDS_ON[module.partition(".")[0]]
    if any(module.startswith(ones) and target.startswith(others) for ones, others in APART):
        return False
    if target.startswith(DEMO) and not module.startswith(MAY_IMPORT_THE_DEMO):
        return False
    if module.startswith(DEMO) and target.startswith("intacct_emulator.") and not target.startswith(DEMO_STANDS_ON):
        return False
    if distribution != module.partition(".")[0]:
        return distribution in STANDS_ON[module.partition(".")[0]]
    if (module, target) == GIVES_A_CLIENT:
        return True
    return -1 < height(target) <= height(module)


def breaches(module: str, source: str) -> list[str]:
    """What is wrong with one module's imports."""
    if module.endswith(("__init__", "__main__")):
        return []
    if height(module) == -1:
        return [f"{module} is in no package of the order"]
    wrong = []
    for name in imported(source):
        top = name.split(".")[0]
        if name == "a relative import" or (top in PACKAGES and not allowed(module, name)):
            wrong.append(f"{module} -> {name}")
        elif module.startswith("intacct_protocol.") and top in OUTSIDE_WORLD:
            wrong.append(f"{module} -> {top}, which touches the outside world")
        elif top in ONLY_IN and not module.startswith(ONLY_IN[top]):
            wrong.append(f"{module} -> {top}, which belongs to {' '.join(ONLY_IN[top])}")
    return wrong


def test_imports_only_go_down() -> None:
    assert [breach for module, path in MODULES.items() for breach in breaches(module, path.read_text())] == []


def test_every_package_in_the_order_exists() -> None:
    for distribution, order in PACKAGES.items():
        for name in order.split():
            assert any(f"{module}.".startswith(f"{distribution}.{name}.") for module in MODULES), name


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("intacct_protocol.xml.codec", "from intacct_protocol.model.query.query import Query"),
        ("intacct_protocol.xml.codec", "import socket"),
        ("intacct_protocol.xml.codec", "from intacct_emulator.server.gateway import Emulator"),
        ("intacct_protocol.model.keys", "from intacct_bridge.client.client import Client"),
        ("intacct_emulator.server.gateway", "from intacct_bridge.client.gateway.session import Session"),
        ("intacct_emulator.server.gateway", "import intacct_bridge"),
        ("intacct_bridge.client.gateway.session", "from intacct_emulator.server.gateway import Emulator"),
        ("intacct_bridge.extract.run", "from intacct_bridge.load.tables.cells import read_amount"),
        ("intacct_bridge.load.apply.loader", "from intacct_bridge.copies.destinations.base import Destination"),
        ("intacct_bridge.load.apply.loader", "from intacct_bridge.apps.cli.context import CommandContext"),
        ("intacct_bridge.load.apply.loader", "import click"),
        ("intacct_bridge.apps.console.app", "from intacct_bridge.apps.cli.context import CommandContext"),
        ("intacct_bridge.apps.jobs.extract", "from intacct_bridge.apps.cli.extract import extract_command"),
        ("intacct_bridge.apps.fleet_site.site", "from intacct_bridge.apps.console.app import ConsoleApp"),
        ("intacct_emulator.reading.query", "from intacct_emulator.subledgers.document_types import DOCUMENT_TYPES"),
        ("intacct_emulator.demo_company.company", "from intacct_emulator.store.store import Store"),
        ("intacct_emulator.server.gateway", "from intacct_emulator.demo_company.company import demo_company"),
        ("intacct_protocol.xml.codec", "from . import xml"),
        ("intacct_bridge.extract.run", "import lxml.etree"),
        ("intacct_bridge.nowhere", ""),
    ],
)
def test_a_planted_breach_is_found(module: str, source: str) -> None:
    assert breaches(module, source)


def test_no_option_is_named_below_the_apps() -> None:
    """A lower layer names the setting, in backticks and as `setting="date_order"`; an app names the option."""
    lower = [path for path in (*PROTOCOL.rglob("*.py"), *BRIDGE.rglob("*.py")) if not_an_app(path)]
    named = {str(path): OPTION.findall(COMMAND.sub("", path.read_text("utf-8"))) for path in lower}
    assert {path: options for path, options in named.items() if options} == {}


def not_an_app(path: Path) -> bool:
    """Whether a module is below the apps."""
    inside = path.relative_to(BRIDGE).parts if path.is_relative_to(BRIDGE) else ("protocol",)
    return inside[0] not in (
        "apps",
        "setup",
        "fleet",
        "copies",
        "dlt.py",
        "testing.py",
        "destination_suite.py",
        "pytest_plugin.py",
        "spark.py",
    )


# --- the operations are the one door

OF_APPS = {
    "apps": "an app's own modules, and what apps share",
    "operations": "the door: what it gives and takes, it also names",
    "connections": "an app chooses the connection that an operation works on",
    "machine": "files, locks and folders of this machine, which know nothing of Intacct",
}
"""What an app may import of ours, with the reason. The errors are those of the protocol."""
MORE_OF = {
    "intacct_bridge.apps.demo.": "testing shared_state",  # it starts an emulated company, and a fleet's database
    "intacct_bridge.apps.cli.emulator": "testing",
    "intacct_bridge.apps.spark.": "shared_state",  # tasks stage their rows in the database of the outbox
    "intacct_bridge.library": "client notebook results runs shared_state",  # it is a client, and its calls are a run
    "intacct_bridge.dlt": "library client",
}
"""What single programs may import besides."""


def reaches(module: str, source: str) -> set[str]:
    """The packages behind the door that a program imports, if only for their types."""
    packages = {name.split(".")[1] for name in imported(source) if name.startswith("intacct_bridge.")}
    more = " ".join(others for program, others in MORE_OF.items() if module.startswith(program))
    return packages - set(OF_APPS) - set(more.split())


def test_programs_go_through_the_operations() -> None:
    programs = ("intacct_bridge.apps.", "intacct_bridge.spark", "intacct_bridge.library", "intacct_bridge.dlt")
    reaching = {
        (name, package)
        for name, path in MODULES.items()
        if name.startswith(programs)
        for package in reaches(name, path.read_text("utf-8"))
    }
    assert reaching == set()


def test_only_the_command_line_knows_the_command_line() -> None:
    callers = {
        name
        for name, path in MODULES.items()
        if any(target.startswith("intacct_bridge.apps.cli") for target in imported(path.read_text("utf-8")))
        and not name.startswith("intacct_bridge.apps.cli")
    }
    assert callers == {"intacct_bridge.__main__"}


def test_no_operation_prints_or_knows_a_framework() -> None:
    for name, path in MODULES.items():
        if name.startswith("intacct_bridge.operations."):
            tree = ast.parse(path.read_text("utf-8"))
            assert not {target.split(".")[0] for target in imported(path.read_text("utf-8"))} & {
                "click", "jinja2", "mcp", "pyspark", "rich", "starlette",
            }, name  # fmt: skip
            calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
            assert not [one for one in calls if isinstance(one, ast.Name) and one.id in ("print", "input")], name


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("intacct_bridge.apps.cli.report", "from intacct_bridge.load.apply.loader import Loader"),
        ("intacct_bridge.apps.cli.report", "def later() -> None:\n    from intacct_bridge.client.client import Client"),
        ("intacct_bridge.apps.singer.sync", "import intacct_bridge.extract.selection"),
        ("intacct_bridge.apps.singer.tap_config", "from intacct_bridge.extract.options import ExtractOptions"),
        ("intacct_bridge.apps.console.app", "from intacct_bridge.runs.run import Run"),
        ("intacct_bridge.apps.console.app", "from intacct_bridge.shared_state.place import Place"),
        ("intacct_bridge.apps.views.doctor", "from intacct_bridge.setup.findings import Status"),
        ("intacct_bridge.apps.cli.fleet.keys", "from intacct_bridge.fleet.fleet import Fleet"),
        ("intacct_bridge.library", "from intacct_bridge.changes.watch import poll"),
        ("intacct_bridge.dlt", "from intacct_bridge.copies.destinations.bridge_schema import BridgeSchema"),
    ],
)
def test_a_way_round_the_door_is_seen(module: str, source: str) -> None:
    assert reaches(module, source)
    assert not reaches(module, "from intacct_bridge.operations.plans import Plan")

"""What tests share stands in `support`: no test imports another one, whose folder is no name for all programs."""

import ast

from support.repository import ROOT

FOLDERS = {"protocol", "emulator", "bridge", "journeys", "conftest"}


def test_tests_import_only_support() -> None:
    imported = set()
    for path in [*(ROOT / "tests").rglob("*.py"), *(ROOT / "quality").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported |= {(path.name, name) for name in names if name.partition(".")[0] in FOLDERS}
    assert imported == set()

"""The page "Your own workbook" from a real clone: `make demo` in it, and the page's commands in its own shell."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.repository import DOCS, ROOT

PAGE = (DOCS / "own-workbook.md").read_text("utf-8")
BOOK = """
import re, sys
from openpyxl import Workbook
book = Workbook()
for number, cells in re.findall(r"(?m)^\\| (\\d+) \\|(.*)\\|$", open(sys.argv[1], encoding="utf-8").read()):
    texts = [cell.strip() for cell in cells.split("|")]
    book.worksheets[0].append([float(text) if re.fullmatch(r"[\\d.]+", text) else text or None for text in texts])
book.save("payroll.xlsx")
"""


@pytest.mark.foreign
@pytest.mark.slow
def test_the_way_from_a_clone_to_a_posted_workbook(tmp_path: Path) -> None:
    commands = [line.removeprefix("$ ") for line in re.findall(r"(?m)^\$ .*$", PAGE)]
    assert commands[0].startswith("git clone <this repository> intacct-bridge")
    commands[0] = f"git clone -q {ROOT} intacct-bridge && cd intacct-bridge"
    first = next(place for place, line in enumerate(commands) if line.startswith("intacct "))
    commands.insert(first, f'python -c "$BOOK" {ROOT}/docs/own-workbook.md')
    script = "\n".join(f"{line} || echo STATUS $?" for line in commands)
    unwanted = ("PYTHONPATH", "VIRTUAL_ENV", "MAKEFLAGS", "INTACCT_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    environ |= {"HOME": str(tmp_path), "BOOK": BOOK}
    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=500, check=False
    )
    said = ran.stdout + ran.stderr
    assert ran.stdout.count("STATUS") == ran.stdout.count("STATUS 2") == 1, said
    assert "give one value for all rows: --set journal=… --set date=… --set title=…" in said, said
    assert re.search(r"posted\s+GLBATCH \d+", said), said
    assert "Nothing to send: 1 record already in Intacct." in said
    assert (tmp_path / "intacct-bridge" / "bills.xlsx").is_file()

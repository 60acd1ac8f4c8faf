"""A flow as the command that a scheduler runs."""

import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from intacct_bridge.operations.flows import Flow


def scheduled_words(flow: "Flow", connection: str | None = None) -> list[str]:
    """The command line that a scheduler runs. It begins with this program's whole path, or with the interpreter's."""
    script = shutil.which("intacct")
    program = [script] if script else [sys.executable, "-m", "intacct_bridge"]
    return [*program, "run", flow.name, *(["--connection", connection] if connection else [])]

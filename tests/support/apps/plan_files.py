"""Saved plans in the hands of someone who alters them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def resealed(path: Path, alter: Callable[[dict[str, Any]], object]) -> None:
    """The file altered by someone who knows how its seal is made."""
    plan = json.loads(path.read_text())
    alter(plan)
    plan["seal"] = ""
    bare = json.dumps(plan, separators=(",", ":"), ensure_ascii=False)
    plan["seal"] = hashlib.sha256(bare.encode()).hexdigest()
    path.write_text(json.dumps(plan))

"""Saved plans in the hands of someone who alters them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from intacct_bridge.load.outbox.outbox import Outbox


def resealed(path: Path, alter: Callable[[dict[str, Any]], object]) -> None:
    """The file altered by someone who knows how its seal is made."""
    path.write_bytes(_resealed(path.read_bytes(), alter))


def resealed_in(outbox: Outbox, plan: str, alter: Callable[[dict[str, Any]], object]) -> None:
    """The same for a plan that the outbox holds."""
    text = outbox.plan_text(plan)
    assert text is not None
    replace_text(outbox, plan, _resealed(text, alter))


def replace_text(outbox: Outbox, plan: str, text: bytes) -> None:
    """Let the outbox hold another text of a plan."""
    with outbox._db.transaction():
        outbox._db.execute("DELETE FROM plan_piece WHERE plan = ?", (plan,))
    outbox.hold_plan(plan, text)


def _resealed(text: bytes, alter: Callable[[dict[str, Any]], object]) -> bytes:
    plan = json.loads(text)
    alter(plan)
    plan["seal"] = ""
    bare = json.dumps(plan, separators=(",", ":"), ensure_ascii=False)
    plan["seal"] = hashlib.sha256(bare.encode()).hexdigest()
    return json.dumps(plan).encode()

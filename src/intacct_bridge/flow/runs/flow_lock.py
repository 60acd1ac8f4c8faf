"""The lock of a flow: two runs of one flow on one connection exclude each other on this machine.

The operating system releases the lock when its holder ends, however that happens. The file says who holds it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from intacct_bridge.client.local.directories import state_directory
from intacct_bridge.client.local.locks import try_lock
from intacct_bridge.errors import BusyError, SettingsError
from intacct_bridge.flow.runs.definitions import Flow


@contextmanager
def flow_lock(flow: Flow, person: str) -> Iterator[None]:
    """Hold the flow's lock for the duration of the body; BusyError, which says who holds it, if another run does."""
    path = lock_path(flow)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", fix="Check its rights.") from None
    with file:
        if not try_lock(file):
            raise BusyError(
                f"flow {flow.name} is running already{_holder(path)}",
                fix=f"Wait until it has ended; see: intacct runs list --flow {flow.name}",
            )
        file.truncate(0)
        file.write(json.dumps({"by": person, "process": os.getpid(), "since": _now()}).encode())
        file.flush()
        try:
            yield
        finally:
            with suppress(OSError):
                file.truncate(0)


def lock_path(flow: Flow) -> Path:
    """The file of the lock; flows of one name in other files, or on other connections, have other ones."""
    text = "\0".join((str(flow.path.resolve()), flow.name, flow.connection))
    return state_directory() / "runs" / "flows" / f"{sha256(text.encode()).hexdigest()[:32]}.lock"


def _holder(path: Path) -> str:
    """`: started by anna at 02:00, process 4711`, as far as it is known."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        held = json.loads(path.read_bytes())
        return f": started by {held['by']} at {held['since']}, process {held['process']}"
    return ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

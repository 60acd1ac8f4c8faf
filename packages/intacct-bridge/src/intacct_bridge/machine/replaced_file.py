"""Files that are replaced in one step, so that no reader finds half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A new name beside a file, to be written in the body; it then replaces the file. After an error it is removed.

    No other process or thread has the same name. If several replace a file at once, the last one stays.
    """
    fresh = path.with_name(f"{path.name}.{os.urandom(4).hex()}.part")
    try:
        yield fresh
        fresh.replace(path)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)

"""What the tests of the Spark source share: options that reach a company, rows in a form that compares, and kills."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from intacct_bridge.testing import Company


def options_of(company: Company, **more: str) -> dict[str, str]:
    """The options that reach a company over HTTP."""
    return {**company.credentials, "endpoint": company.url, "environment": "demo", **more}


def read(spark: Any, company: Company, **options: str) -> Any:
    """A DataFrame of one company."""
    return spark.read.format("intacct").options(**options_of(company, **options)).load()


def in_library(company: Company, name: str, *fields: str) -> list[tuple[Any, ...]]:
    """The rows that the library reads."""
    with company.client() as client:
        rows = client.query(name, fields, show_private=True)
        return in_order(tuple(row[one] for one in fields) for row in rows)


def in_order(rows: Any) -> list[tuple[Any, ...]]:
    """Rows of Spark or of the library, sorted, with times in UTC."""
    return sorted((tuple(map(_plain, row)) for row in rows), key=repr)


def _plain(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return cell.astimezone(UTC)
    return cell.normalize() + 0 if hasattr(cell, "normalize") else cell


@contextmanager
def killing_workers(spark: Any, when: Callable[[], bool]) -> Iterator[list[int]]:
    """Kill every Python worker of the session's tasks once, as soon as a condition is met; the ids of the killed."""
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while not over.is_set():
            if when():
                for worker in _workers(spark.sparkContext._gateway.proc.pid):
                    os.kill(worker, signal.SIGKILL)
                    killed.append(worker)
                if killed:
                    return
            time.sleep(0.002)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def _workers(java: int) -> list[int]:
    """The processes that run tasks: children of the daemon that the virtual machine started."""
    parents = {}
    for one in Path("/proc").iterdir():
        if one.name.isdecimal():
            try:
                parents[int(one.name)] = int((one / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    daemons = {child for child, parent in parents.items() if parent == java}
    return [child for child, parent in parents.items() if parent in daemons]

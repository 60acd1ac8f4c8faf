"""A company over HTTP whose records change once: half of the customers, and a bill that is deleted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.small_company import Clock, client, little_company

STREAMS = ("APBILL", "APBILLITEM", "CUSTOMER")
"""Streams whose rows change. No document of a customer does, so that only the changed customers are read again."""


@contextmanager
def changing_company() -> Iterator[tuple[str, Callable[[], None]]]:
    """The company's URL, and the function that changes it a day later."""
    clock = Clock()
    company = little_company(clock)
    with serve(company) as server:
        yield server.url, lambda: _change(company, clock)
    assert company.incidents == []
    company.close()


def _change(company: Emulator, clock: Clock) -> None:
    clock.forward(days=1)
    with client(company) as worker:
        customers = [row["RECORDNO"] for row in worker.query("CUSTOMER", ["RECORDNO"])][::2]
        done = worker.update("CUSTOMER", [{"RECORDNO": one, "NAME": f"Renamed {one}"} for one in customers])
        gone = next(worker.query("APBILL", ["RECORDNO"], where="STATE = 'Posted'"))
        done += worker.delete("APBILL", [str(gone["RECORDNO"])])
    assert all(one.ok for one in done), [one.faults for one in done]
    clock.forward(hours=3)

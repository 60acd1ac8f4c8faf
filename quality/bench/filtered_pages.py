"""The emulator's cost of a page of a filtered query, against one of the same query without a filter.

`python -m bench.filtered_pages [SCALE]` makes the demo company at a scale (50 is a million lines of GLDETAIL) and
reads a hundred pages of GLDETAIL by key with all of its fields, first without a filter and then with each filter. It
needs no HTTP.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice

from intacct_emulator.server.gateway import Emulator
from intacct_protocol.xml.codec import encode_request
from intacct_protocol.xml.envelope import Control, Function, Login, Operation, Request
from intacct_protocol.xml.xml import Element, element, parse

OBJECT, PAGE, PAGES = "GLDETAIL", 2000, 100
LIMIT = 1.5
"""The largest cost of a page with a filter, as a multiple of one without."""
FILTERS = {
    "none": "",
    "changed since 2000": "<greaterthanorequalto><field>WHENMODIFIED</field><value>01/01/2000 00:00:00</value>"
    "</greaterthanorequalto>",
    "changed, or never changed": "<or><greaterthanorequalto><field>WHENMODIFIED</field><value>01/01/2000 00:00:00"
    "</value></greaterthanorequalto><isnull><field>WHENMODIFIED</field></isnull></or>",
    "of a half-year": "<between><field>BATCH_DATE</field><value>01/01/2026</value><value>06/30/2026</value></between>",
    "of accounts like 6%": "<like><field>ACCOUNTNO</field><value>6%</value></like>",
    "of amounts over 100": "<greaterthan><field>AMOUNT</field><value>100</value></greaterthan>",
}


@dataclass(frozen=True, slots=True)
class Walk:
    """The pages of one filter."""

    name: str
    rows: int
    first: float
    """CPU seconds of the first page, which finds the rows of the filter."""
    page: float
    """CPU seconds of a full page after it."""


def main() -> None:
    """Walk with each filter and print the figures."""
    scale = int(sys.argv[1]) if sys.argv[1:] else 10
    walks = filtered(scale)
    for walk in walks:
        print(
            f"{walk.name:28}{walk.rows:>10,} rows  first page {walk.first * 1000:8.1f} ms  others"
            f" {walk.page * 1000:6.1f} ms  {walk.page / walks[0].page:5.2f} x unfiltered"
        )


def filtered(scale: int) -> list[Walk]:
    """The walks over the ledger of a company at that scale; the first one has no filter."""
    emulator = Emulator.demo(as_of=date(2026, 11, 21), scale=scale)
    fields = tuple(name for name in emulator.company().catalog[OBJECT].fields if "#" not in name)
    walks = [_walk(emulator, fields, name, text) for name, text in FILTERS.items()]
    emulator.close()
    return walks


def _walk(emulator: Emulator, fields: tuple[str, ...], name: str, where: str) -> Walk:
    times, rows = [], 0
    for cpu, count in islice(_pages(emulator, fields, where), PAGES):
        rows += count
        times.append((cpu, count))
    full = [cpu for cpu, count in times[1:] if count == PAGE]
    return Walk(name, rows, times[0][0], sum(full) / max(1, len(full)))


def _pages(emulator: Emulator, fields: tuple[str, ...], where: str) -> Iterator[tuple[float, int]]:
    """CPU seconds and rows of each page."""
    last = ""
    while True:
        body = _request(fields, where, last)
        started = time.process_time()
        reply = emulator("http://127.0.0.1/", body)
        cpu = time.process_time() - started
        numbers = reply.body.rsplit(b"<RECORDNO>", 1)
        count = reply.body.count(b"</GLDETAIL>")
        yield cpu, count
        if count < PAGE:
            return
        last = numbers[1].partition(b"<")[0].decode()


def _request(fields: tuple[str, ...], where: str, last: str) -> bytes:
    conditions = [where, f"<greaterthan><field>RECORDNO</field><value>{last}</value></greaterthan>" if last else ""]
    joined = "".join(conditions)
    both = f"<and>{joined}</and>" if all(conditions) else joined
    query = element(
        "query", element("object", OBJECT), Element("select", "", tuple(element("field", f) for f in fields))
    )
    parts = [*query.children, *([parse(f"<filter>{both}</filter>".encode())] if joined else [])]
    order = parse(b"<orderby><order><field>RECORDNO</field><ascending/></order></orderby>")
    options = parse(b"<options><showprivate>true</showprivate></options>")
    asked = Element("query", "", (*parts, order, options, element("pagesize", str(PAGE))))
    login = Login("demo-user", "demo-company", "demo-user-password", location_id="")
    control = Control("demo-sender", "demo-sender-password", include_whitespace=False)
    return encode_request(Request(control, (Operation(login, (Function(asked, "c1"),)),)))


if __name__ == "__main__":
    main()

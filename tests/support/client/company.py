"""A small company behind the scripted gateway: it answers lookup, query, read and writes over rows given as text."""

from collections.abc import Mapping
from typing import Any

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_protocol.model.catalog import FieldDef, ObjectDef, Relation, lookup_element, object_def
from intacct_protocol.model.query.evaluate import predicate, sort_key
from intacct_protocol.model.query.filter_xml import query_from
from intacct_protocol.model.query.query import Aggregate
from intacct_protocol.xml.envelope import Function, Request
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import escape, serialize
from support.client.gateway import Gateway, Time, connection, failed, fault, result

VENDOR = object_def(
    "VENDOR",
    [
        FieldDef("RECORDNO", Kind.INTEGER, readonly=True),
        FieldDef("VENDORID", Kind.TEXT),
        FieldDef("NAME", Kind.TEXT),
        FieldDef("TOTALDUE", Kind.CURRENCY),
        FieldDef("WHENMODIFIED", Kind.TIMESTAMP),
        FieldDef("DISPLAYCONTACT.EMAIL1", Kind.TEXT),
    ],
)
APBILL = object_def(
    "APBILL",
    [
        FieldDef("RECORDNO", Kind.INTEGER, readonly=True),
        FieldDef("VENDORID", Kind.TEXT),
        FieldDef("WHENDUE", Kind.DATE),
        FieldDef("TOTALDUE", Kind.CURRENCY),
    ],
    [Relation("VENDOR", "VENDOR", by="VENDORID")],
)
APBILLITEM = object_def(
    "APBILLITEM",
    [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("AMOUNT", Kind.CURRENCY), FieldDef("ENTRY_DATE", Kind.DATE)],
)
CLASS = object_def("CLASS", [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("CLASSID", Kind.TEXT)])
ACTIVITYLOG = object_def("ACTIVITYLOG", [FieldDef("RECORDNO", Kind.TEXT), FieldDef("NOTE", Kind.TEXT)])
OBJECTS = (VENDOR, APBILL, APBILLITEM, CLASS, ACTIVITYLOG)

Rows = list[dict[str, str | None]]


class Company:
    """Tables of text rows, and the functions that were called."""

    def __init__(self, **tables: Rows) -> None:
        self.tables = tables
        self.objects = {each.name: each for each in OBJECTS}
        self.gateway = Gateway(self.answer)
        self.time = Time()
        self.unqueryable: Mapping[str, tuple[str, ...]] = {}
        self.formatting = "<dateformat>/mdY</dateformat><gmtoffset>+00:00</gmtoffset><clock>24</clock>"
        self.written: list[Function] = []

    def client(self, *, cap: int | None = None, keep: bool = False, **settings: Any) -> Client:
        """A client of this company without a network or a real clock."""
        ids = iter(f"id-{n}" for n in range(1, 100_000))
        time = self.time
        system = System(clock=time, sleep=time.sleep, jitter=lambda: 1.0, wall=time, new_id=lambda: next(ids))
        return Client(connection(**settings), transport=self.gateway, max_transactions=cap, keep=keep, system=system)

    @property
    def asked(self) -> list[Function]:
        """Every function except sign-ins, in order."""
        functions = [each for request in self.gateway.requests for each in request.operations[0].functions]
        return [each for each in functions if each.name != "getAPISession"]

    def answer(self, function: Function, request: Request) -> str:
        """One function's `<result>`."""
        handler = getattr(self, f"_{function.name}", None)
        if handler is None:
            self.written.append(function)
            return result(function, key="1")
        text: str = handler(function)
        return text

    def _lookup(self, function: Function) -> str:
        described = self.objects.get(function.body.findtext("object").upper())
        if described is None:
            return failed(
                function, fault("Query Failed", f"Object definition {function.body.findtext('object')} not found")
            )
        return result(function, f'<data listtype="All" count="1">{serialize(lookup_element(described))}</data>')

    def _inspect(self, function: Function) -> str:
        types = "".join(f'<type typename="{name}">{name.title()}</type>' for name in self.objects)
        return result(function, f'<data listtype="All" count="1">{types}</data>')

    def _readUserFormatting(self, function: Function) -> str:  # noqa: N802
        return result(function, f"<data><userformatting>{self.formatting}</userformatting></data>")

    def _query(self, function: Function) -> str:
        query = query_from(function.body)
        described = self.objects[query.object]
        bad = [name for name in self.unqueryable.get(query.object, ()) if name in query.select]
        if bad:
            text = f"The following fields cannot be queried : [{query.object}: [{', '.join(bad)}] ]"
            return failed(function, fault("XL03000006", text))
        rows = list(self.tables.get(query.object, []))
        if query.where is not None:
            rows = list(filter(predicate(query.where, described.kind_of), rows))
        if query.order:
            rows.sort(key=sort_key(query.order, described.kind_of))
        if any(isinstance(one, Aggregate) for one in query.select):
            return result(function, self._page(query.object, [self._sum(rows)], 1, 0))
        shown = rows[query.offset : query.offset + query.page_size]
        cells = [{str(name): row.get(str(name)) for name in query.select} for row in shown]
        return result(function, self._page(query.object, cells, len(rows), query.offset))

    def _sum(self, rows: Rows) -> dict[str, str | None]:
        return {"COUNT.RECORDNO": str(len(rows)), "TOTALDUE": "12.50"}

    def _page(self, name: str, rows: Rows, total: int, offset: int) -> str:
        remaining = total - offset - len(rows)
        written = "".join(f"<{name}>{cells(row)}</{name}>" for row in rows)
        return (
            f'<data listtype="{name}" totalcount="{total}" offset="{offset}" count="{len(rows)}"'
            f' numremaining="{remaining}">{written}</data>'
        )


def cells(row: Mapping[str, str | None]) -> str:
    return "".join(f"<{name}>{escape(text or '')}</{name}>" for name, text in row.items())


def vendors(count: int) -> Rows:
    """Vendors with rising numbers and gaps between them."""
    return [
        {
            "RECORDNO": str(n * 3),
            "VENDORID": f"V{n}",
            "NAME": f"Vendor & {n}",
            "TOTALDUE": f"{n}.10",
            "WHENMODIFIED": "02/01/2026 10:00:00",
            "DISPLAYCONTACT.EMAIL1": None,
        }
        for n in range(1, count + 1)
    ]


__all__ = ["ACTIVITYLOG", "APBILL", "CLASS", "OBJECTS", "VENDOR", "Company", "ObjectDef", "Rows", "cells", "vendors"]

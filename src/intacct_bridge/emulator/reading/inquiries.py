"""The smaller questions: who changed a record, how dimensions hang together, what waits, what a document looks like."""

import base64
from collections.abc import Callable, Iterable

from intacct_bridge.emulator.access.rights import permit
from intacct_bridge.emulator.accounting.balances import dimension_balances
from intacct_bridge.emulator.accounting.dimensions import ALL_NAMES
from intacct_bridge.emulator.company.codes import access_words
from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.emulator.company.relations import linked_key
from intacct_bridge.emulator.reading.query_request import all_columns, described_for
from intacct_bridge.emulator.settings.cells import Row, iso_date
from intacct_bridge.emulator.settings.refusals import not_for, refused
from intacct_bridge.model.keys import natural_key, record_key
from intacct_bridge.wire.xml import Element, element


def get_audit_trail(call: FunctionCall) -> FunctionAnswer:
    """The changes of one record, named by its record number or its key."""
    described = described_for(call, "READ", call.body.findtext("object").strip())
    permit(call, "READ", "AUDITHISTORY")
    key = (call.body.findtext("objectKey") or call.body.findtext("recordNo")).strip()
    keys = _keys(call, described.name, key)
    words = access_words()
    rows = [
        row
        for _, row in call.books.table("AUDITHISTORY").rows()
        if row.get("OBJECTTYPE") == described.name.lower() and row.get("OBJECTKEY") in keys
    ]
    return FunctionAnswer(Element("data", "", tuple(_trail(row, words) for row in rows)))


def _keys(call: FunctionCall, name: str, key: str) -> set[str]:
    """All that the audit may know the record by."""
    natural, record = natural_key(name), record_key(name)
    keys = {key, f"{key}--REC"}
    table = call.books.table(name)
    for field in filter(None, (natural, record)):
        for number in table.find(field, key):
            row = table.get(number) or {}
            keys |= {row.get(record, ""), row.get(natural or record, "")}
    return keys - {""}


def _trail(row: Row, words: dict[str, str]) -> Element:
    time = (iso_date(row.get("ACCESSTIME", "")) or "").replace(" ", "T")
    parts = {
        "userId": row.get("USERID", ""),
        "object": row.get("OBJECTTYPE", ""),
        "objectKey": row.get("OBJECTKEY", ""),
        "accessTime": f"{time}Z" if time else "",
        "accessMode": words.get(row.get("ACCESSMODE", ""), row.get("ACCESSMODE", "")),
        "workflowAction": row.get("WORKFLOWACTION", ""),
        "webServer": "",
        "trackingId": "",
        "ipAddress": row.get("IPADDRESS", ""),
        "source": row.get("SOURCE", ""),
    }
    return _flat("auditTrailDetail", parts)


def get_dimension_relationships(call: FunctionCall) -> FunctionAnswer:
    """Which dimension brings which along: those that a dimension's own fields name."""
    found = []
    for name in ALL_NAMES:
        described = call.books.catalog[name]
        related = [one for one in ALL_NAMES if one != name and f"{one}ID" in described.fields]
        parts = [element("dimension", name), element("object_id", name.lower())]
        parts += [element("autofillrelated", "true" if related else "false"), element("enableoverride", "true")]
        parts += [
            _flat("related", {"dimension": one, "object_id": one.lower(), "relationship_id": f"{name}_{one}",
                              "source_side": name, "related_side": one})
            for one in related
        ]  # fmt: skip
        found.append(Element("relationship", "", tuple(parts)))
    return FunctionAnswer(Element("data", "", tuple(found)))


def get_dimension_details(_call: FunctionCall) -> FunctionAnswer:
    """Autofill rules and restrictions: this company has none."""
    return FunctionAnswer(element("data"))


def read_related(call: FunctionCall) -> FunctionAnswer:
    """The records that a relation of custom objects leads to."""
    described = described_for(call, "READ_RELATED", call.body.findtext("object").strip())
    if "createdAt" not in described.fields:
        raise not_for(described.name, "READ_RELATED")
    relation = described.relation(call.body.findtext("relation").strip())
    if relation is None or relation.object not in call.books.catalog:
        raise refused(f"The relation '{call.body.findtext('relation')}' is not valid for {described.name}.")
    target = call.books.catalog[relation.object]
    table, other = call.books.table(described), call.books.table(target)
    rows: list[Row] = []
    for key in filter(None, (text.strip() for text in call.body.findtext("keys").split(","))):
        for number in table.find(table.plan.key, key):
            text = (table.get(number) or {}).get(relation.by, "")
            rows += [other.get(one) or {} for one in other.find(linked_key(described, relation, target), text)]
    wanted = [name.strip() for name in call.body.findtext("fields").split(",") if name.strip() not in ("", "*")]
    names = wanted or [column.field for column in all_columns(target)]
    tag = target.name.lower()
    elements = tuple(Element(tag, "", tuple(element(name, row.get(name, "")) for name in names)) for row in rows)
    return FunctionAnswer(Element("data", "", elements, {"listtype": tag, "count": str(len(elements))}))


def retrieve_pdf(call: FunctionCall) -> FunctionAnswer:
    """An invoice or an order as a page that says which it is."""
    (asked,) = call.body.children[:1] or (Element("nothing"),)
    field = "RECORDNO" if asked.tag == "ARINVOICE" else "DOCID"
    key = asked.findtext(field).strip()
    numbers = call.books.table(asked.tag).find(field, key) if asked.tag in ("ARINVOICE", "SODOCUMENT") else []
    if not numbers:
        raise refused(f"Cannot find {asked.tag.lower()} with key '{key}'.")
    page = element("pdfdata", base64.b64encode(_pdf(f"{asked.tag} {key}")).decode())
    if asked.tag == "SODOCUMENT":
        return FunctionAnswer(element("data", page))
    row = element("arinvoice", element("recordno", key), page)
    return FunctionAnswer(Element("data", "", (row,), {"listtype": "arinvoice", "count": "1"}))


def _pdf(text: str) -> bytes:
    """The smallest page that a reader opens."""
    shown = text.replace("\\", "").replace("(", "").replace(")", "").encode("latin-1", "replace")
    fonts = b"<< /Font << /F1 5 0 R >> >>"
    stream = b"BT /F1 18 Tf 72 720 Td (" + shown + b") Tj ET"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources %b >>" % fonts,
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    head = b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    return body + head + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(body))


def get_dds_objects(call: FunctionCall) -> FunctionAnswer:
    """The objects that the data delivery service would deliver."""
    names = sorted(name for name, one in call.books.catalog.items() if "WHENMODIFIED" in one.fields)
    return FunctionAnswer(Element("data", "", tuple(element("DdsObject", name) for name in names)))


def get_dds_ddl(call: FunctionCall) -> FunctionAnswer:
    """A table that would hold an object."""
    described = call.books.find(call.body.findtext("object").strip())
    columns = ", ".join(f'"{column.tag}" VARCHAR(4000)' for column in all_columns(described))
    return FunctionAnswer(
        element("data", element("DdsDdl", element("Ddl", f'create table "{described.name}" ({columns})')))
    )


def nothing(tag: str) -> Callable[[FunctionCall], FunctionAnswer]:
    """An answer that lists none: nobody's approval is asked for in this company."""
    return lambda _call: FunctionAnswer(element("data", element(tag)))


def _flat(tag: str, parts: dict[str, str]) -> Element:
    return Element(tag, "", tuple(element(*part) for part in parts.items()))


def get_closed_books_date(call: FunctionCall) -> FunctionAnswer:
    """The last day of the books that are closed, of each entity."""
    rows = (row for _, row in call.books.table("LOCATIONENTITY").rows())
    return FunctionAnswer(Element("data", "", tuple(_closed(rows))))


def _closed(rows: Iterable[Row]) -> Iterable[Element]:
    for row in rows:
        yield element(
            "closedbooksdate", element("locationid", row["LOCATIONID"]), element("date", row.get("STARTOPEN", ""))
        )


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "getApprovalHistory": nothing("approvalHistory"),
    "getAuditTrail": get_audit_trail,
    "getDdsDdl": get_dds_ddl,
    "getDdsObjects": get_dds_objects,
    "getDimensionAutofillData": get_dimension_details,
    "getDimensionAutofillDetails": get_dimension_details,
    "getDimensionRelationships": get_dimension_relationships,
    "getDimensionRestrictedData": get_dimension_details,
    "getDimensionRestrictions": get_dimension_details,
    "getTransactionsToApprove": nothing("transactions"),
    "getVendorApprovalHistory": nothing("approvalHistory"),
    "getVendorsToApprove": nothing("vendors"),
    "get_accountbalancesbydimensions": dimension_balances,
    "get_closedbooksdate": get_closed_books_date,
    "readRelated": read_related,
    "retrievepdf": retrieve_pdf,
}

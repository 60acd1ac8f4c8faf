"""`getAuditTrail`: the changes of one record, with times and access modes as Sage's page on audit trails shows them."""

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.codes import access_words
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.reading.query_request import described_for
from intacct_emulator.settings.cells import Row, iso_date
from intacct_protocol.model.keys import natural_key, record_key
from intacct_protocol.xml.xml import Element, element


def get_audit_trail(call: FunctionCall) -> FunctionAnswer:
    """The changes of a record that is named by its record number or its key."""
    described = described_for(call, "READ", call.body.findtext("object").strip())
    check_right(call, "READ", "AUDITHISTORY")
    key = (call.body.findtext("objectKey") or call.body.findtext("recordNo")).strip()
    keys = _keys(call, described.name, key)
    words = access_words()
    rows = [
        row
        for _, row in call.company.table("AUDITHISTORY").rows()
        if row.get("OBJECTTYPE") == described.name.lower() and row.get("OBJECTKEY") in keys
    ]
    return FunctionAnswer(Element("data", "", tuple(_trail(row, words) for row in rows)))


def _keys(call: FunctionCall, name: str, key: str) -> set[str]:
    """Every key under which the audit history may hold the record."""
    natural, record = natural_key(name), record_key(name)
    keys = {key, f"{key}--REC"}
    table = call.company.table(name)
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
        "accessTime": f"{time}+00:00" if time else "",
        "accessMode": words.get(row.get("ACCESSMODE", ""), row.get("ACCESSMODE", "")).lower(),
        "workflowAction": row.get("WORKFLOWACTION", ""),
        "webServer": "",
        "trackingId": "",
        "ipAddress": row.get("IPADDRESS", ""),
        "source": row.get("SOURCE", ""),
    }
    return Element("auditTrailDetail", "", tuple(element(*part) for part in parts.items()))

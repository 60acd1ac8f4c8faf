"""Approvals and other changes of state: approve, decline, recall, cancel, post on another day.

Only a record that waits for approval can be approved or declined; an approved bill is posted. The functions of
contracts and schedules are elsewhere.
"""

from collections.abc import Callable

from intacct_bridge.emulator.access.rights import check_right
from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.emulator.records.legacy_body import day_text, find_number
from intacct_bridge.emulator.records.record_store import update_state
from intacct_bridge.emulator.settings.cells import Row
from intacct_bridge.emulator.settings.refusals import refused
from intacct_bridge.emulator.subledgers.documents import entry
from intacct_bridge.emulator.subledgers.documents.entry import DocumentInput
from intacct_bridge.emulator.subledgers.documents.rows import stored_lines
from intacct_bridge.emulator.subledgers.families import FAMILIES
from intacct_bridge.emulator.trade.contracts import update_record
from intacct_bridge.model.keys import natural_key
from intacct_bridge.wire.xml import element

_WAITS = ("Submitted", "Partially Approved", "Resubmitted")


def approve(call: FunctionCall) -> FunctionAnswer:
    """Approve records that wait for approval."""
    return _decide(call, "Approved")


def decline(call: FunctionCall) -> FunctionAnswer:
    """Decline records that wait for approval."""
    return _decide(call, "Declined")


def _decide(call: FunctionCall, state: str) -> FunctionAnswer:
    for record in call.body.children:
        described = call.company.find(record.tag)
        check_right(call, "UPDATE", described.name)
        number = _number(call, described.name, record.findtext("RECORDNO").strip(), record.findtext("DOCID").strip())
        row = call.company.table(described).get(number) or {}
        if row.get("STATE") not in _WAITS:
            raise refused(
                f"{described.name} {number} is {row.get('STATE', '').lower()} and does not wait for approval.",
                correction="Submit it first.",
            )
        if described.name == "APBILL" and state == "Approved":
            family = FAMILIES["APBILL"]
            lines = stored_lines(call, family, row)
            values = {name: text for name, text in row.items() if name != "STATE"}
            entry.change(call, family, number, DocumentInput(values, lines, state="Posted"))
        else:
            update_state(call, described, number, state)
    return FunctionAnswer()


def decide_vendor(call: FunctionCall) -> FunctionAnswer:
    """Approve or decline a vendor that waits for approval."""
    number, row = _named_record(call, "VENDOR")
    if row.get("STATE") != "S":
        raise refused(f"Vendor {row['VENDORID']} does not wait for approval.", correction="Submit it first.")
    update_record(call, "VENDOR", number, {"STATE": "A" if call.name == "approveVendor" else "R"})
    return FunctionAnswer(key=row["RECORDNO"])


def recall_bill(call: FunctionCall) -> FunctionAnswer:
    """Make a submitted bill a draft again."""
    number, row = _named_record(call, "APBILL")
    if row.get("STATE") not in _WAITS:
        raise refused(f"Bill {number} is {row.get('STATE', '').lower()} and was not submitted.")
    update_state(call, call.company.find("APBILL"), number, "Draft")
    return FunctionAnswer(key=row["RECORDNO"])


def cancel_job(call: FunctionCall) -> FunctionAnswer:
    """Cancel a job that has not run."""
    for record in call.body.children:
        described = call.company.find(record.tag)
        check_right(call, "UPDATE", described.name)
        key = record.findtext(call.company.table(described).plan.key).strip()
        update_state(call, described, _number(call, described.name, key, ""), "Canceled")
    return FunctionAnswer()


def change_posting_day(call: FunctionCall) -> FunctionAnswer:
    """`partialupdate_potransaction`: change the posting day of a transaction and of its bill."""
    check_right(call, "UPDATE", "PODOCUMENT")
    number = find_number(call, "PODOCUMENT", (call.body.get("key") or "").strip(), natural="DOCID")
    row, node = call.company.table("PODOCUMENT").get(number) or {}, call.body.find("dateposted")
    day = day_text(call, node) if node is not None else ""
    if not day:
        raise refused("Required field dateposted is missing.", correction="Provide the day.")
    if row.get("PRRECORDKEY"):
        entry.change(call, FAMILIES["APBILL"], int(row["PRRECORDKEY"]), DocumentInput({"WHENPOSTED": day}))
    update_record(call, "PODOCUMENT", number, {"WHENPOSTED": day})
    return FunctionAnswer(key=row.get("DOCID", ""))


def _named_record(call: FunctionCall, name: str) -> tuple[int, Row]:
    check_right(call, "UPDATE", name)
    key = (call.body.findtext("recordno") or call.body.findtext("RECORDNO")).strip()
    number = _number(call, name, key, "")
    return number, call.company.table(name).get(number) or {}


def _number(call: FunctionCall, name: str, key: str, natural: str) -> int:
    table = call.company.table(name)
    found = table.find(table.plan.key, key) if key else []
    found = found or (table.find(natural_key(name) or "DOCID", natural) if natural else [])
    if not found:
        raise refused(f"Cannot find {name.lower()} with key '{key or natural}'.", correction="Provide another key.")
    return found[0]


def nothing_waits(tag: str) -> Callable[[FunctionCall], FunctionAnswer]:
    """A list that is always empty: in the emulator's companies, no approvals are configured."""
    return lambda _call: FunctionAnswer(element("data", element(tag)))


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "approve": approve,
    "decline": decline,
    "approveVendor": decide_vendor,
    "declineVendor": decide_vendor,
    "recallApBill": recall_bill,
    "cancel": cancel_job,
    "partialupdate_potransaction": change_posting_day,
    "getApprovalHistory": nothing_waits("approvalHistory"),
    "getVendorApprovalHistory": nothing_waits("approvalHistory"),
    "getTransactionsToApprove": nothing_waits("transactions"),
    "getVendorsToApprove": nothing_waits("vendors"),
}

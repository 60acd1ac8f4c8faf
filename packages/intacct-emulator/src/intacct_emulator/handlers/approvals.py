"""Approvals and other changes of state: approve, decline, recall, cancel, post on another day.

Only a record that waits for approval can be approved or declined, by an approver of its level if a policy names
them. The last level's approval lets it take effect: a bill posts, an invoice of purchasing makes its bill. The
functions of contracts and schedules are elsewhere.
"""

from collections.abc import Callable, Collection, Iterator

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.orders import orders, timesheets
from intacct_emulator.orders.contracts import update_record
from intacct_emulator.orders.orders import ORDER_MODULES
from intacct_emulator.records import approval
from intacct_emulator.records.legacy_body import day_text, find_number
from intacct_emulator.records.record_store import update_state
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.document_types import DOCUMENT_TYPES
from intacct_emulator.subledgers.documents import entry
from intacct_emulator.subledgers.documents.entry import DocumentInput
from intacct_emulator.subledgers.documents.rows import stored_lines
from intacct_protocol.model.keys import natural_key
from intacct_protocol.xml.xml import Element, element

_ORDER_MODULES = {order_module.object: order_module for order_module in ORDER_MODULES.values()}
_MODULES = {"PO": ("PODOCUMENT",), "AP": ("APBILL",)}
"""By module, the objects whose records wait for approval in it."""


def approve(call: FunctionCall) -> FunctionAnswer:
    """Approve records that wait for approval, each at its present level."""
    return _decide(call, approval.APPROVED)


def decline(call: FunctionCall) -> FunctionAnswer:
    """Decline records that wait for approval."""
    return _decide(call, approval.DECLINED)


def _decide(call: FunctionCall, decision: str) -> FunctionAnswer:
    for record in call.body.children:
        described = call.company.find(record.tag)
        check_right(call, "UPDATE", described.name)
        number = _number(call, described.name, record.findtext("RECORDNO").strip(), record.findtext("DOCID").strip())
        row = call.company.table(described).get(number) or {}
        sheet = described.name == "TIMESHEET"
        if row.get("STATE") not in (*approval.WAITING, *(("Partially Declined",) if sheet else ())):
            raise refused(
                f"{described.name} {number} is {row.get('STATE', '').lower()} and does not wait for approval.",
                correction="Submit it first.",
            )
        state = approval.decide(call, described.name, row, decision, record.findtext("COMMENT").strip())
        if sheet:
            timesheets.decide(call, number, state, record)
        elif state == approval.APPROVED:
            _take_effect(call, described.name, number, row)
        else:
            update_state(call, described, number, state)
    return FunctionAnswer()


def _take_effect(call: FunctionCall, name: str, number: int, row: Row) -> None:
    """The last level approved a record."""
    order_module = _ORDER_MODULES.get(name)
    if name == "APBILL":
        document_type = DOCUMENT_TYPES["APBILL"]
        lines = stored_lines(call, document_type, row)
        values = {cell: text for cell, text in row.items() if cell != "STATE"}
        entry.change(call, document_type, number, DocumentInput(values, lines, state="Posted"))
    elif order_module is not None and approval.levels_of(call.company, name, row):
        orders.approve(call, order_module, number)
    else:
        update_state(call, call.company.find(name), number, approval.APPROVED)


def decide_vendor(call: FunctionCall) -> FunctionAnswer:
    """Approve or decline a vendor that waits for approval."""
    number, row = _named_record(call, "VENDOR")
    if row.get("STATE") != "S":
        raise refused(f"Vendor {row['VENDORID']} does not wait for approval.", correction="Submit it first.")
    decision = approval.APPROVED if call.name == "approveVendor" else approval.DECLINED
    state = approval.decide(call, "VENDOR", row, decision, call.body.findtext("reviewcomments").strip())
    letters = {approval.APPROVED: "A", approval.DECLINED: "R", approval.PARTLY: "S"}
    update_record(call, "VENDOR", number, {"STATE": letters[state]})
    return FunctionAnswer(key=row["RECORDNO"])


# --- lists and histories, in a shape of ours: no answer is recorded


def transactions_to_approve(call: FunctionCall) -> FunctionAnswer:
    """The records of a module that wait for the user's approval."""
    names = _MODULES.get(call.body.findtext("module").strip().upper(), ())
    waiting = [one for name in names for one in _waiting(call, name, approval.WAITING)]
    return FunctionAnswer(element("data", Element("transactions", "", tuple(waiting))))


def vendors_to_approve(call: FunctionCall) -> FunctionAnswer:
    """The vendors that wait for the user's approval."""
    return FunctionAnswer(element("data", Element("vendors", "", tuple(_waiting(call, "VENDOR", ("S",))))))


def _waiting(call: FunctionCall, name: str, states: Collection[str]) -> Iterator[Element]:
    natural = natural_key(name) or ("DOCID" if name in _ORDER_MODULES else "RECORDID")
    for _, row in call.company.table(name).rows():
        if row.get("STATE") in states and approval.can_decide(call, name, row):
            cells = {"RECORDNO": row.get("RECORDNO", ""), natural: row.get(natural, ""), "STATE": row["STATE"]}
            yield Element(name.lower(), "", tuple(element(tag, text) for tag, text in cells.items()))


def approval_history(call: FunctionCall) -> FunctionAnswer:
    """What happened to a transaction that waits, or waited, for approval."""
    number = _number(call, "PODOCUMENT", "", call.body.findtext("docid").strip())
    return _history(call, "PODOCUMENT", number)


def vendor_approval_history(call: FunctionCall) -> FunctionAnswer:
    """What happened to a vendor that waits, or waited, for approval."""
    return _history(call, "VENDOR", _number(call, "VENDOR", call.body.findtext("recordno").strip(), ""))


def _history(call: FunctionCall, name: str, number: int) -> FunctionAnswer:
    row = call.company.table(name).get(number) or {}
    events = tuple(
        Element(
            "approval",
            "",
            (
                element("level", str(event.level)),
                element("state", event.action),
                element("userid", event.user),
                element("date", event.at),
                element("comments", event.comment),
            ),
        )
        for event in approval.events_of(call.company, name, row)
    )
    return FunctionAnswer(element("data", Element("approvalHistory", "", events)))


def recall_bill(call: FunctionCall) -> FunctionAnswer:
    """Make a submitted bill a draft again."""
    number, row = _named_record(call, "APBILL")
    if row.get("STATE") not in approval.WAITING:
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
        entry.change(call, DOCUMENT_TYPES["APBILL"], int(row["PRRECORDKEY"]), DocumentInput({"WHENPOSTED": day}))
    update_record(call, "PODOCUMENT", number, {"WHENPOSTED": day})
    return FunctionAnswer(key=row.get("DOCID", ""))


def _named_record(call: FunctionCall, name: str) -> tuple[int, Row]:
    check_right(call, "UPDATE", name)
    key = (call.body.findtext("recordno") or call.body.findtext("RECORDNO")).strip()
    number = _number(call, name, key, "")
    return number, call.company.table(name).get(number) or {}


def _number(call: FunctionCall, name: str, key: str, natural: str) -> int:
    table = call.company.table(name)
    numbers = table.find(table.plan.key, key) if key else []
    numbers = numbers or (table.find(natural_key(name) or "DOCID", natural) if natural else [])
    if not numbers:
        raise refused(f"Cannot find {name.lower()} with key '{key or natural}'.", correction="Provide another key.")
    return numbers[0]


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "approve": approve,
    "decline": decline,
    "approveVendor": decide_vendor,
    "declineVendor": decide_vendor,
    "recallApBill": recall_bill,
    "cancel": cancel_job,
    "partialupdate_potransaction": change_posting_day,
    "getApprovalHistory": approval_history,
    "getVendorApprovalHistory": vendor_approval_history,
    "getTransactionsToApprove": transactions_to_approve,
    "getVendorsToApprove": vendors_to_approve,
}

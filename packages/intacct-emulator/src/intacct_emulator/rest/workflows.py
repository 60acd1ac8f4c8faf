"""Actions on records: to submit, approve, decline, recall, confirm and reverse, done by functions of the XML interface.

Workflows on objects that only the REST interface has, and those for which the emulator has no function, answer 501.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.handlers.registry import HANDLERS
from intacct_emulator.rest.catalogue import catalogue, pairs
from intacct_emulator.rest.messages import (
    ErrorDetail,
    RestAnswer,
    RestRefusedError,
    RestRequest,
    invalid_payload,
    invalid_request,
    method_not_allowed,
    result,
)
from intacct_emulator.rest.paired import PairedRecords, payload_problems
from intacct_emulator.rest.records import flattened, href
from intacct_emulator.rest.work import RestWork
from intacct_protocol.xml.xml import Element, element

WORKFLOWS = "/workflows/"
Records = Callable[[str], PairedRecords]
Sent = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """One action as a function: its name, and its element made from the XML object, the key and the body."""

    function: str
    body: Callable[[str, str, Sent], Element]


def _submitted(xml: str, key: str, _: Sent) -> Element:
    record = Element(xml, "", (element("RECORDNO", key), element("ACTION", "Submit")))
    return Element("update", "", (record,))


def _decided(function: str) -> Action:
    def body(xml: str, key: str, sent: Sent) -> Element:
        parts = (element("RECORDNO", key), element("COMMENT", str(sent.get("notes") or "")))
        return Element(function, "", (Element(xml, "", parts),))

    return Action(function, body)


def _decided_vendor(function: str) -> Action:
    def body(_: str, key: str, sent: Sent) -> Element:
        parts = (element("recordno", key), element("reviewcomments", str(sent.get("notes") or "")))
        return Element(function, "", parts)

    return Action(function, body)


def _payment(function: str) -> Action:
    def body(_: str, key: str, _sent: Sent) -> Element:
        keys = Element("appaymentkeys", "", (element("appaymentkey", key),))
        return Element(function, "", (keys,))

    return Action(function, body)


def _reversed(function: str) -> Action:
    def body(_: str, key: str, sent: Sent) -> Element:
        day = next((str(sent[name]) for name in ("reverseDate", "reversedDate", "paymentDate") if sent.get(name)), "")
        year, month, date = day.split("-") if day else ("", "", "")
        parts = (element("year", year), element("month", month), element("day", date))
        memo = next((str(sent[name]) for name in ("memo", "notes", "description") if sent.get(name)), "")
        return Element(function, "", (Element("datereversed", "", parts), element("description", memo)), {"key": key})

    return Action(function, body)


SUBMIT = Action("update", _submitted)
ACTIONS: dict[str, Action] = {
    "accounts-payable/bill/submit": SUBMIT,
    "accounts-payable/bill/approve": _decided("approve"),
    "accounts-payable/bill/decline": _decided("decline"),
    "accounts-payable/bill/recall": Action(
        "recallApBill", lambda _xml, key, _sent: Element("recallApBill", "", (element("recordno", key),))
    ),
    "accounts-payable/bill/reverse": _reversed("reverse_bill"),
    "accounts-payable/adjustment/submit": SUBMIT,
    "accounts-payable/adjustment/reverse": _reversed("reverse_apadjustment"),
    "accounts-payable/payment/submit": SUBMIT,
    "accounts-payable/payment/approve": _payment("approve_appaymentrequest"),
    "accounts-payable/payment/decline": _payment("decline_appaymentrequest"),
    "accounts-payable/payment/confirm": _payment("confirm_appaymentrequest"),
    "accounts-payable/payment/reverse": _reversed("reverse_appayment"),
    "accounts-payable/vendor/approve": _decided_vendor("approveVendor"),
    "accounts-payable/vendor/decline": _decided_vendor("declineVendor"),
    "accounts-receivable/invoice/submit": SUBMIT,
    "accounts-receivable/invoice/reverse": _reversed("reverse_invoice"),
    "accounts-receivable/adjustment/submit": SUBMIT,
    "accounts-receivable/adjustment/reverse": _reversed("reverse_aradjustment"),
    "accounts-receivable/payment/submit": SUBMIT,
    "accounts-receivable/payment/reverse": _reversed("reverse_arpayment"),
}
"""By workflow, the function that does it."""


def run_workflow(work: RestWork, request: RestRequest, sent: Any, records: Records) -> RestAnswer:
    """Do one action on one record. Raises RestRefusedError."""
    path = request.path.rstrip("/")
    described = catalogue().workflows[path]
    if request.method != "POST":
        raise method_not_allowed(request.method, path)
    name = path.removeprefix(WORKFLOWS)
    action, object_name = ACTIONS.get(name), name.rpartition("/")[0]
    if action is None:
        raise RestRefusedError(501, "notEmulated", f"The workflow {name} is not emulated")
    if not isinstance(sent, Mapping):
        raise invalid_request("The body is an object with a key", error_id="REST-1028")
    flat = flattened(sent, described.body)
    problems = list(payload_problems(described.body, flat, (), new=True, place=""))
    problems += [
        ErrorDetail(f"/{field} is required", "REST-1043", f"/{field}")
        for field in described.required or ("key",)
        if not flat.get(field)
    ]
    if problems:
        raise invalid_payload(problems)
    pair, key = pairs()[object_name], str(flat["key"])
    paired = records(object_name)
    paired.row_of(key)
    handler: Callable[[FunctionCall], FunctionAnswer] = HANDLERS[action.function]
    with work.company.store.together():
        work.refuse_scripted()
        work.run(handler, action.body(pair.xml, key, flat), {})
    record = paired.read(key)
    shown = {"key": key, "id": record.get("id", key), "href": href(object_name, key), "state": record.get("state")}
    return result(shown)

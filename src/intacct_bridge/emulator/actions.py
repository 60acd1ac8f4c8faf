"""What is done to a record beyond keeping it: approved, declined, recalled, held, resumed, posted, taken back.

Approval concerns what waits for it; a bill that is approved is posted then. The other actions move a contract, or a
line of its schedules, from one state to another.
"""

from collections.abc import Callable

from intacct_bridge.emulator import documents
from intacct_bridge.emulator.access import permit
from intacct_bridge.emulator.books import Answer, Call
from intacct_bridge.emulator.document_rows import stored_lines
from intacct_bridge.emulator.documents import Entry
from intacct_bridge.emulator.families import FAMILIES
from intacct_bridge.emulator.keeping import keep_state
from intacct_bridge.emulator.refusals import refused
from intacct_bridge.model.keys import natural_key

_WAITS = ("Submitted", "Partially Approved", "Resubmitted")
_MOVES = {"hold": "On hold", "resume": "In progress", "post": "Posted", "unpost": "Open", "cancel": "Canceled"}


def approve(call: Call) -> Answer:
    """Approve what waits for it."""
    return _decided(call, "Approved")


def decline(call: Call) -> Answer:
    """Decline what waits for approval."""
    return _decided(call, "Declined")


def _decided(call: Call, state: str) -> Answer:
    for record in call.body.children:
        described = call.books.find(record.tag)
        permit(call, "UPDATE", described.name)
        number = _number(call, described.name, record.findtext("RECORDNO").strip(), record.findtext("DOCID").strip())
        row = call.books.table(described).get(number) or {}
        if row.get("STATE") not in _WAITS:
            raise refused(
                f"{described.name} {number} is {row.get('STATE', '').lower()} and does not wait for approval.",
                correction="Submit it first.",
            )
        if described.name == "APBILL" and state == "Approved":
            family = FAMILIES["APBILL"]
            lines = stored_lines(call, family, row)
            values = {name: text for name, text in row.items() if name != "STATE"}
            documents.change(call, family, number, Entry(values, lines, state="Posted"))
        else:
            keep_state(call, described, number, state)
    return Answer()


def moved(call: Call) -> Answer:
    """Hold, resume, post, unpost."""
    for record in call.body.children:
        described = call.books.find(record.tag)
        permit(call, "UPDATE", described.name)
        key = record.findtext("RECORDNO").strip()
        if not key:
            raise refused("Required field RECORDNO is missing.", correction="Provide the record number.")
        keep_state(call, described, _number(call, described.name, key, ""), _MOVES[call.name])
    return Answer()


def _number(call: Call, name: str, key: str, natural: str) -> int:
    table = call.books.table(name)
    found = table.find(table.plan.key, key) if key else []
    found = found or (table.find(natural_key(name) or "DOCID", natural) if natural else [])
    if not found:
        raise refused(f"Cannot find {name.lower()} with key '{key or natural}'.", correction="Provide another key.")
    return found[0]


FUNCTIONS: dict[str, Callable[[Call], Answer]] = {
    "approve": approve,
    "decline": decline,
    **dict.fromkeys(("hold", "resume", "post", "unpost", "cancel"), moved),
}

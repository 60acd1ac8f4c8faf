"""Database codes, which `readByQuery` compares with, and the display values that every other function shows."""

from collections.abc import Callable

from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.query import And, Compare, Filter, Op, rebuilt
from intacct_protocol.xml.values import Kind

_STATUS = {"T": "active", "F": "inactive", "P": "active non-posting"}
_ORDER_STATES = {
    "S": "Submitted", "A": "Approved", "X": "Partially Approved", "R": "Declined", "I": "Draft", "O": "Pending",
    "D": "Closed", "G": "In Progress", "C": "Converted", "P": "Partially Converted",
}  # fmt: skip
_ENTRY_STATES = {
    "I": "Draft", "S": "Submitted", "X": "Partially Approved", "A": "Approved", "P": "Posted", "R": "Declined",
    "L": "Reversal pending", "Z": "Reversed",
}  # fmt: skip
_SCHEDULE_STATES = {"I": "In progress", "H": "On hold", "C": "Completed", "T": "Terminated"}
_SCHEDULE_ENTRY_STATES = {"O": "Open", "T": "Terminated", "P": "Posted"}
_CODES: dict[tuple[str, str], dict[str, str]] = {
    ("APBILL", "STATE"): {
        "D": "Draft", "PA": "Partially Approved", "S": "Submitted", "U": "Declined", "A": "Posted",
    },
    ("GLBATCH", "STATE"): _ENTRY_STATES,
    ("GLENTRY", "STATE"): {**_ENTRY_STATES, "L": "Reversal Pending"},
    ("SODOCUMENT", "STATE"): _ORDER_STATES,
    ("PODOCUMENT", "STATE"): _ORDER_STATES,
    ("USERINFO", "USERTYPE"): {
        "B": "business user", "E": "employee user", "R": "view only user", "D": "dashboard user",
        "P": "project manager user", "C": "Construction manager user", "A": "payment approver", "T": "platform user",
        "S": "CRM user", "H": "warehouse user",
    },
    ("CONTRACT", "STATE"): {"I": "In progress", "R": "Renewed", "C": "Cancelled", "N": "Not renewed"},
    **{
        (f"CONTRACT{kind}SCHEDULE", "STATE"): _SCHEDULE_STATES
        for kind in ("BILLING", "REVENUE", "REVENUE2", "EXPENSE", "EXPENSE2")
    },
    **{
        (f"CONTRACT{kind}SCHEDULEENTRY", "STATE"): _SCHEDULE_ENTRY_STATES
        for kind in ("BILLING", "REVENUE", "EXPENSE")
    },
    ("GENINVOICERUN", "STATE"): {"S": "Success", "F": "Failed", "I": "In Transit", "L": "Partial Success"},
    # The audit history is the other way round: `query` shows letters, `readByQuery` words.
    ("AUDITHISTORY", "ACCESSMODE"): {
        "Access": "A", "Modify": "M", "Create": "C", "Delete": "D", "Workflow": "W", "Activity": "T",
        "User Action": "U",
    },
}  # fmt: skip


def codes(described: ObjectDef, name: str) -> dict[str, str]:
    """By code, the stored text; empty for a field without codes."""
    codes_of_field = _CODES.get((described.name, name))
    if codes_of_field is not None:
        return codes_of_field
    field = described.get(name)
    if field is None:
        return {}
    if field.kind is Kind.BOOLEAN:
        return {"T": "true", "F": "false"}
    if name == "STATUS" and "active" in field.values:
        return _STATUS
    return {}


def with_stored_texts(described: ObjectDef, where: Filter | None) -> Filter | None:
    """The filter with stored strings for codes. A display value equals nothing, as in the gateway."""
    if where is None:
        return None
    return rebuilt(where, lambda leaf: _decoded(described, leaf))


def _decoded(described: ObjectDef, leaf: Compare) -> Filter:
    code_of = codes(described, leaf.field.upper())
    if not code_of or leaf.op in (Op.LIKE, Op.NOTLIKE, Op.ISNULL, Op.ISNOTNULL):
        return leaf
    values = tuple(code_of[str(value)] for value in leaf.values if str(value) in code_of)
    if len(values) == len(leaf.values) or (values and leaf.op in (Op.IN, Op.NOTIN)):
        return Compare(leaf.field, leaf.op, values)
    if leaf.op in (Op.NOTEQUALTO, Op.NOTIN):  # every value differs from one that is not a code
        return Compare(leaf.field, Op.ISNOTNULL)
    return And((Compare(leaf.field, Op.ISNULL), Compare(leaf.field, Op.ISNOTNULL)))


def shown_by_read_by_query(described: ObjectDef, name: str) -> Callable[[str], str] | None:
    """How `readByQuery` shows a stored text; None if it shows it as `query` does."""
    if (described.name, name) != ("AUDITHISTORY", "ACCESSMODE"):
        return None
    words = access_words()
    return lambda text: words.get(text, text)


def access_words() -> dict[str, str]:
    """The letters of AUDITHISTORY's access modes, in words."""
    return {letter: word for word, letter in _CODES["AUDITHISTORY", "ACCESSMODE"].items()}

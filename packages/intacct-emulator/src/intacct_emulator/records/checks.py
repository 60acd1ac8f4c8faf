"""Checks of a record before it is written: required fields and unique keys."""

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.records.drafts import Draft
from intacct_emulator.records.required import required_fields
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import FunctionRefusedError, duplicate_account, not_for, refused
from intacct_protocol.errors import Fault
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import creator, lines, natural_key, owner

_NUMBERED = {"VENDOR": "VEND", "CUSTOMER": "CUST", "PROJECT": "PRJ", "EMPLOYEE": "EMP", "ITEM": "ITEM"}
"""Objects that get an id if none is sent, and the prefix of that id."""
_MADE_BY_OTHERS = ("GLDETAIL", "GLACCOUNTBALANCE", "AUDITHISTORY", "ADVAUDITHISTORY", "ACTIVITYLOG", "JOBQUEUERECORD")


def check_creatable(described: ObjectDef, operation: str) -> None:
    """Refuse objects that `create` cannot create: lines, and objects that other functions or the gateway create."""
    name = described.name
    by_itself = creator(name) in ("create", "") and name not in _MADE_BY_OTHERS
    if not by_itself or (owner(name) is not None and creator(name) == ""):
        raise not_for(name, operation)


def check_required_fields(draft: Draft, row: Row) -> None:
    """Refuse a record without a required field. Raises FunctionRefusedError with one fault per missing field."""
    described = draft.described
    wrappers = {one.wrapper: one.line for one in lines(described.name)}
    missing = [name for name in required_fields(described) if not _is_given(draft, row, name, wrappers)]
    if missing:
        text = f"Required field {{}} is missing for {described.name}."
        raise FunctionRefusedError(
            *(Fault("BL01001973", description2=text.format(name), field=name) for name in missing)
        )


def _is_given(draft: Draft, row: Row, name: str, wrappers: dict[str, str]) -> bool:
    if name in wrappers:
        return bool(draft.lines.get(wrappers[name]))
    group, dot, _ = name.rpartition(".")
    if dot and group not in draft.groups:
        return True
    return bool(row.get(name)) or name in draft.groups or bool(draft.extra.get(name))


def assign_id(call: FunctionCall, described: ObjectDef, row: Row) -> None:
    """Give a record without an id the next free one, if the object has automatic ids."""
    natural = natural_key(described.name)
    start = _NUMBERED.get(described.name)
    if start is None or natural is None or row.get(natural):
        return
    table = call.company.table(described)
    number = table.next_number()
    while table.find(natural, f"{start}-{number:05d}"):
        number += 1
    row[natural] = f"{start}-{number:05d}"


def check_unique(call: FunctionCall, described: ObjectDef, row: Row, number: int | None = None) -> None:
    """Refuse a natural key that another record has."""
    natural = natural_key(described.name)
    text = row.get(natural, "") if natural else ""
    if not text or natural is None:
        return
    tables = call.company.one_table(described)
    others = [one for table in tables if natural in table.columns for one in table.find(natural, text) if one != number]
    if others and natural == "ACCOUNTNO":
        raise duplicate_account(text)
    if others:
        label = described.label or described.name.capitalize()
        raise refused(
            f"Another {label} with the given value(s) {text} already exists",
            errorno="BL34000061",
            correction="Use a unique value instead.",
            field=natural,
        )

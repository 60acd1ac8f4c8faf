"""Creates, updates and deletes records with their lines, in the way that all objects share.

Documents and payments do more, elsewhere. The lines of an update replace the stored ones: a line with the record number
of a stored line changes that line, the others are new, and stored lines that are not sent are deleted.
"""

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.records import approval
from intacct_emulator.records.audit_fields import (
    CREATED,
    DELETED,
    MODIFIED,
    log_activity,
    record_change,
    set_audit_fields,
)
from intacct_emulator.records.checks import assign_id, check_required_fields, check_unique
from intacct_emulator.records.defaults import apply_defaults
from intacct_emulator.records.display_contact import keep_display_contact, with_display_contact
from intacct_emulator.records.drafts import Draft
from intacct_emulator.records.integrity import check_not_cleared, check_not_renamed, check_unused
from intacct_emulator.records.named_contacts import (
    CONTACT,
    change_display_contact,
    name_contacts,
    show_contact,
)
from intacct_emulator.records.owned_parts import delete_parts, keep_parts
from intacct_emulator.records.references import apply_references
from intacct_emulator.settings.cells import Row
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import Owner

_OF_HEADER = {"GLBUDGETITEM": ("BUDGETID",)}
"""Fields of lines that repeat their header's."""
_SHOWN_BY = {"GLJOURNAL": ("JOURNAL",), "STATJOURNAL": ("JOURNAL",), "ADJJOURNAL": ("GLJOURNAL", "JOURNAL")}
"""Objects that show the records of another one as well."""


def create(call: FunctionCall, draft: Draft, *, number: int | None = None) -> Row:
    """Create a record. `number` is its record number if that belongs to a series that several objects share."""
    draft = with_display_contact(call, draft)
    described = draft.described
    row = {name: text for name, text in draft.values.items() if text and name != "RECORDNO"}
    if number is not None:
        row["RECORDNO"] = str(number)
    assign_id(call, described, row)
    check_required_fields(draft, row)
    apply_references(call.company, described, draft.values, row)
    name_contacts(call.company, described, draft.values, row)
    check_unique(call, described, row)
    apply_defaults(described, row)
    keep_display_contact(call, draft, row)
    set_audit_fields(call, described, row, new=True)
    if not call.company.table(described).plan.key_is_integer:
        row[call.company.table(described).plan.key] = str(call.company.table(described).next_number())
    waits = described.name == "VENDOR" and approval.levels_of(call.company, described.name, row)
    if waits:
        row["STATE"] = "S"
    new_number = call.company.table(described).insert(row)
    for name in _SHOWN_BY.get(described.name, ()):
        call.company.table(name).insert(_cells_of(call, name, row), new_number)
    if waits:
        approval.note_submission(call, described.name, row)
    for owned in call.company.line_sets(described.name):
        for place, line in enumerate(draft.lines.get(owned.line, ()), 1):
            _create_line(call, owned, row, line, place=place)
    keep_parts(call, draft, row)
    record_change(call, described, row, CREATED)
    return row


def _cells_of(call: FunctionCall, name: str, row: Row) -> Row:
    """The cells of a record that another object shows."""
    return {field: text for field, text in row.items() if field in call.company.catalog.find(name).fields}


def _change_elsewhere(call: FunctionCall, described: ObjectDef, number: int, before: Row, after: Row) -> None:
    """Change a record where other objects show it."""
    for table in call.company.one_table(described)[1:]:
        if (row := table.get(number)) is not None:
            changed = {name: text for name, text in after.items() if before.get(name) != text}
            table.update(number, row | _cells_of(call, table.name, changed))


def _create_line(call: FunctionCall, owned: Owner, header: Row, line: Draft, *, place: int) -> None:
    described = line.described
    row = {name: text for name, text in line.values.items() if text and name != "RECORDNO"}
    check_required_fields(line, row)
    apply_references(call.company, described, line.values, row)
    row[owned.by] = header.get(owned.key, "")
    for name in _OF_HEADER.get(described.name, ()):
        row.setdefault(name, header.get(name, ""))
    if "LINE_NO" in described.fields:
        row.setdefault("LINE_NO", str(place))
    set_audit_fields(call, described, row, new=True)
    table = call.company.table(described)
    if not table.plan.key_is_integer:
        row[table.plan.key] = str(table.next_number())
    table.insert(row)


def update(call: FunctionCall, draft: Draft, number: int) -> Row:
    """Change the fields that were sent, and replace the line sets that were sent."""
    described = draft.described
    table = call.company.table(described)
    row = table.get(number) or {}
    before = dict(row)
    changed = {name: text for name, text in draft.values.items() if name != table.plan.key}
    check_not_cleared(draft)
    check_not_renamed(call, described, row, changed)
    apply_references(call.company, described, changed, row)
    row |= changed
    name_contacts(call.company, described, changed, row)
    check_unique(call, described, row, number)
    set_audit_fields(call, described, row, new=False)
    table.update(number, row)
    _change_elsewhere(call, described, number, before, row)
    log_activity(call, described, before, row)
    change_display_contact(call, described, changed, row)
    if described.name == CONTACT:
        show_contact(call.company, row)
    for owned in call.company.line_sets(described.name):
        if owned.line in draft.lines:
            replace_lines(call, owned, row, draft.lines[owned.line])
    keep_parts(call, draft, row)
    record_change(call, described, row, MODIFIED)
    return row


def update_cells(call: FunctionCall, described: ObjectDef, number: int, cells: Row) -> Row:
    """Set these cells of a record, as far as its object has them."""
    table = call.company.table(described)
    before = table.get(number) or {}
    row = before | {name: text for name, text in cells.items() if name in described.fields}
    set_audit_fields(call, described, row, new=False)
    table.update(number, row)
    _change_elsewhere(call, described, number, before, row)
    record_change(call, described, row, MODIFIED)
    return row


def update_state(call: FunctionCall, described: ObjectDef, number: int, state: str) -> None:
    """Change the state of a record."""
    update_cells(call, described, number, {"STATE": state})


def replace_lines(call: FunctionCall, owned: Owner, header: Row, sent: list[Draft]) -> None:
    """Replace the lines of a header by those that were sent."""
    table = call.company.table(owned.line)
    stored = {one: table.get(one) or {} for one in table.find(owned.by, header.get(owned.key, ""))}
    by_key = {row.get("RECORDNO", ""): number for number, row in stored.items()}
    for place, line in enumerate(sent, 1):
        number = by_key.get(line.get("RECORDNO"))
        if number is None:
            _create_line(call, owned, header, line, place=place)
            continue
        row = stored.pop(number)
        changed = {name: text for name, text in line.values.items() if name != "RECORDNO"}
        apply_references(call.company, line.described, changed, row)
        set_audit_fields(call, line.described, row, new=False)
        table.update(number, row | changed)
    for number in stored:
        table.delete(number)


def delete(call: FunctionCall, described: ObjectDef, number: int) -> None:
    """Delete a record with its lines."""
    table = call.company.table(described)
    row = table.get(number) or {}
    check_unused(call, described.name, row)
    for owned in call.company.line_sets(described.name):
        if owned.wrapper:
            under = call.company.table(owned.line)
            for line_number in under.find(owned.by, row.get(owned.key, "")):
                under.delete(line_number)
    delete_parts(call, described.name, row)
    for shown in call.company.one_table(described):
        if shown.get(number) is not None:
            shown.delete(number)
    record_change(call, described, row, DELETED)

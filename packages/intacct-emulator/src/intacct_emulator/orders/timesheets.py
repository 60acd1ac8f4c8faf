"""Timesheets: what a timesheet and its entries repeat of the employee, their approval, the ban on approved ones."""

from collections.abc import Iterable
from datetime import timedelta

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.records import approval, record_store
from intacct_emulator.records.drafts import Draft
from intacct_emulator.records.references import Reference, find_reference
from intacct_emulator.settings.cells import Row, date_text
from intacct_emulator.settings.refusals import refused
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.xml.xml import Element

_STANDS = ("Approved", "Partially Approved")
_WEEK = timedelta(days=6)


def create(call: FunctionCall, draft: Draft) -> Row:
    """Enter a timesheet, which waits for approval unless it is a draft."""
    _complete(call, draft, draft.values)
    return record_store.create(call, draft)


def update(call: FunctionCall, draft: Draft, number: int) -> Row:
    """Change a timesheet that is not approved."""
    there = _unapproved(call, number)
    _complete(call, draft, there | draft.values)
    return record_store.update(call, draft, number)


def delete(call: FunctionCall, described: ObjectDef, number: int) -> None:
    """Delete a timesheet that is not approved."""
    _unapproved(call, number)
    record_store.delete(call, described, number)


def decide(call: FunctionCall, number: int, state: str, record: Element) -> None:
    """Approve or decline the entries of a timesheet that `ENTRYKEYS` names, or all that wait.

    A sheet whose entries differ is partially what the last decision was. Every decision is a row of TIMESHEETAPPROVAL.
    """
    table, described = call.company.table("TIMESHEETENTRY"), call.company.find("TIMESHEETENTRY")
    numbers = table.find("TIMESHEETKEY", str(number))
    waiting = [
        entry_number for entry_number in numbers if (table.get(entry_number) or {}).get("STATE") in approval.WAITING
    ]
    named = [key.strip() for key in record.findtext("ENTRYKEYS").split(",") if key.strip()]
    unknown = [key for key in named if key not in map(str, waiting)]
    if unknown or (numbers and not waiting):
        raise refused(
            f"Entry {(unknown or numbers)[0]} of timesheet {number} does not wait for approval.",
            correction="Provide entries that wait.",
            field="ENTRYKEYS",
        )
    for entry_number in [int(key) for key in named] or waiting:
        record_store.update_cells(call, described, entry_number, {"STATE": state})
        _note_decision(call, number, table.get(entry_number) or {}, state, record)
    states = {(table.get(entry_number) or {}).get("STATE", "") for entry_number in numbers}
    whole = state if states <= {state} else f"Partially {state.removeprefix('Partially ')}"
    record_store.update_state(call, call.company.find("TIMESHEET"), number, whole)


def _note_decision(call: FunctionCall, number: int, entry: Row, state: str, record: Element) -> None:
    table = call.company.table("TIMESHEETAPPROVAL")
    user = call.session.user.user_id
    by = (record.findtext("APPROVEDBY") or record.findtext("DECLINEDEDBY")).strip()
    row: Row = {"TIMESHEETKEY": str(number), "TIMESHEETENTRYKEY": entry.get("RECORDNO", ""), "CREATEDBY": user}
    row |= {"TSENTRYLINENO": entry.get("LINENO", ""), "EVENTDATE": date_text(call.stamp.date())}
    row |= {"STATE": approval.APPROVED if state == approval.PARTLY else state, "APPROVEDBY": by or user}
    row["COMMENTS"] = record.findtext("COMMENT").strip()
    table.insert({name: text for name, text in row.items() if text})


def _unapproved(call: FunctionCall, number: int) -> Row:
    row = call.company.table("TIMESHEET").get(number) or {}
    if row.get("STATE") in _STANDS:
        raise refused(f"Timesheet {number} is approved and cannot be changed.", correction="Decline it first.")
    return row


def _complete(call: FunctionCall, draft: Draft, sheet: Row) -> None:
    values = draft.values
    if sheet.get("EMPLOYEEID") and sheet.get("BEGINDATE"):
        person = find_reference(call.company, Reference(("EMPLOYEE",), "Employee"), sheet["EMPLOYEEID"])
        last, first = person.get("PERSONALINFO.LASTNAME", ""), person.get("PERSONALINFO.FIRSTNAME", "")
        values |= {"EMPLOYEEKEY": person["RECORDNO"], "EMPLOYEEFIRSTNAME": first, "EMPLOYEELASTNAME": last}
        values |= {"EMPLOYEENAME": f"{last}, {first}", "EMPLOYEE_LOCATIONID": person.get("LOCATIONID", "")}
        values["EMPLOYEE_DEPARTMENTID"] = person.get("DEPARTMENTID", "")
        end = sheet.get("ENDDATE") or date_text(day_of(sheet, "BEGINDATE") + _WEEK)
        values |= {"ENDDATE": end, "GLPOSTDATE": sheet.get("GLPOSTDATE") or end}
        values["STATE"] = sheet.get("STATE") or "Submitted"
        values |= {"CONFIG": "Weekly", "UOM": "Hours", "HOURSINDAY": "8", "METHOD": "Hourly"}
        sheet = sheet | values
    entries = draft.lines.get("TIMESHEETENTRY")
    if entries is not None:
        values["LINES#"] = str(len(entries))
        _complete_entries(entries, sheet)


def _complete_entries(entries: Iterable[Draft], sheet: Row) -> None:
    repeated = {"STATE": "STATE", "EMPLOYEEID": "EMPLOYEEID", "EMPLOYEENAME": "EMPLOYEENAME"}
    repeated |= {"EMPLOYEEDIMKEY": "EMPLOYEEKEY", "TS_BEGINDATE": "BEGINDATE", "TS_ENDDATE": "ENDDATE"}
    for place, entry in enumerate(entries, 1):
        entry.values["LINENO"] = entry.get("LINENO") or str(place)
        entry.values["BILLED"] = "false"
        for ours, theirs in repeated.items():
            entry.values[ours] = sheet.get(theirs, "")

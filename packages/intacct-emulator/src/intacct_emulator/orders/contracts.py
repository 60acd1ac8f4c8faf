"""Actions on contracts, their lines and expenses, and on their schedules of billing, revenue and expense.

A contract, a line or an expense is posted from draft, held, resumed, delivered or renewed. A hold also holds the
schedules under it and their open entries. An entry of a schedule is open or posted. None of this posts to the ledger.
"""

from collections.abc import Callable, Iterator

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.records.drafts import stored_text
from intacct_emulator.records.record_store import update_cells
from intacct_emulator.settings.cells import Row, date_text, iso_date
from intacct_emulator.settings.refusals import refused
from intacct_protocol.model.catalog import FieldDef
from intacct_protocol.model.keys import lines, natural_key
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import Element

SCHEDULES = tuple(
    f"CONTRACT{kind}SCHEDULE" for kind in ("BILLING", "REVENUE", "REVENUE2", "EXPENSE", "EXPENSE2")
)  # fmt: skip
_HELD = {"hold": ("In progress", "On hold"), "resume": ("On hold", "In progress")}
_OPEN = {"hold": ("Open", "On hold"), "resume": ("On hold", "Open")}


def record_numbers(call: FunctionCall, name: str, record: Element) -> list[int]:
    """The record that the element names, by its record number or its id."""
    table = call.company.table(name)
    natural = natural_key(name) or table.plan.key
    for field in (table.plan.key, natural, "SCHEDULEKEY"):
        key = record.findtext(field).strip()
        if key:
            numbers = table.find(table.plan.key if field == "SCHEDULEKEY" else field, key)
            if not numbers:
                raise refused(f"Cannot find {name.lower()} with key '{key}'.", correction="Provide another key.")
            return numbers[:1]
    raise refused("Required field RECORDNO is missing.", correction="Provide the record number.")


def update_record(call: FunctionCall, name: str, number: int, cells: Row) -> Row:
    """Update cells of a record."""
    return update_cells(call, call.company.find(name), number, cells)


def _records_named(call: FunctionCall) -> Iterator[tuple[str, Element, int, Row]]:
    """The records that a call names, as object, element, number and row."""
    for record in call.body.children:
        name = call.company.find(record.tag).name
        check_right(call, "UPDATE", name)
        for number in record_numbers(call, name, record):
            yield name, record, number, call.company.table(name).get(number) or {}


def _day(call: FunctionCall, record: Element, *names: str) -> str:
    text = next((record.findtext(name).strip() for name in names if record.findtext(name).strip()), "")
    return stored_text(call, FieldDef(names[0], Kind.DATE), text) if text else date_text(call.stamp.date())


def _schedules_under(call: FunctionCall, name: str, row: Row) -> Iterator[tuple[str, int, Row]]:
    """The schedules under a contract, one of its lines, or one of its expenses."""
    field = {"CONTRACT": "CONTRACTKEY", "CONTRACTDETAIL": "CONTRACTDETAILKEY"}.get(name, "CONTRACTEXPENSEDETAILKEY")
    for schedule in SCHEDULES:
        table = call.company.table(schedule)
        for number in table.find(field, row.get("RECORDNO", "")):
            yield schedule, number, table.get(number) or {}


def _entries(call: FunctionCall, schedule: str, row: Row) -> Iterator[tuple[str, int, Row]]:
    for owned in lines(schedule):
        table = call.company.table(owned.line)
        for number in table.find(owned.by, row.get(owned.key, "")):
            yield owned.line, number, table.get(number) or {}


# --- contracts, lines, expenses


def hold_or_resume(call: FunctionCall) -> FunctionAnswer:
    """`hold` and `resume`: change the schedules under a record, and their entries that are not posted."""
    before, after = _HELD[call.name]
    for name, record, number, row in _records_named(call):
        day = _day(call, record, "ASOFDATE")
        update_record(call, name, number, {"BILLINGHOLDDATE": day, "REVENUEHOLDDATE": day, "EXPENSEHOLDDATE": day})
        for schedule, key, schedule_row in _schedules_under(call, name, row):
            if schedule_row.get("STATE") != before:
                continue
            update_record(call, schedule, key, {"STATE": after})
            for line, entry_number, entry in _entries(call, schedule, schedule_row):
                if entry.get("STATE") == _OPEN[call.name][0]:
                    update_record(call, line, entry_number, {"STATE": _OPEN[call.name][1]})
    return FunctionAnswer()


def post(call: FunctionCall) -> FunctionAnswer:
    """`post`: a draft, an entry of a schedule, or the due entries of a contract's schedules."""
    for record in call.body.children:
        name = call.company.find(record.tag).name
        check_right(call, "UPDATE", name)
        if name in SCHEDULES:
            _post_due(call, name, record)
        elif name.endswith("ENTRY"):
            day = _day(call, record, "POSTINGDATE", "ASOFDATE")
            for number in record_numbers(call, name, record):
                _post_entry(call, name, number, day=day)
        else:
            day = _day(call, record, "GLPOSTINGDATE", "GLPOSTDATE")
            for number in record_numbers(call, name, record):
                update_record(call, name, number, {"STATE": "In progress", "GLPOSTINGDATE": day})
    return FunctionAnswer()


def _post_due(call: FunctionCall, name: str, record: Element) -> None:
    table, until = call.company.table(name), iso_date(_day(call, record, "ASOFDATE")) or ""
    conditions = {field: record.findtext(field).strip() for field in ("CONTRACTID", "CUSTOMERID", "RECORDNO")}
    fields = call.company.find(name).fields
    contracts = [
        (number, row)
        for number, row in list(table.rows())
        if all(row.get(field) == text for field, text in conditions.items() if text and field in fields)
    ]
    if not contracts:
        raise refused("There is no schedule to post.", correction="Name a contract that has one.")
    for number, row in contracts:
        update_record(call, name, number, {})
        for line, contract, entry in _entries(call, name, row):
            if entry.get("STATE", "Open") == "Open" and (iso_date(entry.get("POSTINGDATE", "")) or "") <= until:
                _post_entry(call, line, contract, day=entry["POSTINGDATE"])


def _post_entry(call: FunctionCall, name: str, number: int, *, day: str) -> None:
    update_record(call, name, number, {"STATE": "Posted", "POSTED": "true", "ACTUALPOSTINGDATE": day})


def unpost(call: FunctionCall) -> FunctionAnswer:
    """`unpost`: open an entry of a schedule again."""
    for name, _, number, _ in _records_named(call):
        update_record(call, name, number, {"STATE": "Open", "POSTED": "false", "ACTUALPOSTINGDATE": ""})
    return FunctionAnswer()


def deliver(call: FunctionCall) -> FunctionAnswer:
    """`deliver`: start the schedules that wait for the delivery of a line."""
    for name, record, number, row in _records_named(call):
        cells = {"DELIVERYSTATUS": "Delivered", "DELIVERYDATE": _day(call, record, "DELIVERYDATE")}
        update_record(call, name, number, cells)
        for schedule, key, schedule_row in _schedules_under(call, name, row):
            if schedule_row.get("STATE", "").startswith("Pending delivery"):
                update_record(call, schedule, key, {**cells, "STATE": "In progress"})
    return FunctionAnswer()


def renew(call: FunctionCall) -> FunctionAnswer:
    """`renew`: extend a contract by the length of its term."""
    for name, _, number, row in _records_named(call):
        begin, end = iso_date(row.get("BEGINDATE", "")), iso_date(row.get("ENDDATE", ""))
        if not begin or not end or row.get("STATE") == "Draft":
            raise refused(f"{row.get('CONTRACTID')} cannot be renewed.", correction="Post it, and give it an end.")
        years = max(1, int(end[:4]) - int(begin[:4]))
        update_record(call, name, number, {"ENDDATE": f"{row['ENDDATE'][:6]}{int(end[:4]) + years:04d}"})
    return FunctionAnswer()


def clear_price_allocations(call: FunctionCall) -> FunctionAnswer:
    """`clearallmea`, `clearlastactivemea`: end all price allocations of a contract, or the last one."""
    table = call.company.table("CONTRACTMEABUNDLE")
    for _, _, _, row in _records_named(call):
        counting = [
            number
            for number in table.find("CONTRACTID", row.get("CONTRACTID", ""))
            if (table.get(number) or {}).get("STATUS", "active") == "active"
        ]
        if not counting:
            raise refused(f"{row.get('CONTRACTID')} has no price allocation.", correction="Create one first.")
        for number in counting if call.name == "clearallmea" else counting[-1:]:
            update_record(call, "CONTRACTMEABUNDLE", number, {"STATUS": "inactive"})
    return FunctionAnswer()


def reallocate(call: FunctionCall) -> FunctionAnswer:
    """`reallocate`: change the days of a schedule."""
    for name, record, number, _ in _records_named(call):
        first, last = _day(call, record, "STARTDATE"), _day(call, record, "ENDDATE")
        if (iso_date(first) or "") > (iso_date(last) or ""):
            raise refused("STARTDATE is after ENDDATE.", correction="Provide the earlier day first.")
        update_record(call, name, number, {"STARTDATE": first, "ENDDATE": last})
    return FunctionAnswer()


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "hold": hold_or_resume,
    "resume": hold_or_resume,
    "post": post,
    "unpost": unpost,
    "deliver": deliver,
    "renew": renew,
    "clearallmea": clear_price_allocations,
    "clearlastactivemea": clear_price_allocations,
    "reallocate": reallocate,
}

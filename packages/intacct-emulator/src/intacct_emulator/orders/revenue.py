"""The functions of revenue recognition schedules: hold, resume, terminate, change, reallocate, post and unpost.

An entry posts from the deferred revenue account to the revenue account, on its own day. Unposting removes the posting
from the ledger. An entry without its accounts, or without an invoice line that gives its location, is only marked.
"""

from collections.abc import Callable

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.ledger.amounts import amount
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import dimensions_of, user_defined
from intacct_emulator.ledger.periods import day_of
from intacct_emulator.ledger.posting import Posting, PostingLine
from intacct_emulator.ledger.posting_rows import ORDERS
from intacct_emulator.orders.contracts import update_record
from intacct_emulator.records.legacy_body import day_text, key_answer, row_of_body
from intacct_emulator.settings.cells import Row, decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_emulator.subledgers.vouchers import Voucher, batches_of, post, withdraw_all

SCHEDULE, ENTRY = "REVRECSCHEDULE", "REVRECSCHEDULEENTRY"
_ENTRY = "postingdate accountno trx_amount description"
_MOVES = {
    "hold_revrecschedule": (("Not Started", "In Progress", ""), "On Hold"),
    "resume_revrecschedule": (("On Hold",), "In Progress"),
    "terminate_revrecschedule": (("Not Started", "In Progress", "On Hold", ""), "Terminated"),
}


def _find(call: FunctionCall, name: str, key: str) -> tuple[int, Row]:
    check_right(call, "UPDATE", name)
    table = call.company.table(name)
    for number in table.find(table.plan.key, key):
        return number, table.get(number) or {}
    raise refused(f"Cannot find {name.lower()} with key '{key}'.", correction="Provide another key.")


def _named(call: FunctionCall, name: str) -> tuple[int, Row]:
    return _find(call, name, call.body.findtext("recordno").strip())


def change_status(call: FunctionCall) -> FunctionAnswer:
    """Hold, resume or terminate a schedule."""
    before, after = _MOVES[call.name]
    number, row = _named(call, SCHEDULE)
    if row.get("STATUS", "") not in before:
        raise refused(f"Schedule {number} is {row['STATUS'].lower()} and cannot become {after.lower()}.")
    cells = {
        "STATUS": after,
        "CHANGECATEGORY": call.body.findtext("category"),
        "CHANGEMEMO": call.body.findtext("memo"),
    }
    update_record(call, SCHEDULE, number, cells)
    return key_answer(str(number))


def update(call: FunctionCall) -> FunctionAnswer:
    """Change days and amounts of entries that are not posted; `recordno` names each of them."""
    number, _ = _named(call, SCHEDULE)
    described = call.company.find(ENTRY)
    for group in call.body.findall("revrecentries"):
        for node in group.children:
            entry_number, entry = _find(call, ENTRY, node.findtext("recordno").strip())
            if entry.get("REVRECSCHEDULEKEY") != str(number):
                raise refused(
                    f"Entry {entry_number} is not an entry of schedule {number}.", correction="Name one of its entries."
                )
            if entry.get("POSTED") == "true":
                raise refused(f"Entry {entry_number} is posted and cannot be changed.", correction="Unpost it first.")
            update_record(call, ENTRY, entry_number, row_of_body(call, described, node, _ENTRY))
    update_record(call, SCHEDULE, number, {"CHANGEMEMO": call.body.findtext("memo")})
    return key_answer(str(number))


def reallocate(call: FunctionCall) -> FunctionAnswer:
    """Change the days of a schedule."""
    number, _ = _named(call, SCHEDULE)
    first, last = (call.body.find(name) for name in ("revrecstartdate", "revrecenddate"))
    days = [day_text(call, node) if node is not None else "" for node in (first, last)]
    if not all(days):
        raise refused("Required field revrecstartdate or revrecenddate is missing.", correction="Provide both days.")
    update_record(call, SCHEDULE, number, {"SOREVRECSTARTDATE": days[0], "SOREVRECENDDATE": days[1]})
    return key_answer(str(number))


def post_or_unpost(call: FunctionCall) -> FunctionAnswer:
    """Post or unpost an entry."""
    number, row = _named(call, ENTRY)
    back = call.name.startswith("unpost")
    if (row.get("POSTED") == "true") is not back:
        raise refused(f"Entry {number} is {'not posted' if back else 'posted'} already.")
    if back:
        withdraw_all(call, ENTRY, row)
        update_record(call, ENTRY, number, {"POSTED": "false", "GLBATCHKEY": "", "POSTED_AMOUNT": ""})
        return key_answer(str(number))
    schedule = call.company.table(SCHEDULE).get(int(row.get("REVRECSCHEDULEKEY") or 0)) or {}
    if schedule.get("STATUS") in ("On Hold", "Terminated"):
        raise refused(
            f"Schedule {schedule['RECORDNO']} is {schedule['STATUS'].lower()}, and its entries cannot be posted.",
            correction="Resume the schedule first.",
        )
    update_record(call, ENTRY, number, {"POSTED": "true"} | _recognise(call, row, schedule))
    return key_answer(str(number))


def _recognise(call: FunctionCall, row: Row, schedule: Row) -> Row:
    """Post an entry; gives its cells for the posting."""
    company, sent_amount = call.company, amount(row, "AMOUNT") or amount(row, "TRX_AMOUNT")
    revenue = row.get("ACCOUNTNO") or _account(call, row.get("REVACCTKEY", ""))
    deferred = _account(call, row.get("DEFERREDREVACCTKEY", ""))
    if not revenue or not deferred or not sent_amount:
        return {}
    line = company.table("ARINVOICEITEM").get(int(schedule.get("PRENTRYKEY") or 0)) or {}
    place = line.get("LOCATIONID") or schedule.get("MEGAENTITYID") or call.session.entity
    chart = posting_rules(company)
    entity = chart.entity_of.get(place, "")
    if not entity and chart.several_entities:
        return {}
    base = chart.base_currency[entity]
    money = chart.rounding.round(sent_amount, base)
    department, memo = line.get("DEPARTMENTID") or None, row.get("DESCRIPTION") or None
    named = dimensions_of(line, user_defined(company.catalog))
    lines = (
        PostingLine(deferred, place, money, money, base, department, memo, named),
        PostingLine(revenue, place, -money, -money, base, department, memo, named),
    )
    day = day_of(row, "POSTINGDATE") if row.get("POSTINGDATE") else call.stamp.date()
    title = f"Revenue of schedule {row.get('REVRECSCHEDULEKEY', '')}"
    voucher = Voucher(ENTRY, row, row.get("GLJOURNAL") or "GJ", ORDERS, title, day, in_every_book=True)
    post(call, Posting(lines), voucher)
    batch = batches_of(call, ENTRY, row)[-1].batch
    return {"GLBATCHKEY": str(batch), "POSTED_AMOUNT": decimal_text(money)}


def _account(call: FunctionCall, key: str) -> str:
    """The number of an account that is given by record number or by number."""
    row = call.company.table("GLACCOUNT").get(int(key)) if key.isdecimal() and len(key) < 19 else None
    return row["ACCOUNTNO"] if row is not None else key


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    **dict.fromkeys(_MOVES, change_status),
    "update_revrecschedule": update,
    "reallocate_revrecschedule": reallocate,
    "post_revrecscheduleentry": post_or_unpost,
    "unpost_revrecscheduleentry": post_or_unpost,
}

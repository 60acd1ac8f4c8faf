"""Schedules of revenue recognition by their own functions: held, resumed, ended, moved, and their entries posted.

Posting an entry marks it as posted. No journal entry is made of it.
"""

from collections.abc import Callable

from intacct_bridge.emulator.access import permit
from intacct_bridge.emulator.books import Answer, Call
from intacct_bridge.emulator.cells import Row
from intacct_bridge.emulator.contracts import change
from intacct_bridge.emulator.legacy_body import day_text, keyed, row_of
from intacct_bridge.emulator.refusals import refused

SCHEDULE, ENTRY = "REVRECSCHEDULE", "REVRECSCHEDULEENTRY"
_ENTRY = "postingdate accountno trx_amount description"
_MOVES = {
    "hold_revrecschedule": (("Not Started", "In Progress", ""), "On Hold"),
    "resume_revrecschedule": (("On Hold",), "In Progress"),
    "terminate_revrecschedule": (("Not Started", "In Progress", "On Hold", ""), "Terminated"),
}


def _there(call: Call, name: str, key: str) -> tuple[int, Row]:
    permit(call, "UPDATE", name)
    table = call.books.table(name)
    for number in table.find(table.plan.key, key):
        return number, table.get(number) or {}
    raise refused(f"Cannot find {name.lower()} with key '{key}'.", correction="Provide another key.")


def _named(call: Call, name: str) -> tuple[int, Row]:
    return _there(call, name, call.body.findtext("recordno").strip())


def moved(call: Call) -> Answer:
    """Hold, resume, terminate."""
    before, after = _MOVES[call.name]
    number, row = _named(call, SCHEDULE)
    if row.get("STATUS", "") not in before:
        raise refused(f"Schedule {number} is {row['STATUS'].lower()} and cannot become {after.lower()}.")
    cells = {
        "STATUS": after,
        "CHANGECATEGORY": call.body.findtext("category"),
        "CHANGEMEMO": call.body.findtext("memo"),
    }
    change(call, SCHEDULE, number, cells)
    return keyed(str(number))


def updated(call: Call) -> Answer:
    """Other days and amounts of entries that are not posted; an entry without a number is added."""
    number, row = _named(call, SCHEDULE)
    described, table = call.books.find(ENTRY), call.books.table(ENTRY)
    for group in call.body.findall("revrecentries"):
        for node in group.children:
            cells = row_of(call, described, node, _ENTRY)
            key = (node.get("recordno") or "").strip()
            if not key:
                table.insert(cells | {"REVRECSCHEDULEKEY": row["RECORDNO"], "POSTED": "false"})
                continue
            one, entry = _there(call, ENTRY, key)
            if entry.get("POSTED") == "true":
                raise refused(f"Entry {one} is posted and cannot be changed.", correction="Unpost it first.")
            change(call, ENTRY, one, cells)
    change(call, SCHEDULE, number, {"CHANGEMEMO": call.body.findtext("memo")})
    return keyed(str(number))


def reallocated(call: Call) -> Answer:
    """The schedule runs over other days."""
    number, _ = _named(call, SCHEDULE)
    first, last = (call.body.find(name) for name in ("revrecstartdate", "revrecenddate"))
    days = [day_text(call, node) if node is not None else "" for node in (first, last)]
    if not all(days):
        raise refused("Required field revrecstartdate or revrecenddate is missing.", correction="Provide both days.")
    change(call, SCHEDULE, number, {"SOREVRECSTARTDATE": days[0], "SOREVRECENDDATE": days[1]})
    return keyed(str(number))


def posted(call: Call) -> Answer:
    """Post an entry, or take its posting back."""
    number, row = _named(call, ENTRY)
    wanted = "false" if call.name.startswith("unpost") else "true"
    if row.get("POSTED", "false") == wanted:
        raise refused(f"Entry {number} is {'posted' if wanted == 'true' else 'not posted'} already.")
    change(call, ENTRY, number, {"POSTED": wanted})
    return keyed(str(number))


FUNCTIONS: dict[str, Callable[[Call], Answer]] = {
    **dict.fromkeys(_MOVES, moved),
    "update_revrecschedule": updated,
    "reallocate_revrecschedule": reallocated,
    "post_revrecscheduleentry": posted,
    "unpost_revrecscheduleentry": posted,
}

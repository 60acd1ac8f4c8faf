"""Cost of goods sold that was closed at another cost than it was posted at: adjusting it is creating a record of it."""

from intacct_bridge.emulator.company.company_data import Call
from intacct_bridge.emulator.records.drafts import Draft
from intacct_bridge.emulator.records.record_store import keep_cells
from intacct_bridge.emulator.settings.cells import Row
from intacct_bridge.emulator.settings.refusals import refused


def adjust(call: Call, draft: Draft) -> Row:
    """Mark the named one as adjusted; no journal entry is made of the difference."""
    key = draft.get("RECORDNO")
    table = call.books.table(draft.described)
    for number in table.find(table.plan.key, key):
        return keep_cells(call, draft.described, number, {"NEEDSADJUSTMENT": "false", "MANUAL_ADJUSTMENT": "true"})
    raise refused(f"There is no closed cost with RECORDNO '{key}'.", correction="Name one that needs an adjustment.")

"""The object-specific functions that write, by name, gathered from the rooms that carry them out."""

from collections.abc import Callable

from intacct_bridge.emulator.company.company_data import Answer, Call
from intacct_bridge.emulator.functions import approvals, masters
from intacct_bridge.emulator.functions.legacy import checks_and_batches, documents, journal, kept, orders, payments
from intacct_bridge.emulator.reading import attachments
from intacct_bridge.emulator.subledgers.cash import deposits
from intacct_bridge.emulator.trade import contracts, revenue

LEGACY: dict[str, Callable[[Call], Answer]] = {
    **masters.FUNCTIONS,
    **attachments.FUNCTIONS,
    **documents.FUNCTIONS,
    **payments.FUNCTIONS,
    **journal.FUNCTIONS,
    **orders.FUNCTIONS,
    **approvals.FUNCTIONS,
    **contracts.FUNCTIONS,
    **revenue.FUNCTIONS,
    **kept.FUNCTIONS,
    **checks_and_batches.FUNCTIONS,
    **deposits.FUNCTIONS,
}

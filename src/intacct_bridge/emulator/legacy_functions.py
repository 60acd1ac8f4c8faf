"""The object-specific functions that write, by name, gathered from the rooms that carry them out."""

from collections.abc import Callable

from intacct_bridge.emulator import (
    actions,
    attachments,
    contracts,
    deposits,
    documents_legacy,
    journal_legacy,
    kept_legacy,
    masters_legacy,
    orders_legacy,
    payments_legacy,
    revenue,
    summaries,
)
from intacct_bridge.emulator.books import Answer, Call

LEGACY: dict[str, Callable[[Call], Answer]] = {
    **masters_legacy.FUNCTIONS,
    **attachments.FUNCTIONS,
    **documents_legacy.FUNCTIONS,
    **payments_legacy.FUNCTIONS,
    **journal_legacy.FUNCTIONS,
    **orders_legacy.FUNCTIONS,
    **actions.FUNCTIONS,
    **contracts.FUNCTIONS,
    **revenue.FUNCTIONS,
    **kept_legacy.FUNCTIONS,
    **summaries.FUNCTIONS,
    **deposits.FUNCTIONS,
}

"""The object-specific functions that write, by name, gathered from the rooms that carry them out."""

from collections.abc import Callable

from intacct_bridge.emulator import documents_legacy, journal_legacy, payments_legacy
from intacct_bridge.emulator.books import Answer, Call

LEGACY: dict[str, Callable[[Call], Answer]] = {
    **documents_legacy.FUNCTIONS,
    **payments_legacy.FUNCTIONS,
    **journal_legacy.FUNCTIONS,
}

"""What a copy keeps about its company besides the tables: base currency, first fiscal month, books.

They come from `getFinancialSetup`, which costs one transaction. It is asked again after some weeks, and in every full
refresh. If the user may not ask for them, what is known is kept.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.client.reading.catalog import ask_financial_setup, financial_setup_of
from intacct_protocol.errors import IntacctError

ASKED_ON = "financial_setup_asked_on"
ASK_AGAIN = timedelta(days=30)
SETUP = {
    "baseCurrency": "base_currency",
    "firstFiscalMonth": "first_fiscal_month",
    "defaultBook": "default_book",
    "multiBaseCurrency": "several_base_currencies",
    "multiBook": "several_books",
    "multiCurrency": "several_currencies",
    "multiEntityShared": "several_entities",
}
"""The elements of getFinancialSetup, and the settings that keep them."""


SOURCES = frozenset({"GLDETAIL", "GLBATCH", "APBILL", "ARINVOICE", "GLBUDGETITEM"})
"""Tables of which a copy needs one, before there is anything to report."""


class SettingsKeeper(Protocol):
    """A destination that keeps settings of the company."""

    def complete_tables(self) -> Iterable[str]:
        """The tables whose first full refresh has ended."""

    def settings(self) -> Mapping[str, str]:
        """What is kept."""

    def keep_settings(self, values: Mapping[str, str], at: datetime) -> None:
        """Keep values."""


def has_sources(destination: SettingsKeeper) -> bool:
    """Whether the copy holds a table that views report on."""
    return not SOURCES.isdisjoint(destination.complete_tables())


def keep_financial_setup(
    destination: SettingsKeeper, gateway: ReadGateway, at: datetime, *, again: bool = False
) -> None:
    """Ask for the company's financial setup, if that is due, and keep it in the copy."""
    settings = destination.settings()
    if not again and not _due(settings.get(ASKED_ON, ""), at):
        return
    try:
        setup = financial_setup(gateway)
    except IntacctError:  # not permitted, or no transaction is left: another run asks again
        return
    destination.keep_settings({**setup, ASKED_ON: at.date().isoformat()}, at)


def _due(asked_on: str, at: datetime) -> bool:
    if not asked_on:
        return True
    return at - datetime.fromisoformat(asked_on).replace(tzinfo=at.tzinfo) >= ASK_AGAIN


def financial_setup(gateway: ReadGateway) -> Mapping[str, str]:
    """The company's financial setup, by the names of the settings."""
    parts = financial_setup_of(gateway.ask(ask_financial_setup())).parts
    return {name: parts[tag] for tag, name in SETUP.items() if tag in parts}

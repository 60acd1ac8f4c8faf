"""What a copy keeps about its company besides the tables: base currency, first fiscal month, books.

They come from `getFinancialSetup`, which costs one transaction. It is asked again after some weeks, and in every full
refresh. A company where the user may not ask it keeps what is known.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.errors import IntacctError
from intacct_bridge.flow.destinations.sql import SqlSink
from intacct_bridge.wire.xml import Element

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


def keep_financial_setup(sink: SqlSink, gateway: ReadGateway, at: datetime, *, again: bool = False) -> None:
    """Ask for the company's financial setup, if that is due, and keep it in the copy."""
    known = sink.settings()
    if not again and not _due(known.get(ASKED_ON, ""), at):
        return
    try:
        found = financial_setup(gateway)
    except IntacctError:  # not permitted, or no transaction is left: another run asks again
        return
    sink.keep_settings({**found, ASKED_ON: at.date().isoformat()}, at)


def _due(asked_on: str, at: datetime) -> bool:
    if not asked_on:
        return True
    return at - datetime.fromisoformat(asked_on).replace(tzinfo=at.tzinfo) >= ASK_AGAIN


def financial_setup(gateway: ReadGateway) -> Mapping[str, str]:
    """The company's financial setup, by the names of the settings."""
    data = gateway.ask(Element("getFinancialSetup")).data
    places = (data, *data.children) if data is not None else ()
    return {name: text for tag, name in SETUP.items() for one in places if (text := one.findtext(tag).strip())}

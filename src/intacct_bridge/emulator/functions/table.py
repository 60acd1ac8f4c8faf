"""Which function is answered by what: one table, and nothing else.

The object-specific functions that write, by name, gathered from the rooms that carry them out.
"""

from collections.abc import Callable

from intacct_bridge.emulator.access import api_session
from intacct_bridge.emulator.accounting import balances
from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.emulator.functions import approvals, generic, masters
from intacct_bridge.emulator.functions.legacy import checks_and_batches, documents, journal, kept, orders, payments
from intacct_bridge.emulator.reading import (
    about_company,
    attachments,
    get_list,
    inquiries,
    lookup,
    query,
    read,
    read_by_query,
    reports,
)
from intacct_bridge.emulator.settings.refusals import FunctionRefusedError
from intacct_bridge.emulator.subledgers import aging
from intacct_bridge.emulator.subledgers.cash import deposits
from intacct_bridge.emulator.trade import contracts, revenue
from intacct_bridge.errors import Fault

LEGACY: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
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


Handler = Callable[[FunctionCall], FunctionAnswer]

HANDLERS: dict[str, Handler] = {
    **LEGACY,
    **inquiries.FUNCTIONS,
    **get_list.FUNCTIONS,
    "create": generic.create,
    "delete": generic.delete,
    "getAPISession": api_session.get_api_session,
    "getDimensions": about_company.get_dimensions,
    "getFinancialSetup": about_company.get_financial_setup,
    "getUserPermissions": about_company.get_user_permissions,
    "get_accountbalances": balances.get_accountbalances,
    "get_araging": aging.get_araging,
    "get_applications": about_company.get_applications,
    "get_companyprefs": about_company.get_companyprefs,
    "get_trialbalance": balances.get_trialbalance,
    "inspect": lookup.inspect,
    "lookup": lookup.lookup,
    "query": query.query,
    "read": read.read,
    "readByName": read.read_by_name,
    "readByQuery": read_by_query.read_by_query,
    "readEntityDetails": about_company.read_entity_details,
    "readReport": reports.read_report,
    "readView": reports.read_view,
    "readMore": read_by_query.read_more,
    "readUserFormatting": about_company.read_user_formatting,
    "update": generic.update,
}


def handler_of(name: str) -> Handler:
    """The handler of a function. Raises FunctionRefusedError where the emulator has none."""
    handler = HANDLERS.get(name)
    if handler is None:
        text = f"The function {name} is not emulated."
        raise FunctionRefusedError(Fault("EMULATOR-0001", "Not emulated", text))
    return handler

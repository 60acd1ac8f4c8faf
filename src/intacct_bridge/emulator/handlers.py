"""Which function is answered by what: one table, and nothing else."""

from collections.abc import Callable

from intacct_bridge.emulator import (
    aging,
    balances,
    companyinfo,
    inquiries,
    listing,
    metadata,
    querying,
    records,
    reports,
    sessioncalls,
    snapshots,
    writes,
)
from intacct_bridge.emulator.books import Answer, Call
from intacct_bridge.emulator.legacy_functions import LEGACY

Handler = Callable[[Call], Answer]

HANDLERS: dict[str, Handler] = {
    **LEGACY,
    **inquiries.FUNCTIONS,
    **listing.FUNCTIONS,
    "create": writes.create,
    "delete": writes.delete,
    "getAPISession": sessioncalls.get_api_session,
    "getDimensions": companyinfo.get_dimensions,
    "getFinancialSetup": companyinfo.get_financial_setup,
    "getUserPermissions": companyinfo.get_user_permissions,
    "get_accountbalances": balances.get_accountbalances,
    "get_araging": aging.get_araging,
    "get_applications": companyinfo.get_applications,
    "get_companyprefs": companyinfo.get_companyprefs,
    "get_trialbalance": balances.get_trialbalance,
    "inspect": metadata.inspect,
    "lookup": metadata.lookup,
    "query": querying.query,
    "read": records.read,
    "readByName": records.read_by_name,
    "readByQuery": snapshots.read_by_query,
    "readEntityDetails": companyinfo.read_entity_details,
    "readReport": reports.read_report,
    "readView": reports.read_view,
    "readMore": snapshots.read_more,
    "readUserFormatting": companyinfo.read_user_formatting,
    "update": writes.update,
}

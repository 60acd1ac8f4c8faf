"""The registry of functions: which handler answers each function of the published schema, or why none does."""

from collections.abc import Callable

from intacct_emulator.access import api_session
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.handlers import approvals, dds
from intacct_emulator.handlers.generic import writes
from intacct_emulator.handlers.legacy import (
    attachments,
    documents,
    employee_rates,
    journal,
    manual_checks,
    masters,
    orders,
    payments,
    stored_documents,
    summaries,
)
from intacct_emulator.ledger import balances
from intacct_emulator.orders import contracts, revenue
from intacct_emulator.reading import (
    about_company,
    audit_trail,
    dimensions,
    get_list,
    lookup,
    pdf,
    query,
    read,
    read_by_query,
    reports,
)
from intacct_emulator.settings.refusals import FunctionRefusedError
from intacct_emulator.subledgers.cash import deposits
from intacct_emulator.subledgers.payments import aging
from intacct_protocol.errors import Fault

Handler = Callable[[FunctionCall], FunctionAnswer]

_GENERIC: dict[str, Handler] = {
    "create": writes.create,
    "delete": writes.delete,
    "getAPISession": api_session.get_api_session,
    "update": writes.update,
}
_READING: dict[str, Handler] = {
    "getAuditTrail": audit_trail.get_audit_trail,
    "getDimensionAutofillData": dimensions.get_dimension_details,
    "getDimensionAutofillDetails": dimensions.get_dimension_details,
    "getDimensionRelationships": dimensions.get_dimension_relationships,
    "getDimensionRestrictedData": dimensions.get_dimension_details,
    "getDimensionRestrictions": dimensions.get_dimension_details,
    "getDimensions": dimensions.get_dimensions,
    "getFinancialSetup": about_company.get_financial_setup,
    "getUserPermissions": about_company.get_user_permissions,
    "get_accountbalances": balances.get_accountbalances,
    "get_accountbalancesbydimensions": balances.dimension_balances,
    "get_applications": about_company.get_applications,
    "get_araging": aging.get_araging,
    "get_closedbooksdate": about_company.get_closed_books_date,
    "get_companyprefs": about_company.get_companyprefs,
    "get_trialbalance": balances.get_trialbalance,
    "inspect": lookup.inspect,
    "lookup": lookup.lookup,
    "query": query.query,
    "read": read.read,
    "readByName": read.read_by_name,
    "readByQuery": read_by_query.read_by_query,
    "readEntityDetails": about_company.read_entity_details,
    "readMore": read_by_query.read_more,
    "readRelated": read.read_related,
    "readReport": reports.read_report,
    "readUserFormatting": about_company.read_user_formatting,
    "readView": reports.read_view,
    "retrievepdf": pdf.retrieve_pdf,
}
_DELIVERY: dict[str, Handler] = {
    "getDdsDdl": dds.get_dds_ddl,
    "getDdsObjects": dds.get_dds_objects,
    "runDdsJob": dds.run_dds_job,
}


def _merged(*tables: dict[str, Handler]) -> dict[str, Handler]:
    """One table of several that have no name in common."""
    handlers: dict[str, Handler] = {}
    for table in tables:
        twice = handlers.keys() & table.keys()
        if twice:
            raise ValueError(f"functions with two handlers: {', '.join(sorted(twice))}")
        handlers |= table
    return handlers


HANDLERS: dict[str, Handler] = _merged(
    _GENERIC,
    _READING,
    get_list.FUNCTIONS,
    _DELIVERY,
    approvals.FUNCTIONS,
    masters.FUNCTIONS,
    attachments.FUNCTIONS,
    employee_rates.FUNCTIONS,
    documents.FUNCTIONS,
    payments.FUNCTIONS,
    deposits.FUNCTIONS,
    journal.FUNCTIONS,
    orders.FUNCTIONS,
    contracts.FUNCTIONS,
    revenue.FUNCTIONS,
    stored_documents.FUNCTIONS,
    manual_checks.FUNCTIONS,
    summaries.FUNCTIONS,
)
"""Every function that the emulator answers."""

NOT_EMULATED: dict[str, str] = {
    **dict.fromkeys(
        ("consolidate", "consolidatebytier", "create_consolidation"), "The emulator does not consolidate companies."
    ),
    **dict.fromkeys(
        ("create_customerachinfo", "update_customerachinfo", "delete_customerachinfo"),
        "The emulator keeps no ACH details of customers.",
    ),
    **dict.fromkeys(
        (
            *("create_invpricelistentry", "update_invpricelistentry", "delete_invpricelistentry"),
            *("create_vsoepricelist", "update_vsoepricelist", "delete_vsoepricelist"),
            *("create_vsoeitempricelist", "update_vsoeitempricelist", "delete_vsoeitempricelist"),
        ),
        "The emulator keeps price lists without entries.",
    ),
    **dict.fromkeys(
        (
            *("create_taxschedule", "update_taxschedule", "delete_taxschedule"),
            *("create_taxscheduledetail", "delete_taxscheduledetail"),
            *("create_taxschedulemap", "delete_taxschedulemap"),
        ),
        "The emulator has tax details but no tax schedules.",
    ),
    **dict.fromkeys(
        (
            *("create_recurringgltransaction", "delete_recurringgltransaction"),
            *("create_recurringstatgltrans", "delete_recurringstatgltrans"),
        ),
        "The emulator keeps no recurring journal entries.",
    ),
    "delete_recurringbill": "Delete a recurring bill with delete_bill.",
    **dict.fromkeys(("reclassify_bill", "reclassify_invoice"), "Update the document instead."),
    "delete_arpayment": "Reverse the receipt with reverse_arpayment.",
    "create_revrecscheduleentry": "The emulator does not add entries to revenue schedules.",
    "generate_projectinvoices": "The emulator does not generate invoices from projects.",
    "uncancel": "The emulator does not reinstate cancelled contracts.",
    "promote": "The emulator runs jobs at once.",
    "convert_glbudget_fp_amounts_to_eop": "The emulator does not convert budgets.",
    "create_locationgroup": "The emulator has location groups to read only.",
    **dict.fromkeys(
        ("update_customervisibility", "update_vendorvisibility"),
        "The emulator has no visibility of vendors and customers by entity.",
    ),
    "set_companyprefs": "The emulator's company preferences cannot be changed.",
    "get_accountgroupdetails": "The emulator does not add up account groups.",
    "get_icitemtotals": "Read ITEMWAREHOUSEINFO instead.",
    "get_salestotals": "The emulator does not add up sales.",
    "get_myclients": "The emulator does not list the clients of a console.",
    **dict.fromkeys(("describe", "describeall"), "Use lookup or inspect."),
    "init_session": "Use getAPISession.",
    "validate": "The emulator has no validation without a write.",
    "installApp": "The emulator installs no platform applications.",
}
"""Functions of the published schema that the emulator refuses, each with a sentence that follows the refusal."""


def not_emulated(name: str) -> FunctionRefusedError:
    """The refusal of a function without a handler."""
    text = f"The function {name} is not emulated. {NOT_EMULATED.get(name, '')}".rstrip()
    return FunctionRefusedError(Fault("EMULATOR-0001", "Not emulated", text))

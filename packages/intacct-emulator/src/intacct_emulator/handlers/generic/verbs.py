"""Objects whose create, update or delete does more than write a record, by verb. All others use `record_store`."""

from collections.abc import Callable

from intacct_emulator.company.company_data import FunctionCall
from intacct_emulator.handlers.generic import people
from intacct_emulator.handlers.generic.documents import DOCUMENTS, PAYMENTS, DocumentVerbs, PaymentVerbs
from intacct_emulator.ledger.journals import journal
from intacct_emulator.orders import costs, orders, timesheets
from intacct_emulator.records.drafts import Draft
from intacct_emulator.settings.cells import Row
from intacct_emulator.subledgers.cash import deposits
from intacct_emulator.subledgers.document_types import DOCUMENT_TYPES
from intacct_emulator.subledgers.payments import advances
from intacct_emulator.subledgers.payments.parts import PAYMENT_TYPES
from intacct_protocol.model.catalog import ObjectDef

_VERBS: dict[str, DocumentVerbs | PaymentVerbs] = {**DOCUMENTS, **PAYMENTS}
CREATE: dict[str, Callable[[FunctionCall, Draft], Row]] = {
    "ARADVANCE": advances.create,
    "GLBATCH": journal.create,
    "TIMESHEET": timesheets.create,
    "COGSCLOSEDJE": costs.adjust,
    "USERINFO": people.create_user,
    "USERROLES": people.assign_role,
    **{name: one.create for name, one in _VERBS.items()},
}
UPDATE: dict[str, Callable[[FunctionCall, Draft, int], Row]] = {
    "ARADVANCE": advances.update,
    "GLBATCH": journal.update,
    "TIMESHEET": timesheets.update,
    "USERINFO": people.update_user,
    **{name: one.update for name, one in _VERBS.items()},
}
DELETE: dict[str, Callable[[FunctionCall, ObjectDef, int], None]] = {
    "ARADVANCE": advances.delete,
    "DEPOSIT": deposits.delete,
    "GLBATCH": journal.delete,
    "TIMESHEET": timesheets.delete,
    "USERINFO": people.delete_user,
    "USERROLES": people.withdraw_role,
    **{name: one.delete for name, one in _VERBS.items()},
    **{order_module.object: orders.delete_verb(order_module) for order_module in orders.ORDER_MODULES.values()},
}
_ORDER_OBJECTS = tuple(order_module.object for order_module in orders.ORDER_MODULES.values())
LINES_ONLY = frozenset(
    (
        *(one.line for one in DOCUMENT_TYPES.values()),
        *(payment_type.line for payment_type in PAYMENT_TYPES.values()),
        *(f"{name}{end}" for name in _ORDER_OBJECTS for end in ("ENTRY", "SUBTOTALS")),
        *("GLENTRY", "GLDETAIL", "DEPOSITENTRY", "ARADVANCEITEM", "EPPAYMENT", "AUDITHISTORY"),
        *("INVENTORYTOTALDETAIL", "AVAILABLEINVENTORY"),
    )
)
"""Objects that are written with another record only: a generic `update` or `delete` would not reach the ledger."""
NOT_UPDATED = LINES_ONLY | {"DEPOSIT", *_ORDER_OBJECTS}

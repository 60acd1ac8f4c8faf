"""Checks of rights: the sender's licence, the company's authorisations and subscriptions, the user's roles.

Each check returns nothing or raises the documented refusal of its level. Rights are by object and verb. Functions that
every user may call (descriptions, their own formatting, their session) are not checked, so a successful `lookup`
proves no right.
"""

from intacct_emulator.company.company_data import CompanyData, FunctionCall
from intacct_emulator.company.users import EVERYTHING, role_rights
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, UserSettings
from intacct_emulator.settings.refusals import (
    bad_sender,
    bad_sign_in,
    blocked,
    closed_dimension,
    expired_company,
    no_audit_history,
    no_web_services,
    not_permitted,
    refused,
    root_record,
    sender_needs_login,
    unauthorised_sender,
    unauthorized,
)
from intacct_emulator.store.catalogue import module_of
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.xml.envelope import Control

VERBS = {
    "QUERY": "list",
    "READ_BY_QUERY": "list",
    "READ": "view",
    "READ_BY_NAME": "view",
    "READ_RELATED": "view",
    "CREATE": "add",
    "UPDATE": "edit",
    "DELETE": "delete",
}
_MODULE_NAMES = {
    "GL": "General Ledger",
    "AP": "Accounts Payable",
    "AR": "Accounts Receivable",
    "CM": "Cash Management",
    "EE": "Employee Expenses",
    "PO": "Purchasing",
    "SO": "Order Entry",
    "INV": "Inventory Control",
    "PA": "Project and Resource Management",
    "CN": "Contracts",
    "CS": "Consolidation",
}


_READING = ("list", "view")
_TYPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "employee user": (("EE", "PA", "CO"), ()),
    "view only user": ((), _READING),
    "dashboard user": ((), _READING),
    "project manager user": (("PA", "EE", "CO"), ()),
    "payment approver": (("AP", "CM", "CO"), _READING),
    "platform user": (("CO",), ()),
    "crm user": (("SO", "AR", "CO"), ()),
    "warehouse user": (("INV", "SO", "PO", "CO"), ()),
    "construction manager user": (("PA", "PO", "AP", "CO"), ()),
}
"""The modules and verbs that a type of user is limited to, regardless of its roles; empty for all. Inferred from the
names of the types. Sage says that only business users can use everything."""


def _type_allows(user: UserSettings, module: str, verb: str) -> bool:
    modules, verbs = _TYPES.get(user.user_type.lower(), ((), ()))
    return (not modules or module in modules) and (not verbs or verb in verbs)


def check_sender(settings: EmulatorSettings, control: Control) -> None:
    """Refuse an unknown or inactive sender and a wrong password; id and password are case-sensitive."""
    sender = settings.sender(control.sender_id)
    if sender is None or not sender.active or sender.password != control.password:
        raise {"gateway": blocked, "unauthorized": unauthorized}.get(settings.behaviour.sender_refusal, bad_sender)()


def check_company(settings: EmulatorSettings, company_id: str, sender_id: str) -> CompanySettings:
    """The company, unless it is unknown, expired, not subscribed, or has not authorised the sender."""
    company = settings.company(company_id)
    if company is None:
        raise bad_sign_in()
    if company.expired:
        raise expired_company()
    if not company.web_services:
        raise no_web_services()
    if ("*" not in company.senders and sender_id not in company.senders) or sender_id in company.inactive_senders:
        raise unauthorised_sender(sender_id, company_id)
    if sender_id in company.senders_needing_login:
        raise sender_needs_login(sender_id)
    return company


def can_enter(company: CompanyData, user: UserSettings, entity: str) -> bool:
    """Whether the user may work in this entity. Empty is the top level, which is closed to restricted users."""
    if not entity:
        return not user.entities
    if user.entities and entity not in user.entities:
        return False
    table = company.table("LOCATIONENTITY")
    return any((table.get(number) or {}).get("STATUS") != "inactive" for number in table.find("LOCATIONID", entity))


def check_right(call: FunctionCall, operation: str, name: str) -> None:
    """Refuse an operation that the user's roles or the company's subscriptions do not include."""
    company, user = call.company, call.session.user
    if name in ("AUDITHISTORY", "ADVAUDITHISTORY"):
        if not user.audit:
            raise no_audit_history()
        return  # needs the right on custom reports only
    module = module_of(name)
    if module not in (*company.settings.modules, "CO"):
        raise refused(f"{_MODULE_NAMES.get(module, module)} module is not subscribed", errorno="PL04000005")
    if name in company.settings.inactive_dimensions:
        raise closed_dimension(name)
    verb = VERBS.get(operation, "view")
    if not _type_allows(user, module, verb):
        raise not_permitted(operation, name)
    for role in user.roles:
        rights = role_rights(company, role)
        if verb in rights.get(name, rights.get(module, rights.get(EVERYTHING, ()))):
            return
    raise not_permitted(operation, name)


def can_change(call: FunctionCall, described: ObjectDef, row: Row, verb: str) -> bool:
    """Whether the record can be changed from the user's entity; False for a record of another entity.

    Raises FunctionRefusedError for a record of the top level and a user who is restricted to entities. An unrestricted
    user may change it from inside an entity: our choice, since no source says.
    """
    if "MEGAENTITYID" not in described.fields:
        return True
    owner, entity = row.get("MEGAENTITYID", ""), call.session.entity
    if not owner and call.session.user.entities:
        raise root_record(described.name, verb)
    return not owner or not entity or owner == entity

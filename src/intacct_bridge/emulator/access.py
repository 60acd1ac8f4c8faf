"""Who may do what: the sender's licence, the company's door, the user's rights, the company's subscriptions.

Each check either passes silently or raises the documented refusal of its level. Rights are by object and verb; what
every signed-in user may ask (descriptions, their own formatting, their session) is not checked at all, which is why
a successful `lookup` proves nothing.
"""

from intacct_bridge.emulator.books import Books, Call
from intacct_bridge.emulator.catalogue import module_of
from intacct_bridge.emulator.refusals import (
    bad_sender,
    bad_sign_in,
    blocked,
    expired_company,
    no_audit_history,
    no_web_services,
    not_permitted,
    refused,
    sender_needs_login,
    unauthorised_sender,
)
from intacct_bridge.emulator.settings import CompanySettings, EmulatorSettings, UserSettings
from intacct_bridge.wire.envelope import Control, Login

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


def check_sender(settings: EmulatorSettings, control: Control) -> None:
    """The sender exists, is active, and knows its password; id and password are case-sensitive."""
    sender = settings.sender(control.sender_id)
    if sender is None or not sender.active or sender.password != control.password:
        raise blocked() if settings.behaviour.sender_refusal == "gateway" else bad_sender()


def check_company(settings: EmulatorSettings, company_id: str, sender_id: str) -> CompanySettings:
    """The company exists, has not expired, is subscribed, and has authorised the sender."""
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


def check_user(company: CompanySettings, login: Login) -> UserSettings:
    """The user exists, is active, and knows the password; the gateway never says which was wrong."""
    for user in company.users:
        if user.user_id.lower() == login.user_id.lower():
            if user.status == "active" and user.password == login.password:
                return user
            break
    raise bad_sign_in()


def may_enter(books: Books, user: UserSettings, entity: str) -> bool:
    """Whether the user may work there; empty is the top level, which a restricted user has none of."""
    if not entity:
        return not user.entities
    if user.entities and entity not in user.entities:
        return False
    table = books.table("LOCATIONENTITY")
    return any((table.get(number) or {}).get("STATUS") != "inactive" for number in table.find("LOCATIONID", entity))


def permit(call: Call, operation: str, name: str) -> None:
    """The user's roles reach this object with this operation, and its module is subscribed."""
    books, user = call.books, call.session.user
    if name in ("AUDITHISTORY", "ADVAUDITHISTORY"):
        if not user.audit:
            raise no_audit_history()
        return  # guarded by the right on custom reports alone
    module = module_of(name)
    if module not in (*books.settings.modules, "CO"):
        raise refused(f"{_MODULE_NAMES.get(module, module)} module is not subscribed", errorno="PL04000005")
    verb = VERBS.get(operation, "view")
    for role in books.settings.roles:
        if role.name in user.roles and verb in role.rights.get(name, role.rights.get("*", ())):
            return
    raise not_permitted(operation, name)

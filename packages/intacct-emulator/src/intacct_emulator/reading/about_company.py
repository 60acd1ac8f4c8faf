"""Reads about the company and the user: set-up, entities, preferences, formatting, permissions."""

from collections.abc import Mapping, Sequence

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.company.users import EVERYTHING, USERS, role_policies, role_rights, user_of
from intacct_emulator.ledger.ledger import books_known
from intacct_emulator.ledger.periods import last_closed
from intacct_emulator.ledger.rates import several_currencies
from intacct_emulator.settings.cells import Row, date_text
from intacct_emulator.settings.companies import ALL_MODULES, APPLICATIONS, UserSettings
from intacct_emulator.settings.refusals import refused
from intacct_emulator.store.catalogue import module_of
from intacct_protocol.xml.xml import Element, element

_SEPARATOR = "-"
"""Between the primary account number and the sub-account number."""
_RIGHTS = {"list": "List", "view": "View", "add": "Add", "edit": "Edit", "delete": "Delete"}


def read_user_formatting(call: FunctionCall) -> FunctionAnswer:
    """The formatting of a user, named by login or by record number."""
    user = _user(call, call.body.findtext("userId").strip(), call.body.findtext("key").strip())
    user = user.in_season(call.now)
    sign, minutes = ("-" if user.offset_minutes < 0 else "+"), abs(user.offset_minutes)
    parts = {
        "locale": "en_US.UTF-8",
        "dateformat": user.date,
        "gmtoffset": f"{sign}{minutes // 60:02d}:{minutes % 60:02d}",
        "clock": str(user.clock),
    }
    return FunctionAnswer(
        element("data", Element("userformatting", "", tuple(element(*part) for part in parts.items())))
    )


def _user(call: FunctionCall, login: str, key: str) -> UserSettings:
    if key:
        login = ((call.company.table(USERS).get(int(key)) if key.isdecimal() else None) or {}).get("LOGINID", "")
    user = user_of(call.company, login) if login else None
    if user is None:
        raise refused(f"Cannot find a user with key '{key or login}'.")
    return user


def get_user_permissions(call: FunctionCall) -> FunctionAnswer:
    """The rights that a user's roles give, by application."""
    check_right(call, "READ", "USERINFO")
    user = _user(call, call.body.findtext("userId").strip() or call.session.user.user_id, "")
    roles = [role_rights(call.company, role) for role in user.roles]
    policies = [row for role in user.roles for row in role_policies(call.company, role)]
    subscriptions = tuple(_subscription(code, roles, policies) for code in (*call.company.settings.modules, "PT"))
    return FunctionAnswer(element("data", Element("permissions", "", subscriptions)))


def _subscription(code: str, roles: Sequence[Mapping[str, tuple[str, ...]]], policies: Sequence[Row]) -> Element:
    """One application with its permissions; those of a role that is not a record are one, named All."""
    rows = [row for row in policies if row.get("MODULE", "").rpartition(".")[2].upper() == code]
    named = [(row.get("POLICYNAME") or "All", row.get("RIGHTS", "")) for row in rows]
    if not named:
        granted = {
            verb
            for rights in roles
            for name, verbs in rights.items()
            if name in (code, EVERYTHING) or (name not in ALL_MODULES and module_of(name) == code)
            for verb in verbs
        }
        named = [("All", "|".join(text for verb, text in _RIGHTS.items() if verb in granted))]
    return element(
        "appSubscription",
        element("applicationName", APPLICATIONS[code]),
        element(
            "policies", *(element("policy", element("policyName", name), element("rights", one)) for name, one in named)
        ),
    )


def get_applications(call: FunctionCall) -> FunctionAnswer:
    """The codes of the subscribed applications."""
    subscribed = [code for code in ALL_MODULES if code in call.company.settings.modules]
    return FunctionAnswer(Element("data", "", tuple(element("application", code) for code in subscribed)))


def get_financial_setup(call: FunctionCall) -> FunctionAnswer:
    """Base currency, books and fiscal year; the currency is empty if entities have several."""
    entities, tables = _entities(call), call.company.facts
    top = tables.base_currency.get() or "USD"
    books = books_known(call.company)
    currencies = dict.fromkeys(row.get("CURRENCY", top) for row in entities)
    several = len(currencies) > 1
    month = str(tables.first_month.get() or 1)
    parts = {
        "baseCurrency": "" if several else next(iter(currencies), top),
        "defaultBook": books[0],
        "firstFiscalMonth": entities[0].get("FIRSTMONTH", month) if entities else month,
        "multiBaseCurrency": str(several).lower(),
        "multiBook": str(len(books) > 1).lower(),
        "multiCurrency": str(several_currencies(call.company)).lower(),
        "multiEntityShared": str(bool(entities)).lower(),
    }
    return FunctionAnswer(
        Element("data", "", (Element("financialSetup", "", tuple(element(*one) for one in parts.items())),))
    )


def read_entity_details(call: FunctionCall) -> FunctionAnswer:
    """The entities that the user may work in."""
    allowed = call.session.user.entities
    rows = [row for row in _entities(call) if not allowed or row["LOCATIONID"] in allowed]
    return FunctionAnswer(Element("data", "", tuple(_entity(row) for row in rows)))


def _entity(row: Row) -> Element:
    parts = {
        "id": row["LOCATIONID"],
        "name": row.get("NAME", ""),
        "recordno": row.get("RECORDNO", ""),
        "currency": row.get("CURRENCY", ""),
        "firstfiscalmonth": row.get("FIRSTMONTH", "1"),
        "firstfiscaltaxmonth": row.get("FIRSTMONTHTAX", "1"),
        "weekstart": row.get("WEEKSTART", "1"),
    }
    return Element("entity", "", tuple(element(*part) for part in parts.items()))


def _entities(call: FunctionCall) -> list[Row]:
    return [row for _, row in call.company.table("LOCATIONENTITY").rows()]


def get_companyprefs(call: FunctionCall) -> FunctionAnswer:
    """The preferences of one application: rows of COMPANYPREF, after those that every company has."""
    application = call.body.get("application")
    rows = [row for _, row in call.company.table("COMPANYPREF").rows() if row.get("APPLICATION") == application]
    stored = {row.get("PREFERENCE", ""): row.get("PREFVALUE", "") for row in rows}
    usual = _general_preferences(call) if application == "GEN" else {}
    shown = (_preference(application, name, value) for name, value in {**usual, **stored}.items())
    return FunctionAnswer(Element("data", "", tuple(shown)))


def _general_preferences(call: FunctionCall) -> dict[str, str]:
    """The data that Sage's page on subscriptions lists for GEN."""
    numbers = [row.get("ACCOUNTNO", "").split(_SEPARATOR) for _, row in call.company.table("GLACCOUNT").rows()]
    month = str(call.company.facts.first_month.get() or 1)
    return {
        "PRIMARY_ACCTNO_LENGTH": str(max((len(primary) for primary, *_ in numbers), default=4)),
        "ACCTNO_SEPARATOR": _SEPARATOR,
        "SUBACCTNO_LENGTH": str(max((len("".join(sub)) for _, *sub in numbers), default=0)),
        "FISCAL_FIRST_MONTH": month,
        "FISCAL_FIRST_MONTH_TAX": month,
        "WEEK_START": "1",
        "CUSTOM_ACCOUNTING_PERIODS": "F",
        "PACKAGE_TYPE": "",
    }


def _preference(application: str, name: str, value: str) -> Element:
    parts = (("application", application), ("preference", name), ("prefvalue", value))
    return Element("companypref", "", tuple(element(*part) for part in parts))


def get_closed_books_date(call: FunctionCall) -> FunctionAnswer:
    """For each entity, or for a company without entities, the last day of its closed books. The shape is ours."""
    here = call.session.entity
    names = [row["LOCATIONID"] for row in _entities(call)] or [""]
    rows = tuple(_closed_books(call, name) for name in names if not here or name == here)
    return FunctionAnswer(Element("data", "", rows))


def _closed_books(call: FunctionCall, entity: str) -> Element:
    last = last_closed(call.company, entity)
    day = element("date", date_text(last) if last is not None else "")
    return element("closedbooksdate", *((element("locationid", entity),) if entity else ()), day)

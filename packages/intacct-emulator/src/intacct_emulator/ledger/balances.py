"""The trial balance and account balances: sums of the ledger by account and currency.

Balances are debit positive. Adjusting entries have columns of their own. By a setting, the fiscal years before the
first day of a span are closed (see `year_end`): the transfer to retained earnings is part of the opening balances.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from intacct_emulator.company.company_data import CompanyData, FunctionAnswer, FunctionCall
from intacct_emulator.ledger.chart import posting_rules
from intacct_emulator.ledger.dimensions import NAMES, USER_DEFINED, user_defined
from intacct_emulator.ledger.ledger import GROUPS, AccountSum, Ledger, PostingFilter, books_known
from intacct_emulator.ledger.periods import reporting_period
from intacct_emulator.ledger.posting import ACCRUAL
from intacct_emulator.ledger.year_end import year_closed
from intacct_emulator.settings.cells import decimal_text
from intacct_emulator.settings.refusals import refused
from intacct_protocol.xml.xml import Element, element

_LAST_ACCOUNT = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class _Detail:
    by: tuple[str, ...] = ()
    """The groups by which each account is broken down."""
    zeros: bool = False


def get_trialbalance(call: FunctionCall) -> FunctionAnswer:
    """`get_trialbalance`: the balance of every account, by department and location if the request asks for them."""
    options = (("department", "showdeptdetail"), ("location", "showlocdetail"))
    by = tuple(name for name, flag in options if _flag(call, flag))
    return _balances_answer(call, "trialbalance", _filter(call, None), _Detail(by, _flag(call, "showzerobalances")))


def get_accountbalances(call: FunctionCall) -> FunctionAnswer:
    """`get_accountbalances`: the balances of one account, or of a range of accounts."""
    return _balances_answer(
        call, "accountbalance", _filter(call, _accounts(call)), _Detail((), _flag(call, "showzerobalances"))
    )


def dimension_balances(call: FunctionCall) -> FunctionAnswer:
    """`get_accountbalancesbydimensions`: account balances by the dimensions that `groupby` names."""
    grouping = call.body.find("groupby") or Element("groupby")
    names = [part.strip() for one in (grouping, *grouping.children) for part in one.text.split(",")]
    names_of_groups = {**{f"{name}id": name for name in GROUPS}, **{name: name for name in GROUPS}}
    names_of_groups |= {name.lower(): name.lower() for name in user_defined(call.company.catalog)}
    by = tuple(dict.fromkeys(names_of_groups[text.lower()] for text in names if text.lower() in names_of_groups))
    return _balances_answer(call, "account_balance", _filter(call, _accounts(call)), _Detail(by))


def _accounts(call: FunctionCall) -> tuple[str, str] | None:
    first, last = call.body.findtext("startaccountno").strip(), call.body.findtext("endaccountno").strip()
    account = call.body.findtext("glaccountno").strip()
    if account:
        if not _is_account(call.company, account):
            raise refused(f"Invalid GL Account '{account}' specified.", correction="Provide a valid account.")
        first = last = account
    return (first, last or _LAST_ACCOUNT) if first or last else None


def _is_account(company: CompanyData, account: str) -> bool:
    return any(company.table(name).find("ACCOUNTNO", account) for name in ("GLACCOUNT", "STATACCOUNT"))


def _balances_answer(call: FunctionCall, tag: str, selection: PostingFilter, detail: _Detail) -> FunctionAnswer:
    sums = account_sums(call.company, selection, detail.by)
    if detail.zeros:
        sums = _with_zeros(call.company, sums, selection, detail.by)
    rows = tuple(
        _balance_row(tag, one, "+".join(selection.books), detail) for one in sums if detail.zeros or _has_amounts(one)
    )
    return FunctionAnswer(Element("data", "", rows))


def account_sums(company: CompanyData, selection: PostingFilter, by: tuple[str, ...] = ()) -> list[AccountSum]:
    """The sums of the ledger, with the fiscal years before the span closed if the setting says so."""
    ledger = Ledger(company.store, user_defined(company.catalog))
    sums = list(ledger.sums(selection, by))
    if company.behaviour.year_end != "closed" or selection.since is None or selection.statistical:
        return sums
    return year_closed(ledger, sums, selection, by, posting_rules(company))


def _has_amounts(account_sum: AccountSum) -> bool:
    return any(
        (
            account_sum.opening,
            account_sum.debits,
            account_sum.credits,
            account_sum.adjusting_debits,
            account_sum.adjusting_credits,
        )
    )


def _with_zeros(
    company: CompanyData, sums: list[AccountSum], selection: PostingFilter, by: tuple[str, ...]
) -> list[AccountSum]:
    there = {one.account for one in sums}
    zero = Decimal(0)
    low, high = selection.accounts or ("", _LAST_ACCOUNT)
    accounts = [row["ACCOUNTNO"] for _, row in company.table("GLACCOUNT").rows()]
    added = [
        AccountSum(account, "", ("",) * len(by), zero, zero, zero, zero, zero)
        for account in accounts
        if account not in there and low <= account <= high
    ]
    return sorted([*sums, *added], key=lambda one: one.account)


def _balance_row(tag: str, account_sum: AccountSum, book: str, detail: _Detail) -> Element:
    parts = [element("glaccountno", account_sum.account)]
    parts += [
        element(f"{name}id" if name in GROUPS else name, text)
        for name, text in zip(detail.by, account_sum.parts, strict=True)
    ]
    amounts = {
        "startbalance": account_sum.opening,
        "debits": account_sum.debits,
        "credits": account_sum.credits,
        "adjdebits": account_sum.adjusting_debits,
        "adjcredits": account_sum.adjusting_credits,
        "endbalance": account_sum.closing,
    }
    parts += [element(name, decimal_text(amount)) for name, amount in amounts.items()]
    parts += [element("reportingbook", book), element("currency", account_sum.currency)]
    return Element(tag, "", tuple(parts))


# --- the request


def _filter(call: FunctionCall, accounts: tuple[str, str] | None) -> PostingFilter:
    since, until = _period(call)
    statistical = {"include": None, "only": True}.get(call.body.findtext("statistical").strip().lower(), False)
    dimensions = tuple((name, text) for name in NAMES if (text := call.body.findtext(f"{name.lower()}id").strip()))
    dimensions += tuple(_own_dimensions(call))
    return PostingFilter(
        until,
        since,
        _books(call),
        statistical,
        accounts,
        _locations(call),
        _departments(call),
        dimensions,
    )


def _own_dimensions(call: FunctionCall) -> Iterator[tuple[str, str]]:
    """The values of user-defined dimensions that a request names, by the record's id or its name."""
    wrapper = call.body.find("userDefinedDimensions") or Element("userDefinedDimensions")
    for node in wrapper.children:
        named = node.findtext("objectName").strip().upper()
        field = named if named.startswith(USER_DEFINED) else f"{USER_DEFINED}{named}"
        relations = call.company.catalog["GLENTRY"].relations.values()
        relation = next((one for one in relations if one.by == field), None)
        if field not in user_defined(call.company.catalog) or relation is None:
            raise refused(f"{named} is not a user-defined dimension of this company.", field="objectName")
        key, name = node.findtext("recordId").strip(), node.findtext("recordName").strip()
        table = call.company.table(relation.object)
        numbers = table.find(table.plan.key, key) if key else table.find("name", name)
        if not numbers:
            raise refused(f"{relation.object} has no record '{key or name}'.", correction="Provide a valid record.")
        yield field, str(numbers[0])


def _books(call: FunctionCall) -> tuple[str, ...]:
    """The reporting book, unless it is excluded, and the adjustment books that are added to it."""
    named = call.body.findtext("reportingbook").strip() or ACCRUAL
    wrapper = call.body.find("adjbooks") or Element("adjbooks")
    added = [node.text.strip() for node in wrapper.children if node.text.strip()]
    books = [named] if _flag(call, "includereportingbook", default=True) or not added else []
    company_books = books_known(call.company)
    for book in (named, *added):
        if book not in company_books:
            raise refused(
                f"Invalid Reporting Book '{book}' specified.",
                correction=f"Provide one of the company's books: {', '.join(company_books)}.",
                field="reportingbook",
            )
    return tuple(dict.fromkeys((*books, *added)))


def _period(call: FunctionCall) -> tuple[date, date]:
    name = call.body.findtext("reportingperiodname").strip()
    if not name:
        return _day(call, "startdate"), _day(call, "enddate")
    return reporting_period(call.company, name)


def _day(call: FunctionCall, tag: str) -> date:
    node = call.body.find(tag) or Element(tag)
    try:
        return date(*(int(node.findtext(part)) for part in ("year", "month", "day")))
    except (ValueError, TypeError):
        raise refused(f"Invalid date in {tag}.", correction="Provide year, month and day.") from None


def _locations(call: FunctionCall) -> tuple[str, ...]:
    """The location of the request and those under it; a session in an entity sees no others."""
    location = call.body.findtext("locationid").strip()
    chart = posting_rules(call.company)
    entity = call.session.entity
    if not location:
        return tuple(one for one, of in chart.entity_of.items() if of == entity) if entity else ()
    if location not in chart.entity_of or (entity and chart.entity_of[location] != entity):
        raise refused(f"Invalid Location '{location}' specified.", correction="Provide a valid location.")
    subs = _flag(call, "loc_subs", default=True)
    of_entity = [one for one, of in chart.entity_of.items() if of == location] if subs else []
    return tuple(dict.fromkeys((*_with_children(call, "LOCATION", "LOCATIONID", location, subs=subs), *of_entity)))


def _departments(call: FunctionCall) -> tuple[str, ...]:
    department = call.body.findtext("departmentid").strip()
    if not department:
        return ()
    if not call.company.table("DEPARTMENT").find("DEPARTMENTID", department):
        raise refused(f"Invalid Department '{department}' specified.", correction="Provide a valid department.")
    return _with_children(call, "DEPARTMENT", "DEPARTMENTID", department, subs=_flag(call, "dept_subs", default=True))


def _with_children(call: FunctionCall, name: str, key: str, parent_id: str, *, subs: bool) -> tuple[str, ...]:
    if not subs:
        return (parent_id,)
    parents = {row[key]: row.get("PARENTID", "") for _, row in call.company.table(name).rows()}
    family = [parent_id]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member and child not in family]
    return tuple(family)


def _flag(call: FunctionCall, tag: str, *, default: bool = False) -> bool:
    text = call.body.findtext(tag).strip().lower()
    return text in ("true", "t", "1") if text else default

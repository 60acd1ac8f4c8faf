"""`get_trialbalance` and `get_accountbalances`: sums of the ledger's own postings, by account and currency.

Balances are debit positive and run on over the years: no source settles how the gateway shows what a closed year
moved to retained earnings, so nothing is moved (our choice). Adjusting entries stand in columns of their own.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from intacct_bridge.emulator.books import Answer, Books, Call
from intacct_bridge.emulator.cells import decimal_text, iso_date
from intacct_bridge.emulator.chart import rules
from intacct_bridge.emulator.ledger import ACCRUAL, DIMENSIONS, Ledger, Sum, Wanted
from intacct_bridge.emulator.refusals import refused
from intacct_bridge.wire.xml import Element, element

_LAST_ACCOUNT = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class _Detail:
    by_location: bool
    by_department: bool
    zeros: bool


def get_trialbalance(call: Call) -> Answer:
    """Every account's balance, with detail by location and department where asked."""
    detail = _Detail(_flag(call, "showlocdetail"), _flag(call, "showdeptdetail"), _flag(call, "showzerobalances"))
    return _answered(call, "trialbalance", _wanted(call, None), detail)


def get_accountbalances(call: Call) -> Answer:
    """The balances of one account, or of a range of them."""
    first, last = call.body.findtext("startaccountno").strip(), call.body.findtext("endaccountno").strip()
    account = call.body.findtext("glaccountno").strip()
    if account:
        if not _is_account(call.books, account):
            raise refused(f"Invalid GL Account '{account}' specified.", correction="Provide a valid account.")
        first = last = account
    asked = (first, last or _LAST_ACCOUNT) if first or last else None
    return _answered(
        call, "accountbalance", _wanted(call, asked), _Detail(False, False, _flag(call, "showzerobalances"))
    )


def _is_account(books: Books, account: str) -> bool:
    return any(books.table(name).find("ACCOUNTNO", account) for name in ("GLACCOUNT", "STATACCOUNT"))


def _answered(call: Call, tag: str, wanted: Wanted, detail: _Detail) -> Answer:
    sums = list(
        Ledger(call.books.store).sums(wanted, by_location=detail.by_location, by_department=detail.by_department)
    )
    if detail.zeros:
        sums = _with_zeros(call.books, sums, wanted)
    rows = tuple(_row(tag, one, wanted.book, detail) for one in sums if detail.zeros or _says_something(one))
    return Answer(Element("data", "", rows))


def _says_something(one: Sum) -> bool:
    amounts = (one.opening, one.debits, one.credits, one.adjusting_debits, one.adjusting_credits)
    return any(amounts)


def _with_zeros(books: Books, sums: list[Sum], wanted: Wanted) -> list[Sum]:
    there = {one.account for one in sums}
    zero = Decimal(0)
    low, high = wanted.accounts or ("", _LAST_ACCOUNT)
    accounts = [row["ACCOUNTNO"] for _, row in books.table("GLACCOUNT").rows()]
    added = [
        Sum(account, "", "", "", zero, zero, zero, zero, zero)
        for account in accounts
        if account not in there and low <= account <= high
    ]
    return sorted([*sums, *added], key=lambda one: one.account)


def _row(tag: str, one: Sum, book: str, detail: _Detail) -> Element:
    parts = [element("glaccountno", one.account)]
    if detail.by_department:
        parts.append(element("departmentid", one.department))
    if detail.by_location:
        parts.append(element("locationid", one.location))
    amounts = {
        "startbalance": one.opening,
        "debits": one.debits,
        "credits": one.credits,
        "adjdebits": one.adjusting_debits,
        "adjcredits": one.adjusting_credits,
        "endbalance": one.closing,
    }
    parts += [element(name, decimal_text(amount)) for name, amount in amounts.items()]
    parts += [element("reportingbook", book), element("currency", one.currency)]
    return Element(tag, "", tuple(parts))


# --- what was asked


def _wanted(call: Call, accounts: tuple[str, str] | None) -> Wanted:
    since, until = _period(call)
    statistical = {"include": None, "only": True}.get(call.body.findtext("statistical").strip().lower(), False)
    dimensions = tuple((name, text) for name in DIMENSIONS if (text := call.body.findtext(f"{name.lower()}id").strip()))
    return Wanted(
        until,
        since,
        call.body.findtext("reportingbook").strip() or ACCRUAL,
        statistical,
        accounts,
        _locations(call),
        _departments(call),
        dimensions,
    )


def _period(call: Call) -> tuple[date, date]:
    name = call.body.findtext("reportingperiodname").strip()
    if not name:
        return _day(call, "startdate"), _day(call, "enddate")
    table = call.books.table("REPORTINGPERIOD")
    for number in table.find("NAME", name):
        row = table.get(number) or {}
        first, last = (iso_date(row.get(field, "")) for field in ("START_DATE", "END_DATE"))
        if first and last:
            return date.fromisoformat(first[:10]), date.fromisoformat(last[:10])
    raise refused(f"Invalid Reporting Period '{name}' specified.", correction="Provide a valid reporting period.")


def _day(call: Call, tag: str) -> date:
    node = call.body.find(tag) or Element(tag)
    try:
        return date(*(int(node.findtext(part)) for part in ("year", "month", "day")))
    except (ValueError, TypeError):
        raise refused(f"Invalid date in {tag}.", correction="Provide year, month and day.") from None


def _locations(call: Call) -> tuple[str, ...]:
    """The asked location with those under it; a session in an entity sees no other."""
    asked = call.body.findtext("locationid").strip()
    chart = rules(call.books)
    entity = call.session.entity
    if not asked:
        return tuple(one for one, of in chart.entity_of.items() if of == entity) if entity else ()
    if asked not in chart.entity_of or (entity and chart.entity_of[asked] != entity):
        raise refused(f"Invalid Location '{asked}' specified.", correction="Provide a valid location.")
    return _with_children(call, "LOCATION", "LOCATIONID", asked, subs=_flag(call, "loc_subs", default=True))


def _departments(call: Call) -> tuple[str, ...]:
    asked = call.body.findtext("departmentid").strip()
    if not asked:
        return ()
    if not call.books.table("DEPARTMENT").find("DEPARTMENTID", asked):
        raise refused(f"Invalid Department '{asked}' specified.", correction="Provide a valid department.")
    return _with_children(call, "DEPARTMENT", "DEPARTMENTID", asked, subs=_flag(call, "dept_subs", default=True))


def _with_children(call: Call, name: str, key: str, asked: str, *, subs: bool) -> tuple[str, ...]:
    if not subs:
        return (asked,)
    parents = {row[key]: row.get("PARENTID", "") for _, row in call.books.table(name).rows()}
    found = [asked]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one and child not in found]
    return tuple(found)


def _flag(call: Call, tag: str, *, default: bool = False) -> bool:
    text = call.body.findtext(tag).strip().lower()
    return text in ("true", "t", "1") if text else default

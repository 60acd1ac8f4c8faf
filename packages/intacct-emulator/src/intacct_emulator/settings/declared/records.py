"""The records of a declared company, by their ids, each after those that it refers to."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal

from intacct_emulator.settings.company_source import NextNumber, Records
from intacct_emulator.settings.declaration import (
    CompanyDeclaration,
    DeclaredAccount,
    DeclaredDefinition,
    DeclaredEntity,
    DeclaredJournal,
)
from intacct_emulator.settings.declared.definitions import DOCUMENTS, FIRST_ID
from intacct_protocol.xml.values import Value

Rows = Iterator[tuple[str, dict[str, Value]]]
DEFAULT_CURRENCY = "USD"
DEFAULT_BOOK = "ACCRUAL"
_RATE_DIGITS = Decimal("1e-12")
_KINDS = {
    "asset": ("balancesheet", "debit"),
    "liability": ("balancesheet", "credit"),
    "equity": ("balancesheet", "credit"),
    "income": ("incomestatement", "credit"),
    "expense": ("incomestatement", "debit"),
}
_JOURNALS = {
    "GJ": "General Journal",
    "APJ": "Purchase Journal",
    "ARJ": "Sales Journal",
    "CRJ": "Cash Receipts Journal",
    "CDJ": "Cash Disbursements Journal",
    "EEJ": "Employee Expense Journal",
    "CCJ": "Corporate Card Journal",
    "INVJ": "Inventory Journal",
}
"""The journals that documents post to; a company with accounts has them, declared or not."""
_NO_LINES = {"DEPARTMENT": "REQUIREDEPT", "LOCATION": "REQUIRELOC"}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def declared_records(declared: CompanyDeclaration, number: NextNumber) -> Records:
    """Every record of a declaration."""
    yield from _currencies(declared, number)
    yield from _accounts(declared)
    yield from _organisation(declared, number)
    yield from _journals(declared, number)
    yield from _periods(declared, number)
    yield from _definitions(declared)
    for dimension in declared.dimensions:
        for place, values in enumerate(dimension.values):
            yield dimension.name, {"id": FIRST_ID + place, "STATUS": "active", **values}
    for name, rows in declared.records.items():
        for row in rows:
            yield name, dict(row)


# --- the organisation


def _organisation(declared: CompanyDeclaration, number: NextNumber) -> Rows:
    parents = {one.id: one.parent for one in declared.locations}
    names = {one.id: one.name or one.id for one in declared.entities}
    for entity in declared.entities:
        row = {"RECORDNO": number("LOCATION"), **_entity(declared, entity)}
        yield "LOCATION", {**row, "ENTITYNAME": names[entity.id]}
        legal: dict[str, Value] = {"STARTOPEN": entity.open_from, "LEGALNAME": names[entity.id]}
        yield "LOCATIONENTITY", {**row, **legal, "OPCOUNTRY": entity.country or None, "ACCOUNTINGTYPE": "Entity"}
    for one in sorted(declared.locations, key=lambda one: _depth(one.id, parents)):
        above = one.parent
        while above in parents:
            above = parents[above]
        place: dict[str, Value] = {
            "LOCATIONID": one.id,
            "NAME": one.name or one.id,
            "PARENTID": one.parent or None,
            "STATUS": one.status,
            "ENTITY": above or None,
            "ENTITYNAME": names.get(above),
            "HAS_IE_RELATION": False,
            "LOCATIONTYPE": "N",
        }
        yield "LOCATION", {"RECORDNO": number("LOCATION"), **place}
    above_of = {one.id: one.parent for one in declared.departments}
    for department in sorted(declared.departments, key=lambda one: _depth(one.id, above_of)):
        yield (
            "DEPARTMENT",
            {
                "DEPARTMENTID": department.id,
                "TITLE": department.name or department.id,
                "PARENTID": department.parent or None,
                "STATUS": department.status,
            },
        )


def _entity(declared: CompanyDeclaration, entity: DeclaredEntity) -> dict[str, Value]:
    return {
        "LOCATIONID": entity.id,
        "NAME": entity.name or entity.id,
        "REPORTPRINTAS": entity.name or entity.id,
        "STATUS": entity.status,
        "STARTDATE": entity.start,
        "FIRSTMONTH": str(entity.first_month or declared.first_month),
        "WEEKSTART": "1",
        "CURRENCY": entity.currency or declared.currency or DEFAULT_CURRENCY,
        "ENTITY": entity.id,
        "HAS_IE_RELATION": bool(entity.due_from and entity.due_to),
        "LOCATIONTYPE": "E",
        "IEPAYABLE.NUMBER": entity.due_to or None,
        "IERECEIVABLE.NUMBER": entity.due_from or None,
    }


def _depth(name: str, parents: Mapping[str, str]) -> int:
    """How many records are above one, so that each is kept after its parent."""
    seen: set[str] = set()
    while (name := parents.get(name, "")) and name not in seen:
        seen.add(name)
    return len(seen)


# --- the ledger


def _accounts(declared: CompanyDeclaration) -> Rows:
    closed_to = {declared.posting_accounts.retained_earnings, *(one.closes_to for one in declared.accounts)}
    for one in sorted(
        declared.accounts, key=lambda one: (one.number not in closed_to, one.kind in ("income", "expense"))
    ):
        if one.kind == "statistical":
            yield (
                "STATACCOUNT",
                {
                    "ACCOUNTNO": one.number,
                    "TITLE": one.title or one.number,
                    "ACCOUNTTYPE": "forperiod",
                    "STATISTICAL": True,
                    "STATUS": one.status,
                    **_required(one),
                },
            )
        else:
            yield "GLACCOUNT", _account(declared, one)


def _account(declared: CompanyDeclaration, one: DeclaredAccount) -> dict[str, Value]:
    roles = declared.posting_accounts
    type_, normal = _KINDS[one.kind]
    closes = one.kind in ("income", "expense")
    closing = "closing account" if closes else "non-closing account"
    if one.number == roles.retained_earnings:
        closing = "closed to account"
    control = {roles.payables: "Payables account", roles.receivables: "Receivables account"}
    return {
        "ACCOUNTNO": one.number,
        "TITLE": one.title or one.number,
        "ACCOUNTTYPE": type_,
        "NORMALBALANCE": one.normal or normal,
        "CLOSINGTYPE": closing,
        "CLOSINGACCOUNTNO": (one.closes_to or roles.retained_earnings or None) if closes else None,
        "ALTERNATIVEACCOUNT": control.get(one.number, "None"),
        "SUBLEDGERCONTROLON": one.number in (roles.payables, roles.receivables, roles.employee_payables),
        "CATEGORY": one.category or None,
        "STATUS": one.status,
        **_required(one),
    }


def _required(one: DeclaredAccount) -> dict[str, Value]:
    return {_NO_LINES.get(name, f"REQUIRE{name}"): True for name in one.requires}


def _journals(declared: CompanyDeclaration, number: NextNumber) -> Rows:
    known = {one.symbol for one in declared.journals}
    usual = [DeclaredJournal(symbol, title) for symbol, title in _JOURNALS.items() if symbol not in known]
    books = declared.books or (DEFAULT_BOOK,)
    for one in (*declared.journals, *(usual if declared.accounts else ())):
        book = one.book or (books[0] if len(books) == 1 else "")
        row: dict[str, Value] = {
            "RECORDNO": number("JOURNAL"),
            "SYMBOL": one.symbol,
            "TITLE": one.title or one.symbol,
            "STATUS": one.status,
            "STARTDATE": one.start,
            "ADJ": one.adjusting,
            "BOOKID": book or None,
            "BOOKTYPE": "Statistical" if one.statistical else book.capitalize() or None,
            "BILLABLE": one.symbol == "GJ",
        }
        yield "JOURNAL", row
        yield "STATJOURNAL" if one.statistical else "GLJOURNAL", row
        if one.adjusting:
            yield "ADJJOURNAL", row


def _periods(declared: CompanyDeclaration, number: NextNumber) -> Rows:
    for year in declared.fiscal_years:
        begin = date(year - (declared.first_month > 1), declared.first_month, 1)
        ends = [_month_end(_later(begin, months)) for months in range(12)]
        for place, end in enumerate(ends):
            yield _period(number, f"Month Ended {_month(end)}", end.replace(day=1), end, kind="Month")
            if place % 3 == 2:
                first = _later(begin, place - 2)
                yield _period(number, f"Quarter Ended {_month(end)}", first, end, kind="Quarter")
        yield _period(number, f"Year Ended {_month(ends[-1])}", begin, ends[-1], kind="Year")
    for one in declared.periods:
        yield _period(number, one.name, one.start, one.end, kind="")


def _period(number: NextNumber, name: str, begin: date, end: date, *, kind: str) -> tuple[str, dict[str, Value]]:
    key = number("REPORTINGPERIOD")
    return (
        "REPORTINGPERIOD",
        {
            "RECORDNO": key,
            "RECORD#": key,
            "NAME": name,
            "HEADER1": name,
            "START_DATE": begin,
            "END_DATE": end,
            "BUDGETING": "true" if kind == "Month" else "false",
            "DATETYPE": 999,
            "STATUS": "active",
            "REPORTING_PERIODTYPE": kind or None,
        },
    )


def _later(day: date, months: int) -> date:
    """The first day of the month that many months later."""
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def _month_end(day: date) -> date:
    return _later(day, 1) - timedelta(days=1)


def _month(day: date) -> str:
    return f"{_MONTHS[day.month - 1]} {day.year}"


# --- currencies


def _currencies(declared: CompanyDeclaration, number: NextNumber) -> Rows:
    base = declared.currency or DEFAULT_CURRENCY
    bases = {one.currency or base for one in declared.entities} or {base}
    own = {one.code: one for one in declared.currencies}
    codes = dict.fromkeys(
        (*sorted(bases), *own, *(code for one in declared.rates for code in (one.source, one.target)))
    )
    for code in codes if declared else ():
        one = own.get(code)
        yield (
            "TRXCURRENCIES",
            {
                "CODE": code,
                "DESCRIPTION": (one.name if one else "") or code,
                "SYMBOL": (one.symbol if one else "") or code,
                "DECIMALPLACES": one.decimals if one else 2,
                "ISBASE": code in bases,
                "STATUS": "active",
            },
        )
    yield from _rates(declared, number)


def _rates(declared: CompanyDeclaration, number: NextNumber) -> Rows:
    types = {one.name: one.id or place for place, one in enumerate(declared.rate_types, 1)}
    default = next((one.name for one in declared.rate_types if one.default), next(iter(types), ""))
    if declared.rates and not types:
        default = "Company rate"
        types = {default: 1}
    for name, id_ in types.items():
        yield "EXCHANGERATETYPES", {"ID": id_, "NAME": name, "ISDEFAULT": "true" if name == default else "false"}
    for rate in declared.rates:
        key, name = number("EXCHANGERATE"), rate.type or default
        pair: dict[str, Value] = {"RECORDNO": str(key), "TYPE_ID": types[name], "TYPENAME": name}
        yield "EXCHANGERATE", {**pair, "FROM_CURRENCY": rate.source, "TO_CURRENCY": rate.target}
        for day, value in sorted(rate.on.items()):
            yield (
                "EXCHANGERATEENTRY",
                {
                    "EXCHANGERATEKEY": key,
                    "EFFECTIVE_START_DATE": date.fromisoformat(day),
                    "EXCHANGE_RATE": value,
                    "RECIPROCAL_RATE": (1 / value).quantize(_RATE_DIGITS),
                },
            )


# --- transaction definitions


def _definitions(declared: CompanyDeclaration) -> Rows:
    for one in declared.definitions:
        yield f"{DOCUMENTS[one.module]}PARAMS", _definition(one)


def _definition(one: DeclaredDefinition) -> dict[str, Value]:
    invoice, adjusts = one.kind == "Invoice", one.module == "inventory" and one.kind == "Adjustment"
    posts = one.posts or ("ledger" if adjusts else "subledger" if invoice else "none")
    direction = {"sales": "Decrease", "purchasing": "Increase"}.get(one.module, "Increase")
    party, trade = {
        "sales": ("Customer", "Sale"),
        "purchasing": ("Vendor", "Purchase"),
        "inventory": ("Warehouse", "Internal"),
    }[one.module]
    moves = one.moves or ("No" if posts == "none" else "Quantity and Value")
    return {
        "DOCID": one.name,
        "DESCRIPTION": one.name,
        "DOCCLASS": one.kind,
        "CATEGORY": one.category
        or {"Quote": "Quote", "Invoice": "Invoice", "Adjustment": "Return"}.get(one.kind, "Order"),
        "SEQUENCE": one.sequence or one.name,
        "UPDATES_INV": moves,
        "IN_OUT": (one.direction or direction) if moves != "No" else None,
        "UPDATES_GL": {"none": "N", "subledger": "A", "ledger": "G"}[posts],
        "TERM_NAME": one.term or None,
        "EXCHRATETYPES.NAME": one.rate_type or None,
        "EDITTYPE": "All",
        "DELTYPE": "All",
        "CREATETYPE": "New document or Convert",
        "ENABLE_SEQNUM": True,
        "USERPERM": False,
        "CUST_VEND": party,
        "SALE_PUR_TRANS": trade,
        "STATUS": one.status,
    }

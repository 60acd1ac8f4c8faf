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
    yield from _currency_rows(declared, number)
    yield from _accounts(declared)
    yield from _organisation_rows(declared, number)
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


def _organisation_rows(declared: CompanyDeclaration, number: NextNumber) -> Rows:
    parents = {location.id: location.parent for location in declared.locations}
    names = {location.id: location.name or location.id for location in declared.entities}
    for entity in declared.entities:
        row = {"RECORDNO": number("LOCATION"), **_entity(declared, entity)}
        yield "LOCATION", {**row, "ENTITYNAME": names[entity.id]}
        legal: dict[str, Value] = {"STARTOPEN": entity.open_from, "LEGALNAME": names[entity.id]}
        yield "LOCATIONENTITY", {**row, **legal, "OPCOUNTRY": entity.country or None, "ACCOUNTINGTYPE": "Entity"}
    for location in sorted(declared.locations, key=lambda location: _depth(location.id, parents)):
        above = location.parent
        while above in parents:
            above = parents[above]
        place: dict[str, Value] = {
            "LOCATIONID": location.id,
            "NAME": location.name or location.id,
            "PARENTID": location.parent or None,
            "STATUS": location.status,
            "ENTITY": above or None,
            "ENTITYNAME": names.get(above),
            "HAS_IE_RELATION": False,
            "LOCATIONTYPE": "N",
        }
        yield "LOCATION", {"RECORDNO": number("LOCATION"), **place}
    above_of = {location.id: location.parent for location in declared.departments}
    for department in sorted(declared.departments, key=lambda location: _depth(location.id, above_of)):
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
    visited: set[str] = set()
    while (name := parents.get(name, "")) and name not in visited:
        visited.add(name)
    return len(visited)


# --- the ledger


def _accounts(declared: CompanyDeclaration) -> Rows:
    closed_to = {declared.posting_accounts.retained_earnings, *(account.closes_to for account in declared.accounts)}
    for account in sorted(
        declared.accounts, key=lambda account: (account.number not in closed_to, account.kind in ("income", "expense"))
    ):
        if account.kind == "statistical":
            yield (
                "STATACCOUNT",
                {
                    "ACCOUNTNO": account.number,
                    "TITLE": account.title or account.number,
                    "ACCOUNTTYPE": "forperiod",
                    "STATISTICAL": True,
                    "STATUS": account.status,
                    **_required(account),
                },
            )
        else:
            yield "GLACCOUNT", _account(declared, account)


def _account(declared: CompanyDeclaration, account: DeclaredAccount) -> dict[str, Value]:
    roles = declared.posting_accounts
    type_, normal = _KINDS[account.kind]
    closes = account.kind in ("income", "expense")
    closing = "closing account" if closes else "non-closing account"
    if account.number == roles.retained_earnings:
        closing = "closed to account"
    control = {roles.payables: "Payables account", roles.receivables: "Receivables account"}
    return {
        "ACCOUNTNO": account.number,
        "TITLE": account.title or account.number,
        "ACCOUNTTYPE": type_,
        "NORMALBALANCE": account.normal or normal,
        "CLOSINGTYPE": closing,
        "CLOSINGACCOUNTNO": (account.closes_to or roles.retained_earnings or None) if closes else None,
        "ALTERNATIVEACCOUNT": control.get(account.number, "None"),
        "SUBLEDGERCONTROLON": account.number in (roles.payables, roles.receivables, roles.employee_payables),
        "CATEGORY": account.category or None,
        "STATUS": account.status,
        **_required(account),
    }


def _required(account: DeclaredAccount) -> dict[str, Value]:
    return {_NO_LINES.get(name, f"REQUIRE{name}"): True for name in account.requires}


def _journals(declared: CompanyDeclaration, number: NextNumber) -> Rows:
    symbols = {journal.symbol for journal in declared.journals}
    usual = [DeclaredJournal(symbol, title) for symbol, title in _JOURNALS.items() if symbol not in symbols]
    books = declared.books or (DEFAULT_BOOK,)
    for journal in (*declared.journals, *(usual if declared.accounts else ())):
        book = journal.book or (books[0] if len(books) == 1 else "")
        row: dict[str, Value] = {
            "RECORDNO": number("JOURNAL"),
            "SYMBOL": journal.symbol,
            "TITLE": journal.title or journal.symbol,
            "STATUS": journal.status,
            "STARTDATE": journal.start,
            "ADJ": journal.adjusting,
            "BOOKID": book or None,
            "BOOKTYPE": "Statistical" if journal.statistical else book.capitalize() or None,
            "BILLABLE": journal.symbol == "GJ",
        }
        yield "JOURNAL", row
        yield "STATJOURNAL" if journal.statistical else "GLJOURNAL", row
        if journal.adjusting:
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
    for period in declared.periods:
        yield _period(number, period.name, period.start, period.end, kind="")


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


def _currency_rows(declared: CompanyDeclaration, number: NextNumber) -> Rows:
    base = declared.currency or DEFAULT_CURRENCY
    bases = {currency.currency or base for currency in declared.entities} or {base}
    by_code = {currency.code: currency for currency in declared.currencies}
    codes = dict.fromkeys(
        (
            *sorted(bases),
            *by_code,
            *(code for currency in declared.rates for code in (currency.source, currency.target)),
        )
    )
    for code in codes if declared else ():
        currency = by_code.get(code)
        yield (
            "TRXCURRENCIES",
            {
                "CODE": code,
                "DESCRIPTION": (currency.name if currency else "") or code,
                "SYMBOL": (currency.symbol if currency else "") or code,
                "DECIMALPLACES": currency.decimals if currency else 2,
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
    for definition in declared.definitions:
        yield f"{DOCUMENTS[definition.module]}PARAMS", _definition(definition)


def _definition(definition: DeclaredDefinition) -> dict[str, Value]:
    invoice, adjusts = (
        definition.kind == "Invoice",
        definition.module == "inventory" and definition.kind == "Adjustment",
    )
    posts = definition.posts or ("ledger" if adjusts else "subledger" if invoice else "none")
    direction = {"sales": "Decrease", "purchasing": "Increase"}.get(definition.module, "Increase")
    party, trade = {
        "sales": ("Customer", "Sale"),
        "purchasing": ("Vendor", "Purchase"),
        "inventory": ("Warehouse", "Internal"),
    }[definition.module]
    moves = definition.moves or ("No" if posts == "none" else "Quantity and Value")
    return {
        "DOCID": definition.name,
        "DESCRIPTION": definition.name,
        "DOCCLASS": definition.kind,
        "CATEGORY": definition.category
        or {"Quote": "Quote", "Invoice": "Invoice", "Adjustment": "Return"}.get(definition.kind, "Order"),
        "SEQUENCE": definition.sequence or definition.name,
        "UPDATES_INV": moves,
        "IN_OUT": (definition.direction or direction) if moves != "No" else None,
        "UPDATES_GL": {"none": "N", "subledger": "A", "ledger": "G"}[posts],
        "TERM_NAME": definition.term or None,
        "EXCHRATETYPES.NAME": definition.rate_type or None,
        "EDITTYPE": "All",
        "DELTYPE": "All",
        "CREATETYPE": "New document or Convert",
        "ENABLE_SEQNUM": True,
        "USERPERM": False,
        "CUST_VEND": party,
        "SALE_PUR_TRANS": trade,
        "STATUS": definition.status,
    }

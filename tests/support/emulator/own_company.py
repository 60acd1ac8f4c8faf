"""A company made for a test: entities, currencies, books, a chart of accounts, parties, dimensions, as the test asks.

It has no transactions. Its records come from here, not from the demo company, so that a test can do sums by hand.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from intacct_emulator.ledger.seeding import seed
from intacct_emulator.server.companies import fill
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_emulator.settings.company_source import CompanyDefinitions, CompanySource, FactValues
from intacct_protocol.model.catalog import FieldDef, Relation, object_def
from intacct_protocol.xml.values import Kind

NOW = 1_795_258_800.0  # 2026-11-21 11:00:00 UTC
Records = Iterator[tuple[str, dict[str, Any]]]
ACCOUNTS = {
    "1000": ("Bank", "debit", ""),
    "1090": ("Undeposited funds", "debit", ""),
    "1100": ("Receivables", "debit", "Receivables account"),
    "1200": ("Stock", "debit", ""),
    "1400": ("Due from others", "debit", ""),
    "2000": ("Payables", "credit", "Payables account"),
    "2030": ("Employee payables", "credit", ""),
    "2210": ("Advances", "credit", ""),
    "2400": ("Due to others", "credit", ""),
    "2500": ("Tax payable", "credit", ""),
    "3000": ("Retained earnings", "credit", ""),
    "4000": ("Sales", "credit", ""),
    "4800": ("Discounts given", "debit", ""),
    "5000": ("Cost of sales", "debit", ""),
    "5300": ("Stock adjustments", "debit", ""),
    "6000": ("Rent", "debit", ""),
    "6100": ("Travel", "debit", ""),
    "7190": ("Exchange gain", "credit", ""),
    "7191": ("Unrealised exchange gain", "credit", ""),
    "7195": ("Rounding", "debit", ""),
    "7300": ("Discounts taken", "credit", ""),
}
"""Number → title, normal balance and role. Income and cost accounts, from 4000 on, close to 3000."""
POSTING = {
    "employee_payables": "2030",
    "undeposited": "1090",
    "exchange": "7190",
    "unrealised_exchange": "7191",
    "rounding": "7195",
    "discount_taken": "7300",
    "discount_given": "4800",
    "advances": "2210",
    "inventory_offset": "5300",
}
LINES = (
    *("GLENTRY", "GLDETAIL", "APBILLITEM", "APADJUSTMENTITEM", "ARINVOICEITEM", "ARADJUSTMENTITEM"),
    *("CCTRANSACTIONENTRY", "EEXPENSESITEM", "OTHERRECEIPTSENTRY", "GLACCOUNTBALANCE"),
)


@dataclass(frozen=True)
class OwnCompany:
    """The declaration of a company."""

    entities: Mapping[str, str] = field(default_factory=lambda: {"US": "USD"})
    """Entity → base currency. A company without entities has one location, HQ."""
    books: Sequence[str] = ("ACCRUAL",)
    adjustment_books: Sequence[str] = ()
    posting: Mapping[str, str] = field(default_factory=lambda: dict(POSTING))
    accounts: Mapping[str, tuple[str, str, str]] = field(default_factory=lambda: dict(ACCOUNTS))
    journals: Mapping[str, str] = field(default_factory=lambda: {"GJ": ""})
    """Symbol → the book that it posts to; empty for every book."""
    dimensions: Sequence[str] = ("FUND",)
    """User-defined dimensions, each with the records 1 to 3."""
    decimals: Mapping[str, int] = field(default_factory=dict)
    """Currency → decimals, where these are not two."""
    rate_types: Mapping[str, Sequence[tuple[str, str, str, str]]] = field(default_factory=dict)
    """Rate type → (from, to, day, rate)."""
    fiscal: Mapping[str, str] = field(default_factory=dict)
    """Entity → first month of its fiscal year."""
    records: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """More records, by object."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """More facts."""
    behaviour: Behaviour = field(default_factory=Behaviour)

    def emulator(self) -> Emulator:
        """A gateway with this company."""
        made = Emulator.empty(clock=lambda: NOW, settings=replace(EmulatorSettings(), behaviour=self.behaviour))
        company = made.company()
        values = FactValues(self.posting, tuple(self.books), tuple(self.adjustment_books), **self.more)
        source = CompanySource("test", "", facts=values, definitions=definitions(self.dimensions))
        fill(company, source, now=NOW)
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for name, row in self._rows():
            rows.setdefault(name, []).append(row)
        for name, more in self.records.items():
            rows.setdefault(name, []).extend(more)
        for name, found in rows.items():
            seed(company, name, found, now=NOW)
        return made

    @property
    def places(self) -> tuple[str, ...]:
        """The locations that lines can name."""
        return tuple(self.entities) or ("HQ",)

    def _rows(self) -> Records:
        for number, (title, normal, role) in self.accounts.items():
            row: dict[str, Any] = {"ACCOUNTNO": number, "TITLE": title, "NORMALBALANCE": normal, "STATUS": "active"}
            row |= {"ALTERNATIVEACCOUNT": role} if role else {}
            row["ACCOUNTTYPE"] = "balancesheet" if number < "4" else "incomestatement"
            row["CLOSINGTYPE"] = "closed to account" if number == "3000" else "non-closing account"
            if number >= "4":
                row |= {"CLOSINGTYPE": "closing account", "CLOSINGACCOUNTNO": "3000"}
            yield "GLACCOUNT", row
        yield "STATACCOUNT", {"ACCOUNTNO": "S100", "TITLE": "Headcount", "STATUS": "active"}
        yield from self._organisation()
        yield from self._parties()
        yield from self._currencies()
        for dimension in self.dimensions:
            for key in (1, 2, 3):
                yield dimension, {"id": key, "name": f"{dimension} {key}"}

    def _organisation(self) -> Records:
        for number, place in enumerate(self.places, 1):
            row: dict[str, Any] = {"RECORDNO": number, "LOCATIONID": place, "NAME": place, "STATUS": "active"}
            yield "LOCATION", row
            if self.entities:
                due = {"IEPAYABLE.NUMBER": "2400", "IERECEIVABLE.NUMBER": "1400"}
                yield (
                    "LOCATIONENTITY",
                    {**row, **due, "CURRENCY": self.entities[place], "FIRSTMONTH": self.fiscal.get(place, "1")},
                )
        for number, (symbol, book) in enumerate(self.journals.items(), 1):
            cells = {"RECORDNO": number, "SYMBOL": symbol, "TITLE": symbol, "STATUS": "active"}
            yield "GLJOURNAL", {**cells, **({"BOOKID": book} if book else {})}
        yield "STATJOURNAL", {"RECORDNO": 90, "SYMBOL": "SJ", "TITLE": "Statistical", "STATUS": "active"}
        for number, name in enumerate(("D1", "D2"), 1):
            yield "DEPARTMENT", {"RECORDNO": number, "DEPARTMENTID": name, "TITLE": name, "STATUS": "active"}

    def _parties(self) -> Records:
        for number in (1, 2):
            named = {"RECORDNO": number, "STATUS": "active"}
            yield "VENDOR", {**named, "VENDORID": f"V{number}", "NAME": f"Vendor {number}"}
            yield "CUSTOMER", {**named, "CUSTOMERID": f"C{number}", "NAME": f"Customer {number}"}
            yield "EMPLOYEE", {**named, "EMPLOYEEID": f"E{number}", "CONTACT_NAME": f"Employee {number}"}
            yield "CLASS", {**named, "CLASSID": f"K{number}", "NAME": f"Class {number}"}
            yield "PROJECT", {**named, "PROJECTID": f"P{number}", "NAME": f"Project {number}"}
            task = {"TASKID": "T1", "NAME": f"Task of P{number}", "PROJECTID": f"P{number}"}
            yield "TASK", {"RECORDNO": number, **task}
            cost = {"COSTTYPEID": "CT1", "NAME": f"Cost of P{number}", "PROJECTID": f"P{number}", "TASKID": "T1"}
            yield "COSTTYPE", {"RECORDNO": number, "STATUS": "active", **cost}
            yield "CONTRACT", {**named, "CONTRACTID": f"N{number}", "NAME": f"Contract {number}"}
            yield "WAREHOUSE", {**named, "WAREHOUSEID": f"W{number}", "NAME": f"Warehouse {number}"}
        accounts = {"INCOMEACCTKEY": "4000", "INVACCTKEY": "1200", "COGSACCTKEY": "5000", "EXPENSEACCTKEY": "5000"}
        item = {"RECORDNO": 1, "ITEMID": "I1", "NAME": "Item", "ITEMTYPE": "Inventory", "STATUS": "active"}
        yield "ITEM", {**item, **accounts, "COST_METHOD": "Average", "STANDARD_COST": "5", "BASEPRICE": "10"}
        for number, place in enumerate(self.places, 1):
            bank = {"RECORDNO": number, "BANKACCOUNTID": f"BANK-{place}", "GLACCOUNTNO": "1000", "LOCATIONID": place}
            yield "CHECKINGACCOUNT", {**bank, "STATUS": "active", "CURRENCY": self.entities.get(place, "USD")}
        for number, name in enumerate(("N30", "N60"), 1):
            term = {"RECORDNO": number, "NAME": name, "STATUS": "active", "DUEDATE": name[1:]}
            yield "APTERM", term
            yield "ARTERM", term

    def _currencies(self) -> Records:
        codes = dict.fromkeys((*self.entities.values(), "USD", *self.decimals))
        for number, code in enumerate(codes, 1):
            cells = {"RECORDNO": number, "CODE": code, "STATUS": "active"}
            yield "TRXCURRENCIES", {**cells, "DECIMALPLACES": self.decimals.get(code, 2)}
        pairs: dict[tuple[str, str, str], int] = {}
        entries = 0
        for key, (kind, rates) in enumerate(self.rate_types.items(), 1):
            yield "EXCHANGERATETYPES", {"RECORDNO": key, "ID": key, "NAME": kind, "ISDEFAULT": "false"}
            for source, target, day, rate in rates:
                named = (kind, source, target)
                if named not in pairs:
                    pairs[named] = len(pairs) + 1
                    pair = {"RECORDNO": pairs[named], "TYPE_ID": key, "TYPENAME": kind}
                    yield "EXCHANGERATE", {**pair, "FROM_CURRENCY": source, "TO_CURRENCY": target}
                entries += 1
                cells = {"RECORDNO": entries, "EXCHANGERATEKEY": pairs[named], "EFFECTIVE_START_DATE": day}
                yield "EXCHANGERATEENTRY", {**cells, "EXCHANGE_RATE": rate}


def definitions(dimensions: Sequence[str]) -> CompanyDefinitions:
    """The definitions of user-defined dimensions."""
    parts = (FieldDef("id", Kind.INTEGER, readonly=True), FieldDef("name", Kind.TEXT, required=True))
    return CompanyDefinitions(
        fields=tuple((line, FieldDef(f"GLDIM{name}", Kind.TEXT, custom=True)) for name in dimensions for line in LINES),
        relations=tuple((line, Relation(name, name, by=f"GLDIM{name}")) for name in dimensions for line in LINES),
        objects=tuple(object_def(name, parts, label=name.capitalize()) for name in dimensions),
    )

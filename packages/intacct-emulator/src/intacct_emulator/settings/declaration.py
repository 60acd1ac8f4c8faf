"""The tables of a company file: everything that a company can declare, as frozen data.

    [[company]]
    title = "Harbour Trust"
    books = ["ACCRUAL", "CASH"]
    account = [{ number = "1000", title = "Cash", kind = "asset" }]

    [[company.entity]]
    id = "10"
    currency = "EUR"

Each class is one table; its fields are the table's keys, and the strings below them the documentation of the keys.
Ids are text, as in Intacct.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

AccountKind = Literal["asset", "liability", "equity", "income", "expense", "statistical"]
FieldType = Literal[
    "text", "integer", "decimal", "currency", "percent", "date", "timestamp", "boolean", "list", "multilist", "sequence"
]
Status = Literal["active", "inactive"]


def _table(name: str) -> Any:
    """A tuple of tables under this key; none by default."""
    return field(default=(), metadata={"table": name})


# --- the organisation


@dataclass(frozen=True, slots=True)
class DeclaredEntity:
    """`[[company.entity]]`: an entity, which keeps books in its base currency."""

    id: str
    """Its id in `LOCATIONID`, and in the sign-in to the entity."""
    name: str = ""
    """Its id, unless it is given."""
    currency: str = ""
    """Its base currency; that of the company, unless it is given."""
    first_month: int = 0
    """The first month of its fiscal year, 1 to 12; that of the company, unless it is given."""
    open_from: date | None = None
    """The first day of its open periods; every day is open unless it is given."""
    start: date | None = None
    """The day on which it begins."""
    country: str = ""
    """Its country of operation."""
    due_from: str = ""
    """The account due from this entity, in the books of the others."""
    due_to: str = ""
    """The account due to this entity, in the books of the others."""
    status: Status = "active"


@dataclass(frozen=True, slots=True)
class DeclaredLocation:
    """`[[company.location]]`: a location below an entity or another location."""

    id: str
    name: str = ""
    parent: str = ""
    """The entity or location above it."""
    status: Status = "active"


@dataclass(frozen=True, slots=True)
class DeclaredDepartment:
    """`[[company.department]]`: a department, below another one or at the top."""

    id: str
    name: str = ""
    parent: str = ""
    status: Status = "active"


# --- the ledger


@dataclass(frozen=True, slots=True)
class DeclaredAccount:
    """`[[company.account]]`: an account of the ledger, or a statistical one."""

    number: str
    title: str = ""
    """Its number, unless it is given."""
    kind: AccountKind = "asset"
    """Decides the account type, the normal balance and whether the year end closes it."""
    normal: Literal["debit", "credit", ""] = ""
    """Its normal balance if that is not the usual one of its kind."""
    closes_to: str = ""
    """The account that the year end closes it to; `retained_earnings` of the posting accounts, unless it is given."""
    requires: tuple[str, ...] = ()
    """The dimensions that every line on it must name: `DEPARTMENT`, `LOCATION`, `PROJECT`, `GLDIMFUND`, ..."""
    category: str = ""
    """Its category, which some reports group by."""
    status: Status = "active"


@dataclass(frozen=True, slots=True)
class DeclaredJournal:
    """`[[company.journal]]`: a journal, and the book that its entries post to."""

    symbol: str
    title: str = ""
    book: str = ""
    """The book that its entries post to; every one of `books`, unless it is given."""
    adjusting: bool = False
    """Its entries are adjusting entries, which trial balances show in columns of their own."""
    statistical: bool = False
    """It takes statistical entries."""
    start: date | None = None
    """The first day of its entries, for information."""
    status: Status = "active"


@dataclass(frozen=True, slots=True)
class DeclaredPostingAccounts:
    """`[company.posting_accounts]`: by role, the account that documents post to without naming it.

    A role without an account is not set up: a document that needs it is refused.
    """

    payables: str = ""
    """The control account of vendors."""
    receivables: str = ""
    """The control account of customers."""
    employee_payables: str = ""
    """The control account of employees, for expense reports."""
    undeposited: str = ""
    """Undeposited funds: receipts that no deposit has brought to the bank."""
    exchange: str = ""
    """Realised exchange gain and loss."""
    unrealised_exchange: str = ""
    """Unrealised exchange gain and loss: the other side of revaluations."""
    rounding: str = ""
    """The cents that conversion to base currency leaves over."""
    discount_taken: str = ""
    """Discounts that vendors give."""
    discount_given: str = ""
    """Discounts that customers take."""
    advances: str = ""
    """Customer advances."""
    inventory_offset: str = ""
    """The other side of inventory adjustments."""
    retained_earnings: str = ""
    """The account that income and expense accounts are closed to at year end."""


@dataclass(frozen=True, slots=True)
class DeclaredPeriod:
    """`[[company.period]]`: a reporting period with a name of its own."""

    name: str
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class DeclaredCurrency:
    """`[[company.transaction_currency]]`: a currency with its decimals. Others follow from entities and rates."""

    code: str
    name: str = ""
    decimals: int = 2
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class DeclaredRateType:
    """`[[company.rate_type]]`: an exchange rate type."""

    name: str
    id: int = 0
    """Its number in `EXCH_RATE_TYPE_ID`; its place in the file, unless it is given."""
    default: bool = False
    """The type of a transaction that names none; the first type, unless one is the default."""


@dataclass(frozen=True, slots=True)
class DeclaredRate:
    """`[[company.rate]]`: the exchange rates of one pair of currencies and one type."""

    source: str = field(metadata={"table": "from"})
    target: str = field(metadata={"table": "to"})
    on: Mapping[str, Decimal]
    """By day (`2026-07-01`), units of `to` for one unit of `from`, valid until the next day that has a rate."""
    type: str = ""
    """The rate type; the default one, unless it is given."""


# --- definitions


@dataclass(frozen=True, slots=True)
class DeclaredField:
    """A field of a custom object, a user-defined dimension or a transaction definition."""

    name: str
    label: str = ""
    type: FieldType = "text"
    """A `list` has one of its values, a `multilist` several, joined by `#~#`."""
    values: tuple[str, ...] = ()
    """The choices of a `list` or `multilist`."""
    required: bool = False
    readonly: bool = False
    relation: str = ""
    """The object whose record number the field holds. The field's name is then the relation's path in queries."""


@dataclass(frozen=True, slots=True)
class DeclaredCustomField:
    """`[[company.custom_field]]`: a custom field of a standard or custom object."""

    object: str
    definition: DeclaredField = field(metadata={"inline": True})


@dataclass(frozen=True, slots=True)
class DeclaredCustomObject:
    """`[[company.custom_object]]`: its record number is `id` and its title `name`, as in Platform Services."""

    name: str
    label: str = ""
    fields: tuple[DeclaredField, ...] = _table("field")


@dataclass(frozen=True, slots=True)
class DeclaredDimension:
    """`[[company.dimension]]`: a user-defined dimension, which is an object, and a field of lines and ledger rows.

    The object `FUND` gives the field `GLDIMFUND`, which holds the `id` of a FUND.
    """

    name: str
    label: str = ""
    fields: tuple[DeclaredField, ...] = _table("field")
    on: tuple[str, ...] = ()
    """The objects whose lines have it; all that post to the ledger, unless it is given."""
    values: tuple[Mapping[str, Any], ...] = _table("value")
    """Its records: `{ id = 10001, name = "General" }`. Without `id`, numbers begin at 10001."""


@dataclass(frozen=True, slots=True)
class DeclaredPostingRule:
    """`[[company.definition.account]]`: the accounts of a transaction definition, for all items or for some.

    The first rule that fits a line counts.
    """

    account: str
    """The account of the line: income or expense of a sale or a purchase, the other side of a stock movement."""
    item_group: str = ""
    """The GL group of the items that it is for; empty for all."""
    location: str = ""
    """The location, or the entity, of the lines that it is for; empty for all."""
    department: str = ""
    """The department of the lines that it is for; empty for all."""


@dataclass(frozen=True, slots=True)
class DeclaredDefinition:
    """`[[company.definition]]`: a transaction definition (TD) of sales, purchasing or inventory."""

    name: str
    module: Literal["sales", "purchasing", "inventory"]
    kind: Literal["Quote", "Order", "List", "Invoice", "Adjustment", "Other"] = "Order"
    """Its document class."""
    category: str = ""
    """`Quote`, `Order`, `Shipping`, `Invoice` or `Return`; that of its kind, unless it is given."""
    posts: Literal["none", "subledger", "ledger", ""] = ""
    """Where it posts: nowhere, an invoice or a bill, or the cost of stock to the ledger only. Invoices post to the
    sub-ledger unless it is given, inventory adjustments to the ledger, and all others nowhere."""
    moves: Literal["No", "Quantity", "Value", "Quantity and Value", ""] = ""
    """What it moves in the inventory; what it posts decides, unless it is given."""
    direction: Literal["Increase", "Decrease", ""] = ""
    """The direction of a stock movement; sales decrease, purchases increase, unless it is given."""
    term: str = ""
    """The payment term of its transactions."""
    rate_type: str = ""
    """The exchange rate type of its transactions."""
    sequence: str = ""
    """The numbering sequence; the definition's name, unless it is given."""
    fields: tuple[DeclaredField, ...] = _table("field")
    """Custom fields that only transactions of this definition have."""
    line_fields: tuple[DeclaredField, ...] = _table("line_field")
    """Custom fields that only lines of this definition have."""
    accounts: tuple[DeclaredPostingRule, ...] = _table("account")
    """Its posting rules. Without one that fits, a line posts to the account of its item or of the item's GL group."""
    status: Status = "active"


@dataclass(frozen=True, slots=True)
class DeclaredApprovalLevel:
    """`[[company.approval.level]]`: who may approve at this level."""

    approvers: tuple[str, ...]
    """User ids; any one of them."""
    above: Decimal = Decimal(0)
    """The level is needed for amounts above this one, in base currency."""


@dataclass(frozen=True, slots=True)
class DeclaredApproval:
    """`[[company.approval]]`: an approval policy. A submitted record waits for its levels, one after the other."""

    object: str
    """`APBILL`, `PODOCUMENT`, `TIMESHEET`, `VENDOR`, ..."""
    levels: tuple[DeclaredApprovalLevel, ...] = _table("level")
    definition: str = ""
    """The transaction definition that it is for; all, unless it is given."""
    progressive: bool | None = None
    """Whether every level that the amount exceeds decides, or only those of the highest amount that it exceeds. For
    bills the second, as documented; for other objects the first, unless it is given."""


# --- the whole


@dataclass(frozen=True, slots=True)
class CompanyDeclaration:
    """Everything that one `[[company]]` declares about its data."""

    currency: str = ""
    """The base currency of a company without entities, and of entities that name none; USD unless it is given."""
    first_month: int = 1
    """The first month of the fiscal year, 1 to 12."""
    books: tuple[str, ...] = ()
    """The books that show every posting: `ACCRUAL`, `CASH`, or both; ACCRUAL unless they are given."""
    adjustment_books: tuple[str, ...] = ()
    """Further books, such as `GAAP` or `TAX`, which have only the entries of their own journals."""
    entities: tuple[DeclaredEntity, ...] = _table("entity")
    locations: tuple[DeclaredLocation, ...] = _table("location")
    departments: tuple[DeclaredDepartment, ...] = _table("department")
    accounts: tuple[DeclaredAccount, ...] = _table("account")
    journals: tuple[DeclaredJournal, ...] = _table("journal")
    posting_accounts: DeclaredPostingAccounts = DeclaredPostingAccounts()
    fiscal_years: tuple[int, ...] = ()
    """The fiscal years whose months, quarters and year are reporting periods, named by the year in which they end."""
    periods: tuple[DeclaredPeriod, ...] = _table("period")
    currencies: tuple[DeclaredCurrency, ...] = _table("transaction_currency")
    rate_types: tuple[DeclaredRateType, ...] = _table("rate_type")
    rates: tuple[DeclaredRate, ...] = _table("rate")
    custom_fields: tuple[DeclaredCustomField, ...] = _table("custom_field")
    custom_objects: tuple[DeclaredCustomObject, ...] = _table("custom_object")
    dimensions: tuple[DeclaredDimension, ...] = _table("dimension")
    definitions: tuple[DeclaredDefinition, ...] = _table("definition")
    approvals: tuple[DeclaredApproval, ...] = _table("approval")
    records: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """`[[company.records.VENDOR]]`: records of any object, by its fields. They are kept as they are."""

    def __bool__(self) -> bool:
        """Whether anything is declared."""
        return self != CompanyDeclaration()

"""What posting needs to know of a company, read from its own rows: locations, entities, accounts, open periods, rates.

An entity's due-to and due-from accounts stand on its LOCATIONENTITY row, its books are open from STARTOPEN, and an
account's role as payables or receivables is its ALTERNATIVEACCOUNT. A company without locations has one nameless one.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal

from intacct_bridge.emulator.accounting.posting import Rules
from intacct_bridge.emulator.accounting.posting_rows import Directory
from intacct_bridge.emulator.company.company_data import Books
from intacct_bridge.emulator.settings.cells import Row, iso_date
from intacct_bridge.emulator.settings.refusals import refused

_DIMENSIONS = {
    "CUSTOMER": ("CUSTOMERID", "NAME"),
    "VENDOR": ("VENDORID", "NAME"),
    "EMPLOYEE": ("EMPLOYEEID", "CONTACT_NAME"),
    "ITEM": ("ITEMID", "NAME"),
    "PROJECT": ("PROJECTID", "NAME"),
    "CLASS": ("CLASSID", "NAME"),
}
_DEFAULT_CURRENCY = "USD"


class KnownIds(Mapping[str, tuple[int, str]]):
    """Id → record number and name, looked up when asked for."""

    def __init__(self, books: Books, objects: tuple[str, ...], key: str, name: str) -> None:
        self._books, self._objects, self._key, self._name = books, objects, key, name

    def __getitem__(self, text: str) -> tuple[int, str]:
        for one in self._objects:
            table = self._books.table(one)
            for number in table.find(self._key, text):
                row = table.get(number) or {}
                return number, row.get(self._name, "")
        if text == "":
            return 0, ""
        raise KeyError(text)

    def __iter__(self) -> Iterator[str]:
        raise TypeError("a directory is asked, not listed")

    def __len__(self) -> int:
        return sum(self._books.table(one).count() for one in self._objects)


def directory(books: Books) -> Directory:
    """Names and record numbers for ledger rows."""
    return Directory(
        accounts=KnownIds(books, ("GLACCOUNT", "STATACCOUNT"), "ACCOUNTNO", "TITLE"),
        departments=KnownIds(books, ("DEPARTMENT",), "DEPARTMENTID", "TITLE"),
        locations=KnownIds(books, ("LOCATION",), "LOCATIONID", "NAME"),
        dimensions={name: KnownIds(books, (name,), *fields) for name, fields in _DIMENSIONS.items()},
        rules=rules(books),
    )


def rules(books: Books) -> Rules:
    """Where this company's documents post; remembered until its lists change."""
    names = ("LOCATION", "LOCATIONENTITY", "GLACCOUNT")
    state = tuple(books.store.version(name) for name in names)
    known = books.related.recall("rules")
    if known is not None and known[0] == state:
        found: Rules = known[1]
        return found
    made = _rules(books)
    books.related.put("rules", (state, made))
    return made


def _rules(books: Books) -> Rules:
    entities = {row["LOCATIONID"]: row for _, row in books.table("LOCATIONENTITY").rows()}
    parents = {row["LOCATIONID"]: row.get("PARENTID", "") for _, row in books.table("LOCATION").rows()}
    base = {name: row.get("CURRENCY") or _DEFAULT_CURRENCY for name, row in entities.items()}
    roles = {row.get("ALTERNATIVEACCOUNT", ""): row["ACCOUNTNO"] for _, row in books.table("GLACCOUNT").rows()}
    entity_of = {name: _entity(name, parents, entities) for name in {**parents, **entities}}
    accounts = books.side_tables.posting_accounts
    return Rules(
        entity_of={"": "", **entity_of},
        base_currency={"": _DEFAULT_CURRENCY, **base},
        due_from={name: row.get("IERECEIVABLE.NUMBER", "") for name, row in entities.items()},
        due_to={name: row.get("IEPAYABLE.NUMBER", "") for name, row in entities.items()},
        payables=roles.get("Payables account", ""),
        receivables=roles.get("Receivables account", ""),
        employee_payables=accounts.get("employee_payables") or "",
        undeposited=accounts.get("undeposited") or "",
        exchange=accounts.get("exchange") or "",
        rounding=accounts.get("rounding") or "",
    )


def _entity(name: str, parents: Mapping[str, str], entities: Mapping[str, Row]) -> str:
    seen: set[str] = set()
    while name and name not in entities and name not in seen:
        seen.add(name)
        name = parents.get(name, "")
    return name


def check_open(books: Books, day: date, entities: set[str]) -> None:
    """The day is in an open period of every one of these entities."""
    for _, row in books.table("LOCATIONENTITY").rows():
        entity, opened = row["LOCATIONID"], (iso_date(row.get("STARTOPEN", "")) or "")[:10]
        if entity in entities and opened and day.isoformat() < opened:
            raise refused(
                f"The date {day:%m/%d/%Y} is in a closed period: the books of entity {entity} are open from "
                f"{date.fromisoformat(opened):%m/%d/%Y}.",
                correction="Use a date in an open period, or open the period.",
                field="BATCH_DATE",
            )


def rate(books: Books, currency: str, base: str, *, day: date, given: str) -> Decimal:
    """Base currency for one of the currency on that day; a rate that was given counts."""
    if given:
        return Decimal(given)
    if currency == base:
        return Decimal(1)
    found = _listed_rate(books, currency, base, day)
    if found is None:
        raise refused(
            f"There is no exchange rate from {currency} to {base} for {day:%m/%d/%Y}.",
            correction="Provide EXCHANGE_RATE, or enter a rate.",
            field="EXCHANGE_RATE",
        )
    return found


def _listed_rate(books: Books, currency: str, base: str, day: date) -> Decimal | None:
    pairs = {row["RECORDNO"]: row for _, row in books.table("EXCHANGERATE").rows()}
    best: tuple[str, Decimal] | None = None
    for _, row in books.table("EXCHANGERATEENTRY").rows():
        pair = pairs.get(row.get("EXCHANGERATEKEY", ""), {})
        since = (iso_date(row.get("EFFECTIVE_START_DATE", "")) or "")[:10]
        matches = (pair.get("FROM_CURRENCY"), pair.get("TO_CURRENCY")) == (currency, base)
        if matches and since <= day.isoformat() and (best is None or since > best[0]):
            best = (since, Decimal(row["EXCHANGE_RATE"]))
    return None if best is None else best[1]

"""An independent reckoning of a copy: balances and open items from its raw rows, with dicts and decimals.

Nothing here comes from the SQL of the views. Balances are added up line by line for each month end; open items follow
each document through its payments, day by day.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

Row = Mapping[str, Any]
Read = Callable[[str], Sequence[Row]]
"""The rows of a table that are not deleted."""
ZERO = Decimal(0)
MAIN = ("ACCRUAL", "CASH")
DRAFTS = ("Draft", "Submitted", "Declined", "Partially Approved", "Approved")


@dataclass(frozen=True)
class BalanceKey:
    entity: str
    book: str
    currency: str
    account: str
    month_end: date


class PythonLedger:
    """The ledger of a copy."""

    def __init__(self, read: Read, first_month: int = 1) -> None:
        self.entities = {str(row["LOCATIONID"]): row for row in read("LOCATIONENTITY")}
        self.parents = {row["LOCATIONID"]: row["PARENTID"] for row in read("LOCATION")}
        self.first_month = first_month
        self.closes = {
            row["ACCOUNTNO"]: row["CLOSINGACCOUNTNO"]
            for row in read("GLACCOUNT")
            if row["CLOSINGTYPE"] == "closing account"
        }
        self.income = {row["ACCOUNTNO"] for row in read("GLACCOUNT") if row["ACCOUNTTYPE"] == "incomestatement"}
        self.lines = [row for row in read("GLDETAIL") if row["STATISTICAL"] != "T"]

    def entity_of(self, location: str | None) -> str:
        """The entity above a location."""
        seen = set()
        while location and location not in self.entities and location not in seen:
            seen.add(location)
            location = self.parents.get(location)
        return location if location and location in self.entities else ""

    def fiscal_start(self, entity: str, day: date) -> date:
        """The first day of the fiscal year of a day."""
        month = int(self.entities.get(entity, {}).get("FIRSTMONTH") or self.first_month)
        return date(day.year if day.month >= month else day.year - 1, month, 1)

    def books(self) -> dict[str, tuple[str, ...]]:
        """The books that reports show, each with the books of its lines."""
        there = {row["BOOKID"] for row in self.lines}
        main, others = sorted(there & set(MAIN)), sorted(there - set(MAIN))
        return {one: (one,) for one in main} | {f"{one}+{more}": (one, more) for one in main for more in others}

    def month_ends(self, until: date) -> list[date]:
        """The month ends from the first posting to a day."""
        day, found = min(row["BATCH_DATE"] for row in self.lines).replace(day=1), []
        while day <= until:
            day = (day + timedelta(days=32)).replace(day=1)
            found.append(day - timedelta(days=1))
        return found

    def balances(self, until: date) -> dict[BalanceKey, Decimal]:
        """The balances at every month end that are not zero, debit positive, with earlier fiscal years closed."""
        last = max(until, *(row["BATCH_DATE"] for row in self.lines))
        found: dict[BalanceKey, Decimal] = defaultdict(lambda: ZERO)
        for shown, parts in self.books().items():
            mine = [row for row in self.lines if row["BOOKID"] in parts]
            for end in self.month_ends(last):
                for row in mine:
                    if row["BATCH_DATE"] <= end:
                        entity = self.entity_of(row["LOCATIONID"])
                        account, target = row["ACCOUNTNO"], self.closes.get(row["ACCOUNTNO"])
                        if target and row["BATCH_DATE"] < self.fiscal_start(entity, end):
                            account = target
                        found[BalanceKey(entity, shown, row["BASECURR"], account, end)] += _signed(row)
        return {key: value for key, value in found.items() if value}

    def account_total(
        self, accounts: Sequence[str], day: date, book: str = "ACCRUAL"
    ) -> dict[tuple[str, str], Decimal]:
        """What documents and payments left on some accounts at the end of a day, by entity and currency.

        A revaluation posts to control accounts too, and changes no document.
        """
        found: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
        for row in self.lines:
            if "Revaluation" in row["BATCH_TITLE"]:
                continue
            if row["ACCOUNTNO"] in accounts and row["BATCH_DATE"] <= day and row["BOOKID"] == book:
                found[self.entity_of(row["LOCATIONID"]), row["BASECURR"]] += _signed(row)
        return {key: value for key, value in found.items() if value}


def _signed(row: Row) -> Decimal:
    return (row["DEBITAMOUNT"] or ZERO) - (row["CREDITAMOUNT"] or ZERO)


# --- open items


@dataclass(frozen=True)
class Side:
    """Payables or receivables."""

    documents: tuple[str, ...]
    payment: str
    detail: str
    day: str
    posted: tuple[str, ...]
    voided: str


PAYABLES = Side(("APBILL", "APADJUSTMENT"), "APPYMT", "APPYMTDETAIL", "WHENCREATED", ("Confirmed",), "Voided")
RECEIVABLES = Side(("ARINVOICE", "ARADJUSTMENT"), "ARPYMT", "ARPYMTDETAIL", "RECEIPTDATE", ("Complete",), "Reversed")


class OpenItems:
    """What is open of each document at the end of a day, in its own currency, by record number."""

    def __init__(self, read: Read, side: Side) -> None:
        self.events: list[tuple[date, str, Decimal]] = []
        """The days on which what is open of a document changes, each with its change."""
        for name in side.documents:
            self._documents(read(name))
        details: dict[Any, list[Row]] = defaultdict(list)
        for row in read(side.detail):
            details[row["PAYMENTKEY"]].append(row)
        payments = read(side.payment)
        for row in payments:
            if row["STATE"] in (*side.posted, side.voided):
                ended = _mirror(row, payments, "WHENCREATED") if row["STATE"] == side.voided else None
                self._payment(row, details[row["RECORDNO"]], side, ended)

    def _documents(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row["STATE"] not in (*DRAFTS, "Reversal"):
                key, amount = str(row["RECORDNO"]), row["TRX_TOTALENTERED"]
                self.events.append((row["WHENPOSTED"] or row["WHENCREATED"], key, amount))
                if row["STATE"] == "Reversed":
                    self.events.append((_mirror(row, rows, "WHENPOSTED"), key, -amount))

    def _payment(self, row: Row, details: Sequence[Row], side: Side, ended: date | None) -> None:
        changes = [(one["PAYMENTDATE"] or row[side.day], *part) for one in details for part in _parts(one)]
        if side is RECEIVABLES:
            money = sum((one["TRX_PAYMENTAMOUNT"] or ZERO for one in details), ZERO)
            changes.append((row[side.day], str(row["RECORDNO"]), row["TRX_TOTALENTERED"] - money))
        for day, key, amount in changes:
            self.events.append((day, key, -amount))
            if ended is not None:
                self.events.append((ended, key, amount))

    def on(self, day: date) -> dict[str, Decimal]:
        """The open amounts of a day that are not zero."""
        found: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for when, key, amount in self.events:
            if when <= day:
                found[key] += amount
        return {key: value for key, value in found.items() if value}


def _parts(detail: Row) -> Iterator[tuple[str, Decimal]]:
    """What a detail takes from the document that it settles, and from the one whose credit it uses."""
    document = str(detail["RECORDKEY"] or detail["POSADJKEY"])
    yield document, detail["TRX_PAYMENTAMOUNT"] or ZERO
    for key, money in (
        ("", "TRX_DISCOUNTAMOUNT"),
        ("ADJUSTMENTKEY", "TRX_ADJUSTMENTAMOUNT"),
        ("POSTEDADVANCEKEY", "TRX_POSTEDADVANCEAMOUNT"),
        ("OVERPAYMENTKEY", "TRX_POSTEDOVERPAYMENTAMOUNT"),
        ("NEGATIVEINVOICEKEY", "TRX_NEGATIVEINVOICEAMOUNT"),
        ("INLINEKEY", "TRX_INLINEAMOUNT"),
    ):
        amount = detail.get(money) or ZERO
        if amount:
            yield document, amount
            if key:
                yield str(detail[key]), -amount


def _mirror(row: Row, rows: Sequence[Row], field: str) -> date:
    """The day of the record that reverses another: the nth such pair among equal ones."""
    same = ("RECORDID", "VENDORID", "CUSTOMERID")
    alike = [
        one
        for one in rows
        if all(one.get(name) == row.get(name) for name in same) and abs(one["TOTALENTERED"]) == abs(row["TOTALENTERED"])
    ]
    own = sorted((one["RECORDNO"] for one in alike if one["STATE"] in ("Reversed", "Voided")), key=int)
    mirrors = sorted((one for one in alike if one["STATE"] == "Reversal"), key=lambda one: int(one["RECORDNO"]))
    found: date = mirrors[own.index(row["RECORDNO"])][field]
    return found

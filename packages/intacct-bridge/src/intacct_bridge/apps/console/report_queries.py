"""The SELECTs of reports over a copy: statements, ageing and budgets, with their lines and documents.

Each is one SELECT, as `intacct sql --on` runs it. Amounts of different base currencies are never added.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from intacct_protocol.model.sql_text import literal

Side = Literal["ap", "ar"]
PARTY = {"ap": "vendor", "ar": "customer"}
ROWS = 150
"""Rows of a page of lines or items."""


@dataclass(frozen=True, slots=True)
class ReportScope:
    """A part of the ledger: one book, one entity or all, one fiscal month."""

    book: str
    entity: str | None = None
    """None for all entities; empty for what belongs to none."""
    month: date | None = None
    """The first day of the month."""

    def where(self, *, day: str = "period_start") -> str:
        """The condition on a view with one row for each month."""
        parts = [f"book = {literal(self.book)}", *_entity(self.entity)]
        if self.month is not None:
            parts.append(f"{day} = DATE '{self.month}'")
        return " AND ".join(parts)


def choices() -> str:
    """The books, entities and months that there are."""
    return (
        "SELECT DISTINCT t.book, t.entity_id, coalesce(e.entity_name, '') AS entity_name, t.base_currency, "
        "t.period_start, t.period_end FROM reporting.trial_balance AS t "
        "LEFT JOIN reporting.entities AS e ON e.entity_id = t.entity_id ORDER BY 1, 2, 5"
    )


def entities() -> str:
    """The entities with their names."""
    return "SELECT entity_id, entity_name FROM reporting.entities ORDER BY 1"


def trial_balance(scope: ReportScope) -> str:
    """Opening balance, debits, credits and closing balance of each account."""
    return (
        "SELECT base_currency, account_no, min(account_title) AS account_title, sum(opening) AS opening, "
        "sum(debit) AS debit, sum(credit) AS credit, sum(closing) AS closing FROM reporting.trial_balance "
        f"WHERE {scope.where()} GROUP BY 1, 2 "
        "HAVING bool_or(opening <> 0 OR debit <> 0 OR credit <> 0) ORDER BY 1, 2"
    )


def income_statement(scope: ReportScope) -> str:
    """Revenue and expenses of a month and of the fiscal year so far; `earns` is true if amounts add to the earnings."""
    return (
        "SELECT base_currency, section, category, account_no, min(account_title) AS account_title, "
        "sum(amount) AS amount, sum(year_to_date) AS year_to_date, "
        "bool_or(section_normal_balance = 'credit') AS earns FROM reporting.income_statement "
        f"WHERE {scope.where()} GROUP BY 1, 2, 3, 4 HAVING bool_or(amount <> 0 OR year_to_date <> 0) "
        "ORDER BY 1, min(section_order), 3, 4"
    )


def income_by_month(scope: ReportScope) -> str:
    """Each section of the income statement, month by month up to the scope's."""
    return (
        "SELECT base_currency, section, period_start, sum(amount) AS amount FROM reporting.income_statement "
        f"WHERE {_until(scope, 'period_start')} GROUP BY 1, 2, 3 ORDER BY 1, min(section_order), 3"
    )


def balance_sheet(scope: ReportScope, end: date) -> str:
    """The balance sheet at a month end."""
    return (
        "SELECT base_currency, section, category, account_no, min(account_title) AS account_title, "
        "sum(amount) AS amount, sum(balance) AS balance FROM reporting.balance_sheet "
        f"WHERE {ReportScope(scope.book, scope.entity).where()} AND period_end = DATE '{end}' "
        "GROUP BY 1, 2, 3, 4 HAVING sum(balance) <> 0 ORDER BY 1, min(section_order), 3, 4"
    )


def balances_by_month(scope: ReportScope, end: date) -> str:
    """Each section of the balance sheet, month end by month end."""
    return (
        "SELECT base_currency, section, period_end, sum(amount) AS amount FROM reporting.balance_sheet "
        f"WHERE {ReportScope(scope.book, scope.entity).where()} AND period_end <= DATE '{end}' "
        "GROUP BY 1, 2, 3 ORDER BY 1, min(section_order), 3"
    )


def ageing(side: Side, day: date, basis: str, entity: str | None) -> str:
    """What is open of each vendor or customer at the end of a day, by age."""
    party = PARTY[side]
    amounts = ("not_due", "bucket_1", "bucket_2", "bucket_3", "bucket_4", "bucket_5", "total")
    sums = ", ".join(f"sum({one}) AS {one}" for one in amounts)
    return (
        f"SELECT base_currency, {party}_id AS party_id, min({party}_name) AS party_name, {sums}, "
        f"CAST(sum(items) AS BIGINT) AS items FROM reporting.{side}_ageing(DATE '{day}', {literal(basis)})"
        f"{_where(entity)} GROUP BY 1, 2 ORDER BY 1, total DESC, 2"
    )


def open_items(side: Side, day: date, basis: str, party: str, entity: str | None, *, skip: int = 0) -> str:
    """The documents of a vendor or customer that are open at the end of a day."""
    return (
        f"SELECT document_type, document_key, document_no, entity_id, document_date, due_date, days_overdue, "
        "currency, entered, open_amount, base_currency, open_base "
        f"FROM reporting.{side}_open_items(DATE '{day}', {literal(basis)}) "
        f"WHERE {' AND '.join((f'{PARTY[side]}_id = {literal(party)}', *_entity(entity)))} "
        f"ORDER BY due_date, document_key{_page(skip)}"
    )


def budgets() -> str:
    """The budgets with their periods."""
    return (
        "SELECT DISTINCT budget_id, period_start, period_end FROM reporting.budget_vs_actual "
        "WHERE budget_id <> '' ORDER BY 1, 2, 3"
    )


def budget(name: str, entity: str | None, start: date, end: date) -> str:
    """A budget beside what was posted, by account and the currencies of both."""
    where = (
        f"budget_id = {literal(name)}",
        f"period_start = DATE '{start}'",
        f"period_end = DATE '{end}'",
        *_entity(entity),
    )
    return (
        "SELECT base_currency, coalesce(nullif(budget_currency, ''), base_currency) AS budget_currency, section, "
        "account_no, min(account_title) AS account_title, sum(budget) AS budget, sum(actual) AS actual, "
        "sum(variance) AS variance FROM reporting.budget_vs_actual "
        f"WHERE {' AND '.join(where)} GROUP BY 1, 2, 3, 4 HAVING bool_or(budget <> 0 OR actual <> 0) "
        "ORDER BY 1, 2, CASE section WHEN 'Revenue' THEN 1 ELSE 2 END, 3, 4"
    )


def ledger_lines(scope: ReportScope, account: str, first: date | None, last: date, *, skip: int = 0) -> str:
    """The posted lines of an account, the latest first."""
    return (
        "SELECT posting_date, journal, entry_no, entry_title, entry_key, memo, document_type, document_no, "
        "document_key, party_id, entity_id, location_id, department_id, base_currency, debit, credit, currency, "
        f"transaction_amount FROM reporting.general_ledger WHERE {_lines(scope, account, first, last)} "
        f"ORDER BY posting_date DESC, entry_key DESC, line_no{_page(skip)}"
    )


def ledger_totals(scope: ReportScope, account: str, first: date | None, last: date) -> str:
    """The number and the sums of those lines."""
    return (
        "SELECT base_currency, count(*) AS lines, sum(debit) AS debit, sum(credit) AS credit, sum(amount) AS amount, "
        "min(account_title) AS account_title "
        f"FROM reporting.general_ledger WHERE {_lines(scope, account, first, last)} GROUP BY 1 ORDER BY 1"
    )


def account_balances(scope: ReportScope, account: str, first: date, last: date) -> str:
    """The opening and closing balance of an account in a fiscal month; nothing for other days."""
    return (
        "SELECT base_currency, sum(opening) AS opening, sum(closing) AS closing FROM reporting.trial_balance "
        f"WHERE {scope.where()} AND account_no = {literal(account)} AND period_start = DATE '{first}' "
        f"AND period_end = DATE '{last}' GROUP BY 1"
    )


def entry_lines(entry: str) -> str:
    """The posted lines of a journal entry, in every book that shows them."""
    return (
        "SELECT book, line_no, posting_date, journal, entry_no, entry_title, reference_no, module, account_no, "
        "account_title, entity_id, location_id, department_id, memo, document_type, document_no, document_key, "
        "party_id, base_currency, debit, credit, currency, transaction_amount, exchange_rate "
        f"FROM reporting.general_ledger WHERE entry_key = {literal(entry)} "
        f"ORDER BY book, line_no, account_no LIMIT {ROWS}"
    )


def document_postings(kind: str, key: str) -> str:
    """The posted lines of a document."""
    return (
        "SELECT posting_date, book, journal, entry_no, entry_key, account_no, account_title, entity_id, base_currency, "
        "debit, credit, memo FROM reporting.general_ledger "
        f"WHERE document_type = {literal(kind)} AND document_key = {literal(key)} "
        f"ORDER BY posting_date, entry_key, line_no LIMIT {ROWS}"
    )


def document_object(kind: str, key: str) -> str:
    """The Intacct object of a document."""
    return (
        "SELECT document_object, document_no, party_id, state FROM reporting.subledger_documents "
        f"WHERE document_type = {literal(kind)} AND document_key = {literal(key)}"
    )


def settlements(side: Side, key: str) -> str:
    """What settled a document, or what its credit settled."""
    return (
        f"SELECT settled_on, kind, payment_no, payment_key, amount, amount_base, voided_on "
        f"FROM reporting.{side}_settlements WHERE document_key = {literal(key)} ORDER BY settled_on, payment_key"
    )


def _until(scope: ReportScope, day: str) -> str:
    """The scope with all months up to its own."""
    where = ReportScope(scope.book, scope.entity).where()
    return where if scope.month is None else f"{where} AND {day} <= DATE '{scope.month}'"


def _lines(scope: ReportScope, account: str, first: date | None, last: date) -> str:
    books = ", ".join(literal(one) for one in scope.book.split("+"))
    parts = [f"account_no = {literal(account)}", f"book IN ({books})", *_entity(scope.entity)]
    if first is not None:
        parts.append(f"posting_date >= DATE '{first}'")
    return " AND ".join([*parts, f"posting_date <= DATE '{last}'"])


def _entity(entity: str | None) -> Iterator[str]:
    if entity is not None:
        yield f"entity_id = {literal(entity)}"


def _where(entity: str | None) -> str:
    return "".join(f" WHERE {one}" for one in _entity(entity))


def _page(skip: int) -> str:
    """One row more than a page tells whether another page follows."""
    return f" LIMIT {ROWS + 1} OFFSET {skip}"

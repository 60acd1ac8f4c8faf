"""The result of a reconciliation as text: the verdict, the balances and records that differ, and what was left out."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.tables import Count
from intacct_bridge.operations.reconcile import (
    ALTERED,
    DOUBLED,
    MISSING,
    SURPLUS,
    BalanceDifference,
    Comparison,
    ComparisonMethod,
    Estimate,
    Reconciliation,
    RecordDifference,
    TableComparison,
)
from intacct_protocol.model.wording import amount_shown, counted, listed, money
from intacct_protocol.xml.values import Value

_MOST_SHOWN = 200
_MOST_NAMED = 8
_KINDS = {
    MISSING: "in Intacct, not in the copy",
    SURPLUS: "in the copy, not in Intacct",
    DOUBLED: "more than once in the copy",
}


def show_reconciliation(reconciliation: Reconciliation, output: Output) -> None:
    """The verdict and the differences."""
    for line in totals(reconciliation):
        output.result(line)
    output.result(verdict(reconciliation))
    if reconciliation.balances:
        output.result("")
        columns = ("period", "account", "location", "book", "side", "ledger", "copy", "difference")
        output.table(columns, [row for one in reconciliation.balances[:_MOST_SHOWN] for row in _balance_rows(one)])
    if not reconciliation.equal:
        output.result("")
        for line in difference_lines(reconciliation):
            output.result(line)


def totals(reconciliation: Reconciliation) -> Iterator[str]:
    """The debits and credits of the copy, a line for each book and currency."""
    for (book, currency), amounts in reconciliation.ledger.totals.items() if reconciliation.ledger else ():
        debits = amounts.debits + amounts.adjusting_debits
        credits_ = amounts.credits + amounts.adjusting_credits
        yield f"{book} {currency}: debits {amount_shown(debits, currency)}, credits {amount_shown(credits_, currency)}"


def verdict(reconciliation: Reconciliation) -> str:
    """The result in one sentence."""
    tables = reconciliation.comparison.tables
    compared = [
        f"{what} of {counted(len(alike), 'table')} with {counted(sum(table.rows for table in alike), 'record')}"
        for what, alike in _compared(tables)
    ]
    if reconciliation.ledger:
        compared.append(counted(reconciliation.ledger.places, "balance of the ledger", "balances of the ledger"))
    if reconciliation.equal:
        texts = "; texts with --fields" if any(table.unproven for table in tables) else ""
        return f"The copy matches the company: {listed(compared)} compared{texts}"
    differing = [one.table for one in tables if not one.equal]
    parts = []
    if reconciliation.balances:
        parts.append(counted(len(reconciliation.balances), "balance"))
    if differing:
        more = " or more" if any(one.more for one in tables) else ""
        parts.append(f"{counted(len(reconciliation.records), 'record')}{more} in {_named(differing)}")
    told = [f"{listed(parts)} {'differ' if _plural(reconciliation) else 'differs'}"] if parts else []
    if missing := [one.table for one in reconciliation.comparison.missing]:
        told.append(f"{_named(missing)} {'is' if len(missing) == 1 else 'are'} not in the copy")
    return f"The copy does not match the company: {', and '.join(told)}"


_METHODS = {
    ComparisonMethod.RECORDS: "every field",
    ComparisonMethod.SUMS: "amounts, dates and keys",
    ComparisonMethod.COUNT: "the number of records",
}


def _compared(tables: Iterable[TableComparison]) -> Iterator[tuple[str, list[TableComparison]]]:
    """What was compared, and in which tables."""
    for method, what in _METHODS.items():
        if alike := [table for table in tables if table.method is method]:
            yield what, alike


def _plural(reconciliation: Reconciliation) -> bool:
    return len(reconciliation.balances) + len(reconciliation.records) != 1 or any(
        table.more for table in reconciliation.comparison.tables
    )


def _named(names: list[str]) -> str:
    if len(names) <= _MOST_NAMED:
        return listed(names)
    return f"{', '.join(names[:_MOST_NAMED])} and {counted(len(names) - _MOST_NAMED, 'more table')}"


def _balance_rows(balance: BalanceDifference) -> Iterator[tuple[str | Decimal, ...]]:
    """A row for each side of the account that differs, so that no difference is 0.00."""
    book = f"{balance.place.book} {balance.place.currency}".strip()
    for name, ledger, copy in balance.sides:
        yield (
            balance.period,
            balance.place.account,
            balance.place.location,
            book,
            name,
            money(ledger),
            money(copy),
            money(copy - ledger),
        )


def difference_lines(reconciliation: Reconciliation) -> Iterator[str]:
    """The tables that are missing and the records that differ, a line each, and what to do."""
    missing = reconciliation.comparison.missing
    for missing_table in missing:
        yield f"✗ {missing_table.table} was extracted, and has no table in the copy: {missing_table.reason}"
        if missing_table.fix:
            yield f"  fix: {missing_table.fix}"
    if missing:
        names = " ".join(one.table for one in missing[:_MOST_NAMED])
        yield f"Extract it again: intacct extract {names} --to URI. Or leave it out: --ignore '{missing[0].table}.*'."
    for table in reconciliation.comparison.tables:
        for record in table.records[:_MOST_SHOWN]:
            yield f"✗ {record_line(record)}"
        if table.more:
            yield f"✗ {table.table}: {_too_many(table)}"
    if reconciliation.balances and not reconciliation.records:
        yield "✗ no record differs: the trial balance and GLDETAIL disagree for this user, or changed meanwhile"
    if reconciliation.balances or not all(one.equal for one in reconciliation.comparison.tables):
        yield from _advice(reconciliation)


def _advice(reconciliation: Reconciliation) -> Iterator[str]:
    """What to do about records that differ. An extraction finds a record by its time of change, which some keep."""
    computed: dict[str, dict[str, None]] = {}
    untimed: dict[str, dict[str, None]] = {}
    for record in reconciliation.records:
        for by_table, names in ((computed, record.computed), (untimed, record.untimed)):
            if names:
                by_table.setdefault(record.table, {}).update(dict.fromkeys(names))
    for table, fields in computed.items():
        yield (
            f"Intacct computes {_fields(table, fields)} without a new time of change. `intacct extract` reads this"
            f" again together with the documents, or with --full: intacct extract {table} --full --to URI"
        )
    for table, fields in untimed.items():
        yield (
            f"{_fields(table, fields)} {'differs' if len(fields) == 1 else 'differ'}, with the same time of change on"
            " both sides: a field that Intacct computes, or a copy that was changed in another way."
            f" This reads the records again: intacct extract {table} --full --to URI"
        )
    if not all(record.computed or record.untimed for record in reconciliation.records) or not reconciliation.records:
        yield "Update the copy with `intacct extract`."


def _fields(table: str, names: Iterable[str]) -> str:
    return listed([f"{table}.{name}" for name in names])


def _too_many(table: TableComparison) -> str:
    counts = f"the copy holds {counted(table.rows, 'record')}"
    if table.company_rows is not None:
        counts += f", and Intacct {table.company_rows:,}"
    return f"{'further' if table.records else 'many'} records differ that are not named ({counts})"


def record_line(difference: RecordDifference) -> str:
    """One record that differs, in one line."""
    name = f"{difference.table} {difference.record}"
    if difference.natural_key:
        name += f" ({difference.natural_key})"
    if difference.owner:
        name += f" of {difference.owner_object} {difference.owner}"
    if difference.kind == ALTERED:
        changes = (
            f"{each.name} is {_shown_value(each.company)} in Intacct, {_shown_value(each.copy)} in the copy"
            for each in difference.fields
        )
        return f"{name}: {'; '.join(changes)}{_when(difference)}"
    return f"{name}: {_KINDS[difference.kind]}{_values(difference.row)}{_when(difference)}"


def _values(row: Iterable[tuple[str, Value]]) -> str:
    texts = [f"{name} {_shown_value(value)}" for name, value in row]
    return f" ({', '.join(texts)})" if texts else ""


def _when(difference: RecordDifference) -> str:
    return (
        f" (changed in Intacct at {_shown_value(difference.modified)})"
        if isinstance(difference.modified, datetime)
        else ""
    )


def _shown_value(value: Value) -> str:
    if value is None:
        return "empty"
    if isinstance(value, Decimal):
        return amount_shown(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return str(value) if isinstance(value, int | date) else repr(str(value))


def notes(reconciliation: Reconciliation) -> Iterator[str]:
    """What the comparison does not prove."""
    comparison = reconciliation.comparison
    if reconciliation.no_ledger:
        yield f"The ledger's balances were not compared: {reconciliation.no_ledger}"
    sums = [one.table for one in comparison.tables if one.method is ComparisonMethod.SUMS and one.unproven]
    if sums:
        yield f"Text fields were not all compared in {_named(sums)}: --fields compares them"
    counts = [one.table for one in comparison.tables if one.method is ComparisonMethod.COUNT]
    if counts:
        yield f"Only the number of records was compared in {_named(counts)}: Intacct gave no sums"
    for table in comparison.tables:
        if table.note:
            yield f"{table.table}: {table.note}"
    yield from _left_out(comparison)
    for check in comparison.checks:
        if not check.confirmed:
            entries = counted(check.failed.total, "journal entry")
            yield f"{entries} in Intacct itself, against the rule that {check.failed.check}"


def _left_out(comparison: Comparison) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    for left_out in comparison.not_compared:
        name = f"{left_out.table}.{', '.join(left_out.fields)}" if left_out.fields else left_out.table
        reasons.setdefault(left_out.reason, []).append(name)
    for reason, names in reasons.items():
        yield f"Not compared: {_named(names)} ({reason})"


def show_estimate(estimates: Sequence[Estimate], output: Output) -> None:
    """What a comparison would cost."""
    rows = [(one.name, Count(one.rows), Count(one.transactions)) for one in estimates]
    output.table(("table", "records", "transactions"), rows)
    if not output.as_json:
        total = sum(one.transactions for one in estimates)
        output.say(f"{counted(total, 'API transaction')} if the copy matches the company, and at most one to sign in")

"""A plan's summary and its records on a terminal: totals that hide nothing, and lists by page."""

from collections.abc import Sequence
from decimal import Decimal

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.tables import Count
from intacct_bridge.operations.plans import GroupTotal, PlanSummary, RecordPage, RecordSort, RecordSummary, Total
from intacct_protocol.model.wording import amount_shown, money

_GROUPS = 20
"""Parties and accounts that are listed."""


def totals_text(total: Total) -> str:
    """`debits 10.00, credits 10.00 USD`, `positive 900.00, negative -20.00 USD`; a sum of zero is a sum, too."""
    parts: list[str] = []
    if total.debit or total.credit:
        debit, credit = (amount_shown(side, total.currency) for side in (total.debit, total.credit))
        parts.append(f"debits {debit}, credits {credit}")
    if total.positive or total.negative or not parts:
        positive, negative = (amount_shown(part, total.currency) for part in (total.positive, total.negative))
        parts.append(f"positive {positive}, negative {negative}")
    return f"{', '.join(parts)} {total.currency}".strip()


def show_totals(totals: Sequence[Total], output: Output) -> None:
    """The totals of each currency."""
    for total in totals:
        output.result(totals_text(total))


def show_groups(summary: PlanSummary, output: Output) -> None:
    """The totals by party and by account, and the largest records if there are many."""
    _show_group("By party", summary.parties, output)
    _show_group("By account", summary.accounts, output)
    if summary.largest:
        output.result("")
        output.result("The largest:")
        show_records(summary.largest, output)


def _show_group(title: str, groups: Sequence[GroupTotal], output: Output) -> None:
    if not groups:
        return
    output.result("")
    output.result(f"{title}:")
    sides = ("debits", "credits") if any(group.total.debit or group.total.credit for group in groups) else ()
    amounts = ("positive", "negative") if any(group.total.positive or group.total.negative for group in groups) else ()
    columns = ("id", "name", "records", *sides, *amounts, "currency")
    rows = [
        (
            group.of.id or "(none)",
            group.of.name,
            Count(group.records),
            *_shown_amounts(group.total, *((group.total.debit, group.total.credit) if sides else ())),
            *_shown_amounts(group.total, *((group.total.positive, group.total.negative) if amounts else ())),
            group.total.currency,
        )
        for group in groups[:_GROUPS]
    ]
    output.table(columns, rows)
    if len(groups) > _GROUPS:
        output.say(f"{len(groups) - _GROUPS:,} more with smaller amounts: --json lists them.")


def _shown_amounts(total: Total, *amounts: Decimal) -> Sequence[Decimal]:
    return [money(amount, total.currency) for amount in amounts]


def show_page(page: RecordPage, output: Output) -> None:
    """A page of the records, with their numbers in the plan."""
    output.result("")
    show_records(page.records, output, numbered=True)
    searched = f" with {page.query.find!r}" if page.query.find else ""
    if page.pages > 1 or searched:
        last = page.first + len(page.records) - 1
        where = (
            f"Page {page.page:,} of {page.pages:,}: records {page.first:,} to {last:,} of {page.matching:,}{searched}"
        )
        output.result(f"{where}{_ORDERS[page.query.sort]}." if page.records else f"No record{searched}.")


_ORDERS = {
    RecordSort.PLAN: "",
    RecordSort.AMOUNT: ", the largest first",
    RecordSort.PARTY: ", by party",
    RecordSort.RECORD: ", by name",
}


def show_records(records: Sequence[RecordSummary], output: Output, *, numbered: bool = False) -> None:
    """A line for each record."""
    parties = any(record.party.id for record in records)
    mixed = any(total.positive and total.negative for record in records for total in record.totals)
    foreign = any(total.currency for record in records for total in record.totals)
    columns = (
        *(("number",) if numbered else ()),
        "record",
        "verdict",
        "amount",  # before what a narrow terminal leaves out
        *(("of it negative",) if mixed else ()),
        *(("currency",) if foreign else ()),
        *(("party",) if parties else ()),
        "lines",
        "Intacct record",
    )
    rows = [
        (
            *((record.number,) if numbered else ()),
            f"{record.label} {record.document}".rstrip(),
            record.state,
            _of_currencies([total.shown for total in record.totals]),
            *((_of_currencies([total.negative for total in record.totals]),) if mixed else ()),
            *((", ".join(total.currency for total in record.totals),) if foreign else ()),
            *((record.party,) if parties else ()),
            record.lines,
            _existing(record),
        )
        for record in records
    ]
    output.table(columns, rows)


def _of_currencies(amounts: Sequence[Decimal]) -> Decimal | str | None:
    return amounts[0] if len(amounts) == 1 else ", ".join(map(amount_shown, amounts)) or None


def _existing(record: RecordSummary) -> str:
    since = record.since
    return (
        f"{record.in_intacct} since {since:%Y-%m-%d}" if since is not None and record.in_intacct else record.in_intacct
    )

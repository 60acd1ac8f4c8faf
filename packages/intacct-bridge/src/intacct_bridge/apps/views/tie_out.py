"""Whether the sub-ledgers tie to the ledger, as text and as plain data."""

from collections.abc import Iterator
from decimal import Decimal

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.reconcile import ControlAccount, TieOut, TieOutLine
from intacct_protocol.model.wording import amount_shown, counted, listed, money

_MOST_SHOWN = 10


def show_tie_out(found: TieOut, output: Output) -> None:
    """The sentence, the control accounts that differ, and the lines that explain it."""
    for reason in found.not_compared:
        output.detail(f"sub-ledgers not compared with the ledger: {reason}")
    if not found.controls:
        return
    output.result("")
    output.result(tie_out_sentence(found))
    differing = [one for one in found.controls if one.difference]
    if not differing:
        return
    output.result("")
    columns = ("sub-ledger", "entity", "account", "open items", "ledger", "explained", "unexplained")
    output.table(columns, [_row(one) for one in differing])
    output.result("")
    for line in tie_out_lines(found):
        output.result(line)


def tie_out_sentence(found: TieOut) -> str:
    """The result in one sentence."""
    at, total = f"at the end of {found.day}", counted(len(found.controls), "control account")
    differing = [one for one in found.controls if one.difference]
    if not differing:
        return f"The sub-ledgers tie to the ledger {at}: {total}"
    open_ = [one for one in differing if one.unexplained]
    if not open_:
        return f"The sub-ledgers tie to the ledger {at}: {total}, {len(differing)} with differences that are explained"
    return f"The sub-ledgers do not tie to the ledger {at}: {len(open_)} of {total} with unexplained differences"


def _row(one: ControlAccount) -> tuple[str | Decimal, ...]:
    return (
        one.side,
        f"{one.entity} {one.currency}".strip(),
        ", ".join(one.accounts),
        money(one.open_items),
        money(one.ledger),
        money(one.difference - one.unexplained),
        money(one.unexplained),
    )


def tie_out_lines(found: TieOut) -> Iterator[str]:
    """The causes of each difference with their lines, and the documents of what is unexplained."""
    for one in found.controls:
        where = f"{one.side} {one.entity}, {listed(one.accounts)}".strip()
        for cause in one.causes:
            yield f"{where}: {amount_shown(cause.amount)} by {cause.cause}"
            yield from _first_lines(cause.lines, cause.count)
        if one.unexplained:
            yield f"✗ {where}: {amount_shown(one.unexplained)} unexplained"
            if one.suspects:
                yield "    documents that the ledger shows with another amount, or that only one side has:"
            yield from _first_lines(one.suspects, len(one.suspects))


def _first_lines(lines: tuple[TieOutLine, ...], count: int) -> Iterator[str]:
    for line in lines[:_MOST_SHOWN]:
        yield f"    {line.day or '          '}  {amount_shown(line.amount):>16}  {line.name}"
    if count > _MOST_SHOWN:
        yield f"    and {counted(count - _MOST_SHOWN, 'more line')}"

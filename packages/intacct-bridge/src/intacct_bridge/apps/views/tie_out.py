"""Whether the sub-ledgers tie to the ledger, as text and as plain data."""

from collections.abc import Iterator
from decimal import Decimal

from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.operations.reconcile import ControlAccount, TieOut, TieOutLine
from intacct_protocol.model.wording import amount_shown, counted, listed, money

_MOST_SHOWN = 10


def show_tie_out(tied: TieOut, output: Output) -> None:
    """The sentence, the control accounts that differ, and the lines that explain it."""
    for reason in tied.not_compared:
        output.detail(f"sub-ledgers not compared with the ledger: {reason}")
    if not tied.controls:
        return
    output.result("")
    output.result(tie_out_sentence(tied))
    differing = [one for one in tied.controls if one.difference]
    if not differing:
        return
    output.result("")
    columns = ("sub-ledger", "entity", "account", "open items", "ledger", "explained", "unexplained")
    output.table(columns, [_row(one) for one in differing])
    output.result("")
    for line in tie_out_lines(tied):
        output.result(line)


def tie_out_sentence(tied: TieOut) -> str:
    """The result in one sentence."""
    at, total = f"at the end of {tied.day}", counted(len(tied.controls), "control account")
    differing = [one for one in tied.controls if one.difference]
    if not differing:
        return f"The sub-ledgers tie to the ledger {at}: {total}"
    open_ = [one for one in differing if one.unexplained]
    if not open_:
        return f"The sub-ledgers tie to the ledger {at}: {total}, {len(differing)} with differences that are explained"
    return f"The sub-ledgers do not tie to the ledger {at}: {len(open_)} of {total} with unexplained differences"


def _row(control: ControlAccount) -> tuple[str | Decimal, ...]:
    return (
        control.side,
        f"{control.entity} {control.currency}".strip(),
        ", ".join(control.accounts),
        money(control.open_items),
        money(control.ledger),
        money(control.difference - control.unexplained),
        money(control.unexplained),
    )


def tie_out_lines(tied: TieOut) -> Iterator[str]:
    """The causes of each difference with their lines, and the documents of what is unexplained."""
    for control in tied.controls:
        where = f"{control.side} {control.entity}, {listed(control.accounts)}".strip()
        for cause in control.causes:
            yield f"{where}: {amount_shown(cause.amount)} by {cause.cause}"
            yield from _first_lines(cause.lines, cause.count)
        if control.unexplained:
            yield f"✗ {where}: {amount_shown(control.unexplained)} unexplained"
            if control.suspects:
                yield "    documents that the ledger shows with another amount, or that only one side has:"
            yield from _first_lines(control.suspects, len(control.suspects))


def _first_lines(lines: tuple[TieOutLine, ...], count: int) -> Iterator[str]:
    for line in lines[:_MOST_SHOWN]:
        yield f"    {line.day or '          '}  {amount_shown(line.amount):>16}  {line.name}"
    if count > _MOST_SHOWN:
        yield f"    and {counted(count - _MOST_SHOWN, 'more line')}"

"""The demo's summary: what arrived, what was posted, that it ties, where everything is, what to try next."""

import os
import shutil
import sys
from decimal import Decimal
from pathlib import Path

import click

from intacct_bridge.edge.demo.company import demo_home
from intacct_bridge.edge.demo.sample import NAMES
from intacct_bridge.edge.demo.steps import COPY, Demo, DemoCompany, LoadedFile
from intacct_bridge.edge.doctor.findings import DoctorReport
from intacct_bridge.edge.terminal.console import Console
from intacct_bridge.edge.views.extract import NO_STREAMS
from intacct_bridge.edge.views.extraction import Extracted
from intacct_bridge.edge.views.load import amount_of
from intacct_bridge.edge.views.reconcile import show_reconciliation, totals, verdict
from intacct_bridge.flow.plan.plan import Verdict
from intacct_bridge.flow.post.loader import Ending
from intacct_bridge.flow.reconcile.reconcile import Reconciliation

_INDENT = " " * 14
_SHOWN = 4


class DemoView:
    """Prints each step as it is done; every step has a name in the left margin."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def _step(self, name: str, *lines: str) -> None:
        title = f"{name:<{len(_INDENT)}}"
        for number, line in enumerate(lines):
            told = self._console.wrapped(_INDENT, line)[len(_INDENT) :]
            lead = _INDENT if number else click.style(title, bold=True) if self._console.out.isatty() else title
            self._console.result(f"{lead}{told}")
        self._console.out.flush()

    def company(self, met: DemoCompany) -> None:
        """The company, new or known."""
        news = f"made in {met.seconds:.1f} s" if met.made else "as the last run left it"
        name = met.entities[0] if met.entities else "the company"
        others = len(met.entities) - 1
        self._step(
            "The company",
            f"{name} and {others} more entities, 24 months of books up to {met.last_day} ({news})",
        )

    def health(self, report: DoctorReport) -> None:
        """How the doctor's examination went."""
        wrong = [finding for finding in report.findings if finding.counts]
        verdict = "all is well" if not wrong else f"{len(wrong)} findings"
        head = f"{len(report.findings)} checks, {verdict}, {report.transactions:,} API transactions"
        self._step("Doctor", head, *(f"! {one.title}: {one.seen}" for one in wrong))

    def arrived(self, done: Extracted) -> None:
        """What the extraction brought."""
        busy = sorted((one for one in done.outcomes if one.rows), key=lambda one: -one.rows)
        rows = sum(one.rows for one in busy)
        whole = 2 * sum(one.rows for one in busy if one.full) > rows
        rate = f" ({rows / done.seconds:,.0f} rows/s)" if whole and done.seconds else ""
        cost = f"{done.seconds:.1f} s{rate}, {done.transactions:,} API transactions"
        if not busy:
            streams = [one for one in done.outcomes if one.stream not in NO_STREAMS]
            self._step("Extract", f"nothing has changed in {len(streams)} streams, {cost}")
            return
        largest = " · ".join(f"{one.stream} {one.rows:,}" for one in busy[:_SHOWN])
        what = "rows" if whole else "rows that changed or may have"
        more = f" and {len(busy) - _SHOWN} more" if len(busy) > _SHOWN else ""
        self._step("Extract", f"{rows:,} {what}, {len(busy)} streams, {cost}", f"{largest}{more}")

    def posted(self, posted: LoadedFile, followed: Extracted | None) -> None:
        """The receipts of the file that was posted, and that the copy knows of them."""
        new = [one for one in posted.outcomes if one.ending is not Ending.UNCHANGED]
        known = len(posted.outcomes) - len(new)
        total = sum((amount_of(one.write) or Decimal(0) for one in posted.outcomes), Decimal(0))
        head = f"{posted.file.name}: {len(posted.outcomes)} journal entries, {total:,.2f} on each side"
        wide = max((len(one.write.label) for one in new), default=0)
        lines = [
            f"{one.write.label:<{wide}}  {one.ending.value}"
            + (f" as GLBATCH {one.receipt.record}" if one.receipt and one.receipt.record else "")
            for one in new
        ]
        if known:
            lines.append(f"{known} were posted by an earlier run, and were not posted again")
        if followed is not None:
            rows = sum(one.rows for one in followed.outcomes)
            lines.append(f"the copy followed: {rows:,} rows, {followed.transactions:,} API transactions")
        self._step("Post", head, *lines)

    def refused(self, posted: LoadedFile) -> None:
        """What would be refused of the file with the mistakes, each reason in a line."""
        wrong = posted.plan.of(Verdict.REFUSED)
        records = posted.plan.records
        reasons = [str(finding) for planned in wrong for finding in planned.reasons]
        self._step(
            "Refuse",
            f"{posted.file.name}: {len(wrong)} of {len(records)} entries would be refused; nothing was sent",
            *(f"✗ {reason}" for reason in reasons),
        )

    def reconciled(self, found: Reconciliation) -> None:
        """That the copy ties, and to what."""
        cost = f"{found.transactions:,} API transactions"
        self._step("Reconcile", f"{verdict(found)}; {cost}", *totals(found))
        if not found.ties:
            show_reconciliation(found, self._console)

    def files(self, demo: Demo) -> None:
        """Where everything is, and what to try next."""
        home, us = demo.home, command_name()
        reach = () if home == demo_home() else (f"export INTACCT_DEMO_HOME={home}",)
        self._step(
            "Files",
            f"{home / COPY} is the copy: open it with DuckDB, or with anything that reads it",
            f"{home / NAMES[0]}, {home / NAMES[1]} are what was posted and what was refused: edit them, run this again",
        )
        self._step(
            "Try",
            *reach,
            f'{us} query APBILL --where "TOTALDUE > 0" --select VENDORNAME,WHENDUE,TOTALDUE --connection demo',
            f"{us} load {home / NAMES[1]} --as journal-entries --connection demo",
            f"{us} outbox list --connection demo",
            f"{us} reconcile --with {demo.uri} --connection demo",
            f"{us} doctor --writes GLBATCH --letter --connection demo",
        )
        self._step("Your own", f"{us} connections add NAME, then the same commands without --connection demo")


def command_name() -> str:
    """How this program is called from here: by its name where that finds it, else by its path."""
    called = Path(sys.argv[0])
    if called.name != "intacct" or shutil.which("intacct") is not None:
        return "intacct"
    return os.path.relpath(called)

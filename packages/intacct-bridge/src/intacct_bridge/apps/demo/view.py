"""The summary of the demo: each step with its result, the files, and commands to try next."""

import os
import shutil
import sys
from pathlib import Path

from intacct_bridge.apps.demo.sample import NAMES
from intacct_bridge.apps.demo.steps import COPY, Demo, DemoCompany, LoadedFile
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.views.reconcile import show_reconciliation, totals, verdict
from intacct_bridge.connections.demo_company import demo_home
from intacct_bridge.operations.extract import ExtractResult
from intacct_bridge.operations.plans import RecordStatus, Verdict, totals_of
from intacct_bridge.operations.reconcile import Reconciliation
from intacct_bridge.operations.setup import DoctorReport
from intacct_protocol.model.wording import amount_shown, counted

_INDENT = " " * 14
_SHOWN = 4


class DemoView:
    """Prints each step when it is done, with its name in the left margin."""

    def __init__(self, output: Output) -> None:
        self._console = output

    def _step(self, name: str, *lines: str) -> None:
        title = f"{name:<{len(_INDENT)}}"
        for number, line in enumerate(lines):
            text = self._console.wrapped(_INDENT, line)[len(_INDENT) :]
            self._console.result(text, title=_INDENT if number else title)
        self._console.out.flush()

    def company(self, company: DemoCompany) -> None:
        """The company, and whether this run created it."""
        origin = f"created in {company.seconds:.1f} s" if company.created else "from an earlier run"
        name = company.entities[0] if company.entities else "the company"
        others = counted(len(company.entities) - 1, "other entity")
        self._step("Company", f"{name} and {others}, 24 months up to {company.last_day} ({origin})")

    def examined(self, report: DoctorReport) -> None:
        """The doctor's result, with its findings."""
        result = counted(len(report.problems), "finding") if report.problems else "no problems found"
        head = f"{counted(len(report.findings), 'check')}, {result}, {_cost(report.transactions)}"
        self._step("Doctor", head, *(f"! {one.title}: {one.observed}" for one in report.problems))

    def extracted(self, done: ExtractResult) -> None:
        """The rows of the extraction."""
        busy = sorted((one for one in done.outcomes if one.rows), key=lambda one: -one.rows)
        rows = sum(one.rows for one in busy)
        mostly_full = 2 * sum(one.rows for one in busy if one.full) > rows
        rate = f" ({rows / done.seconds:,.0f} rows/s)" if mostly_full and done.seconds else ""
        cost = f"{done.seconds:.1f} s{rate}, {_cost(done.transactions)}"
        if not busy:
            self._step("Extract", f"no changes in {counted(len(done.streams), 'stream')}, {cost}")
            return
        largest = " · ".join(f"{one.name} {one.rows:,}" for one in busy[:_SHOWN])
        kind = "row" if mostly_full else "changed row"
        more = f" and {len(busy) - _SHOWN} more" if len(busy) > _SHOWN else ""
        self._step("Extract", f"{counted(rows, kind)}, {counted(len(busy), 'stream')}, {cost}", f"{largest}{more}")

    def posted(self, posted: LoadedFile, followed: ExtractResult | None) -> None:
        """The receipts of the posted file, and the update of the copy."""
        new = [one for one in posted.outcomes if one.status is not RecordStatus.UNCHANGED]
        unchanged = len(posted.outcomes) - len(new)
        sums = totals_of(outcome.write for outcome in posted.outcomes)
        sides = " and ".join(f"{amount_shown(total.debit, total.currency)} {total.currency}".rstrip() for total in sums)
        head = f"{posted.file.name}: {counted(len(posted.outcomes), 'journal entry')}, {sides} on each side"
        wide = max((len(one.write.label) for one in new), default=0)
        lines = [
            f"{one.write.label:<{wide}}  {one.status.outcome_text}"
            + (f" as GLBATCH {one.receipt.record}" if one.receipt and one.receipt.record else "")
            for one in new
        ]
        if unchanged:
            lines.append(f"{counted(unchanged, 'entry')} posted by an earlier run, not posted again")
        if followed is not None:
            rows = sum(one.rows for one in followed.outcomes)
            lines.append(f"copy updated: {counted(rows, 'row')}, {_cost(followed.transactions)}")
        self._step("Post", head, *lines)

    def refused(self, posted: LoadedFile) -> None:
        """The refused entries of the file with mistakes, each reason on a line."""
        wrong = posted.plan.of(Verdict.REFUSED)
        records = posted.plan.records
        reasons = [str(finding) for planned in wrong for finding in planned.reasons]
        self._step(
            "Refuse",
            f"{posted.file.name}: {len(wrong)} of {counted(len(records), 'entry')} refused; nothing was sent",
            *(f"✗ {reason}" for reason in reasons),
        )

    def reconciled(self, reconciliation: Reconciliation) -> None:
        """The verdict, and the totals that were compared."""
        self._step(
            "Reconcile", f"{verdict(reconciliation)}; {_cost(reconciliation.transactions)}", *totals(reconciliation)
        )
        if not reconciliation.equal:
            show_reconciliation(reconciliation, self._console)

    def files(self, demo: Demo) -> None:
        """The files, and commands to try next."""
        home, name = demo.home, command_name()
        reach = () if home == demo_home() else (f"export INTACCT_DEMO_HOME={home}",)
        self._step(
            "Files",
            f"{home / COPY}: the copy, for DuckDB and every tool that reads its files",
            f"{home / NAMES[0]}: the posted entries; edit them and run the demo again",
            f"{home / NAMES[1]}: the entries with mistakes; correct them and load the file",
        )
        self._step(
            "Try",
            *reach,
            f'{name} query APBILL --where "TOTALDUE > 0" --select VENDORNAME,WHENDUE,TOTALDUE --connection demo',
            f"{name} load {home / NAMES[1]} --as journal-entries --connection demo",
            f"{name} outbox list --connection demo",
            f"{name} reconcile --copy {demo.uri} --connection demo",
            f"{name} doctor --writes GLBATCH --letter --connection demo",
        )
        self._step("Your company", f"{name} connections add NAME, then the same commands without --connection demo")


def _cost(transactions: int) -> str:
    return counted(transactions, "API transaction")


def command_name() -> str:
    """The command that runs this program: its name if the shell finds it, otherwise its path."""
    called = Path(sys.argv[0])
    if called.name != "intacct" or shutil.which("intacct") is not None:
        return "intacct"
    return os.path.relpath(called)

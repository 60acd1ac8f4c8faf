"""What the library gives back for a load: a plan that can be saved, approved and applied, and its receipts.

A result is complete in itself: it is typed, says `to_dict()`, and shows itself as tables in a notebook.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from intacct_bridge.notebook import as_shown, html_result, html_table, progress_line
from intacct_bridge.operations import outbox, plans
from intacct_bridge.operations.outbox import EntryDetail, OutboxEntry, RecordStatus
from intacct_bridge.operations.plans import ApplyOptions, Approval, RecordOutcome, SavedPlan
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.suggestions import did_you_mean

if TYPE_CHECKING:
    from intacct_bridge.load.outbox.entry import Total
    from intacct_bridge.load.plan.finding_causes import FindingCause
    from intacct_bridge.operations.plans import PlannedRecord, PlanSummary, RecordPage
    from intacct_bridge.operations.recorded_run import CompanyRun

Refused = Literal["stop", "skip"]
"""What becomes of a load in which a record is refused: nothing is sent, or the other records are."""
Sort = Literal["plan", "amount", "party", "record"]
"""The order of the records on pages: as in the plan, the largest amounts first, by party, or by name."""
Progress = Callable[[RecordOutcome], object]


class Receipts(plans.Receipts):
    """The outcome of each record of a plan that was applied: iterate over it, or look at `counts`.

    Each has its `row` in the input, its `status`, and the `key` that Intacct gave it.
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        rows = ((one.row, one.write.label, one.word, one.key, one.reason) for one in self.outcomes)
        facts: dict[str, object] = {"run": self.run, **self._numbers()}
        if self.error is not None:
            facts["ended by"] = str(self.error)
        return html_result("Receipts", facts, html_table(("row", "record", "outcome", "key", "why"), rows))

    def __repr__(self) -> str:
        words = ", ".join(f"{count:,} {outcome}" for outcome, count in self._numbers().items() if count)
        return f"<Receipts of {self.plan.source}: {words or 'no records'}>"

    def _numbers(self) -> dict[str, int]:
        counts = self.counts
        return {
            "posted": counts.posted,
            "already in Intacct": counts.already_in_intacct,
            "refused": counts.refused,
            "skipped": counts.skipped,
            "in doubt": counts.in_doubt,
            "not sent": counts.not_sent,
        }


class Plan:
    """What a load or an undo would do with each record, before anything is sent.

    A saved plan has an `id` and a `digest`, and can be approved by another person, on another machine. Whether saved or
    not, `apply` sends only what is still as it was planned, and nothing twice.
    """

    __slots__ = ("_plan", "_runs", "_saved")

    def __init__(self, plan: plans.Plan, runs: "Callable[[], CompanyRun]", saved: SavedPlan | None = None) -> None:
        self._plan, self._runs, self._saved = plan, runs, saved

    # --- what it says

    @property
    def object(self) -> str:
        """What its records are of; empty for records of several kinds."""
        return self._plan.object

    @property
    def source(self) -> str:
        """The input's name."""
        return self._plan.source

    @property
    def records(self) -> "tuple[PlannedRecord, ...]":
        """Each record with its verdict and the reasons."""
        return self._plan.records

    @property
    def to_create(self) -> int:
        """The number of records to create."""
        return self._plan.to_create

    @property
    def to_update(self) -> int:
        """The number of records to update."""
        return self._plan.to_update

    @property
    def to_delete(self) -> int:
        """The number of records to delete."""
        return self._plan.to_delete

    @property
    def refused(self) -> int:
        """The number of records that are refused; see `refusals`."""
        return self._plan.refused

    @property
    def refusals(self) -> "tuple[FindingCause, ...]":
        """Why records are refused, with their rows and columns; findings with one cause are together."""
        return self._plan.refusals

    @property
    def totals(self) -> "tuple[Total, ...]":
        """The amounts of the records to create and update, by currency."""
        return self._plan.totals

    @property
    def summary(self) -> "PlanSummary":
        """What the plan writes, with positive and negative amounts apart: by currency, party and account."""
        return self._saved.summary if self._saved is not None else plans.summary_of(self._plan)

    def page(self, number: int = 1, *, find: str = "", sort: Sort = "plan") -> "RecordPage":
        """A page of the records: those with this text in a field or a line, in this order."""
        return self.summary.page(plans.RecordQuery(find=find, sort=plans.RecordSort(sort), page=number))

    @property
    def cost(self) -> int:
        """The API transactions that applying it takes."""
        return self._plan.transactions

    @property
    def notes(self) -> tuple[str, ...]:
        """What there is to know of how the input was read."""
        return self._plan.notes

    @property
    def unchecked(self) -> tuple[str, ...]:
        """Rules that could not be checked, with the reason."""
        return self._plan.unchecked

    # --- saved

    @property
    def id(self) -> str:
        """The name by which the outbox knows it; empty until it is saved."""
        return self._saved.id if self._saved is not None else ""

    @property
    def digest(self) -> str:
        """What an approval is of: everything that decides what is sent. Empty until the plan is saved."""
        return self._saved.digest if self._saved is not None else ""

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """The approvals of the saved plan, when it was saved, opened or approved last."""
        return self._saved.approvals if self._saved is not None else ()

    @property
    def saved_at(self) -> datetime | None:
        """When it was saved; None until then."""
        return self._saved.made_at if self._saved is not None else None

    def save(self, file: str | Path | None = None, *, needs_approval: bool = False) -> Path | str:
        """Save it in a file, or in the outbox, where its `id` finds it from every machine; the file, or the id.

        `needs_approval`: it is applied only once a person approved it, even if the connection does not ask for that.
        """
        path = Path(file) if file is not None else None
        self._saved = plans.save_plan(self._runs(), self._plan, path, needs_approval=needs_approval)
        return self._saved.argument

    def approve(self, *, digest: str = "", figures: str = "", valid_for: timedelta | None = None) -> Approval:
        """Approve it in the name of this program's user, who must be allowed to by the connection; it is saved first.

        `digest` is that of the plan which you looked at, if it was in another program. `figures` are those that the
        `summary` shows: the number of records to write, then for each currency its name, its positive and its negative
        total, such as "1500 USD 250000.00 -900.00". A plan of more than 50 records is approved only with them, if it
        needs an approval.
        """
        if self._saved is None:
            self.save()
        assert self._saved is not None
        approval = plans.approve_plan(
            self._runs(),
            self._saved.argument,
            digest=digest or self._saved.digest,
            figures=figures,
            valid_for=valid_for if valid_for is not None else plans.VALID_FOR,
        )
        self._saved = plans.open_saved(self._runs(), self._saved.argument)
        return approval

    # --- applied

    def apply(
        self, *, refused: Refused = "stop", progress: Progress | Literal[False] | None = None, check: bool = True
    ) -> Receipts:
        """Send the records, and give the outcome of each. A second time, only what was not done is done.

        SettingsError if the plan needs an approval that it does not have, or was altered; InvalidRequestError if
        something that it relies on has changed; RefusedError if a record is refused, unless `refused` is "skip". All of
        these come before anything is sent. An error that ends the work later is raised, with the receipts so far in its
        `outcomes`; with `check=False` it is the `error` of the receipts. A record in doubt is no error: the receipts
        are `is_in_doubt`, and not `complete`, until the outbox has settled it.

        `progress` is called with each outcome. Without it, a notebook and a terminal show a line; False shows none.
        """
        subject: plans.Plan | Path | str = self._plan if self._saved is None else self._saved.argument
        total, done = len(self._plan.to_send), 0
        show, end = progress_line(f"Posting {self.source}") if progress is None else (lambda _text: None, lambda: None)

        def tell(outcome: RecordOutcome) -> None:
            nonlocal done
            done += 1
            show(f"{done:,} of {total:,} records")
            if callable(progress):
                progress(outcome)

        try:
            result = plans.apply_plan(
                self._runs(), subject, ApplyOptions(skip_refused=refused == "skip"), progress=tell
            )
        finally:
            end()
        receipts = as_shown(Receipts, result)
        if check:
            if receipts.error is not None:
                receipts.error.outcomes = receipts.outcomes
            receipts.check()
        return receipts

    # --- shown

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self._saved.to_dict() if self._saved is not None else self._plan.to_dict()

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {verdict.value}" for verdict, count in self._plan.counts.items())
        return f"<Plan of {self.source}: {counts or 'no records'}>"

    def _repr_html_(self) -> str:
        plan = self._plan
        facts: dict[str, object] = {verdict.value: count for verdict, count in plan.counts.items()}
        facts |= {"API transactions": plan.transactions}
        if self.digest:
            facts["digest"] = self.digest
        totals = html_table(
            ("currency", "debits", "credits", "positive", "negative"),
            ((total.currency, total.debit, total.credit, total.positive, total.negative) for total in plan.totals),
            "Amounts",
        )
        refusals = html_table(
            ("rows", "column", "reason", "fix"),
            (
                (", ".join(cause.rows), cause.findings[0].column, cause.findings[0].message, cause.findings[0].fix)
                for cause in plan.refusals
            ),
            "Refused",
        )
        records = html_table(
            ("record", "verdict", "party", "amount", "changes"),
            (
                (
                    record.label,
                    record.state,
                    record.party,
                    record.amount,
                    "; ".join(f"{change.name}: {change.before} → {change.after}" for change in record.planned.changes),
                )
                for record in self.summary.records
            ),
            "Records",
        )
        notes = html_table(("note",), ((note,) for note in (*plan.notes, *plan.unchecked)))
        return html_result(f"Plan of {self.source}", facts, totals, refusals, records, notes)


class OutboxView:
    """The outbox of a company: what was sent, with its receipts, and what is still open."""

    __slots__ = ("_runs",)

    def __init__(self, runs: "Callable[[], CompanyRun]") -> None:
        self._runs = runs

    def entries(
        self,
        *,
        status: str | RecordStatus | Iterable[str] = (),
        object_name: str = "",
        run: str = "",
        text: str = "",
        since: date | None = None,
        until: date | None = None,
    ) -> "Entries":
        """The entries that match, in the order in which they were planned; `status` is such as "in_doubt".

        InvalidRequestError if there is no such status.
        """
        statuses = (status,) if isinstance(status, str) else tuple(status)
        query = outbox.EntryQuery(
            statuses=tuple(_status(name) for name in statuses),
            object=object_name,
            run=run,
            text=text,
            since=since,
            until=until,
        )
        return Entries(outbox.find_entries(self._runs(), query).entries)

    def entry(self, number: int) -> EntryDetail:
        """One entry with everything that the outbox knows of it. NoEntryError if there is none."""
        return outbox.show_entry(self._runs(), number)

    def settle(self, *numbers: int) -> "Entries":
        """Find out whether records in doubt were applied, those of these entries or all.

        They are sent again only if they provably were not.
        """
        return Entries(outbox.settle(self._runs(), numbers))

    def retry(self, *numbers: int) -> "Entries":
        """Send refused and unsent records again, unchanged: those of these entries, or all."""
        return Entries(outbox.retry(self._runs(), numbers))

    def resolve(self, number: int, *, posted_as: str | None, because: str) -> OutboxEntry:
        """Decide that Intacct has the record of an entry in doubt under this key, or, with None, that it has not."""
        return outbox.resolve(self._runs(), number, posted_as=posted_as, because=because).entry

    def forget(self, number: int, *, because: str) -> OutboxEntry:
        """Forget that a record was posted, so that the next load of it posts it again."""
        return outbox.forget(self._runs(), number, because=because)

    def __repr__(self) -> str:
        counts = Counter(entry.status.outcome_text for entry in self.entries())
        words = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
        return f"<OutboxView of {self._runs().connection.target}: {words or 'no entries'}>"

    def _repr_html_(self) -> str:
        return self.entries()._repr_html_()


def _status(name: str) -> RecordStatus:
    names = [status.value for status in RecordStatus]
    if name not in names:
        raise InvalidRequestError(
            f"there is no status {name!r} in the outbox{did_you_mean(name, names)}",
            fix="intacct outbox list --help lists them, as values of --state.",
        )
    return RecordStatus(name)


class Entries(tuple[OutboxEntry, ...]):
    """Entries of an outbox."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"entries": [outbox.facts(entry) for entry in self]}

    def _repr_html_(self) -> str:
        rows = (
            (
                entry.number,
                entry.label,
                entry.status.outcome_text,
                entry.receipt.record if entry.receipt else "",
                entry.note,
            )
            for entry in self
        )
        columns = ("number", "record", "outcome", "key", "note")
        return html_result("Outbox", {"entries": len(self)}, html_table(columns, rows))

"""The commit of a Spark job on the driver: staged rows become one plan, which is posted once.

The plan is made, checked and applied as that of `intacct load`, so a record that an earlier commit has posted is known
by its key and is not posted again. If the connection requires an approval, the plan is saved, and the same batch
applies it once it is approved. If records are missing from Intacct at the end, the job fails.
"""

import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from intacct_bridge.apps.spark.arrow_lines import Reading
from intacct_bridge.apps.spark.options import connection_of
from intacct_bridge.apps.spark.staging import BatchState, RowResult, StagedAttempt, StagedBatch, Staging
from intacct_bridge.apps.spark.write_options import KEEP, WriteOptions
from intacct_bridge.operations.loads import JsonLines, LoadRequest, Mode, check_layout, plan_load, write_refused_rows
from intacct_bridge.operations.plans import (
    Plan,
    RecordOutcome,
    RecordStatus,
    SavedPlan,
    Verdict,
    apply_plan,
    open_revalidated,
    open_saved,
    refused_rows,
    save_plan,
)
from intacct_bridge.operations.recorded_run import CompanyRun, open_program
from intacct_protocol.errors import InDoubtError, IntacctError, RefusedError, SettingsError
from intacct_protocol.model.wording import counted

_log = logging.getLogger(__name__)
_SHOWN = 5
"""Records that are not in Intacct and are named in the error."""


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What one task tells the commit."""

    staged: StagedAttempt
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True, slots=True)
class CommitResult:
    """The result of committing a batch."""

    posted: int = 0
    existing: int = 0
    """Records that were in Intacct already."""
    plan: str = ""
    """The plan that waits for an approval."""
    repeated: bool = False
    """Whether the batch was committed before, so that nothing was done."""


def check_columns(settings: Mapping[str, str], options: WriteOptions) -> None:
    """Raise what the layout says of the DataFrame's columns, before a row is staged."""
    with open_program(connection_of(settings)) as run:
        no_rows = JsonLines(options.columns, lambda: ())
        check_layout(run, options.request(no_rows, "DataFrame"))


@dataclass(frozen=True, slots=True)
class BatchRows:
    """The rows of one batch."""

    staging: Staging
    job: str
    """What they are staged under."""
    name: str
    """The batch."""
    reports: Sequence[TaskReport | None]


def commit(settings: Mapping[str, str], options: WriteOptions, rows: BatchRows) -> CommitResult:
    """Post the rows that these tasks have staged.

    SettingsError or RefusedError, before anything is sent, if rows are missing or cannot be records. RefusedError
    and InDoubtError if some records are not in Intacct at the end; the others are.
    """
    staging, batch, reports = rows.staging, rows.name, rows.reports
    attempts = [one.staged for one in reports if one is not None]
    if len(attempts) < len(reports):
        raise SettingsError("a task has not reported which rows it staged", fix="Run the job again; nothing was sent.")
    with staging.alone(batch):
        digest = _digest(options, attempts)
        before = staging.batch(batch)
        if before is not None and before.state is BatchState.DONE:
            if before.digest != digest:
                raise SettingsError(
                    f"the batch {batch!r} was written before, with other rows or options",
                    fix="Give each job, and a stream with a new checkpoint, a `batch` of its own.",
                )
            _log.info("The batch %r was written before: nothing was sent.", batch)
            return CommitResult(repeated=True)
        staging.check(attempts)
        _check_rows(options, [one.reading for one in reports if one is not None])
        with open_program(connection_of(settings)) as run:
            begun = StagedBatch(batch, BatchState.BEGUN, digest, "")
            work = _Commit(run, options, staging=staging, batch=begun)
            with run.open_outbox():
                if (waiting := work.saved_plan(before)) is not None:
                    return waiting
                name = f"batch {batch}" if options.batch else "DataFrame"
                lines = JsonLines(options.columns, lambda: staging.rows(rows.job, attempts))
                return work.post(options.request(lines, name))


def _digest(options: WriteOptions, attempts: Sequence[StagedAttempt]) -> str:
    rows, digest = sum(one.rows for one in attempts), sum(one.digest for one in attempts)
    return f"{rows} {digest} {sha256(options.described.encode()).hexdigest()}"


def _check_rows(options: WriteOptions, readings: Sequence[Reading]) -> None:
    keyless = sum(one.keyless for one in readings)
    if keyless and options.mode is Mode.CREATE:
        raise RefusedError(
            f"{counted(keyless, 'row')} {'has' if keyless == 1 else 'have'} no value in {' or '.join(options.keys)},"
            " which is the `key`; nothing was sent",
            fix="Fill the column, filter these rows out, or name other columns as the `key`.",
        )
    inexact = sum(one.inexact for one in readings)
    if inexact:
        example = next(one.example for one in readings if one.example)
        raise RefusedError(
            f"{counted(inexact, 'value')} {'is' if inexact == 1 else 'are'} the inexact result of a calculation with"
            f" binary floats, such as {example}; nothing was sent",
            fix="Cast the column to decimal, such as decimal(18,2).",
        )


class _Commit:
    """One commit, with the company at hand."""

    def __init__(self, run: CompanyRun, options: WriteOptions, *, staging: Staging, batch: StagedBatch) -> None:
        self._run = run
        self._options = options
        self._staging = staging
        self._batch = batch

    # --- approval

    def saved_plan(self, before: StagedBatch | None) -> CommitResult | None:
        """The result of the plan that an earlier commit of the same rows has saved: it is applied once it is approved.

        None if there is none.
        """
        if before is None or before.state is not BatchState.SAVED or before.digest != self._batch.digest:
            return None
        plan = Path(before.plan)  # or the id of one that the outbox holds
        if plan.is_absolute() and not plan.is_file():
            return None
        if open_saved(self._run, plan).is_approved:
            return self._apply(plan)
        saved = open_revalidated(self._run, plan)
        if not saved.open_records:  # it was applied, and its approval has ended since
            return self._end(saved.plan, ())
        return self._waiting(saved)

    def _save(self, plan: Plan) -> CommitResult:
        """Save a plan for a person to approve."""
        saved = save_plan(self._run, plan, self._options.plan, sending=self._options.texts.sending)
        place = saved.id if saved.file is None else str(saved.file.absolute())
        self._batch = replace(self._batch, state=BatchState.SAVED, plan=place)
        self._staging.keep(self._batch)
        return self._waiting(saved, made_now=True)

    def _waiting(self, saved: SavedPlan, *, made_now: bool = False) -> CommitResult:
        """How a job ends whose plan waits for an approval."""
        if self._options.unapproved == KEEP:
            _log.warning("Nothing was posted: the plan %s waits for an approval.", saved.id)
            return CommitResult(plan=saved.id)
        connection = self._run.connection
        words = shlex.join([str(saved.argument), "--connection", connection.name])
        if connection.location_id:
            words += shlex.join(["", "--entity", connection.location_id])
        raise RefusedError(
            f"Nothing was posted: connection {connection.name!r} requires an approval. The plan {saved.id} with"
            f" {counted(len(saved.plan.records), 'record')} is saved in {saved.file or 'the outbox'}; its digest is"
            f" {saved.digest}" + ("" if made_now else f" ({saved.approval_problem})"),
            fix=f"intacct plan approve {words}; then intacct plan apply {words}"
            + (", or run this job again with the same rows" if self._options.batch else ""),
        )

    # --- posting

    def post(self, request: LoadRequest) -> CommitResult:
        """Plan the rows, and post what the plan would write."""
        self._staging.keep(self._batch)
        plan = plan_load(self._run, request)
        for text in (*plan.notes, *(f"not checked: {rule}" for rule in plan.unchecked)):
            _log.warning("%s", text)
        if not plan.to_send:
            return self._end(plan, ())
        if self._run.connection.needs_approval:
            return self._end(plan, ()) if plan.refused else self._save(plan)
        return self._apply(plan)

    def _apply(self, plan: Plan | Path) -> CommitResult:
        """Post a plan. RefusedError and InDoubtError if some of its records are not in Intacct at the end."""
        options = self._options.applying
        if isinstance(plan, Path):  # it is sent as it was saved
            options = replace(options, sending=None)
        done: tuple[RecordOutcome, ...] = ()
        try:
            receipts = apply_plan(self._run, plan, options)
            plan, done = receipts.plan, receipts.outcomes
            if receipts.error is not None:
                raise receipts.error
        except IntacctError as error:
            results = _results(plan, done) if isinstance(plan, Plan) else ()
            self._staging.keep(replace(self._batch, state=BatchState.FAILED), results)
            _add(error, f"{_tally(done)} before that. Run the job again: nothing is posted twice.")
            raise
        return self._end(plan, done)

    def _end(self, plan: Plan, outcomes: Sequence[RecordOutcome]) -> CommitResult:
        failed = [outcome for outcome in outcomes if not outcome.good]
        state = BatchState.FAILED if plan.refused or failed else BatchState.DONE
        self._staging.keep(replace(self._batch, state=state, plan=""), _results(plan, outcomes))
        if state is BatchState.FAILED:
            if plan.input is not None and self._options.refused is not None:
                write_refused_rows(plan, outcomes, self._options.refused, all_missing=True)
            raise self._failure(plan, outcomes)
        posted = sum(outcome.status not in _NOTHING_SENT for outcome in outcomes)
        _log.info("%s: %s", self._run.connection.target, _tally(outcomes))
        return CommitResult(posted, len(plan.records) - posted)

    def _failure(self, plan: Plan, outcomes: Sequence[RecordOutcome]) -> IntacctError:
        refused = plan.of(Verdict.REFUSED)
        failed = [one for one in outcomes if not one.good]
        texts = [
            f"{one.write.label}: " + "; ".join(_finding(finding) for finding in one.reasons) for one in refused[:_SHOWN]
        ]
        texts += [
            f"{one.write.label}: {one.status.outcome_text}: {one.reason}" for one in failed[: _SHOWN - len(texts)]
        ]
        total, left = len(plan.records), len(refused) + len(failed)
        doubtful = any(one.status is RecordStatus.IN_DOUBT for one in failed)
        sent = _tally(outcomes) if outcomes else "nothing was sent"
        kind = InDoubtError if doubtful else RefusedError
        what = "not known to be in Intacct" if doubtful else "refused"
        more = f"; and {left - len(texts):,} more" if left > len(texts) else ""
        fix = f"All of them: {self._staging.results_query(self._batch.name)}; "
        if doubtful:
            fix += "records in doubt: run the job again later, or see `intacct outbox list`"
        else:
            fix += "correct the rows, and run the job again: records that are in Intacct are not posted twice"
        return kind(f"{left:,} of {counted(total, 'record')} {what} ({sent}): {'; '.join(texts)}{more}", fix=fix)


_NOTHING_SENT = (RecordStatus.UNCHANGED, RecordStatus.SKIPPED)
"""Good outcomes of records that were not sent."""


def _finding(finding: Any) -> str:
    return f"{finding.of_column} ({finding.fix})" if finding.fix else str(finding.of_column)


def _tally(outcomes: Sequence[RecordOutcome]) -> str:
    posted = sum(outcome.good and outcome.status not in _NOTHING_SENT for outcome in outcomes)
    existing, skipped = (sum(outcome.status is status for outcome in outcomes) for status in _NOTHING_SENT)
    left_out = f", {skipped:,} skipped" if skipped else ""
    return f"{counted(posted, 'record')} posted, {existing:,} already in Intacct{left_out}"


def _add(error: IntacctError, text: str) -> None:
    error.fix = f"{error.fix} {text}".strip()


def _results(plan: Plan, outcomes: Sequence[RecordOutcome]) -> Iterator[RowResult]:
    """The rows of every record that is not in Intacct."""
    encode = msgspec.json.Encoder(decimal_format="number").encode
    for record in plan.of(Verdict.REFUSED):
        for row, reason in refused_rows([record]):
            status = RecordStatus.REFUSED.value
            yield RowResult(row.number, record.write.label, status, reason, encode(row.cells).decode())
    for outcome in outcomes:
        if not outcome.good:
            for row in outcome.write.rows:
                status, content = outcome.status.value, encode(row.cells).decode()
                yield RowResult(row.number, outcome.write.label, status, outcome.reason, content)

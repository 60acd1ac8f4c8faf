"""The commit of a Spark job on the driver: staged rows become one plan, which is posted once.

The plan is made, checked and applied as that of `intacct load`, so a record that an earlier commit has posted is known
by its key and is not posted again. If the connection requires an approval, the plan is kept, and the same batch
applies it once it is approved. If records are missing from Intacct at the end, the job fails.
"""

import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from intacct_bridge.apps.cli.postings.load_options import chosen_layout, load_settings, plan_settings
from intacct_bridge.apps.spark.arrow_lines import Reading
from intacct_bridge.apps.spark.options import connection_of
from intacct_bridge.apps.spark.staging import BatchState, RowResult, StagedAttempt, StagedBatch, Staging
from intacct_bridge.apps.spark.write_options import KEEP, WriteOptions
from intacct_bridge.client.client import Client
from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.approval.admission import approval_problem, confirmed_plan
from intacct_bridge.load.approval.approvals import keep_plan, made_plan
from intacct_bridge.load.approval.plan_folder import PlanFolder
from intacct_bridge.load.layouts.refused_rows import write_refused
from intacct_bridge.load.outbox.outbox import Outbox, open_outbox
from intacct_bridge.load.plan.plan import WRITTEN, Plan, Verdict, refused_rows
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.tables.json_lines import table_of_lines
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.machine.account import account_name
from intacct_bridge.runs.program_run import ProgramRun
from intacct_bridge.runs.recorder import counts_of
from intacct_bridge.runs.run import RecordCounts
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
    """What became of a batch."""

    posted: int = 0
    known: int = 0
    """Records that were in Intacct already."""
    plan: str = ""
    """The plan that waits for an approval."""
    repeated: bool = False
    """Whether the batch was committed before, so that nothing was done."""


@contextmanager
def company_client(given: Mapping[str, str]) -> Iterator[tuple[Client, ProgramRun]]:
    """A client for the connection of these options, whose run is kept in the history of runs."""
    connection = connection_of(given)
    program = ProgramRun(connection)
    with Client(connection) as client:
        program.follows(client, client.meter)
        try:
            yield client, program
        except BaseException as error:
            program.failed(error)
            raise
        finally:
            program.end()


def check_layout(given: Mapping[str, str], options: WriteOptions) -> None:
    """Raise what the layout says of the DataFrame's columns, before a row is staged."""
    with company_client(given) as (client, _):
        layout = chosen_layout(client, dict(options.load))
        table = table_of_lines("DataFrame", options.columns, lambda: ())
        list(layout.read(table))


@dataclass(frozen=True, slots=True)
class BatchRows:
    """The rows of one batch."""

    staging: Staging
    job: str
    """What they are staged under."""
    name: str
    """The batch."""
    reports: Sequence[TaskReport | None]


def commit(given: Mapping[str, str], options: WriteOptions, rows: BatchRows) -> CommitResult:
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
        with company_client(given) as (client, program), open_outbox(
            client.connection, run=program.recorder.id
        ) as outbox:  # fmt: skip
            begun = StagedBatch(batch, BatchState.BEGUN, digest, "")
            work = _Commit(client, outbox, options, staging=staging, batch=begun, program=program)
            waiting = work.kept_plan(before)
            if isinstance(waiting, CommitResult):
                return waiting
            if waiting is not None:
                return work.apply(waiting)
            name = f"batch {batch}" if options.batch else "DataFrame"
            table = table_of_lines(name, options.columns, lambda: staging.rows(rows.job, attempts))
            return work.post(replace(table, decimal=options.load["decimal"] or table.decimal))


def _digest(options: WriteOptions, attempts: Sequence[StagedAttempt]) -> str:
    rows, digest = sum(one.rows for one in attempts), sum(one.digest for one in attempts)
    return f"{rows} {digest} {sha256(options.described.encode()).hexdigest()}"


def _check_rows(options: WriteOptions, readings: Sequence[Reading]) -> None:
    keyless = sum(one.keyless for one in readings)
    if keyless and options.load["mode"] == "create":
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

    def __init__(
        self,
        client: Client,
        outbox: Outbox,
        options: WriteOptions,
        *,
        staging: Staging,
        batch: StagedBatch,
        program: ProgramRun,
    ) -> None:
        self._client = client
        self._company = client
        self._outbox = outbox
        self._options = options
        self._load = dict(options.load)
        self._staging = staging
        self._batch = batch
        self._program = program

    # --- approval

    def kept_plan(self, before: StagedBatch | None) -> "Plan | CommitResult | None":
        """The plan that an earlier commit of the same rows has kept, once it is approved; None if there is none."""
        if before is None or before.state is not BatchState.KEPT or before.digest != self._batch.digest:
            return None
        file = Path(before.plan)
        if not file.is_file():
            return None
        plan = open_plan(file)
        made = made_plan(plan, self._company, self._outbox)
        problem = approval_problem(made, self._client.connection, self._outbox)
        if not problem:
            return plan
        now = confirmed_plan(plan, made, self._company, self._outbox)
        if not now.of(*WRITTEN, Verdict.IN_DOUBT):  # it was applied, and its approval has ended since
            return self._end(now, [], None)
        return self._waiting(plan, file, made.digest, problem)

    def _keep(self, plan: Plan) -> CommitResult:
        """Keep a plan for a person to approve."""
        sending = load_settings(self._client, self._load).options
        kept = keep_plan(plan, self._company, self._outbox, sending, person=account_name())
        named: Path | None = self._load["out"]
        if named is None:
            named = PlanFolder(self._outbox).save(kept)
        else:
            save_plan(kept, named)
        made = made_plan(kept, self._company, self._outbox)
        self._batch = replace(self._batch, state=BatchState.KEPT, plan=str(named.absolute()))
        self._staging.keep(self._batch)
        return self._waiting(kept, named, made.digest, "")

    def _waiting(self, plan: Plan, file: Path, digest: str, problem: str) -> CommitResult:
        """How a job ends whose plan waits for an approval."""
        assert plan.origin is not None
        if self._options.unapproved == KEEP:
            _log.warning("Nothing was posted: the plan %s waits for an approval.", plan.origin.id)
            return CommitResult(plan=plan.origin.id)
        connection = self._client.connection
        words = shlex.join([str(file), "--connection", connection.name])
        if connection.location_id:
            words += shlex.join(["", "--entity", connection.location_id])
        raise RefusedError(
            f"Nothing was posted: connection {connection.name!r} requires an approval. The plan {plan.origin.id} with"
            f" {counted(len(plan.records), 'record')} is kept in {file}; its digest is {digest}"
            + (f" ({problem})" if problem else ""),
            fix=f"intacct plan approve {words}; then intacct plan apply {words}"
            + (", or run this job again with the same rows" if self._options.batch else ""),
        )

    # --- posting

    def post(self, table: InputTable) -> CommitResult:
        """Plan the rows, and post what the plan would write."""
        self._staging.keep(self._batch)
        layout = chosen_layout(self._company, self._load)
        plan = make_plan(table, layout, self._company, self._outbox, plan_settings(self._load))
        for text in (*plan.notes, *(f"not checked: {rule}" for rule in plan.unchecked)):
            _log.warning("%s", text)
        open_records = plan.of(*WRITTEN, Verdict.IN_DOUBT)
        if self._client.connection.needs_approval and open_records:
            return self._end(plan, [], table) if plan.of(Verdict.REFUSED) else self._keep(plan)
        return self.apply(plan, table) if open_records else self._end(plan, [], table)

    def apply(self, plan: Plan, table: InputTable | None = None) -> CommitResult:
        """Post a plan. RefusedError and InDoubtError if some of its records are not in Intacct at the end."""
        outcomes: list[RecordOutcome] = []
        try:
            for outcome in Loader(self._company, self._outbox, load_settings(self._client, self._load)).apply(plan):
                outcomes.append(outcome)
        except IntacctError as error:
            self._count(plan, outcomes)
            self._staging.keep(replace(self._batch, state=BatchState.FAILED), _results(plan, outcomes))
            _add(error, f"{_tally(outcomes)} before that. Run the job again: nothing is posted twice.")
            raise
        self._count(plan, outcomes)
        return self._end(plan, outcomes, table)

    def _count(self, plan: Plan, outcomes: Sequence[RecordOutcome]) -> None:
        self._program.add(counts_of(one.status for one in outcomes))
        self._program.add(RecordCounts(refused=len(plan.of(Verdict.REFUSED))))

    def _end(self, plan: Plan, outcomes: Sequence[RecordOutcome], table: InputTable | None) -> CommitResult:
        refused = plan.of(Verdict.REFUSED)
        failed = [one for one in outcomes if not one.good]
        state = BatchState.FAILED if refused or failed else BatchState.DONE
        self._staging.keep(replace(self._batch, state=state, plan=""), _results(plan, outcomes))
        if state is BatchState.FAILED:
            if table is not None and self._load["refused"] is not None:
                write_refused(table, _refused(plan, outcomes), self._load["refused"])
            raise self._failure(plan, outcomes)
        posted = sum(one.status is not RecordStatus.UNCHANGED for one in outcomes)
        _log.info("%s: %s", self._client.connection.target, _tally(outcomes))
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


def _finding(one: Any) -> str:
    return f"{one.of_column} ({one.fix})" if one.fix else str(one.of_column)


def _tally(outcomes: Sequence[RecordOutcome]) -> str:
    posted = sum(one.good and one.status is not RecordStatus.UNCHANGED for one in outcomes)
    known = sum(one.status is RecordStatus.UNCHANGED for one in outcomes)
    return f"{counted(posted, 'record')} posted, {known:,} already in Intacct"


def _add(error: IntacctError, text: str) -> None:
    error.fix = f"{error.fix} {text}".strip()


def _refused(plan: Plan, outcomes: Sequence[RecordOutcome]) -> list[tuple[SourceRow, str]]:
    failed = [
        (row, one.reason or one.status.outcome_text) for one in outcomes if not one.good for row in one.write.rows
    ]
    return sorted([*plan.refused_rows, *failed], key=lambda pair: pair[0].number)


def _results(plan: Plan, outcomes: Sequence[RecordOutcome]) -> Iterator[RowResult]:
    """The rows of every record that is not in Intacct."""
    encode = msgspec.json.Encoder(decimal_format="number").encode
    for record in plan.of(Verdict.REFUSED):
        for row, reason in refused_rows([record]):
            status = RecordStatus.REFUSED.value
            yield RowResult(row.number, record.write.label, status, reason, encode(row.cells).decode())
    for one in outcomes:
        if not one.good:
            for row in one.write.rows:
                status, content = one.status.value, encode(row.cells).decode()
                yield RowResult(row.number, one.write.label, status, one.reason, content)

"""A write as Spark carries it: its tasks stage rows, and the driver commits or aborts.

It is pickled into the job's plan. Of the connection it holds the place of the outbox alone, which no repr shows; the
driver finds the rest again when it commits.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.spark.arrow_lines import LineMaker, Reading, check_types
from intacct_bridge.apps.spark.batch_commit import BatchRows, CommitResult, TaskReport, check_columns, commit
from intacct_bridge.apps.spark.options import connection_of
from intacct_bridge.apps.spark.staging import Staging
from intacct_bridge.apps.spark.write_options import WriteOptions, outbox_place, write_options
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

_REPEATABLE = 100
"""Micro-batches of a stream that are still known when they are repeated; Spark repeats the last one alone."""


@dataclass(frozen=True, slots=True)
class StagedWrite:
    """One write of a DataFrame, or of a stream."""

    settings: Mapping[str, str] = field(repr=False)
    """The options as the user gives them."""
    options: WriteOptions
    place: PostgresPlace
    job: str
    """What the rows of all its tasks are staged under."""

    def stage(self, batches: "Iterable[pa.RecordBatch]", partition: int) -> TaskReport:
        """Stage the rows of one task attempt: all of them, or none."""
        reading = Reading()
        lines = LineMaker(self.options.keys, clear=self.options.texts.switch("clear_empty")).lines(batches, reading)
        with Staging(self.place) as staging:
            staged = staging.stage(self.job, f"{partition:06d}-{uuid.uuid4().hex}", lines)
        return TaskReport(staged, reading)

    def commit(self, reports: Sequence[TaskReport | None], number: int | None = None) -> CommitResult:
        """Post what the tasks have staged; `number` is that of a stream's micro-batch."""
        batch = self.job if number is None else f"{self.job}/{number}"
        with Staging(self.place) as staging:
            done = commit(self.settings, self.options, BatchRows(staging, self.job, batch, reports))
            staging.clear(self.job)
            if number is not None:
                staging.forget_batches(self.job, number - _REPEATABLE)
        return done

    def abort(self) -> None:
        """Clear the staged rows."""
        with Staging(self.place) as staging:
            staging.clear(self.job)


def batch_write(settings: Mapping[str, str], schema: Mapping[str, Any], *, overwrite: bool) -> StagedWrite:
    """The write of a DataFrame with this schema, as `jsonValue()` gives it.

    SettingsError and InvalidRequestError for what is wrong with the options or the columns, before a task begins.
    """
    write = _write(settings, schema, overwrite=overwrite)
    check_columns(settings, write.options)
    return write


def stream_write(settings: Mapping[str, str], schema: Mapping[str, Any], *, overwrite: bool) -> StagedWrite:
    """The write of a stream's micro-batches."""
    write = _write(settings, schema, overwrite=overwrite)
    if not write.options.batch:
        raise SettingsError(
            "set the option `batch`: Spark may repeat a micro-batch, and the name tells it from a new one",
            fix='name the stream, and give a new checkpoint another name: option("batch", "invoices-1")',
        )
    return write


def _write(settings: Mapping[str, str], schema: Mapping[str, Any], *, overwrite: bool) -> StagedWrite:
    options = write_options(settings, [field["name"] for field in schema["fields"]], overwrite=overwrite)
    check_types(schema)
    place = outbox_place(settings, connection_of(settings))
    return StagedWrite(dict(settings), options, place, options.batch or uuid.uuid4().hex)

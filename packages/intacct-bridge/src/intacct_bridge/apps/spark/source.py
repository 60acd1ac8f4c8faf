"""The data source `intacct` as Spark calls it: the only module that imports `pyspark`.

Spark makes an instance for each DataFrame and asks it for the schema on the driver. It pickles the instance, and makes
readers and writers of it where a query is planned and where it runs. So each class here holds plain data alone, and
each method is a call of a module beside this one.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pyspark import TaskContext
from pyspark.sql import datasource
from pyspark.sql.datasource import (
    DataSource,
    DataSourceArrowWriter,
    DataSourceReader,
    DataSourceStreamReader,
    InputPartition,
    WriterCommitMessage,
)
from pyspark.sql.types import StructType

from intacct_bridge.apps.spark.batch_commit import TaskReport
from intacct_bridge.apps.spark.change_stream import (
    ChangeFeed,
    EventSlice,
    change_columns,
    change_options,
    event_rows,
    follows_changes,
)
from intacct_bridge.apps.spark.columns import SparkColumn, all_columns, given_columns, schema_json, shaped_pages
from intacct_bridge.apps.spark.options import ReadOptions, read_options
from intacct_bridge.apps.spark.writer import StagedWrite, batch_write, stream_write
from intacct_bridge.operations.partitioned_read import (
    CompanyStream,
    ReadPlan,
    ReadTask,
    describe_streams,
    plan_tasks,
    read_plan,
    read_task,
)
from intacct_protocol.errors import IntacctError, SettingsError

try:
    from pyspark.sql.streaming.datasource import ReadMaxRows, SupportsTriggerAvailableNow
except ImportError:  # before Spark 4.2, which knows no limits

    class SupportsTriggerAvailableNow:  # type: ignore[no-redef]  # noqa: D101
        pass


if TYPE_CHECKING:
    import pyarrow as pa


class IntacctDataSource(DataSource):  # type: ignore[misc]  # pyspark is not there for the type checker
    """Sage Intacct: `spark.read.format("intacct")`, and `df.write.format("intacct")`.

    Options of a read: `connection` or `connections` (names from intacct.toml), `object`, `fields`, `where` and
    `partitions`; any setting of a connection may stand beside them.
    """

    @classmethod
    def name(cls) -> str:
        """The name of the format."""
        return "intacct"

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(dict(options))
        self._read: tuple[ReadOptions, tuple[CompanyStream, ...], tuple[SparkColumn, ...]] | None = None

    def schema(self) -> StructType:
        """The columns, with comments. The companies are asked here, so that mistakes show on the driver."""
        with advised():
            _, _, columns = self._described()
            return StructType.fromJson(schema_json(columns))

    def reader(self, schema: StructType) -> DataSourceReader:
        """A reader of the columns of a schema: the source's own, or the one that the user gave."""
        with advised():
            if follows_changes(self.options):
                raise SettingsError(
                    "`watch` is an option of spark.readStream", fix="leave it out, or read the changes with readStream"
                )
            options, streams, columns = self._described()
            chosen = given_columns(schema.jsonValue(), columns)
            fields = [column.field for column in chosen if column.field]
            plan = read_plan(streams, fields, where=options.where, partitions=options.partitions)
            return IntacctReader(plan, chosen)

    def streamReader(self, schema: StructType) -> "IntacctStreamReader":  # noqa: N802  # the name is Spark's
        """A reader of the changes of an object."""
        with advised():
            feed = ChangeFeed(change_options(self.options))
            _, _, columns = self._described()
            return IntacctStreamReader(feed, given_columns(schema.jsonValue(), columns))

    def writer(self, schema: StructType, overwrite: bool) -> "BatchWriter":  # noqa: FBT001  # the signature is Spark's
        """A writer of a DataFrame; what is wrong with its options or columns shows here, on the driver."""
        with advised():
            return BatchWriter(batch_write(self.options, schema.jsonValue(), overwrite=overwrite))

    def streamWriter(self, schema: StructType, overwrite: bool) -> "StreamWriter":  # noqa: FBT001, N802
        """A writer of a stream's micro-batches."""
        with advised():
            if _StreamArrowWriter is object:
                raise SettingsError("writing a stream needs Spark 4.1", fix="use a newer Spark, or write DataFrames")
            return StreamWriter(stream_write(self.options, schema.jsonValue(), overwrite=overwrite))

    def _described(self) -> tuple[ReadOptions, tuple[CompanyStream, ...], tuple[SparkColumn, ...]]:
        if self._read is None:
            changes = follows_changes(self.options)
            options = _of_changes(self.options) if changes else read_options(self.options)
            streams = describe_streams(options.connections, options.object, options.fields)
            columns = all_columns(streams, options)
            self._read = options, streams, change_columns(columns) if changes else columns
        return self._read


def _of_changes(settings: Mapping[str, str]) -> ReadOptions:
    options = change_options(settings)
    return ReadOptions((options.changes.connection,), options.changes.stream, options.fields)


class advised:  # noqa: N801  # it is used as a function is
    """Raises the errors of the calls inside again, with their message and fix, and without their traceback.

    Spark shows the whole traceback of an error, on the driver too. The lines of code that lead to a wrong password, for
    example, would hide the message.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, IntacctError):
            raise error.with_traceback(None) from None


class TaskPartition(InputPartition):  # type: ignore[misc]  # pyspark is not there for the type checker
    """A partition: what its task reads."""

    def __init__(self, task: ReadTask) -> None:
        super().__init__(task)


class IntacctReader(DataSourceReader):  # type: ignore[misc]  # pyspark is not there for the type checker
    """Reads all rows that the options name.

    It takes no filters over from Spark. Spark 4.3 keeps the reader of a DataFrame, with the filters of the query that
    was planned last, for other queries on that DataFrame too; rows would be missing there without any error.
    """

    def __init__(self, plan: ReadPlan, columns: tuple[SparkColumn, ...]) -> None:
        self._plan = plan
        self._columns = columns

    def partitions(self) -> list[InputPartition]:
        """The partitions; what is wrong with the read shows here, on the driver."""
        with advised():
            return [TaskPartition(task) for task in plan_tasks(self._plan)]

    def read(self, partition: InputPartition) -> "Iterator[pa.RecordBatch]":
        """The rows of a partition, a page at a time."""
        with advised():
            company = self._plan.streams[partition.value.company]
            yield from shaped_pages(read_task(self._plan, partition.value), self._columns, company)


class SlicePartition(InputPartition):  # type: ignore[misc]  # pyspark is not there for the type checker
    """A partition of a micro-batch, with its events."""

    def __init__(self, events: EventSlice) -> None:
        super().__init__(events)


class IntacctStreamReader(DataSourceStreamReader, SupportsTriggerAvailableNow):  # type: ignore[misc]  # as above
    """Reads micro-batches of changes. Tasks get its columns alone: neither the event log nor credentials."""

    def __init__(self, feed: ChangeFeed, columns: tuple[SparkColumn, ...]) -> None:
        self._feed = feed
        self._columns = columns

    def __getstate__(self) -> dict[str, Any]:
        return {"_columns": self._columns}

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802
        """Where a query without a checkpoint begins."""
        return self._feed.first()

    def latestOffset(self, start: Any = None, limit: Any = None) -> dict[str, Any]:  # noqa: N802
        """The end of the next micro-batch; polls Intacct if it is time. Spark before 4.2 passes nothing."""
        with advised():
            return self._feed.latest(start, getattr(limit, "max_rows", None))

    def getDefaultReadLimit(self) -> Any:  # noqa: N802
        """The events of a micro-batch, at most."""
        return ReadMaxRows(self._feed.options.events_per_batch)

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802
        """Poll once, and end with what is known then."""
        with advised():
            self._feed.stop_at_now()

    def partitions(self, start: dict[str, Any], end: dict[str, Any]) -> list[InputPartition]:
        """The events of a micro-batch, the same ones each time."""
        with advised():
            return [SlicePartition(one) for one in self._feed.slices(start, end)]

    def read(self, partition: InputPartition) -> "Iterator[pa.RecordBatch]":
        """The rows of a partition."""
        yield from event_rows(partition.value, self._columns)

    def commit(self, end: dict[str, Any]) -> None:
        """Spark has stored the micro-batches up to an offset."""
        with advised():
            self._feed.commit(end)


class TaskMessage(WriterCommitMessage):  # type: ignore[misc]  # pyspark is not there for the type checker
    """What a task tells the commit."""

    def __init__(self, report: TaskReport) -> None:
        self.report = report


def _staged(write: StagedWrite, batches: "Iterable[pa.RecordBatch]") -> TaskMessage:
    context = TaskContext.get()
    with advised():
        return TaskMessage(write.stage(batches, context.partitionId() if context is not None else 0))


def _reports(messages: "list[TaskMessage | None]") -> list[TaskReport | None]:
    return [one.report if one is not None else None for one in messages]


class BatchWriter(DataSourceArrowWriter):  # type: ignore[misc]  # pyspark is not there for the type checker
    """Writes a DataFrame."""

    def __init__(self, write: StagedWrite) -> None:
        self._write = write

    def write(self, iterator: "Iterator[pa.RecordBatch]") -> TaskMessage:
        """Stage the rows of one task."""
        return _staged(self._write, iterator)

    def commit(self, messages: "list[TaskMessage | None]") -> None:
        """Post what is staged."""
        with advised():
            self._write.commit(_reports(messages))

    def abort(self, messages: "list[TaskMessage | None]") -> None:  # noqa: ARG002  # it clears those without one too
        """Clear what is staged."""
        with advised():
            self._write.abort()


_StreamArrowWriter: Any = getattr(datasource, "DataSourceStreamArrowWriter", object)
"""Spark 4.0 has none."""


class StreamWriter(_StreamArrowWriter):  # type: ignore[misc]  # pyspark is not there for the type checker
    """Writes the micro-batches of a stream."""

    def __init__(self, write: StagedWrite) -> None:
        self._write = write

    def write(self, iterator: "Iterator[pa.RecordBatch]") -> TaskMessage:
        """Stage the rows of one task of a micro-batch."""
        return _staged(self._write, iterator)

    def commit(self, messages: "list[TaskMessage | None]", batchId: int) -> None:  # noqa: N803  # Spark's name
        """Post what is staged, once for each number of a micro-batch."""
        with advised():
            self._write.commit(_reports(messages), batchId)

    def abort(self, messages: "list[TaskMessage | None]", batchId: int) -> None:  # noqa: ARG002, N803  # Spark's name
        """Clear what is staged."""
        with advised():
            self._write.abort()

"""The data source `intacct` as Spark calls it: the only module that imports `pyspark`.

Spark makes an instance for each DataFrame and asks it for the schema on the driver. It pickles the instance, and makes
readers and writers of it where a query is planned and where it runs. So each class here holds plain data alone, and
each method is a call of a module beside this one.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyspark import TaskContext
from pyspark.sql import datasource
from pyspark.sql.datasource import (
    DataSource,
    DataSourceArrowWriter,
    DataSourceReader,
    InputPartition,
    WriterCommitMessage,
)
from pyspark.sql.types import StructType

from intacct_bridge.edge.spark.batch_commit import TaskReport
from intacct_bridge.edge.spark.columns import SparkColumn, given_columns, schema_json
from intacct_bridge.edge.spark.company_streams import CompanyStream, all_columns, described_streams
from intacct_bridge.edge.spark.options import ReadOptions, read_options
from intacct_bridge.edge.spark.partitions import ReadPlan, ReadTask, planned_tasks, read_plan, read_task
from intacct_bridge.edge.spark.writer import StagedWrite, batch_write, stream_write
from intacct_bridge.errors import IntacctError, SettingsError

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
            options, streams, columns = self._described()
            plan = read_plan(streams, given_columns(schema.jsonValue(), columns), options)
            return IntacctReader(plan)

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
            options = read_options(self.options)
            streams = described_streams(options)
            self._read = options, streams, all_columns(streams, options)
        return self._read


@contextmanager
def advised() -> Iterator[None]:
    """Spark shows the traceback of an error: its last lines then say how to fix it."""
    try:
        yield
    except IntacctError as error:
        if error.fix:
            error.add_note(f"Fix: {error.fix}")
        raise


class TaskPartition(InputPartition):  # type: ignore[misc]  # pyspark is not there for the type checker
    """A partition: what its task reads."""

    def __init__(self, task: ReadTask) -> None:
        super().__init__(task)


class IntacctReader(DataSourceReader):  # type: ignore[misc]  # pyspark is not there for the type checker
    """Reads all rows that the options name.

    It takes no filters over from Spark. Spark 4.3 keeps the reader of a DataFrame, with the filters of the query that
    was planned last, for other queries on that DataFrame too; rows would be missing there without any error.
    """

    def __init__(self, plan: ReadPlan) -> None:
        self._plan = plan

    def partitions(self) -> list[InputPartition]:
        """The partitions; what is wrong with the read shows here, on the driver."""
        with advised():
            return [TaskPartition(task) for task in planned_tasks(self._plan)]

    def read(self, partition: InputPartition) -> "Iterator[pa.RecordBatch]":
        """The rows of a partition, a page at a time."""
        with advised():
            yield from read_task(self._plan, partition.value)


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

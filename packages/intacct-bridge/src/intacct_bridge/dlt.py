"""A dlt source: Intacct's objects as Arrow tables for any destination of dlt, incremental and with deletes.

    import dlt
    from intacct_bridge.dlt import intacct

    pipeline = dlt.pipeline("books", destination="snowflake", dataset_name="intacct")
    pipeline.run(intacct("APBILL", "GLDETAIL", connection="books", copy="intacct.duckdb"))

A destination of dlt cannot be asked which records it has, and deletes cannot be found without that. So the source keeps
a copy of its own in a DuckDB file, as `intacct extract` makes it, and gives dlt what changed in the copy since the last
load that dlt has completed. If the file or dlt's state is lost, or the file comes from a backup, the next load
replaces the tables.

Rows are merged by their keys. Rows without a key of their own, such as those of GLDETAIL, are replaced by group. A
deleted row comes with `_deleted`, by which dlt removes it. Needs the extra `dlt`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dlt

from intacct_bridge.client.client import Client
from intacct_bridge.library import connect
from intacct_bridge.operations.copy_changes import DELETED, CopyChanges, Stream


@dlt.source(name="intacct", section="intacct")
def intacct(
    *streams: str,
    connection: str | None = None,
    copy: str | Path = "intacct.duckdb",
    select: dict[str, Sequence[str]] | None = None,
    client: Client | None = None,
) -> Any:
    """The source of some streams, which are named as those of `intacct extract`.

    `connection` names a connection of `intacct.toml`; `client` is one that the caller has opened. `copy` is the DuckDB
    file that is kept between two loads. `select` has fields by stream; other streams are read with all fields.
    """
    gateway = client or connect(connection)
    changes = CopyChanges(gateway, Path(copy), streams, select or {})
    for stream in changes.streams:
        yield _resource(changes, stream)


def _resource(changes: CopyChanges, stream: Stream) -> Any:
    hints: dict[str, Any] = {"merge_key": stream.group} if stream.group else {"primary_key": list(stream.keys)}

    def rows() -> Iterator[Any]:
        state = dlt.current.resource_state()
        copy = changes.bring_up_to_date()
        since = int(state.get("run", 0))
        if state.get("copy", "") != copy.identity or state.get("begun") != copy.begun.get(since):
            since = 0  # another copy, or one without the run up to which dlt has loaded: it is not known what dlt has
        for table in changes.tables(stream, since):
            if since:
                yield table
            else:
                yield dlt.mark.with_hints(table, dlt.mark.make_hints(write_disposition="replace"))
        state["run"], state["copy"], state["begun"] = copy.run, copy.identity, copy.begun[copy.run]

    return dlt.resource(
        rows,
        name=stream.name,
        write_disposition="merge",
        columns={DELETED: {"hard_delete": True}},
        **hints,
    )

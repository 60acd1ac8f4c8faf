"""Which sink a URI means."""

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.sink import Sink, place


def open_sink(uri: str, *, hard_deletes: bool = False) -> Sink:
    """The sink of a URI; nothing is written before its `open`."""
    at = place(uri)
    if at.scheme == "duckdb":
        from intacct_bridge.flow.sink_duckdb import DuckDBSink

        return DuckDBSink(at.path, hard_deletes=hard_deletes)
    raise SettingsError(f"{at.scheme} is not a destination of this version", fix="use duckdb:///FILE.duckdb")

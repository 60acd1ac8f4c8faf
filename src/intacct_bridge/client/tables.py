"""Arrow batches joined into one table, for those who want all rows at once. Needs the `data` extra."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from intacct_bridge.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa


def table_of(batches: "Iterable[pa.RecordBatch]") -> "pa.Table":
    """One table; a column that was widened in one batch (an INTEGER with a fraction) is widened in all."""
    try:
        import pyarrow as pa
    except ImportError:
        raise SettingsError(
            "tables need the package `pyarrow`, which is not installed", fix="Run: pip install 'intacct-bridge[data]'"
        ) from None
    tables = [pa.Table.from_batches([batch]) for batch in batches]
    return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})

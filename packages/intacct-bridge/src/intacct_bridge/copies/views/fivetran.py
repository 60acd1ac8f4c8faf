"""Views in the layout of Fivetran's connector, so that models which were written for it read our copy.

The schema is `sage_intacct`. Names are in lower case, with `_` for a dot: USERINFO.LOGINID is `userinfo_loginid`. Rows
that are deleted are there, marked by `_fivetran_deleted`; `_fivetran_synced` is when a row was read. The tables are
those that Fivetran's dbt package for Sage Intacct reads.
"""

from collections.abc import Mapping, Sequence

from intacct_bridge.copies.destinations.sql import SqlDestination
from intacct_bridge.copies.destinations.stored_views import StoredView
from intacct_bridge.copies.views.apply import AppliedViews, lower_names, replace_views, view_schema
from intacct_bridge.copies.views.rendering import SkippedView
from intacct_bridge.streams.stream import COPY_COLUMNS
from intacct_protocol.model.sql_text import quoted

LAYOUT = "fivetran"
SCHEMA = "sage_intacct"
TABLES: Mapping[str, str] = {
    "gl_detail": "GLDETAIL",
    "gl_batch": "GLBATCH",
    "gl_account": "GLACCOUNT",
    "ap_bill": "APBILL",
    "ap_bill_item": "APBILLITEM",
    "ar_invoice": "ARINVOICE",
    "ar_invoice_item": "ARINVOICEITEM",
}
"""The tables of the layout, and ours."""


def has_fivetran_layout(destination: SqlDestination) -> bool:
    """Whether the copy has the views of the layout."""
    return any(one.layout == LAYOUT for one in destination.database.run(destination.views.stored))


def apply_fivetran_layout(destination: SqlDestination) -> AppliedViews:
    """Make the views, or make them again if the tables changed; a table that the copy lacks is skipped."""
    tables, schema = destination.complete_tables(), view_schema(destination, SCHEMA)
    views = [
        StoredView(f"{schema}.{name}", "view", (_view(destination, schema, name, tables[table]),), LAYOUT)
        for name, table in TABLES.items()
        if table in tables
    ]
    missing = [SkippedView(name, f"the copy has no {table}") for name, table in TABLES.items() if table not in tables]
    changed = replace_views(destination, LAYOUT, schema, views)
    return AppliedViews(schema.strip('"'), tuple(one.name for one in views), tuple(missing), changed)


def _view(destination: SqlDestination, schema: str, name: str, columns: Sequence[str]) -> str:
    fields = [one for one in columns if one not in COPY_COLUMNS]
    listed = [f"{quoted(one)} AS {quoted(lower)}" for one, lower in lower_names(fields).items()]
    listed += ["_deleted_at IS NOT NULL AS _fivetran_deleted", "_read_at AS _fivetran_synced"]
    source = f"{destination.schemas[0]}.{quoted(TABLES[name])}"
    selected = ",\n    ".join(listed)
    return f"CREATE VIEW {schema}.{name} AS\nSELECT\n    {selected}\nFROM {source}"

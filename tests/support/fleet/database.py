"""What a complete dump of a fleet's database holds."""

from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres_link import open_link
from intacct_protocol.model.sql_text import quoted

_TABLES = """
SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
"""


def dump(place: PostgresPlace) -> str:
    """Every value of every table of the database: texts as they are, and bytes as texts."""
    link = open_link(place)
    try:
        tables = link.execute_simple(_TABLES).rows
        held = []
        for schema, table in tables:
            for row in link.execute_simple(f"SELECT * FROM {quoted(schema)}.{quoted(table)}").rows or ():
                held += [
                    bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
                    for value in row
                ]
        return "\n".join(held)
    finally:
        link.close()

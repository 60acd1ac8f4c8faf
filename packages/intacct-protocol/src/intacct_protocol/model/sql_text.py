"""Names and strings as SQL writes them, in DuckDB, PostgreSQL and SQLite alike."""

from intacct_protocol.errors import SettingsError


def quoted(name: str) -> str:
    """The name of a schema, table or column. SettingsError for one that no database takes."""
    if "\0" in name:
        raise SettingsError(f"{name!r} cannot be the name of a table or column")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text."""
    return "'" + text.replace("'", "''") + "'"

"""A question to a copy in PostgreSQL: in a transaction that only reads, by a role that only reads, for a limited time.

Names in the question are spelled as the copy spells them, deleted rows are left out, and the database gets the text
that is made from the checked tree.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from intacct_bridge.copies.destinations.bridge_schema import BridgeSchema, as_of
from intacct_bridge.copies.destinations.postgres import Postgres
from intacct_bridge.copies.destinations.sql import failure
from intacct_bridge.copies.live_sql.statement import REPORTING
from intacct_bridge.copies.questions.answer import (
    AnswerColumn,
    AnswerTable,
    CopyAnswer,
    QuestionLimits,
    cannot_run,
    too_long,
)
from intacct_bridge.copies.questions.checked_select import (
    CheckedSelect,
    checked_select,
    identifiers,
    limited,
)
from intacct_bridge.copies.views.apply import schema_of_views
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.sql_text import quoted

if TYPE_CHECKING:
    from sqlglot import exp

_POWERS = ("pg_read_server_files", "pg_write_server_files", "pg_execute_server_program", "pg_signal_backend")
_TIMED_OUT = "statement timeout"


def ask_postgres(uri: str, sql: str, limits: QuestionLimits) -> CopyAnswer:
    """The answer to a SELECT. InvalidRequestError if it is refused, cannot run, or takes too long.

    SettingsError for a role that may do more than read.
    """
    with _only_reading(uri, limits) as database:
        columns = _columns(database)
        checked = checked_select(sql, columns, dialect="postgres")
        stored = _as_stored(checked, columns, _views(database))
        query = limited(stored, limits.rows + 1).sql(dialect="postgres", comments=False)
        try:
            table = database.table(query)
        except database.errors as error:
            raise too_long(limits) if _TIMED_OUT in str(error) else cannot_run(_reason(str(error))) from None
        rows = [tuple(row.values()) for row in table.to_pylist()]
        objects = checked.objects
        as_of = _as_of(database, tuple(name for name in columns if name.upper() in objects))
    return CopyAnswer(tuple(table.column_names), tuple(rows[: limits.rows]), len(rows) > limits.rows, as_of)


def tables_of_postgres(uri: str, limits: QuestionLimits) -> list[AnswerTable]:
    """The tables of a copy with their columns."""
    with _only_reading(uri, limits) as database:
        columns = _columns(database)
        as_of = _as_of(database, tuple(columns))
        return [
            AnswerTable(
                name,
                tuple(AnswerColumn(one.name, str(one.type)) for one in database.columns(name) if one.name in listed),
                as_of=as_of[name],
            )
            for name, listed in columns.items()
        ]


@contextmanager
def _only_reading(uri: str, limits: QuestionLimits) -> Iterator[Postgres]:
    """The database, in a session that cannot write."""
    database = Postgres(uri)
    database.connect()
    try:
        _refuse_writers(database)
        database.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        database.execute(f"SET statement_timeout = {int(limits.seconds * 1000)}")
        database.end(keep=True)
        if database.execute("SELECT current_setting('transaction_read_only')") != [("on",)]:
            raise SettingsError(f"{database.name} gives no transaction that only reads", fix="Use another role.")
        yield database
    except database.errors as error:
        raise failure(database, error) from error
    finally:
        database.close()


def _refuse_writers(database: Postgres) -> None:
    """SettingsError for a role that may write, unless each of its transactions only reads by default."""
    listed = ", ".join(f"'{one}'" for one in _POWERS)
    ((role, is_super, powers, reads),) = database.execute(
        "SELECT current_user::text, r.rolsuper, (SELECT count(*) FROM pg_roles p WHERE p.rolname IN "
        f"({listed}) AND pg_has_role(current_user, p.oid, 'member')), "
        "current_setting('default_transaction_read_only') FROM pg_roles r WHERE r.rolname = current_user"
    )
    if is_super or powers:
        raise SettingsError(
            f"the role {role} of {database.name} has rights on the server itself, which an agent must not have",
            fix=_role_fix(database),
        )
    ((tables,),) = database.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = ? AND "
        "has_table_privilege(format('%I.%I', table_schema, table_name), 'INSERT, UPDATE, DELETE, TRUNCATE')",
        [database.schema],
    )
    if tables and reads != "on":
        raise SettingsError(
            f"the role {role} of {database.name} may write to the copy, and an agent's role may only read",
            fix=_role_fix(database),
        )


def _views(database: Postgres) -> str:
    """The schema of the views of this copy; `reporting` may be that of another one."""
    return schema_of_views(database.schema, REPORTING).strip('"')


def _role_fix(database: Postgres) -> str:
    schema, views = quoted(database.schema), schema_of_views(database.schema, REPORTING)
    return (
        f"Make a role that only reads, and name it in the copy's address: CREATE ROLE agent LOGIN; "
        f"GRANT USAGE ON SCHEMA {schema}, {database.bridge_schema}, {views} TO agent; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema}, {database.bridge_schema}, {views} TO agent"
    )


def _bridge(database: Postgres) -> BridgeSchema:
    return BridgeSchema(database.execute, database.schema, database.bridge_schema)


def _columns(database: Postgres) -> dict[str, list[str]]:
    """The columns of each table of the copy, without our own."""
    tables = _bridge(database).complete_tables()
    return {name: [one for one in columns if not one.startswith("_")] for name, columns in tables.items()}


def _as_stored(checked: CheckedSelect, columns: Mapping[str, list[str]], views: str) -> "exp.Query":
    """The query under the copy's own names, over rows that are not deleted.

    Views have lower-case names, as PostgreSQL reads a name without quotation marks; those of tables are put in them. In
    a query over both, names are left as the question writes them.
    """
    from sqlglot import exp

    query = checked.query
    if not checked.views:
        stored = {one.upper(): one for name in checked.tables for one in columns[name]}
        for identifier in identifiers(query):
            if identifier.name.upper() in stored and not isinstance(identifier.parent, exp.Table):
                identifier.replace(exp.to_identifier(stored[identifier.name.upper()], quoted=True))
    by_name = {one.upper(): one for one in checked.tables}
    for table in list(query.find_all(exp.Table)):
        name = by_name.get(table.name.upper())
        if table.db.lower() == REPORTING:
            table.set("db", exp.to_identifier(views, quoted=True))
        elif name is not None:
            listed = ", ".join(quoted(one) for one in columns[name])
            text = f"SELECT {listed} FROM {quoted(name)} WHERE _deleted_at IS NULL"
            rows: exp.Expr = exp.maybe_parse(text, dialect="postgres")
            table.replace(exp.Subquery(this=rows, alias=exp.TableAlias(this=exp.to_identifier(table.alias_or_name))))
    return query


def _as_of(database: Postgres, names: tuple[str, ...]) -> dict[str, datetime | None]:
    """By object the time up to which the copy has every change; None if the role may not see it."""
    bookmarks = _bridge(database).facts().bookmarks
    return {name: as_of(bookmarks.get(name)) for name in names}


def _reason(message: str) -> str:
    """The server's own sentence, without the driver's words around it."""
    _, marker, rest = message.partition("ERROR:")
    return rest.strip() if marker else message

"""Views in a database: made again when a column changes, with their grants, and nothing of the user's is dropped."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.copies.destinations.sql import SqlDestination
from intacct_bridge.copies.destinations.stored_views import StoredView
from intacct_bridge.destination_suite import BILLS, DETAIL, NOON, batch, bill
from intacct_bridge.streams.bookmark import Bookmark
from intacct_bridge.streams.stream import Stream
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.values import Kind

WHOLE = replace(BILLS, fields={**BILLS.fields, "DAYS": Kind.INTEGER})
WIDER = replace(BILLS, fields={**BILLS.fields, "DAYS": Kind.DECIMAL})
OURS = StoredView("reports.bills", "view", ('CREATE VIEW reports.bills AS SELECT "RECORDNO", "DAYS" FROM "APBILL"',))
CALLED = StoredView(
    "reports.first_bill",
    "function",
    (
        (
            "CREATE FUNCTION reports.first_bill(lowest bigint) RETURNS TABLE (bill bigint) LANGUAGE sql STABLE AS "
            '$view$ SELECT min("RECORDNO") FROM reports.bills WHERE "RECORDNO" >= $1 $view$'
        ),
    ),
)
ABOVE = StoredView(
    "reports.many",
    "view",
    (
        'CREATE VIEW reports.many AS SELECT count(*) AS bills, sum("DAYS") AS days FROM reports.bills',
        "COMMENT ON VIEW reports.many IS 'How many'",
    ),
)


@pytest.fixture(params=["duckdb", "postgresql"])
def uri(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "duckdb":
        return f"duckdb:{tmp_path / 'copy.duckdb'}"
    found: str = request.getfixturevalue("postgres")
    return found


@pytest.fixture
def destination(uri: str) -> Iterator[SqlDestination]:
    with closing(open_destination(uri)) as opened:
        assert isinstance(opened, SqlDestination)
        opened.open("demo", NOON)
        keep(opened, WHOLE, [bill(1, DAYS=3), bill(2, DAYS=4)])
        yield opened


def keep(destination: SqlDestination, stream: Stream, rows: list[dict[str, Any]]) -> None:
    writer = destination.writer(stream, destination.bookmarks().get(stream.name, Bookmark()))
    writer.write(batch(stream, rows))
    writer.commit(Bookmark().begin("03/01/2026 12:00:00", 1, full=True).end(), NOON)


def made(destination: SqlDestination, *views: StoredView) -> bool:
    return destination.database.run(lambda: destination.views.replace("reporting", views))


def run(destination: SqlDestination, sql: str) -> list[tuple[Any, ...]]:
    return destination.database.run(lambda: destination.database.execute(sql))


def test_views_are_made_once_and_again_when_they_change_or_are_lost(destination: SqlDestination) -> None:
    run(destination, "CREATE SCHEMA reports")
    assert made(destination, OURS, ABOVE)
    assert not made(destination, OURS, ABOVE)
    run(destination, "DROP VIEW reports.many")
    assert made(destination, OURS, ABOVE)
    assert [(int(bills), int(days)) for bills, days in run(destination, "SELECT * FROM reports.many")] == [(2, 7)]
    assert made(destination, OURS)
    assert [one.name for one in destination.database.run(destination.views.stored)] == ["reports.bills"]
    with pytest.raises(SettingsError, match="many"):
        run(destination, "SELECT * FROM reports.many")


def test_a_column_under_a_view_becomes_wider(destination: SqlDestination) -> None:
    run(destination, "CREATE SCHEMA reports")
    made(destination, OURS, ABOVE)
    keep(destination, WIDER, [bill(3, DAYS=Decimal("0.5"))])
    ((bills, days),) = run(destination, "SELECT * FROM reports.many")
    assert (int(bills), float(days)) == (3, 7.5)


def test_a_view_of_somebody_else_is_never_replaced(destination: SqlDestination) -> None:
    run(destination, "CREATE SCHEMA reports")
    run(destination, 'CREATE VIEW reports.many AS SELECT "RECORDNO" AS mine FROM "APBILL"')
    with pytest.raises(SettingsError, match=r"reports\.many was not made by this program") as refused:
        made(destination, OURS, ABOVE)
    assert "rename or drop reports.many" in refused.value.fix
    assert run(destination, "SELECT max(mine) FROM reports.many") == [(2,)]
    assert destination.database.run(destination.views.stored) == []


@pytest.mark.parametrize("uri", ["postgresql"], indirect=True)
def test_grants_survive_and_dependents_are_named(destination: SqlDestination) -> None:
    run(destination, "CREATE SCHEMA reports")
    made(destination, OURS, ABOVE, CALLED)
    run(destination, "DO $$ BEGIN CREATE ROLE analyst; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    run(destination, "GRANT SELECT ON reports.many TO analyst WITH GRANT OPTION")
    run(destination, 'GRANT SELECT ("DAYS") ON reports.bills TO PUBLIC')
    run(destination, "REVOKE EXECUTE ON FUNCTION reports.first_bill FROM PUBLIC")
    keep(destination, WIDER, [bill(3, DAYS=Decimal("0.5"))])
    granted = "SELECT has_table_privilege('analyst', 'reports.many', 'SELECT WITH GRANT OPTION')"
    column = "SELECT has_column_privilege('analyst', 'reports.bills', 'DAYS', 'SELECT')"
    other = "SELECT has_column_privilege('analyst', 'reports.bills', 'RECORDNO', 'SELECT')"
    call = "SELECT has_function_privilege('analyst', 'reports.first_bill(bigint)', 'EXECUTE')"
    asked = [run(destination, one)[0][0] for one in (granted, column, other, call)]
    assert asked == [True, True, False, False]
    run(destination, "GRANT EXECUTE ON FUNCTION reports.first_bill TO analyst")
    run(destination, "CREATE VIEW public.mine AS SELECT days FROM reports.many")
    changed = replace(OURS, statements=(OURS.statements[0].replace('"DAYS"', '"DAYS" * 2 AS "DAYS"'),))
    with pytest.raises(SettingsError, match=r"public\.mine reads reports\.many") as refused:
        made(destination, changed, ABOVE, CALLED)
    assert "drop public.mine" in refused.value.fix
    assert run(destination, "SELECT days::float FROM public.mine") == [(7.5,)]
    run(destination, "DROP VIEW public.mine")
    assert made(destination, changed, ABOVE, CALLED)
    assert run(destination, call) == [(True,)]
    assert run(destination, "SELECT bill FROM reports.first_bill(2)") == [(2,)]


@pytest.mark.parametrize("uri", ["postgresql"], indirect=True)
def test_a_primary_key_is_declared_where_the_rows_prove_it(destination: SqlDestination) -> None:
    keep(destination, DETAIL, [{"RECORDNO": "1", "BATCHKEY": 1}, {"RECORDNO": "1", "BATCHKEY": 2}])
    keys = "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'p' AND conname LIKE '%pkey'"
    keys += " AND connamespace = 'public'::regnamespace"
    assert run(destination, keys) == [('"APBILL"',)]
    keep(destination, WHOLE, [bill(2, "99.00", DAYS=5)])
    assert run(destination, 'SELECT "RECORDNO" FROM "APBILL" ORDER BY 1') == [(1,), (2,)]

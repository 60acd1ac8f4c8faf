"""A full disk of the fleet's database: the JSON interface and the credential page answer 507 with a sentence."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from intacct_bridge.shared_state.place import PostgresPlace, in_schema
from support.apps.fleet_site import Administrator, RunningFleet, running_fleet

FULL = """
CREATE FUNCTION {schema}.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file "base/5/16402": No space left on device' USING ERRCODE = '53100';
END $$
"""
"""As PostgreSQL says it: https://www.postgresql.org/docs/current/errcodes-appendix.html, class 53."""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = ?"


@pytest.fixture
def full(schemas: Iterator[PostgresPlace]) -> Iterator[RunningFleet]:
    """A served fleet with the tenant acme whose database takes no further row."""
    place = next(schemas)
    with running_fleet(in_schema(place.uri, place.schema)) as served:
        served.fleet.add("acme")
        served.fleet.link("acme")
        yield served


def fill(served: RunningFleet) -> None:
    db = served.fleet.registry._db
    schema = '"' + db.place.schema + '"'
    tables = [str(row[0]) for row in db.read(TABLES, (db.place.schema,))]
    with db.transaction():
        db.execute(FULL.format(schema=schema))
        for table in tables:
            db.execute(
                f'CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {schema}."{table}" '
                f"FOR EACH ROW EXECUTE FUNCTION {schema}.full_disk()"
            )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PUT", "/tenants/globex", {}), ("POST", "/tenants/acme/links", {}), ("POST", "/tenants/acme/pause", None)],
)
def test_the_interface_says_that_the_disk_is_full(full: RunningFleet, method: str, path: str, body: object) -> None:
    fill(full)
    seen = full.ask(method, path, body)
    assert seen.status == 507, seen.json
    assert seen.json["error"]["error"] == "The server has no room on its disk. Nothing was changed."
    assert full.ask(method, path, body).status == 507
    assert full.ask("GET", "/tenants/acme").status == 200
    (told,) = full.reported
    assert "No space left on device" in str(told) and "disk of the database server" in str(getattr(told, "fix", ""))


def test_the_credential_page_says_that_the_disk_is_full(full: RunningFleet) -> None:
    address = f"{full.server.app.address}/connect/link/{full.fleet.link('acme')}"
    fill(full)
    visitor: Administrator = full.administrator()
    visitor.learn(visitor.follow(visitor.get(urlsplit(address).path)))
    seen = visitor.post("/connect/start")
    assert (seen.status, "no room on its disk" in seen.text) == (507, True), seen.text
    assert "postgres" not in seen.text and len(full.reported) == 1

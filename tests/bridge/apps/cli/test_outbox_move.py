"""`intacct outbox move`, and loads with an outbox in PostgreSQL, as a user runs them."""

import json
from contextlib import closing
from pathlib import Path

from intacct_bridge.shared_state.place import PostgresPlace
from intacct_emulator.server.server import serve
from support import small_company
from support.apps.command_line import Intacct
from support.apps.http_reader import HttpReader
from support.journeys.objects import VENDORS

LOAD = ("load", "vendors.csv", "--as", "VENDOR", "--apply")


def test_an_outbox_moves_to_a_database_and_nothing_is_posted_from_the_old_file(
    intacct: Intacct, home: Path, postgres_place: PostgresPlace
) -> None:
    """The database is not asked for its password, so a wrong one shows whether it is ever printed."""
    Path("vendors.csv").write_text(VENDORS)
    uri = f"{postgres_place.uri}&schema={postgres_place.schema}&password=geheim-4711"
    with closing(small_company.company(small_company.Clock())) as emulator, serve(emulator) as server:
        reader = HttpReader(server.url)
        assert intacct(*LOAD, **reader.environ).status == 0
        posted = len(reader.rows("VENDOR", "RECORDNO"))
        moved = intacct("outbox", "move", "--to", "env:SHARED", SHARED=uri, **reader.environ)
        assert moved.status == 0, moved.said
        assert "moved to postgresql:" in moved.out
        assert "Now set `outbox` of connection" in moved.err
        old = intacct(*LOAD, **reader.environ)
        assert old.status == 2
        assert "was moved to postgresql:" in old.err
        here = {**reader.environ, "INTACCT_OUTBOX": uri}
        again = intacct(*LOAD, **here)
        assert again.status == 0, again.said
        Path("vendors.csv").write_text(VENDORS.replace("V-1", "V-9"))
        assert intacct(*LOAD, **here).status == 0
        rows = reader.rows("VENDOR", "RECORDNO")
        listed = intacct("outbox", "list", "--json", **here)
        shown = intacct("connections", "show", **here)
    states = [one["state"] for one in json.loads(listed.out)]
    assert set(states) == {"applied"}
    assert len(rows) == posted + len(states) - VENDORS.count("\n") + 1
    for ran in (moved, old, again, listed, shown):
        assert "geheim" not in f"{ran.out}{ran.err}"


def test_mistakes_in_a_place(intacct: Intacct, home: Path) -> None:
    with closing(small_company.company(small_company.Clock())) as emulator, serve(emulator) as server:
        environ = HttpReader(server.url).environ
        for place, status, message in (
            ("env:NOT_SET", 2, "NOT_SET, which is not set"),
            ("mysql://host/db", 2, "an outbox cannot be at mysql://"),
            ("postgresql://host/db?shcema=x", 2, "did you mean schema"),
            ("postgresql:/user:geheim@host/db", 2, "neither a path nor a URI"),
        ):
            ran = intacct("outbox", "move", "--to", place, **environ)
            assert (ran.status, message in ran.err) == (status, True), ran.err
            assert "geheim" not in ran.said
        missing = intacct("outbox", "move", "--to", "b.sqlite3", "--from", "a.sqlite3", **environ)
        assert (missing.status, "there is no outbox" in missing.err) == (2, True)

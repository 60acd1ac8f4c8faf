"""A time with a zone is written as that moment in every time zone of the API user, and a second run changes nothing.

Intacct writes times on the clock of the API user (`readUserFormatting`), and reads those of a request on it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.layouts.native import NativeLayout
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Mode, PlanSettings, Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.parquet import open_parquet
from intacct_bridge.load.target.writable import writable_object
from intacct_bridge.testing import Company, make_company
from support.journeys.piping import Pipe, record, schema

USER = {"user_id": "demo-user", "password": "demo-user-password", "date": "/dmY", "clock": 12, "offset_minutes": -330}
SEEN = {"object": "CLASS", "name": "SEEN", "type": "timestamp"}
MOMENT = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
WRITTEN = b"<SEEN>03/28/2026 21:00:00</SEEN>"


@pytest.fixture
def company() -> Iterator[Company]:
    made = make_company(company={"user": [USER], "custom_field": [SEEN]})
    yield made
    made.close()


def seen(company: Company) -> list[Any]:
    return [row["SEEN"] for row in company.client().query("CLASS", "SEEN")]


@pytest.mark.parametrize(
    "text",
    ["2026-03-29T02:30:00Z", "2026-03-29T04:30:00+02:00", "2026-03-29T02:30:00.654321Z", "2026-03-29 02:30:00"],
)
def test_a_stream_writes_the_moment_once(company: Company, tmp_path: Path, text: str) -> None:
    """The last one has no zone: it is UTC, as in filters and mappings."""
    pipe = Pipe(tmp_path, company.emulator, connection={"read_formatting": True})
    stream = [
        schema("CLASS", "CLASSID", "NAME", "SEEN", keys=["CLASSID"]),
        record("CLASS", CLASSID="1", NAME="N", SEEN=text),
    ]
    assert pipe(stream).status == 0
    assert WRITTEN in company.emulator.received[-1].body
    assert seen(company) == [MOMENT]
    assert "1 already in Intacct" in pipe(stream).err


def test_a_day_is_midnight_on_the_users_clock_and_is_written_once(company: Company, tmp_path: Path) -> None:
    pipe = Pipe(tmp_path, company.emulator, connection={"read_formatting": True})
    classes = schema("CLASS", "CLASSID", "NAME", "SEEN", keys=["CLASSID"])
    stream = [classes, record("CLASS", CLASSID="1", NAME="N", SEEN="2026-03-29")]
    assert pipe(stream).status == 0
    assert seen(company) == [datetime(2026, 3, 29, 5, 30, tzinfo=UTC)]
    assert "1 already in Intacct" in pipe(stream).err


def test_a_time_without_a_zone_in_parquet_is_utc_and_is_written_once(company: Company, tmp_path: Path) -> None:
    table = {"CLASSID": ["1"], "NAME": ["N"], "SEEN": [datetime(2026, 3, 29, 2, 30)]}
    pq.write_table(pa.table(table), tmp_path / "classes.parquet")
    gateway = company.client()
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        verdicts = []
        for _ in range(2):
            layout = NativeLayout(writable_object(gateway, "CLASS"))
            settings = PlanSettings(mode=Mode.UPSERT)
            plan = make_plan(open_parquet(tmp_path / "classes.parquet"), layout, gateway, outbox, settings)
            verdicts += [one.verdict for one in plan.records]
            list(Loader(gateway, outbox).apply(plan))
    assert verdicts == [Verdict.CREATE, Verdict.UNCHANGED]
    assert seen(company) == [MOMENT]


@pytest.mark.parametrize(
    "value",
    [
        MOMENT,
        MOMENT.astimezone(timezone(timedelta(hours=2))),
        datetime(2026, 3, 28, 21),
        "2026-03-29T02:30:00Z",
        "2026-03-29T04:30:00+02:00",
        "2026-03-28T21:00:00",
    ],
)
def test_the_library_writes_the_moment(company: Company, value: Any) -> None:
    (done,) = company.client().create("CLASS", [{"CLASSID": "1", "NAME": "N", "SEEN": value}])
    assert done.ok, done.faults
    assert seen(company) == [MOMENT]


def test_a_time_that_the_users_clock_cannot_show_refuses_its_record_only(company: Company, tmp_path: Path) -> None:
    pipe = Pipe(tmp_path, company.emulator, connection={"read_formatting": True})
    classes = schema("CLASS", "CLASSID", "NAME", "SEEN", keys=["CLASSID"])
    rows = [
        record("CLASS", CLASSID=str(n), NAME=str(n), SEEN=f"{year}-01-01T00:00:00Z")
        for n, year in enumerate(("0001", "2026"))
    ]
    ran = pipe([classes, *rows])
    assert "outside the years 1 to 9999" in ran.err
    assert seen(company) == [datetime(2026, 1, 1, tzinfo=UTC)]

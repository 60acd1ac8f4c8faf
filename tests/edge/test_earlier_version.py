"""Copies, an outbox, a plan, states and settings that commit 117d625 wrote go on working.

`tests/earlier/make.sh` wrote the files with that commit, from the demo company of 2026-11-21.
"""

import gzip
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from intacct_bridge import list_connections, load_connection
from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.emulator.server import serve
from support.edge.command_line import Intacct

EARLIER = Path(__file__).parents[1] / "earlier"
KEPT = EARLIER / "kept"
SAMPLES = Path(__file__).parents[2] / "samples"
CHOSEN = ("VENDOR.VENDORID", "VENDOR.NAME", "VENDOR.TOTALDUE", "DEPARTMENT.DEPARTMENTID", "DEPARTMENT.TITLE")
FIELDS = [word for field in CHOSEN for word in ("--select", field)]


def vendors_of(copy: Path) -> dict[str, str]:
    """The names of the vendors that a copy holds, by their ids."""
    sql = "SELECT VENDORID, NAME FROM VENDOR WHERE _deleted_at IS NULL"
    if copy.is_dir():
        sql = (copy / "latest.sql").read_text()
        with duckdb.connect() as database:
            database.execute(f"SET file_search_path = '{copy}'")
            database.execute(sql)
            return dict(database.sql("SELECT VENDORID, NAME FROM VENDOR").fetchall())
    with duckdb.connect(str(copy)) as database:
        return dict(database.sql(sql).fetchall())


@pytest.mark.parametrize("kind", ["duckdb", "parquet", "csv", "jsonl"])
def test_a_copy_is_continued(demo: Intacct, kind: str) -> None:
    copy = Path(f"copy.{kind}")
    if kind == "duckdb":
        copy.write_bytes(gzip.decompress((KEPT / "copy.duckdb.gz").read_bytes()))
    else:
        shutil.copytree(KEPT / kind, copy)
    before = vendors_of(copy)
    first = min(before)
    assert demo("update", "VENDOR", first, "NAME=Renamed since", "--yes").status == 0
    made = demo("create", "VENDOR", "VENDORID=V-LATER", "NAME=Later", "DISPLAYCONTACT.PRINTAS=Later", "--yes")
    assert made.status == 0, made.said
    uri = f"duckdb:///{copy}" if kind == "duckdb" else f"{kind}:{copy}"
    ran = demo("extract", "DEPARTMENT", "VENDOR", *FIELDS, "--to", uri, "--json")
    assert ran.status == 0, ran.said
    assert vendors_of(copy) == before | {first: "Renamed since", "V-LATER": "Later"}
    rows = {one["stream"]: one["rows"] for one in json.loads(ran.out)["streams"]}
    assert rows == {"VENDOR": 2, "DEPARTMENT": 0, "deletes": 0}


def test_a_kept_plan_is_shown_and_applied(demo: Intacct) -> None:
    shutil.copy(SAMPLES / "journal-entries.csv", ".")
    shown = demo("load", "--from-plan", str(KEPT / "plan.json"), "--plan")
    assert shown.status == 0, shown.said
    assert "debits 249,337.85, credits 249,337.85" in shown.said
    applied = demo("load", "--from-plan", str(KEPT / "plan.json"), "--apply", "--yes", "--json")
    assert applied.status == 0, applied.said
    assert [one["outcome"] for one in json.loads(applied.out)["files"][0]["outcomes"]] == ["posted"] * 11


def test_an_outbox_knows_what_it_posted(demo: Intacct, home: Path) -> None:
    shutil.copy(KEPT / "outbox.sqlite", home / "demo" / "outbox.sqlite")
    shutil.copy(SAMPLES / "journal-entries.csv", ".")
    listed = json.loads(demo("outbox", "list", "--json").out)
    assert sorted(one["receipt"] for one in listed) == [f"GLBATCH {number}" for number in range(7252, 7263)]
    ran = demo("load", "journal-entries.csv", "--as", "journal-entries", "--json")
    records = json.loads(ran.out)["files"][0]["records"]
    assert [one["key"] for one in records] == [str(number) for number in range(7252, 7263)]
    assert {one["verdict"] for one in records} == {"refused"}, "this company is another one, which never had them"
    assert all("was posted on 2026-11-22" in one["reasons"][0] for one in records)


@pytest.fixture
def url(grown: Emulator) -> Iterator[str]:
    """The demo company over HTTP, whose clock is the machine's, with the vendor that the earlier target posted."""
    emulator = grown.clone(clock=time.time)
    vendors = emulator.company().table("VENDOR")
    assert vendors.next_number() == 88  # as in the receipt
    posted = {"VENDORID": "V-EARLIER", "NAME": "Earlier Supplies", "STATUS": "active"}
    vendors.insert(posted | dict.fromkeys(("WHENCREATED", "WHENMODIFIED"), "11/20/2026 08:15:00"))
    with serve(emulator) as server:
        yield server.url.split(":")[2].split("/")[0]
    emulator.close()


def singer(command: str, *words: str, lines: bytes = b"") -> list[dict[str, Any]]:
    """The messages that a Singer program writes; it must succeed."""
    script = [sys.executable, "-m", f"intacct_bridge.edge.singer.{command}", *words]
    ran = subprocess.run(script, input=lines, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return [json.loads(line) for line in ran.stdout.splitlines()]


def config_with(url: str, name: str) -> str:
    path = Path(name)
    path.write_text((EARLIER / name).read_text().replace("PORT", url))
    return name


def test_the_tap_continues_from_its_state(url: str, home: Path) -> None:
    words = ("--config", config_with(url, "tap_config.json"), "--catalog", str(KEPT / "tap_catalog.json"))
    messages = singer("tap", *words, "--state", str(KEPT / "tap_state.json"))
    assert [
        one["record"]["VENDORID"] for one in messages if one["type"] == "RECORD" and one["stream"] == "VENDOR"
    ] == []
    assert len([one for one in singer("tap", *words) if one["type"] == "RECORD"]) > 100


def test_the_target_knows_what_it_posted(url: str, home: Path) -> None:
    lines, config = (EARLIER / "target_records.jsonl").read_bytes(), config_with(url, "target_config.json")
    singer("target", "--config", config, lines=lines)  # this company has the record too, under the same number
    for file in Path().glob("target-outbox.sqlite*"):
        if file.is_file():
            file.unlink()
    shutil.copy(KEPT / "target_outbox.sqlite", "target-outbox.sqlite")
    states = singer("target", "--config", config, lines=lines)
    assert states == [json.loads((KEPT / "target_state.json").read_text())]


def test_settings_are_read_and_edited(intacct: Intacct, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENDER_PASSWORD", "s")
    monkeypatch.setenv("USER_PASSWORD", "u")
    shutil.copy(KEPT / "intacct.toml", "intacct.toml")
    assert [one.name for one in list_connections()] == ["books"]
    connection = load_connection("books")
    assert (connection.location_id, connection.read_only, connection.environment) == ("100", True, "demo")
    words = ("connections", "add", "more", "--project", "--no-test", "--company-id", "other", "--user-id", "me")
    assert intacct(*words, "--sender", "shared", "--user-password-env", "MORE").status == 0
    assert Path("intacct.toml").read_text().startswith((KEPT / "intacct.toml").read_text().rstrip())

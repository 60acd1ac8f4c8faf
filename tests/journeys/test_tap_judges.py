"""Unmodified targets from PyPI store the tap's records, and Meltano's SDK reads its messages and its catalogue."""

import json
import re
import subprocess
from contextlib import closing
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.demo_company import NOW
from support.journeys.tapping import Tap, discovered
from support.judges import judge
from support.repository import DOCS

pytestmark = pytest.mark.foreign
STREAMS = ("VENDOR", "APBILL", "APBILLITEM", "CLASS")
READ_MESSAGES = """
import json, sys
from singer_sdk.singerlib import Catalog
from singer_sdk.singerlib.messages import ActivateVersionMessage, RecordMessage, SchemaMessage, StateMessage
kinds = {"RECORD": RecordMessage, "SCHEMA": SchemaMessage, "STATE": StateMessage}
kinds["ACTIVATE_VERSION"] = ActivateVersionMessage
catalog = Catalog.from_dict(json.load(open(sys.argv[1])))
counts = {}
for line in sys.stdin:
    message = json.loads(line)
    kind = message["type"]
    kinds[kind].from_dict(message)
    counts[kind] = counts.get(kind, 0) + 1
chosen = {s.tap_stream_id: s.metadata.resolve_selection()[()] for s in catalog.streams}
keys = {s.tap_stream_id: list(s.key_properties) for s in catalog.streams}
print(json.dumps({"counts": counts, "selected": chosen, "keys": keys}))
"""


def test_target_jsonl_lands_every_record(tap: Tap) -> None:
    target = judge("target-jsonl") / "target-jsonl"
    config, catalog, _ = discovered(tap, *STREAMS)
    sent = tap.run("--config", config, "--catalog", catalog)
    settings = tap.keep("jsonl.json", {"destination_path": str(tap.place), "do_timestamp_file": False})
    done = subprocess.run([target, "-c", settings], input=sent.out, capture_output=True, cwd=tap.place, check=False)
    assert done.returncode == 0, done.stderr.decode()
    for stream in STREAMS:
        landed = [json.loads(line) for line in (tap.place / f"{stream}.jsonl").read_text().splitlines()]
        assert len(landed) == tap.emulator.company().table(stream).count() > 0
    assert json.loads(done.stdout.splitlines()[-1]) == sent.state


def test_the_sdk_reads_our_messages_and_our_catalogue(tap: Tap) -> None:
    python = judge("meltanolabs-target-postgres") / "python"
    config, catalog, _ = discovered(tap, *STREAMS)
    sent = tap.run("--config", config, "--catalog", catalog)
    done = subprocess.run([python, "-c", READ_MESSAGES, catalog], input=sent.out, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    seen = json.loads(done.stdout)
    assert seen["counts"]["SCHEMA"] == len(STREAMS)
    assert seen["counts"]["RECORD"] == sum(len(sent.records(stream)) for stream in STREAMS)
    assert seen["selected"] == dict.fromkeys(STREAMS, True)
    assert seen["keys"] == {stream: ["RECORDNO"] for stream in STREAMS}


def _rows(uri: str, sql: str) -> list[tuple[Any, ...]]:
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(uri) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _land(tap: Tap, sent: bytes, uri: str) -> None:
    target = judge("meltanolabs-target-postgres") / "target-postgres"
    address = uri.replace("postgresql://", "postgresql+psycopg://", 1)
    settings = tap.keep("pg.json", {"sqlalchemy_url": address, "default_target_schema": "intacct"})
    done = subprocess.run([target, "--config", settings], input=sent, capture_output=True, cwd=tap.place, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]


RECIPE = DOCS / "recipes" / "meltano.md"


def test_the_statement_of_the_recipe_leaves_the_present_lines(tmp_path: Path, grown: Emulator, postgres: str) -> None:
    from adbc_driver_postgresql import dbapi

    statement = re.search(r"```sql\n(.*?)```", RECIPE.read_text(), re.DOTALL)
    assert statement is not None
    times = count(int(NOW))
    with closing(grown.clone(clock=lambda: float(next(times)))) as emulator, serve(emulator) as server:
        tap = Tap(tmp_path, server.url, emulator)
        config, catalog, _ = discovered(tap, "GLDETAIL", "GLBATCH")
        first = tap.run("--config", config, "--catalog", catalog)
        _land(tap, first.out, postgres)
        with Client(demo_connection(home=tmp_path), transport=emulator, keep=False) as client:
            where = "STATE = 'Posted' and MODULE = '2.GL' and BATCH_DATE > 2026-11-10"
            changed, gone = (str(row["RECORDNO"]) for row in client.query("GLBATCH", "RECORDNO", where=where, limit=2))
            (done,) = client.update("GLBATCH", [{"RECORDNO": changed, "BATCH_TITLE": "Changed"}])
            assert done.ok, done.faults
            (done,) = client.delete("GLBATCH", [gone])
            assert done.ok, done.faults
            there = sorted((str(row["RECORDNO"]), row["BATCH_TITLE"]) for row in client.query("GLDETAIL"))
        again = tap.run("--config", config, "--catalog", catalog, "--state", tap.keep("state.json", first.state))
        _land(tap, again.out, postgres)
    landed = 'SELECT "RECORDNO", "BATCH_TITLE" FROM intacct."GLDETAIL" WHERE _sdc_deleted_at IS NULL'
    assert sorted(_rows(postgres, landed)) != there
    with dbapi.connect(postgres) as connection, connection.cursor() as cursor:
        cursor.execute(statement[1])
        connection.commit()
    assert sorted(_rows(postgres, landed)) == there


def test_target_postgres_lands_every_record_with_true_types(tap: Tap, postgres: str) -> None:
    config, catalog, _ = discovered(tap, *STREAMS)
    first = tap.run("--config", config, "--catalog", catalog)
    _land(tap, first.out, postgres)
    for stream in STREAMS:
        (count,) = _rows(postgres, f'SELECT count(*) FROM intacct."{stream}"')[0]
        assert count == tap.emulator.company().table(stream).count()
    ((total,),) = _rows(postgres, 'SELECT sum("TOTALENTERED") FROM intacct."APBILL"')
    exact = [
        Decimal(str(one["record"]["TOTALENTERED"]))
        for one in (json.loads(line, parse_float=Decimal) for line in first.out.splitlines())
        if one["type"] == "RECORD" and one["stream"] == "APBILL"
    ]
    assert Decimal(str(total)).quantize(Decimal("0.01")) == sum(exact, Decimal(0)).quantize(Decimal("0.01"))

    again = tap.run("--config", config, "--catalog", catalog, "--state", tap.keep("state.json", first.state))
    _land(tap, again.out, postgres)
    for stream in STREAMS:
        (count,) = _rows(postgres, f'SELECT count(*) FROM intacct."{stream}"')[0]
        assert count == tap.emulator.company().table(stream).count()


def test_target_postgres_takes_decimals_as_strings_for_decimals(tap: Tap, postgres: str) -> None:
    config, catalog, _ = discovered(tap, "APBILL", decimals="string")
    sent = tap.run("--config", config, "--catalog", catalog)
    _land(tap, sent.out, postgres)
    amounts = [Decimal(one["TOTALENTERED"]) for one in sent.records("APBILL")]
    assert _rows(postgres, 'SELECT sum("TOTALENTERED")::text::float8 FROM intacct."APBILL"') == [(float(sum(amounts)),)]
    wanted = "SELECT data_type FROM information_schema.columns WHERE column_name = 'TOTALENTERED'"
    assert _rows(postgres, wanted) == [("numeric",)]

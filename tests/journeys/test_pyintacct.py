"""`pyintacct` from PyPI, unmodified, works against the emulator over HTTP; only its URL is pointed there."""

import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.judges import judge

pytestmark = pytest.mark.foreign
JOURNEY = """
import json, sys
from pyintacct import IntacctAPI, IntacctException
def client(password="demo-user-password"):
    made = IntacctAPI({"SENDER_ID": "demo-sender", "SENDER_PW": "demo-sender-password", "COMPANY_ID": "demo-company",
                       "USER_ID": "demo-user", "USER_PW": password})
    made.url = sys.argv[1]
    return made
api = client()
seen = {}
accounts = api.read_by_query("GLACCOUNT", "ACCOUNTNO like '1%'", fields="RECORDNO,ACCOUNTNO", pagesize=7)
seen["accounts"] = [str(one["ACCOUNTNO"]) for one in accounts]
made = api.create({"CLASS": {"CLASSID": "PY-1", "NAME": "From pyintacct"}})
seen["created"] = str(next(made.find_nodes_with_tag("CLASSID")))
api.update({"CLASS": {"CLASSID": "PY-1", "NAME": "Renamed"}})
seen["renamed"] = [str(one["NAME"]) for one in api.read_by_query("CLASS", "CLASSID = 'PY-1'")]
try:
    api.create({"CLASS": {"CLASSID": "PY-1", "NAME": "Again"}})
except IntacctException as error:
    seen["refused"] = str(error)
print(json.dumps(seen))
"""


@pytest.fixture
def company(grown: Emulator) -> Iterator[Emulator]:
    """On the time of day: this client holds the end of its session against its own clock."""
    emulator = grown.clone(clock=time.time)
    yield emulator
    assert emulator.incidents == []
    emulator.close()


def test_it_reads_pages_creates_and_updates(company: Emulator) -> None:
    python = judge("pyintacct") / "python"
    with serve(company) as server:
        done = subprocess.run([python, "-c", JOURNEY, server.url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    table = company.company().table("GLACCOUNT")
    numbers = [row["ACCOUNTNO"] for _, row in table.rows()]
    expected = sorted(number for number in numbers if number.startswith("1"))
    assert sorted(seen["accounts"]) == expected
    assert len(expected) > 7
    assert seen["created"] == "PY-1"
    assert seen["renamed"] == ["Renamed"]
    assert "PY-1" in seen["refused"]

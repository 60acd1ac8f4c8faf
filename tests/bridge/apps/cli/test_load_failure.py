"""A file of faults is served, a load runs against it, and its one failure is told once."""

import json
from pathlib import Path

from intacct_emulator.command.summary import served
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import ScriptedFault, load_faults
from support.apps.command_line import Intacct
from support.emulator.calls import one, query

FAULTS = """
[[fault]]
kind = "fault"
object = "CLASS"
key = "C-41"
field = "NAME"
errorno = "BL03000018"
text = "The name of the class is not allowed"
correction = "Choose another name."
calls = []
"""


def test_one_scripted_failure_of_a_hundred_is_one_failure_of_the_command(intacct: Intacct, home: Path) -> None:
    script = home / "faults.toml"
    script.write_text(FAULTS)
    file = home / "classes.csv"
    file.write_text("CLASSID,NAME\n" + "".join(f"C-{n},Class {n}\n" for n in range(100)))
    emulator = Emulator.empty(faults=load_faults(script))
    with serve(emulator) as server:
        environ = {
            "INTACCT_ENDPOINT_URL": server.url,
            "INTACCT_SENDER_ID": "demo-sender",
            "INTACCT_SENDER_PASSWORD": "demo-sender-password",
            "INTACCT_COMPANY_ID": "demo-company",
            "INTACCT_USER_ID": "demo-user",
            "INTACCT_USER_PASSWORD": "demo-user-password",
            "INTACCT_ENVIRONMENT": "demo",
        }
        ran = intacct("load", str(file), "--as", "CLASS", "--apply", "--yes", **environ)
        found = intacct("query", "CLASS", "--select", "CLASSID", "--format", "json", **environ)
    assert ran.status == 1, ran.said
    assert "99 posted, 1 rejected" in ran.said
    (told,) = [line for line in ran.out.splitlines() if "rejected" in line]
    assert "C-41" in told
    assert "The name of the class is not allowed. Choose another name." in ran.out
    assert sorted(row["CLASSID"] for row in json.loads(found.out)) == sorted(f"C-{n}" for n in range(100) if n != 41)
    requests, fault = served(emulator)
    assert requests.startswith(f"Served {len(emulator.received)} requests; ")
    assert f"{emulator.transactions().total} API transactions of demo-company" in requests
    assert fault == "Fault 1 (fault, CLASS, key C-41, field NAME) happened 1 time."
    emulator.close()


def test_a_fault_that_never_happened_is_told_at_the_end() -> None:
    script = (ScriptedFault("http", "query", status=429, calls=(5,)), ScriptedFault("cut-after", "create"))
    emulator = Emulator.empty(faults=script)
    emulator("http://127.0.0.1/x", b"no document")
    one(emulator, query("CLASS", "RECORDNO"))
    assert list(served(emulator)) == [
        "Served 2 requests (1 unreadable); 1 API transaction of demo-company.",
        "Fault 1 (http 429, query) never happened: 1 call matched it, and none was due.",
        "Fault 2 (cut-after, create) never happened: no call matched it.",
    ]
    emulator.close()

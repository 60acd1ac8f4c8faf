"""A file of faults is served, a load runs against it, and its one failure is told once."""

import json
from pathlib import Path

from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.emulator.gateway.server import serve
from intacct_bridge.emulator.settings.faults import load_faults
from support.edge.command_line import Intacct

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
    assert "The name of the class is not allowed" in ran.out
    assert sorted(row["CLASSID"] for row in json.loads(found.out)) == sorted(f"C-{n}" for n in range(100) if n != 41)
    emulator.close()

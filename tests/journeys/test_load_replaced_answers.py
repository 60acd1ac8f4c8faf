"""A proxy replaces the answer to a write that was applied: the record is in doubt, and settled later."""

from pathlib import Path

import pytest

from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import Reply, Transport
from support import small_company
from support.journeys.objects import VENDORS, LoadScenario

PAGE = b"<!DOCTYPE html><html><head><title>Blocked by policy</title></head><body>Blocked</body></html>"
STATUSES = (200, 302, 400, 401, 403, 407, 409, 413, 429, 451, 499, 500, 502, 503, 524)


def replacing(emulator: Emulator, status: int) -> Transport:
    """The company behind a box that replaces the first answer to a create."""
    replaced = False

    def transport(endpoint: str, body: bytes) -> Reply:
        nonlocal replaced
        reply = emulator(endpoint, body)
        writes = any(one.name == "create" for one in decode_request(body).operations[0].functions)
        if writes and not replaced:
            replaced = True
            return Reply(status, PAGE, {"content-type": "text/html"})
        return reply

    return transport


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("status", STATUSES)
def test_a_replaced_answer_proves_nothing(tmp_path: Path, status: int, remembers: bool) -> None:
    """Whether or not the company remembers control ids, no vendor is made twice and none is called not sent."""
    clock = small_company.Clock()
    emulator = small_company.company(clock, settings=scenario({"behaviour": {"remember_controlids": remembers}}))
    desk = LoadScenario(tmp_path, emulator, transport=replacing(emulator, status))
    assert {one.status for one in desk.load(VENDORS, "VENDOR")} <= {RecordStatus.IN_DOUBT, RecordStatus.SETTLED}
    clock.forward(hours=3)
    again = desk.load(VENDORS, "VENDOR")
    assert {one.status for one in again} <= {RecordStatus.SETTLED, RecordStatus.UNCHANGED}
    assert sorted(row["VENDORID"] for row in desk.rows("VENDOR")) == ["V-1", "V-2"]
    emulator.close()

"""The official JavaScript SDK, installed from npm and unmodified, works against the emulator over HTTP."""

import json
import os
import shutil
import subprocess
from datetime import date
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.emulator.ledger_checks import assert_true
from support.judges import javascript_sdk

AS_OF = date(2026, 11, 21)
pytestmark = [
    pytest.mark.foreign,
    pytest.mark.skipif(
        shutil.which("npm") is None, reason="Node.js and npm are not installed: the official SDK cannot judge"
    ),
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the journey saw, against a demo company of its own."""
    place = tmp_path_factory.mktemp("javascript")
    javascript_sdk(place)
    emulator = Emulator.demo(as_of=AS_OF)
    try:
        with serve(emulator, allow_hosts=("emulator.intacct.com",)) as server:
            environment = {
                **os.environ,
                "INTACCT_ENDPOINT_URL": server.url.replace("127.0.0.1", "emulator.intacct.com"),
                "POSTING_DATE": AS_OF.isoformat(),
                "ACCOUNT_1": "13000",
                "ACCOUNT_2": "10010",
                "LOCATION": "100",
                "BRANCH": "110",
                "DEPARTMENT_ID": "100",
            }
            done = subprocess.run(
                ["node", "--require", "./map_host.cjs", "journey.cjs"],
                cwd=place,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        assert emulator.incidents == []
        if done.returncode == 0:
            assert_true(emulator)
            kept = {name: dict(emulator.company().table(name).rows()) for name in ("APBILL", "ARINVOICE", "ARPYMT")}
    finally:
        emulator.close()
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"rows": kept}


def test_wrong_credentials_are_refused_as_the_sdk_expects(seen: dict[str, Any]) -> None:
    assert "XL03000006" in str(seen["badPassword"])
    assert "Sign-in information is incorrect" in str(seen["badPassword"])
    assert seen["badSender"]["name"] == "ResponseException"


def test_the_session_is_bound_to_the_host_it_was_asked_at(seen: dict[str, Any]) -> None:
    assert seen["session"]["hasId"]
    assert seen["session"]["endpoint"].startswith("http://emulator.intacct.com:")


def test_query_pages_in_order(seen: dict[str, Any]) -> None:
    page = seen["query"]
    assert page["count"] == 3
    assert page["remaining"] == page["total"] - 5
    names = [row["VENDORID"] for row in page["rows"]]
    assert names == sorted(names)


def test_read_by_query_and_read_more_give_every_row(seen: dict[str, Any]) -> None:
    assert seen["readByQuery"]["rows"] == seen["readByQuery"]["total"] > 10


def test_lookup_describes(seen: dict[str, Any]) -> None:
    assert seen["lookup"]


def test_created_updated_and_refused_twice(seen: dict[str, Any]) -> None:
    assert seen["created"][0]["CLASSID"] == "JS-1"
    assert int(seen["created"][0]["RECORDNO"]) > 0
    assert seen["duplicate"]["name"] == "ResultException"
    assert seen["updated"][0]["NAME"] == "Renamed"


def test_a_transaction_is_all_or_nothing(seen: dict[str, Any]) -> None:
    assert seen["rolledBack"] is not None
    assert seen["afterRollback"] == 0
    assert seen["apart"] == ["success", "failure"]


def test_a_journal_entry_posts(seen: dict[str, Any]) -> None:
    assert int(seen["journal"][0]["RECORDNO"]) > 0


def test_a_class_is_deleted_by_its_own_function(seen: dict[str, Any]) -> None:
    assert seen["deleted"] is None


def test_documents_and_money_are_in_the_books(seen: dict[str, Any]) -> None:
    """The fixture has read the whole ledger by then; here is what each document says."""
    bills, invoices, receipts = (seen["rows"][name] for name in ("APBILL", "ARINVOICE", "ARPYMT"))
    bill = bills[int(seen["bill"])]
    assert (bill["RECORDID"], bill["STATE"], bill["TOTALDUE"]) == ("JS-B1", "Partially Paid", "100")
    assert bills[int(seen["reversed"])]["STATE"] == "Reversed"
    assert invoices[int(seen["invoice"])]["STATE"] == "Paid"
    assert receipts[int(seen["receipt"])]["TOTALDUE"] == "25"


def test_attachments_are_kept_by_their_id(seen: dict[str, Any]) -> None:
    assert seen["attachment"] == "JS-A"

"""One scripted failure inside a batch of a hundred is told as exactly one failure, by every client that writes."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.load.records.status import RecordStatus
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import ScriptedFault
from support.journeys.objects import LoadScenario
from support.judges import javascript_sdk, judge
from support.small_company import Clock, client, company

TEXT = "The class is not allowed for the department"
FAULT = ScriptedFault(
    "fault", object="CLASS", key="C-41", calls=(), errorno="BL03000018", text=TEXT, correction="Choose another class."
)
EXPECTED = sorted(f"C-{number}" for number in range(100) if number != 41)


def classes(emulator: Emulator) -> list[str]:
    """The classes that arrived."""
    return sorted(row["CLASSID"] for _, row in emulator.company().table("CLASS").rows() if row["CLASSID"][:2] == "C-")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """A company with the fault, on the time of day: foreign clients compare it with their own clock."""
    made = company(Clock()).clone(clock=time.time, faults=(FAULT,))
    yield made
    assert made.incidents == []
    made.close()


def test_our_loader(tmp_path: Path) -> None:
    desk = LoadScenario(tmp_path, company(Clock(), faults=(FAULT,)))
    lines = "".join(f"C-{number},Class {number}\n" for number in range(100))
    outcomes = desk.load(f"CLASSID,NAME\n{lines}", "CLASS")
    failed = [one for one in outcomes if one.status is not RecordStatus.APPLIED]
    assert len(outcomes) == 100
    assert [one.status for one in failed] == [RecordStatus.REJECTED]
    assert TEXT in str(failed[0])
    assert classes(desk.emulator) == EXPECTED
    assert [len(one.functions) for one in desk.emulator.received if "create" in one.functions] == [100]
    desk.emulator.close()


def test_our_client_with_a_hundred_records(emulator: Emulator) -> None:
    with client(emulator) as gateway:
        ran = gateway.create("CLASS", [{"CLASSID": f"C-{n}", "NAME": f"Class {n}"} for n in range(100)])
    assert [place for place, one in enumerate(ran) if not one.ok] == [41]
    assert classes(emulator) == EXPECTED


@pytest.mark.foreign
def test_sageintacctsdk(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    import sageintacctsdk
    from sageintacctsdk.apis.api_base import ApiBase
    from sageintacctsdk.exceptions import SageIntacctSDKError

    with serve(emulator) as server:
        original = ApiBase.__init__

        def pointed(self: Any, *positional: Any, **named: Any) -> None:
            original(self, *positional, **named)
            self._ApiBase__api_url = server.url

        monkeypatch.setattr(ApiBase, "__init__", pointed)
        sdk = sageintacctsdk.SageIntacctSDK(**CREDENTIALS)
        records = [{"CLASSID": f"C-{n}", "NAME": f"Class {n}"} for n in range(100)]
        with pytest.raises(SageIntacctSDKError) as refused:
            sdk.classes.format_and_send_request({"create": {"CLASS": records}})
    texts = [str(one["description2"]) for one in refused.value.response["error"]]
    assert [text.startswith(TEXT) for text in texts] == [True, False]
    assert classes(emulator) == EXPECTED


@pytest.mark.foreign
def test_pyintacct(emulator: Emulator) -> None:
    journey = """
import json, sys
from pyintacct import IntacctAPI, IntacctException
api = IntacctAPI({"SENDER_ID": "demo-sender", "SENDER_PW": "demo-sender-password", "COMPANY_ID": "demo-company",
                  "USER_ID": "demo-user", "USER_PW": "demo-user-password"})
api.url = sys.argv[1]
told = {}
for number in range(100):
    try:
        api.create({"CLASS": {"CLASSID": f"C-{number}", "NAME": f"Class {number}"}})
    except IntacctException as error:
        told[number] = str(error)
print(json.dumps(told))
"""
    python = judge("pyintacct") / "python"
    with serve(emulator) as server:
        done = subprocess.run([python, "-c", journey, server.url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert list(told) == ["41"]
    assert TEXT in told["41"]
    assert classes(emulator) == EXPECTED


@pytest.mark.foreign
@pytest.mark.skipif(shutil.which("npm") is None, reason="Node.js and npm are not installed")
def test_the_official_javascript_sdk(emulator: Emulator, tmp_path: Path) -> None:
    javascript_sdk(tmp_path)
    with serve(emulator, allow_hosts=("emulator.intacct.com",)) as server:
        environment = {
            **os.environ,
            "INTACCT_ENDPOINT_URL": server.url.replace("127.0.0.1", "emulator.intacct.com"),
        }
        node = ["node", "--require", "./map_host.cjs", "hundred.cjs"]
        done = subprocess.run(node, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [place for place, one in enumerate(told) if one["status"] != "success"] == [41]
    assert any(TEXT in text for text in told[41]["errors"])
    assert classes(emulator) == EXPECTED

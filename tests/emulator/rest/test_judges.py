"""Clients of the REST interface by others, unmodified. Their address is fixed, so they come through the proxy."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from intacct_emulator.testing import emulated_company
from support.judges import judge

pytestmark = pytest.mark.foreign
SDK = """
import json
from intacctsdk import IntacctRESTSDK
from intacctsdk.exceptions import BadRequestError, InvalidTokenError
sdk = IntacctRESTSDK(
    username="demo-user@demo-company", client_id="demo-client", client_secret="demo-client-secret"
)
told = {"expires": sdk.access_token_expires_in}
for name in ("accounts", "vendors", "bills", "journals", "departments", "customers"):
    api = getattr(sdk, name)
    rows = [row for page in api.get_all_generator(fields=["id", "key"]) for row in page]
    told[name] = [len(rows), api.count()]
filters = [{"$eq": {"status": "active"}}, {"$gt": {"id": "60000"}}]
order = [{"id": "desc"}]
pages = sdk.accounts.get_all_generator(fields=["id"], filters=filters, filter_expression="and", order_by=order)
told["filtered"] = [row["id"] for page in pages for row in page]
told["vendor"] = sdk.vendors.get_by_key("1")["ia::result"]["id"]
told["model"] = sdk.vendors.get_model()["ia::result"]["type"]
try:
    list(sdk.vendors.get_all_generator(fields=["nonsense"]))
except BadRequestError as error:
    told["refused"] = "REST-1106" in str(error.response)
try:
    IntacctRESTSDK(username="demo-user@demo-company", client_id="demo-client", client_secret="wrong")
except Exception as error:
    told["wrong"] = type(error).__name__
try:
    IntacctRESTSDK(username="demo-user@demo-company", client_id="demo-client", client_secret="demo-client-secret")
    list(sdk.vendors.get_all_generator(fields=["id"]))
except InvalidTokenError:
    told["ended"] = True
print(json.dumps(told))
"""


def test_the_python_sdk_reads_the_company(tmp_path: Path) -> None:
    programs = judge("sageintacctrestsdk")
    scenario = tmp_path / "dead-tokens.toml"
    scenario.write_text("[behaviour]\nrest_dead_token = 400\n")  # it takes a dead token for one only with this status
    made = emulated_company("demo", months=3, scenario=str(scenario))
    with made as company, company.proxied() as environment:
        done = subprocess.run(
            [str(programs / "python"), "-c", SDK],
            env={**os.environ, **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        accounts = [row["ACCOUNTNO"] for row in company.rows("GLACCOUNT") if row["STATUS"] == "active"]
    assert told.pop("filtered") == sorted((one for one in accounts if one > "60000"), reverse=True)
    for name in ("accounts", "vendors", "bills", "journals", "departments", "customers"):
        read, counted = told.pop(name)
        assert read == counted > 0, name
    assert told == {
        "expires": 43_200,
        "vendor": "V10001",
        "model": "rootObject",
        "refused": True,
        "wrong": told["wrong"],
        "ended": True,
    }
    assert told["wrong"] != ""

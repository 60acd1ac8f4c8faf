"""Every command in the tables of the pages on other connectors runs on the demo company."""

import json
import re
import shlex
from pathlib import Path

import pytest

from support.apps.command_line import Intacct
from support.repository import DOCS

PAGES = ("coming-from", "hotglue", "boomi", "workato", "calance")
TEXT = "\n".join((DOCS / f"{page}.md").read_text("utf-8") for page in PAGES)
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")]
FILES = {
    "classes.csv": "CLASSID,NAME\nC1,One\nC2,Two\n",
    "more-classes.csv": "CLASSID,NAME\nC3,Three\n",
    "vendors.csv": "VENDORID,NAME\nN-1,Newcomer\n",
    "customers.csv": "CUSTOMERID,NAME\nN-1,Newcomer\n",
    "bills.csv": "VENDORID,BILLNO,DATE,DUE,ACCOUNTNO,AMOUNT,LOCATION,DEPARTMENT\n"
    "V10001,B-77,2026-11-20,2026-12-20,60500,10.00,110,100\n",
    "invoices.csv": "CUSTOMERID,INVOICENO,DATE,DUE,ACCOUNTNO,AMOUNT,LOCATION,DEPARTMENT\n"
    "C20130,I-77,2026-11-20,2026-12-20,41100,10.00,110,100\n",
    "journal.csv": "JOURNAL,DATE,DESCRIPTION,ACCOUNTNO,DEBIT,CREDIT,LOCATION,DEPARTMENT\n"
    "GJ,2026-11-20,Rent,60500,10.00,,110,100\nGJ,2026-11-20,Rent,10010,,10.00,110,100\n",
    "suppliers.jsonl": '{"vendorName": "Newcomer", "vendorNumber": "N-2"}\n',
    "crm.csv": "code,label\nC9,Nine\n",
    "crm.toml": 'object = "CLASS"\n[fields]\nCLASSID = "code"\nNAME = "label"\n',
    "vendors.toml": 'object = "VENDOR"\n[fields]\nVENDORID = "code"\nNAME = "label"\n',
}
NAMES = ("intacct extract", "intacct load", "intacct run")
"""These name a command, and are none to type."""


def commands() -> list[str]:
    """The commands of the tables, in the order of the page."""
    return [line for row in ROWS for line in re.findall(r"`(intacct [^`]+)`", row)]


@pytest.mark.slow
def test_every_command_of_the_tables_runs(demo: Intacct) -> None:
    for name, text in FILES.items():
        Path(name).write_text(text)
    wrong = {}
    for line in commands():
        words = shlex.split(line)[1:]
        if line in NAMES:
            continue
        ran = demo(*words, INTACCT_RUN_HISTORY=str(Path("runs.sqlite3").absolute()))
        if ran.status != 0 or "Traceback" in ran.said:
            wrong[line] = ran.said.strip().splitlines()[:12]
        if line.startswith("intacct update CLASS "):
            shown = demo("query", "CLASS", "--where", "CLASSID = 'B1'", "--select", "NAME", "--json")
            assert [row["NAME"] for row in json.loads(shown.out)] == ["Second"], "the update has its effect"
    assert wrong == {}, wrong
    assert len(commands()) > 60

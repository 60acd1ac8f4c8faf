"""An independent reader of the gateway: hand-written XML over HTTP, parsed by the standard library."""

import urllib.request
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from xml.sax.saxutils import escape

LOGIN = {
    "INTACCT_COMPANY_ID": "demo-company",
    "INTACCT_USER_ID": "demo-user",
    "INTACCT_USER_PASSWORD": "demo-user-password",
    "INTACCT_SENDER_ID": "demo-sender",
    "INTACCT_SENDER_PASSWORD": "demo-sender-password",
}

REQUEST = """<?xml version="1.0" encoding="UTF-8"?>
<request><control><senderid>demo-sender</senderid><password>demo-sender-password</password>
<controlid>reader</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control>
<operation><authentication><login><userid>demo-user</userid><companyid>demo-company</companyid>
<password>demo-user-password</password></login></authentication>
<content><function controlid="1">{function}</function></content></operation></request>"""


@dataclass(frozen=True)
class HttpReader:
    """Reads rows and balances of the demo company; changes what another user would change."""

    url: str

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a command that connects to the same company."""
        return {**LOGIN, "INTACCT_ENDPOINT_URL": self.url, "INTACCT_ENVIRONMENT": "demo"}

    def call(self, function: str) -> ET.Element:
        """The result of one function; it must succeed."""
        body = REQUEST.format(function=function).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/xml"})
        with urllib.request.urlopen(request) as answer:
            tree = ET.fromstring(answer.read())
        result = tree.find("operation/result")
        assert result is not None, ET.tostring(tree)
        assert result.findtext("status") == "success", ET.tostring(result)
        return result

    def rows(self, name: str, *fields: str, **equal: str) -> list[dict[str, str]]:
        """The rows of an object, by RECORDNO or in the order of the gateway."""
        select = "".join(f"<field>{one}</field>" for one in fields)
        tests = [
            f"<equalto><field>{one}</field><value>{escape(value)}</value></equalto>" for one, value in equal.items()
        ]
        where = f"<and>{''.join(tests)}</and>" if len(tests) > 1 else "".join(tests)
        where = f"<filter>{where}</filter>" if where else ""
        options = "<options><showprivate>true</showprivate></options><pagesize>2000</pagesize>"
        data = self.call(f"<query><object>{name}</object><select>{select}</select>{where}{options}</query>").find(
            "data"
        )
        assert data is not None
        assert data.get("numremaining") == "0", "one page is enough in tests"
        return [{cell.tag: cell.text or "" for cell in row} for row in data]

    def balances(self) -> dict[str, Decimal]:
        """The net amount of every account in the ledger, accounts with nothing left out."""
        net: dict[str, Decimal] = defaultdict(Decimal)
        for row in self.rows("GLDETAIL", "ACCOUNTNO", "DEBITAMOUNT", "CREDITAMOUNT"):
            net[row["ACCOUNTNO"]] += Decimal(row["DEBITAMOUNT"] or 0) - Decimal(row["CREDITAMOUNT"] or 0)
        return {account: amount for account, amount in net.items() if amount}

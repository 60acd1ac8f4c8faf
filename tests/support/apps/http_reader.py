"""An independent reader of the gateway: hand-written XML over HTTP, parsed by the standard library."""

import urllib.request
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable
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

    def rows(self, name: str, *fields: str, since: str = "", **equal: str) -> list[dict[str, str]]:
        """The rows of an object by RECORDNO; `since` is the first BATCH_DATE."""
        tests = [
            f"<equalto><field>{one}</field><value>{escape(value)}</value></equalto>" for one, value in equal.items()
        ]
        if since:
            day = f"<field>BATCH_DATE</field><value>{since}</value>"
            tests.append(f"<greaterthanorequalto>{day}</greaterthanorequalto>")
        where = f"<and>{''.join(tests)}</and>" if len(tests) > 1 else "".join(tests)
        where = f"<filter>{where}</filter>" if where else ""
        found: list[dict[str, str]] = []
        while True:
            data = self._page(name, fields, where, len(found))
            found += [{cell.tag: cell.text or "" for cell in row} for row in data]
            if data.get("numremaining") == "0":
                return found

    def _page(self, name: str, fields: Iterable[str], where: str, offset: int) -> ET.Element:
        select = "".join(f"<field>{one}</field>" for one in fields)
        order = "<orderby><order><field>RECORDNO</field></order></orderby>"
        options = (
            f"<options><showprivate>true</showprivate></options><pagesize>2000</pagesize><offset>{offset}</offset>"
        )
        asked = f"<object>{name}</object><select>{select}</select>{where}{order}{options}"
        data = self.call(f"<query>{asked}</query>").find("data")
        assert data is not None
        return data

    def balances(self, since: str) -> dict[tuple[str, str], Decimal]:
        """The net amount of every account and location in the ledger, those that are nothing left out."""
        net: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        fields = ("ACCOUNTNO", "LOCATIONID", "BOOKID", "DEBITAMOUNT", "CREDITAMOUNT")
        for row in self.rows("GLDETAIL", *fields, since=since):
            place = (row["ACCOUNTNO"], row["LOCATIONID"] + row["BOOKID"])
            net[place] += Decimal(row["DEBITAMOUNT"] or 0) - Decimal(row["CREDITAMOUNT"] or 0)
        return {place: amount for place, amount in net.items() if amount}

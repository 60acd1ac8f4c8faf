"""The measured page: 2,000 records of 40 fields like GLDETAIL's, made from a seed.

About a quarter of the cells are empty. Titles and memos have character references and letters beyond ASCII. Record
numbers are unique across pages, so a destination that merges by key finds only new rows.
"""

import random

from intacct_protocol.xml.values import Kind

RECORDS = 2000

FIELDS: dict[str, Kind] = {
    "RECORDNO": Kind.INTEGER,
    "BATCH_DATE": Kind.DATE,
    "BATCH_TITLE": Kind.TEXT,
    "SYMBOL": Kind.TEXT,
    "BATCH_NO": Kind.INTEGER,
    "BOOKID": Kind.TEXT,
    "CHILDENTITY": Kind.TEXT,
    "MODIFIED": Kind.TIMESTAMP,
    "REFERENCENO": Kind.TEXT,
    "ADJ": Kind.BOOLEAN,
    "MODULEKEY": Kind.TEXT,
    "LINE_NO": Kind.INTEGER,
    "ENTRY_DATE": Kind.DATE,
    "TR_TYPE": Kind.INTEGER,
    "DOCUMENT": Kind.TEXT,
    "ACCOUNTNO": Kind.TEXT,
    "ACCOUNTTITLE": Kind.TEXT,
    "STATISTICAL": Kind.TEXT,
    "DEPARTMENTID": Kind.TEXT,
    "DEPARTMENTTITLE": Kind.TEXT,
    "LOCATIONID": Kind.TEXT,
    "LOCATIONNAME": Kind.TEXT,
    "CURRENCY": Kind.TEXT,
    "BASECURR": Kind.TEXT,
    "DESCRIPTION": Kind.TEXT,
    "DEBITAMOUNT": Kind.DECIMAL,
    "CREDITAMOUNT": Kind.DECIMAL,
    "AMOUNT": Kind.DECIMAL,
    "TRX_AMOUNT": Kind.DECIMAL,
    "CLEARED": Kind.TEXT,
    "CUSTENTITY": Kind.TEXT,
    "VENDENTITY": Kind.TEXT,
    "RECORDTYPE": Kind.TEXT,
    "RECORDID": Kind.TEXT,
    "STATE": Kind.TEXT,
    "BATCH_STATE": Kind.TEXT,
    "WHENMODIFIED": Kind.TIMESTAMP,
    "GLENTRYKEY": Kind.INTEGER,
    "CREATEDBY": Kind.INTEGER,
    "CUSTOMERID": Kind.TEXT,
}

_ACCOUNTS = [
    ("1000", "Cash &amp; equivalents"),
    ("1200", "Accounts receivable"),
    ("2000", "Accounts payable"),
    ("4010", "Subscription revenue – Zürich"),
    ("6100", "Travel &amp; meals"),
    ("6200", "Café and canteen"),
    ("7000", "Depreciation"),
]
_DEPARTMENTS = [("100", "Sales"), ("200", "Research &amp; development"), ("300", "Überseehandel"), ("", "")]
_LOCATIONS = [("100", "San José"), ("200", "London"), ("300", "Düsseldorf")]
_MEMOS = ["Monthly accrual", "Invoice &lt;reposted&gt;", "Smith &amp; Søn", "", "Reversal of last month's entry", ""]


_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<response><control><status>success</status>'
    "<senderid>demo-sender</senderid><controlid>bench</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control><operation>"
    "<authentication><status>success</status><userid>demo-user</userid><companyid>demo-company</companyid>"
    "<locationid></locationid><sessiontimestamp>2026-11-21T00:50:25+00:00</sessiontimestamp>"
    "<sessiontimeout>2026-11-21T03:00:25+00:00</sessiontimeout></authentication><result><status>success</status>"
    '<function>query</function><controlid>q</controlid><data listtype="GLDETAIL" totalcount="%d" offset="%d" '
    'count="%d" numremaining="%d">'
)
_TAIL = "</data></result></operation></response>\n"
_SEEDS = 8


class Pages:
    """All pages of a read. A page's rows come from one of a few seeds; its record numbers are unique."""

    def __init__(self, pages: int, records: int = RECORDS) -> None:
        self.pages = pages
        self.records = records
        self._rows: dict[int, str] = {}

    def body(self, number: int) -> bytes:
        """Page `number`, counted from 0, in the gateway's format."""
        seed = number % _SEEDS
        if seed not in self._rows:
            draw = random.Random(seed)
            self._rows[seed] = "".join(_row(line, draw) for line in range(self.records))
        first = number * self.records
        keys = [key for record in range(first + 1, first + self.records + 1) for key in (record, record * 3)]
        remaining = (self.pages - number - 1) * self.records
        head = _HEAD % (self.pages * self.records, first, self.records, remaining)
        return f"{head}{self._rows[seed] % tuple(keys)}{_TAIL}".encode()


def _row(line: int, draw: random.Random) -> str:
    """A row with two placeholders: the record's number and the entry's."""
    account, department, location = draw.choice(_ACCOUNTS), draw.choice(_DEPARTMENTS), draw.choice(_LOCATIONS)
    cents = draw.randrange(1, 5_000_000)
    amount = f"{cents // 100}.{cents % 100:02}" if cents % 3 else str(cents // 100)
    debit = draw.random() < 0.5
    day = f"{draw.randrange(1, 13):02}/{draw.randrange(1, 29):02}/{draw.choice((2025, 2026))}"
    hour = f"{draw.randrange(24):02}:{draw.randrange(60):02}:{draw.randrange(60):02}"
    batch = line // 6 + 1
    customer = f"C{draw.randrange(2000):05}" if draw.random() < 0.2 else ""
    vendor = f"V{draw.randrange(500):04}" if not customer and draw.random() < 0.3 else ""
    cells = (
        "%d", day, f"Bills: {day} &amp; Batch {batch}", "APJ", str(batch), "ACCRUAL", location[0],
        f"{day} {hour}", f"REF-{batch}" if draw.random() < 0.3 else "", "false", "3.AP", str(line % 6 + 1), day,
        "1" if debit else "-1", f"INV-{draw.randrange(10**6)}" if draw.random() < 0.4 else "", *account, "",
        *department, *location, "USD", "USD", draw.choice(_MEMOS), amount if debit else "", "" if debit else amount,
        amount, amount, "", customer, vendor, "apbill" if vendor else "",
        f"B-{batch}" if vendor else "", "Posted", "Posted", f"{day} {hour}", "%d", str(draw.randrange(1, 9)), customer,
    )  # fmt: skip
    inner = "".join(f"<{name}>{cell}</{name}>" for name, cell in zip(FIELDS, cells, strict=True))
    return f"<GLDETAIL>{inner}</GLDETAIL>"

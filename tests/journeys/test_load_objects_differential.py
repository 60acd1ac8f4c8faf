"""Plan against company, on generated records: they accept the same, and refuse the same by the covered rules."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.emulator.gateway import Emulator
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.functions import Functions
from intacct_bridge.flow.load import Ending, Loader
from intacct_bridge.flow.outbox import Outbox
from intacct_bridge.flow.plan import Verdict
from intacct_bridge.flow.write import Identity, Write
from journeys.masters import Clock, client, company
from journeys.objects import VENDORS, Desk

COVERED = ("required", "listed", "reference", "dimension", "period", "value")
"""What the company refuses too; it would round, cut or leave out where we refuse for the user's sake."""
RECORDS = 150


def vendors(random: Random) -> str:
    rows = ["VENDORID,NAME,DISPLAYCONTACT.PRINTAS,STATUS,BILLINGTYPE,ONHOLD,CREDITLIMIT,PARENTID,TERMNAME"]
    for number in range(RECORDS):
        cells = [
            f"D-{number}",
            random.choice(["Some name", "Ä & <b>", "x" * 40, "", "Other"]),
            random.choice(["Print", "Print", "Print", ""]),
            random.choice(["active", "inactive", "Active", "", "asleep"]),
            random.choice(["", "", "openitem", "balanceforward", "cash"]),
            random.choice(["", "true", "false"]),
            random.choice(["", "0", "100.10", "12345678901.25"]),
            random.choice(["", "", "V-1", "V-404"]),
            random.choice(["", "", "", "No such term"]),
        ]
        rows.append(",".join(cells))
    return "\n".join(rows) + "\n"


def bills(random: Random) -> str:
    rows = ["VENDORID,RECORDID,WHENCREATED,WHENDUE,CURRENCY,BASECURR,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID"]
    for number in range(RECORDS):
        head = [
            random.choice(["V-1", "V-2", "V-1", "V-404", ""]),
            f"D-{number}",
            random.choice(["2026-11-02", "2026-11-30", "11/15/2026", "2020-01-05"]),
            "2026-12-20",
            "USD",
            "USD",
        ]
        for _ in range(random.choice([1, 1, 2, 4])):
            line = [
                random.choice(["60100", "60100", "68000", "99999"] if random.random() < 0.3 else ["60100", "68000"]),
                random.choice(["0.10", "0.20", "100.25", "123456789012.34", "-5.00"]),
                random.choice(["100", "100", "100", "110", "NOWHERE"] if random.random() < 0.2 else ["100"]),
                random.choice(["100", "110", "100", ""]),
            ]
            rows.append(",".join([*head, *line]))
    return "\n".join(rows) + "\n"


def classes(random: Random) -> str:
    rows = ["CLASSID,NAME,STATUS,DESCRIPTION"]
    for number in range(RECORDS):
        name = random.choice(["Name", "", "Ünïcode", "a;b"])
        rows.append(f"K-{number},{name},{random.choice(['active', 'gone', ''])},{random.choice(['', 'text'])}")
    return "\n".join(rows) + "\n"


def customers(random: Random) -> str:
    rows = ["CUSTOMERID,NAME,DISPLAYCONTACT.PRINTAS,STATUS,CREDITLIMIT,PARENTID,TERMNAME,CUSTTYPE"]
    for number in range(RECORDS):
        cells = [
            f"D-{number}",
            random.choice(["Some name", "Ä & <b>", "x" * 40, "", "Other"]),
            random.choice(["Print", "Print", "Print", ""]),
            random.choice(["active", "inactive", "Active", "", "asleep"]),
            random.choice(["", "0", "100.10", "12345678901.25"]),
            random.choice(["", "", "C20001", "C-404"]),
            random.choice(["", "", "N30", "N10", "No such term"]),
            random.choice(["", "", "", "No such type"] if random.random() < 0.2 else [""]),
        ]
        rows.append(",".join(cells))
    return "\n".join(rows) + "\n"


def invoices(random: Random) -> str:
    rows = ["CUSTOMERID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID,PROJECTID"]
    for number in range(RECORDS):
        head = [
            random.choice(["C20001", "C20002", "C20003", "C-404", ""]),
            f"D-{number}",
            random.choice(["2026-11-02", "2026-11-30", "11/15/2026", "2020-01-05"]),
            "2026-12-20",
        ]
        for _ in range(random.choice([1, 1, 2, 4])):
            line = [
                random.choice(["40000", "41000", "68000", "99998"] if random.random() < 0.2 else ["40000", "61000"]),
                random.choice(["0.10", "0.20", "100.25", "123456789012.34", "-5.00"]),
                random.choice(["100", "210", "110", "NOWHERE"] if random.random() < 0.2 else ["110"]),
                random.choice(["100", "110", "100", ""]),
                random.choice(["", "", "", "P-404"] if random.random() < 0.2 else [""]),
            ]
            rows.append(",".join([*head, *line]))
    return "\n".join(rows) + "\n"


def items(random: Random) -> str:
    rows = ["ITEMID,NAME,ITEMTYPE,STATUS,BASEPRICE,TAXABLE"]
    for number in range(RECORDS):
        kind = random.choice(["Inventory", "Non-Inventory", "Kit", "non-inventory", "", "Thing"])
        name = random.choice(["Valve", "Ünïcode", "", "a;b"])
        cells = [random.choice(["active", "", "gone"]), random.choice(["", "12.5", "0"]), random.choice(["", "true"])]
        rows.append(",".join([f"D-{number}", name, kind, *cells]))
    return "\n".join(rows) + "\n"


def departments(random: Random) -> str:
    rows = ["DEPARTMENTID,TITLE,PARENTID,SUPERVISORID,STATUS"]
    for number in range(RECORDS):
        title, parent = random.choice(["Robots", "", "x & y"]), random.choice(["", "100", "D-404"])
        boss = random.choice(["", "", "E0002", "E-404"])
        rows.append(f"D-{number},{title},{parent},{boss},{random.choice(['active', '', 'asleep'])}")
    return "\n".join(rows) + "\n"


def payments(random: Random) -> str:
    """Each a few cents of the same two open bills, so that there is always enough left to pay."""
    columns = "VENDORID,FINANCIALENTITY,PAYMENTMETHOD,PAYMENTDATE,CURRENCY,DOCNUMBER"
    rows = [f"{columns},APPYMTDETAIL.RECORDKEY,APPYMTDETAIL.TRX_PAYMENTAMOUNT"]
    for number in range(RECORDS):
        bill, vendor = random.choice([("5940", "V10016"), ("6005", "V10062")])
        cells = [
            random.choice([vendor, vendor, vendor, "V-404", ""]),
            random.choice(["CHK-INS", "CHK-INS", "", "CHK-404"]),
            random.choice(["Printed Check", "EFT", "", "Barter"]),
            random.choice(["2026-11-20", "11/20/2026", "2026-11-02", "2020-01-05", ""]),
            random.choice(["USD", "USD", "USD", "USD", ""]),
            f"D-{number}",
            bill,
            random.choice(["0.01", "0.10", "1.25"]),
        ]
        rows.append(",".join(cells))
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("CUSTOMER", customers),
        ("ARINVOICE", invoices),
        ("ITEM", items),
        ("DEPARTMENT", departments),
        ("APPYMT", payments),
    ],
)
def test_plan_and_the_demo_company_agree(tmp_path: Path, demo: Emulator, name: str, rows: object) -> None:
    _agree(Desk(tmp_path, demo), name, rows)


def sayable(gateway: Client, write: Write) -> bool:
    """Whether there is a function that can say what is refused."""
    try:
        Functions(gateway).element(write)
    except InvalidRequestError:
        return False
    return True


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    made = company(Clock())
    yield made
    assert made.incidents == []
    made.close()


@pytest.mark.parametrize(("name", "rows"), [("VENDOR", vendors), ("APBILL", bills), ("CLASS", classes)])
def test_plan_and_company_agree(tmp_path: Path, emulator: Emulator, name: str, rows: object) -> None:
    desk = Desk(tmp_path, emulator)
    desk.load(VENDORS, "VENDOR")
    _agree(desk, name, rows)


def _agree(desk: Desk, name: str, rows: object) -> None:
    """What the plan accepts the company takes, and what it refuses by a covered rule the company refuses."""
    assert callable(rows)
    for seed in (1, 2):
        text = rows(Random(seed))
        with client(desk.emulator) as gateway, Outbox(desk.folder / f"{name}{seed}.sqlite3") as outbox:
            plan = desk.make(gateway, outbox, desk.file(re.sub(r"\b([DK])-(?=\d)", rf"\g<1>{seed}-", text)), name)
            verdicts = Counter(one.verdict for one in plan.records)
            assert min(verdicts[Verdict.CREATE], verdicts[Verdict.REFUSED]) > RECORDS / 10, verdicts
            loader = Loader(gateway, outbox)
            refused = [outcome for outcome in loader.apply(plan) if outcome.ending is not Ending.POSTED]
            assert [str(one.faults[0]) for one in refused] == []
            blind = [
                replace(one.write, identity=Identity(f"blind {number}", "content"))
                for number, one in enumerate(plan.of(Verdict.REFUSED))
                if all(finding.rule in COVERED for finding in one.reasons)
                and all(finding.rule != "value" for finding in one.reasons)
                and sayable(gateway, one.write)
            ]
            assert blind
            taken = [one.write for one in loader.load(blind) if one.ending is Ending.POSTED]
            reasons = {one.write.position: [str(r) for r in one.reasons] for one in plan.of(Verdict.REFUSED)}
            assert [(one.fields, reasons[one.position]) for one in taken] == []

"""Plan against company, on generated records: they accept the same, and refuse the same by the covered rules."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Identity, Write
from intacct_bridge.load.target.functions import Functions
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError
from support.journeys.objects import VENDORS, LoadScenario
from support.small_company import client

COVERED = ("required", "listed", "reference", "dimension", "period", "value")
"""What the company refuses too; it would round, cut or leave out where we refuse for the user's sake."""
RECORDS = 150


@dataclass(frozen=True)
class Sheet:
    """Rows to draw: for each column its cells, each as likely as the next, `#` being the record's number."""

    head: Mapping[str, Sequence[str]]
    """A name may be several columns, whose cells belong together: `VENDORID,RECORDKEY`."""
    line: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rare: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Other cells of a line, which a fifth of them have."""

    def text(self, random: Random) -> str:
        rows = [",".join((*self.head, *self.line))]
        for number in range(RECORDS):
            head = [random.choice(cells).replace("#", str(number)) for cells in self.head.values()]
            for _ in range(random.choice([1, 1, 2, 4]) if self.line else 1):
                rows.append(",".join([*head, *(self._cell(random, name) for name in self.line)]))
        return "\n".join(rows) + "\n"

    def _cell(self, random: Random, name: str) -> str:
        return random.choice(self.rare[name] if name in self.rare and random.random() < 0.2 else self.line[name])


NAME = ["Some name", "Ä & <b>", "x" * 40, "", "Other"]
STATUS = ["active", "inactive", "Active", "", "asleep"]
DAY = ["2026-11-02", "2026-11-30", "11/15/2026", "2020-01-05"]
AMOUNT = ["0.10", "0.20", "100.25", "123456789012.34", "-5.00"]
SHEETS = {
    "VENDOR": Sheet(
        {
            "VENDORID": ["D-#"],
            "NAME": NAME,
            "DISPLAYCONTACT.PRINTAS": ["Print", "Print", "Print", ""],
            "STATUS": STATUS,
            "BILLINGTYPE": ["", "", "openitem", "balanceforward", "cash"],
            "ONHOLD": ["", "true", "false"],
            "CREDITLIMIT": ["", "0", "100.10", "12345678901.25"],
            "PARENTID": ["", "", "V-1", "V-404"],
            "TERMNAME": ["", "", "", "No such term"],
        }
    ),
    "APBILL": Sheet(
        {
            "VENDORID": ["V-1", "V-2", "V-1", "V-404", ""],
            "RECORDID": ["D-#"],
            "WHENCREATED": DAY,
            "WHENDUE": ["2026-12-20"],
            "CURRENCY": ["USD"],
            "BASECURR": ["USD"],
        },
        {
            "ACCOUNTNO": ["60100", "68000"],
            "TRX_AMOUNT": AMOUNT,
            "LOCATIONID": ["100"],
            "DEPARTMENTID": ["100", "110", "100", ""],
        },
        {
            "ACCOUNTNO": ["60100", "60100", "68000", "99999"],
            "LOCATIONID": ["100", "100", "100", "110", "NOWHERE"],
        },
    ),
    "CLASS": Sheet(
        {
            "CLASSID": ["K-#"],
            "NAME": ["Name", "", "Ünïcode", "a;b"],
            "STATUS": ["active", "gone", ""],
            "DESCRIPTION": ["", "text"],
        }
    ),
    "CUSTOMER": Sheet(
        {
            "CUSTOMERID": ["D-#"],
            "NAME": NAME,
            "DISPLAYCONTACT.PRINTAS": ["Print", "Print", "Print", ""],
            "STATUS": STATUS,
            "CREDITLIMIT": ["", "0", "100.10", "12345678901.25"],
            "PARENTID": ["", "", "C20001", "C-404"],
            "TERMNAME": ["", "", "N30", "N10", "No such term"],
            "CUSTTYPE": [*[""] * 19, "No such type"],
        }
    ),
    "ARINVOICE": Sheet(
        {
            "CUSTOMERID": ["C20001", "C20002", "C20003", "C-404", ""],
            "RECORDID": ["D-#"],
            "WHENCREATED": DAY,
            "WHENDUE": ["2026-12-20"],
        },
        {
            "ACCOUNTNO": ["40000", "61000"],
            "TRX_AMOUNT": AMOUNT,
            "LOCATIONID": ["110"],
            "DEPARTMENTID": ["100", "110", "100", ""],
            "PROJECTID": [""],
        },
        {
            "ACCOUNTNO": ["40000", "41000", "68000", "99998"],
            "LOCATIONID": ["100", "210", "110", "NOWHERE"],
            "PROJECTID": ["", "", "", "P-404"],
        },
    ),
    "ITEM": Sheet(
        {
            "ITEMID": ["D-#"],
            "NAME": ["Valve", "Ünïcode", "", "a;b"],
            "ITEMTYPE": ["Inventory", "Non-Inventory", "Kit", "non-inventory", "", "Thing"],
            "STATUS": ["active", "", "gone"],
            "BASEPRICE": ["", "12.5", "0"],
            "TAXABLE": ["", "true"],
        }
    ),
    "DEPARTMENT": Sheet(
        {
            "DEPARTMENTID": ["D-#"],
            "TITLE": ["Robots", "", "x & y"],
            "PARENTID": ["", "100", "D-404"],
            "SUPERVISORID": ["", "", "E0002", "E-404"],
            "STATUS": ["active", "", "asleep"],
        }
    ),
    # Each a few cents of the same two open bills, so that there is always enough left to pay.
    "APPYMT": Sheet(
        {
            "VENDORID,APPYMTDETAIL.RECORDKEY": [
                *["V10016,5940", "V10062,6005"] * 3,
                *["V-404,5940", "V-404,6005", ",5940", ",6005"],
            ],
            "FINANCIALENTITY": ["CHK-INS", "CHK-INS", "", "CHK-404"],
            "PAYMENTMETHOD": ["Printed Check", "EFT", "", "Barter"],
            "PAYMENTDATE": ["2026-11-20", "11/20/2026", "2026-11-02", "2020-01-05", ""],
            "CURRENCY": ["USD", "USD", "USD", "USD", ""],
            "DOCNUMBER": ["D-#"],
            "APPYMTDETAIL.TRX_PAYMENTAMOUNT": ["0.01", "0.10", "1.25"],
        }
    ),
}


@pytest.fixture(scope="module")
def grown(two_years: Emulator) -> Emulator:
    return two_years


@pytest.mark.parametrize("name", ["CUSTOMER", "ARINVOICE", "ITEM", "DEPARTMENT", "APPYMT"])
def test_plan_and_the_demo_company_agree(tmp_path: Path, demo: Emulator, name: str) -> None:
    _agree(LoadScenario(tmp_path, demo), name)


def sayable(gateway: Client, write: Write) -> bool:
    """Whether there is a function that can say what is refused."""
    try:
        Functions(gateway).element(write)
    except InvalidRequestError:
        return False
    return True


@pytest.mark.parametrize("name", ["VENDOR", "APBILL", "CLASS"])
def test_plan_and_company_agree(tmp_path: Path, emulator: Emulator, name: str) -> None:
    desk = LoadScenario(tmp_path, emulator)
    desk.load(VENDORS, "VENDOR")
    _agree(desk, name)


def _agree(desk: LoadScenario, name: str) -> None:
    """What the plan accepts the company takes, and what it refuses by a covered rule the company refuses."""
    for seed in (1, 2):
        text = SHEETS[name].text(Random(seed))
        with client(desk.emulator) as gateway, Outbox(desk.folder / f"{name}{seed}.sqlite3") as outbox:
            plan = desk.make(gateway, outbox, desk.file(re.sub(r"\b([DK])-(?=\d)", rf"\g<1>{seed}-", text)), name)
            verdicts = Counter(one.verdict for one in plan.records)
            assert min(verdicts[Verdict.CREATE], verdicts[Verdict.REFUSED]) > RECORDS / 10, verdicts
            loader = Loader(gateway, outbox)
            refused = [outcome for outcome in loader.apply(plan) if outcome.status is not RecordStatus.APPLIED]
            assert [str(one.faults[0]) for one in refused] == []
            blind = [
                replace(one.write, identity=Identity(f"blind {number}", "content"))
                for number, one in enumerate(plan.of(Verdict.REFUSED))
                if all(finding.rule in COVERED for finding in one.reasons)
                and all(finding.rule != "value" for finding in one.reasons)
                and sayable(gateway, one.write)
            ]
            assert blind
            taken = [one.write for one in loader.load(blind) if one.status is RecordStatus.APPLIED]
            reasons = {one.write.position: [str(r) for r in one.reasons] for one in plan.of(Verdict.REFUSED)}
            assert [(one.fields, reasons[one.position]) for one in taken] == []

"""Plan against company, on generated records: they accept the same, and refuse the same by the covered rules."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from intacct_bridge.emulator.gateway import Emulator
from intacct_bridge.flow.load import Ending, Loader
from intacct_bridge.flow.outbox import Outbox
from intacct_bridge.flow.plan import Verdict
from intacct_bridge.flow.write import Identity
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
    assert callable(rows)
    for seed in (1, 2):
        text = rows(Random(seed))
        with client(emulator) as gateway, Outbox(tmp_path / f"{name}{seed}.sqlite3") as outbox:
            plan = desk.make(
                gateway, outbox, desk.file(text.replace("D-", f"D{seed}-").replace("K-", f"K{seed}-")), name
            )
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
            ]
            assert blind
            taken = [one.write for one in loader.load(blind) if one.ending is Ending.POSTED]
            reasons = {one.write.position: [str(r) for r in one.reasons] for one in plan.of(Verdict.REFUSED)}
            assert [(one.fields, reasons[one.position]) for one in taken] == []

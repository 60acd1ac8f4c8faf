"""What the plan accepts the company accepts, and what the plan refuses the company refuses, on a thousand entries."""

import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.plan.planner import make_plan
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.load.target.functions import Functions
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.xml.envelope import SUCCESS, Function
from support.load.journal import journal_layout
from support.load.ledger import HEADER
from support.small_company import Clock, client, company

UNSENDABLE = {"amount", "date", "sides", "decimals", "required", "row"}
"""Rules about what a cell says: a record they refuse has no values to send."""


@dataclass
class Chance:
    """Draws mostly sound values, and now and then one of each kind of fault."""

    random: random.Random

    def of(self, good: list[str], bad: list[str], rate: float = 0.06) -> str:
        return self.random.choice(bad if bad and self.random.random() < rate else good)

    def amounts(self, parts: int) -> list[int]:
        return [self.random.choice([1, 5, 99, 100, 12_345, 99_999_999]) for _ in range(parts)]


def _entry(chance: Chance, number: int) -> str:
    """One journal entry's rows."""
    day = chance.of(
        ["2026-11-30", "11/15/2026", "2026-10-01", "2027-01-05"], ["2026-09-30", "2025-06-30", "11/31/2026"]
    )
    journal = chance.of(["GJ", "PYRJ", "General Journal"], ["XX", "gj"])
    head = f"{journal},{day},Entry {number},R-{number}"
    debits = chance.amounts(chance.random.randint(1, 3))
    credit = sum(debits) + (chance.random.choice([1, -1, 100]) if chance.random.random() < 0.06 else 0)
    sides = [(cents, True) for cents in debits] + [(credit, False)] * (chance.random.random() > 0.03)
    place = chance.of(["100", "120", "200", "210"], ["999", "", "Portland"])
    rows = []
    for cents, debit in sides:
        account = chance.of(["68000", "60100", "10010", "69000", "Bank Fees"], ["68001", "10900", "99999", ""], 0.03)
        department = chance.of(["100", "500", "Engineering", "Finance"], ["", "900", "Legacy Projects", "77"], 0.08)
        where = chance.of([place], ["100", "200", "300"], 0.05)
        text = f"{cents // 100}.{cents % 100:02}"
        text = chance.of([text], [f"{text}5", f"-{text}", "ten", ""], 0.02)
        memo = chance.of(["", "a memo", '"with, comma & <tag>"'], [])
        rows.append(f"{head},{account},{text if debit else ''},{'' if debit else text},{department},{where},{memo}\n")
    return "".join(rows)


@pytest.mark.parametrize("seed", range(10))
def test_plan_and_company_agree(tmp_path: Path, seed: int) -> None:
    chance = Chance(random.Random(seed))
    file = tmp_path / "entries.csv"
    file.write_text(HEADER + "".join(_entry(chance, number) for number in range(100)))
    emulator: Emulator = company(Clock())
    with client(emulator) as gateway, Outbox(tmp_path / "outbox.sqlite3") as outbox:
        plan = make_plan(open_csv(file), journal_layout(), gateway, outbox)
        sendable = [one for one in plan.records if not UNSENDABLE & {reason.rule for reason in one.reasons}]
        made = Functions(gateway)
        functions = [Function(made.element(one.write), f"f{place}") for place, one in enumerate(sendable)]
        results = gateway.submit(functions)
    assert plan.unchecked == ()
    disagreements = [
        (one.write.label, [str(reason) for reason in one.reasons], [str(fault) for fault in result.faults])
        for one, result in zip(sendable, results, strict=True)
        if (one.verdict is Verdict.CREATE) != (result.status == SUCCESS)
    ]
    assert disagreements == []
    verdicts = [one.verdict for one in sendable]
    assert Verdict.CREATE in verdicts and Verdict.REFUSED in verdicts
    assert emulator.incidents == []
    emulator.close()

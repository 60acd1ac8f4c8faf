"""The samples are real files: the good one is sound in every month, the bad one shows a refusal of each kind."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_bridge.apps.demo.sample import NAMES, sample, write_sample
from intacct_bridge.load.records.write import Write
from intacct_bridge.load.rules.accounting import balance, two_lines
from intacct_bridge.load.rules.facts import Facts
from intacct_bridge.load.tables.delimited import open_csv
from intacct_bridge.load.target.references import References
from support.load.journal import journal_layout
from support.load.ledger import Ledger

MONTHS = [date(2026, 11, 30), date(2027, 2, 3), date(2028, 2, 29), date(2026, 12, 31)]


def read(path: Path) -> list[Write]:
    return list(journal_layout().read(open_csv(path)))


@pytest.mark.parametrize("as_of", MONTHS)
def test_the_good_sample_is_valid_and_balances_in_every_month(tmp_path: Path, as_of: date) -> None:
    writes = read(write_sample(NAMES[0], tmp_path, as_of=as_of))
    facts = Facts(References(Ledger()))
    assert [finding for write in writes for finding in write.findings] == []
    assert [finding for write in writes for rule in (balance, two_lines) for finding in rule(write, facts)] == []
    assert len(writes) >= 10
    assert {write.identity.kind for write in writes} == {"key"}
    days = {write.fields["BATCH_DATE"] for write in writes}
    assert all(isinstance(day, date) and (day.year, day.month) == (as_of.year, as_of.month) for day in days)


@pytest.mark.parametrize("as_of", MONTHS)
def test_the_bad_sample_has_one_valid_entry_and_one_mistake_of_each_kind(tmp_path: Path, as_of: date) -> None:
    writes = read(write_sample(NAMES[1], tmp_path, as_of=as_of))
    facts = Facts(References(Ledger()))
    rules = [{finding.rule for finding in (*write.findings, *balance(write, facts))} for write in writes]
    assert rules == [set(), {"balance"}, set(), {"date"}, {"sides"}, {"decimals"}, set()]


def test_in_its_own_month_a_sample_is_written_as_it_is(tmp_path: Path) -> None:
    for name in NAMES:
        assert write_sample(name, tmp_path, as_of=date(2026, 11, 1)).read_bytes() == sample(name)


def test_totals_are_exact(tmp_path: Path) -> None:
    writes = read(write_sample(NAMES[0], tmp_path, as_of=date(2026, 11, 30)))
    sides = {1: Decimal(0), -1: Decimal(0)}
    for write in writes:
        for line in write.all_lines:
            amount, side = line.fields["TRX_AMOUNT"], line.fields["TR_TYPE"]
            assert isinstance(amount, Decimal) and isinstance(side, int)
            sides[side] += amount
    assert sides[1] == sides[-1]

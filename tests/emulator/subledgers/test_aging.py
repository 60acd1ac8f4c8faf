"""Ageing on past days: open items as they were, equal to the control account of that day. Sums by hand."""

from decimal import Decimal
from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from support.emulator.calls import data, one
from support.emulator.own_company import OwnCompany
from support.emulator.own_records import day_of, invoice, key_of, receipt, trial_balance

D = Decimal


@pytest.fixture
def own() -> Emulator:
    return OwnCompany().emulator()


def aging(emulator: Emulator, day: str, more: str = "") -> list[str]:
    asked = f"<agingperiods>0-30,31-60,61-</agingperiods>{day_of('asofdate', day)}{more}"
    rows = data(emulator, f"<get_araging>{asked}</get_araging>").children
    return [one.findtext("amount") for row in rows for one in row.findall("aging")]


def control(emulator: Emulator, day: str) -> Decimal:
    return trial_balance(emulator, "2025-01-01", day).get("1100", (D(0),) * 4)[3]


def test_a_past_day_shows_what_was_open_then(own: Emulator) -> None:
    """Invoices of 100 (September) and 50 (October); 30 are paid on 5 October, 70 on 5 November."""
    first = key_of(own, invoice("100", day="2026-09-10"))
    key_of(own, invoice("50", day="2026-10-10"))
    key_of(own, receipt(first, "30", day="2026-10-05"))
    key_of(own, receipt(first, "70", day="2026-11-05"))
    expected = {
        "2026-09-09": [],
        "2026-09-10": ["100", "0", "0"],
        "2026-10-04": ["100", "0", "0"],
        "2026-10-05": ["70", "0", "0"],
        "2026-10-15": ["50", "70", "0"],
        "2026-11-04": ["50", "70", "0"],
        "2026-11-05": ["50", "0", "0"],
        "2026-12-20": ["0", "0", "50"],
    }
    for day, amounts in expected.items():
        assert aging(own, day) == amounts, day
        assert sum(map(D, amounts)) == control(own, day), day


def test_reversals_open_and_close_items_on_their_own_days(own: Emulator) -> None:
    key = key_of(own, invoice("100", day="2026-09-10"))
    paid = key_of(own, receipt(key, "100", day="2026-09-20"))
    key_of(own, f'<reverse_arpayment key="{paid}">{day_of("datereversed", "2026-10-01")}</reverse_arpayment>')
    key_of(own, f'<reverse_invoice key="{key}">{day_of("datereversed", "2026-11-01")}</reverse_invoice>')
    expected = {
        "2026-09-15": ["100", "0", "0"],
        "2026-09-30": [],
        "2026-10-01": ["100", "0", "0"],
        "2026-10-31": ["0", "100", "0"],
        "2026-11-01": [],
    }
    for day, amounts in expected.items():
        assert aging(own, day) == amounts, day
        assert sum(map(D, amounts)) == control(own, day), day


def test_credits_and_overpayments_count_from_their_day(own: Emulator) -> None:
    key = key_of(own, invoice("100", day="2026-09-10"))
    item = "<lineitem><glaccountno>4000</glaccountno><amount>-40</amount><locationid>US</locationid></lineitem>"
    head = f"<customerid>C1</customerid>{day_of('datecreated', '2026-10-01')}"
    key_of(own, f"<create_aradjustment>{head}<aradjustmentitems>{item}</aradjustmentitems></create_aradjustment>")
    over = {"OVERPAYMENTAMOUNT": "7", "OVERPAYMENTLOCATIONID": "US"}
    key_of(own, receipt(key, "20", day="2026-10-20", **over))
    expected = {
        "2026-09-30": ["100", "0", "0"],
        "2026-10-05": ["60", "0", "0"],
        "2026-10-20": ["-47", "80", "0"],
    }
    for day, amounts in expected.items():
        assert aging(own, day) == amounts, day
        assert sum(map(D, amounts)) == control(own, day), day


def test_ages_count_from_the_due_date_on_request(own: Emulator) -> None:
    day = f"{day_of('datecreated', '2026-09-01')}{day_of('datedue', '2026-10-31')}"
    body = invoice("100").replace(day_of("datecreated", "2026-11-10") + day_of("datedue", "2026-11-10"), day)
    assert one(own, body).status == "success"
    assert aging(own, "2026-11-05") == ["0", "0", "100"]
    assert aging(own, "2026-11-05", "<useduedate>true</useduedate>") == ["100", "0", "0"]


@pytest.mark.parametrize("setting", ["refused", "accepted"])
def test_an_invoice_that_was_settled_once_cannot_be_deleted(setting: Any) -> None:
    """Found by random companies: the receipt and its reversal stay in the ledger without their invoice."""
    own = OwnCompany(behaviour=Behaviour(delete_settled=setting)).emulator()
    key = key_of(own, invoice("100", day="2026-09-10"))
    paid = key_of(own, receipt(key, "100", day="2026-09-20"))
    key_of(own, f'<reverse_arpayment key="{paid}">{day_of("datereversed", "2026-10-01")}</reverse_arpayment>')
    result = one(own, f"<delete><object>ARINVOICE</object><keys>{key}</keys></delete>")
    assert result.status == {"refused": "failure", "accepted": "success"}[setting]
    if setting == "refused":
        assert result.faults[0].description2 == (
            f"Invoice {key} was settled by a payment that is reversed, and cannot be deleted."
        )
        assert control(own, "2026-09-25") == 0


def test_by_a_setting_only_invoices_count() -> None:
    emulator = OwnCompany(behaviour=Behaviour(aging="invoices")).emulator()
    key = key_of(emulator, invoice("100", day="2026-09-10"))
    key_of(emulator, receipt(key, "20", day="2026-09-20", OVERPAYMENTAMOUNT="7", OVERPAYMENTLOCATIONID="US"))
    assert aging(emulator, "2026-09-30") == ["80", "0", "0"]

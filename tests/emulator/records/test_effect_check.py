"""No amount is ignored: it has an effect, is stored, or is refused by its name."""

import pytest

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import element, faults, one
from support.emulator.documents import bill, item, made
from support.emulator.ledger_checks import assert_true, balances
from support.emulator.legacy_documents import day, invoice, line
from support.emulator.orders import item_of, sale
from support.emulator.orders import line as order_line
from support.emulator.payments import ap, paid

HEAD = {"VENDORID": "V10087", "WHENCREATED": "11/20/2026", "WHENDUE": "12/20/2026", "RECORDID": "A-1"}


@pytest.mark.parametrize(
    ("head", "lines", "field"),
    [
        ({"TOTALENTERED": "99"}, {}, "TOTALENTERED"),
        ({"TRX_TOTALDUE": "99"}, {}, "TRX_TOTALDUE"),
        ({"AMOUNTTOPAY": "99"}, {}, "AMOUNTTOPAY"),
        ({}, {"AMOUNT": "99"}, "AMOUNT"),
        ({}, {"TRX_AMOUNTRETAINED": "9"}, "TRX_AMOUNTRETAINED"),
        ({}, {"RETAINAGEPERCENTAGE": "10"}, "RETAINAGEPERCENTAGE"),
    ],
)
def test_an_amount_without_effect_is_refused(
    demo: Emulator, head: dict[str, str], lines: dict[str, str], field: str
) -> None:
    before = balances(demo.company())
    more = "".join(f"<{name}>{text}</{name}>" for name, text in lines.items())
    spoken = item("60500 100").replace("</APBILLITEM>", f"{more}</APBILLITEM>")
    create = f"<create>{element('APBILL', **HEAD, **head, APBILLITEMS=spoken)}</create>"
    refusal = faults(demo, create, show_additional_error_info=True)
    assert refusal[0].field == field
    assert f"{field} {(head | lines)[field]} would have no effect here." in refusal[0].description2
    assert balances(demo.company()) == before


def test_an_amount_equal_to_the_stored_one_is_accepted(demo: Emulator) -> None:
    spoken = item("60500 100").replace("</APBILLITEM>", "<AMOUNT>100</AMOUNT></APBILLITEM>")
    key = made(demo, f"<create>{element('APBILL', **HEAD, TOTALENTERED='100.00', APBILLITEMS=spoken)}</create>")
    echo = element("APBILL", RECORDNO=key, DESCRIPTION="changed", TOTALDUE="100", TRX_TOTALPAID="0")
    assert one(demo, f"<update>{echo}</update>").status == "success"
    assert_true(demo)


def test_a_payment_in_two_currencies_at_once_must_agree(demo: Emulator) -> None:
    key = made(demo, bill("60500 100"))
    refusal = faults(demo, paid(ap(RECORDKEY=key, TRX_PAYMENTAMOUNT="70", PAYMENTAMOUNT="60")))
    assert "PAYMENTAMOUNT 60 would have no effect here" in refusal[0].description2
    made(demo, paid(ap(RECORDKEY=key, TRX_PAYMENTAMOUNT="70", PAYMENTAMOUNT="70")))
    made(demo, paid(ap(RECORDKEY=key, PAYMENTAMOUNT="30")))
    assert_true(demo)


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("<memo>m</memo>", "<memo>m</memo>", "totaldue"),
        ("<memo>m</memo>", "<memo>m</memo>", "totalpaid"),
    ],
)
def test_an_amount_of_a_legacy_line_without_effect_is_refused(
    demo: Emulator, before: str, after: str, field: str
) -> None:
    told = line("41100", "10", f"<{field}>5</{field}>").replace(before, after)
    body = invoice("L-9").replace(line("41100", "250.00"), told)
    assert f"{field} 5 would have no effect here." in faults(demo, body)[0].description2


def test_an_adjustment_takes_the_amounts_of_the_official_sdks_where_they_are_zero(demo: Emulator) -> None:
    # the place of both is that of ApAdjustmentLineCreate in @intacct/intacct-sdk
    zero = line("60500", "-30", "<totalpaid>0</totalpaid><totaldue>0</totaldue>")
    head = f"<vendorid>V10087</vendorid>{day('datecreated')}<adjustmentno>A-9</adjustmentno>"
    call = f"<create_apadjustment>{head}<apadjustmentitems>{zero}</apadjustmentitems></create_apadjustment>"
    refusal = faults(demo, call.replace("<totaldue>0<", "<totaldue>-30<"))
    assert refusal[0].description2 == "totaldue -30 would have no effect here."
    assert one(demo, call).status == "success"


def test_the_tax_of_a_purchase_line_is_refused_by_name(demo: Emulator) -> None:
    lines = order_line(item_of(demo), 1, "10").replace("sotransitem", "potransitem")
    lines = lines.replace("<locationid>", "<tax>3</tax><locationid>")
    contact = "<returnto><contactname></contactname></returnto><payto><contactname></contactname></payto>"
    head = f"<transactiontype>Vendor Invoice</transactiontype>{day('datecreated')}<vendorid>V10087</vendorid>"
    body = f"{head}<documentno>P9</documentno><termname>N30</termname>{contact}<potransitems>{lines}</potransitems>"
    refusal = faults(demo, f"<create_potransaction>{body}</create_potransaction>")
    assert "tax 3 would have no effect here." in refusal[0].description2


def test_a_subtotal_is_an_amount_or_a_percentage(demo: Emulator) -> None:
    told = "<subtotal><description>F</description><total>2</total><percentval>5</percentval></subtotal>"
    both = f"<subtotals>{told}</subtotals>"
    body = sale("Sales Invoice", "X9", order_line(item_of(demo), 1, "10")).replace("</create_so", f"{both}</create_so")
    assert "an amount or a percentage" in faults(demo, body)[0].description2
    said = faults(demo, body.replace(">2<", "><").replace(">5<", ">NaN<"))[0].description2
    assert said == "Illegal format for percentval: 'NaN'"


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("<amount>20</amount><currency>EUR</currency><trx_amount>20</trx_amount><exchrate>1.1</exchrate>", "is not 22"),
        ("<amount>20</amount><exchrate>1.1</exchrate>", "goes with trx_amount"),
        ("<trx_amount>20</trx_amount><exchrate>NaN</exchrate>", "Illegal format for exchrate: 'NaN'"),
        ("<amount>Infinity</amount>", "Illegal format for Transaction amount: 'Infinity'"),
    ],
)
def test_an_expense_in_another_currency_is_converted(demo: Emulator, cells: str, said: str) -> None:
    report = (
        f"<create_expensereport><employeeid>E0085</employeeid>{day('datecreated')}<expenses><expense>"
        "<expensetype>Meals</expensetype>{}<memo>lunch</memo><locationid>110</locationid>"
        "<departmentid>100</departmentid></expense></expenses></create_expensereport>"
    )
    assert said in faults(demo, report.format(cells))[0].description2
    right = "<currency>EUR</currency><trx_amount>20</trx_amount><exchrate>1.1</exchrate>"
    assert one(demo, report.format(right)).status == "success"
    assert_true(demo)

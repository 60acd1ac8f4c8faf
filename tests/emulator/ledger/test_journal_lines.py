"""Journal lines with splits and allocations. Shapes: "Create Journal Entry", SPLIT; amounts are made up."""

from decimal import Decimal

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import element, faults
from support.emulator.documents import made
from support.emulator.ledger_checks import assert_true, balances, change


def entry(*splits: str, amount: str = "100", allocation: str = "Custom") -> str:
    parts = "".join(element("SPLIT", AMOUNT=one, LOCATIONID="110", DEPARTMENTID="100") for one in splits)
    common = {"LOCATION": "110", "DEPARTMENT": "100"}
    cells = {"ACCOUNTNO": "60500", "TR_TYPE": "1", "TRX_AMOUNT": amount, "ALLOCATION": allocation}
    debit = element("GLENTRY", **common, **cells).replace("</GLENTRY>", f"{parts}</GLENTRY>")
    credit = element("GLENTRY", ACCOUNTNO="10010", TR_TYPE="-1", TRX_AMOUNT=amount, **common)
    head = {"JOURNAL": "GJ", "BATCH_DATE": "11/20/2026", "BATCH_TITLE": "Split"}
    return f"<create>{element('GLBATCH', **head, ENTRIES=debit + credit)}</create>"


def test_each_split_of_a_line_becomes_a_line(demo: Emulator) -> None:
    before = balances(demo.company())
    key = made(demo, entry("60", "40"))
    assert change(before, balances(demo.company())) == {"60500": Decimal(100), "10010": Decimal(-100)}
    table = demo.company().table("GLENTRY")
    assert [(table.get(one) or {})["TRX_AMOUNT"] for one in table.find("BATCHNO", key)] == ["60", "40", "100"]
    assert_true(demo)


def test_splits_must_add_up_to_their_line(demo: Emulator) -> None:
    refusal = faults(demo, entry("60", "39"), show_additional_error_info=True)
    assert "The splits add up to 99.00, but the line has 100." in refusal[0].description2
    assert refusal[0].field == "AMOUNT"


def test_each_entry_of_an_allocation_becomes_a_line_to_the_cent(demo: Emulator) -> None:
    key = made(demo, entry(amount="100.01", allocation="HQ-SPLIT"))
    table = demo.company().table("GLENTRY")
    lines = [table.get(one) or {} for one in table.find("BATCHNO", key)]
    assert [(line["TRX_AMOUNT"], line["LOCATION"], line["DEPARTMENT"]) for line in lines] == [
        *(("40", "110", "110"), ("35", "110", "210"), ("25.01", "120", "520"), ("100.01", "110", "100"))
    ]
    assert_true(demo)


def test_each_entry_of_an_allocation_becomes_a_line_of_a_bill(demo: Emulator) -> None:
    line = element("APBILLITEM", ACCOUNTNO="60500", TRX_AMOUNT="0.03", ALLOCATION="SERVICE", LOCATIONID="110")
    head = {"VENDORID": "V10001", "WHENCREATED": "11/20/2026", "WHENDUE": "12/20/2026", "RECORDID": "ALLOCATED"}
    key = made(demo, f"<create>{element('APBILL', **head, APBILLITEMS=line)}</create>")
    table = demo.company().table("APBILLITEM")
    lines = [table.get(one) or {} for one in table.find("RECORDKEY", key)]
    assert [(line["TRX_AMOUNT"], line["LOCATIONID"]) for line in lines] == [("0.02", "210"), ("0.01", "220")]
    assert (demo.company().table("APBILL").get(int(key)) or {})["TRX_TOTALENTERED"] == "0.03"
    assert_true(demo)


def test_an_unknown_allocation_is_refused(demo: Emulator) -> None:
    refusal = faults(demo, entry(allocation="NOBODY"), show_additional_error_info=True)[0]
    assert "Invalid Allocation 'NOBODY' specified." in refusal.description2
    assert refusal.field == "ALLOCATION"


def test_an_allocation_by_amounts_is_refused(demo: Emulator) -> None:
    parts = element("ALLOCATIONENTRY", VALUE="60", VALUETYPE="Amount", LOCATIONID="110")
    cells = {"ALLOCATIONID": "FIXED", "TYPE": "Absolute", "ALLOCATIONENTRIES": parts}
    made(demo, f"<create>{element('ALLOCATION', **cells)}</create>")
    assert "Allocation 'FIXED' is not made of percentages" in faults(demo, entry(allocation="FIXED"))[0].description2

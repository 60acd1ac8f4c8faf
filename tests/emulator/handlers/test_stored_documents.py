"""Recurring documents, requests and other documents that are only stored."""

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import data, faults, one, query, rows

DAY = "<{0}><year>2026</year><month>12</month><day>01</day></{0}>"
LINE = "<recurlineitem><glaccountno>68000</glaccountno><amount>{}</amount><locationid>110</locationid></recurlineitem>"
BILL = (
    f"<create_recurringbill><vendorid>V10087</vendorid>{DAY.format('datecreated')}<recordid>R-1</recordid>"
    f"<termname>N30</termname>{DAY.format('startdate')}<ending><occur>12</occur></ending><modenew>Months</modenew>"
    f"<interval>1</interval><recurbillitems>{LINE.format(10)}{LINE.format(15)}</recurbillitems></create_recurringbill>"
)


def test_a_recurring_bill_is_stored_with_its_lines_and_deleted_by_delete_bill(demo: Emulator) -> None:
    key = one(demo, BILL).key
    fields = "RECORDNO VENDORNAME TRX_TOTALENTERED REPEATBY REPEATCOUNT NEXTEXECDATE"
    found = rows(data(demo, query("APRECURBILL", fields)))
    assert found[0]["TRX_TOTALENTERED"] == "25"
    assert (found[0]["REPEATBY"], found[0]["REPEATCOUNT"], found[0]["NEXTEXECDATE"]) == ("M", "12", "12/01/2026")
    assert len(rows(data(demo, query("APRECURBILLENTRY", "RECORDNO TRX_AMOUNT")))) == 2
    assert one(demo, f'<delete_bill key="{key}"/>').status == "success"
    assert demo.company().table("APRECURBILLENTRY").count() == 0


def test_a_reimbursement_names_an_existing_bank_account(demo: Emulator) -> None:
    body = (
        "<create_reimbursementrequest><bankaccountid>{}</bankaccountid><employeeid>E0032</employeeid>"
        f"<paymentmethod>ACH</paymentmethod>{DAY.format('paymentdate')}<eppaymentrequestitems><eppaymentrequestitem>"
        "<key>6292</key><paymentamount>45.44</paymentamount></eppaymentrequestitem></eppaymentrequestitems>"
        "</create_reimbursementrequest>"
    )
    key = one(demo, body.format("CHK-INS")).key
    row = demo.company().table("EPPAYMENTREQUEST").get(int(key or 0)) or {}
    assert (row["PAYMENTAMOUNT"], row["WHENDUE"], row["BASECURR"]) == ("45.44", "12/01/2026", "USD")
    assert "Bank Account 'NONE'" in faults(demo, body.format("NONE"))[0].text


def test_a_customers_card_shows_its_last_digits_only(demo: Emulator) -> None:
    made = one(
        demo,
        "<create_customerchargecard><customerid>C20018</customerid><cardnum>4111111111111111</cardnum>"
        "<cardtype>Visa</cardtype><exp_month>June</exp_month><exp_year>2030</exp_year>"
        "<mailaddress><city>Portland</city></mailaddress></create_customerchargecard>",
    )
    (card,) = data(demo, '<get_list object="customerchargecard"/>')
    assert card.findtext("recordno") == made.key
    assert card.findtext("cardnum") == "************1111"
    listed = data(demo, "<inspect><object>*</object></inspect>")
    assert "CUSTOMERCHARGECARD" not in {one.text for one in listed}


def test_summaries_that_share_an_object_are_listed_separately(demo: Emulator) -> None:
    for name in ("billbatch", "apadjustmentbatch"):
        one(demo, f"<create_{name}><batchtitle>{name}</batchtitle></create_{name}>")
        (found,) = data(demo, f'<get_list object="{name}"/>')
        assert found.findtext("title") == name


def test_kits_are_built_and_disassembled(demo: Emulator) -> None:
    day = DAY.format("datecreated").replace("<month>12", "<month>11")
    item = "<itemid>KIT-SEAL</itemid><warehouseid>WH-CMH</warehouseid><quantity>1</quantity><unit>Each</unit>"
    kit = "<create_stkittransaction><transactiontype>{} Kits</transactiontype>{}{}</create_stkittransaction>"
    lines = f"<stkittransitems><stkittransitem>{item}</stkittransitem></stkittransitems>"
    built = one(demo, kit.format("Build", day, lines)).key
    apart = one(demo, kit.format("Disassemble", day, f"<createdfrom>{built}</createdfrom>")).key
    kept = rows(data(demo, query("INVDOCUMENTENTRY", "DOCHDRID ITEMID")))
    assert [one["DOCHDRID"] for one in kept] == [built, apart]
    assert faults(demo, kit.format("Break", day, lines))[0].text.startswith("Invalid Transaction Definition")


def test_a_waiting_vendor_is_approved_or_declined_once(demo: Emulator) -> None:
    key = demo.company().table("VENDOR").insert({"VENDORID": "W1", "NAME": "W", "STATE": "S", "STATUS": "active"})
    body = f"<recordno>{key}</recordno>"
    assert one(demo, f"<declineVendor>{body}</declineVendor>").status == "success"
    assert (demo.company().table("VENDOR").get(key) or {})["STATE"] == "R"
    assert "does not wait" in faults(demo, f"<approveVendor>{body}</approveVendor>")[0].text


def test_an_expense_adjustment_posts_as_a_report_does(demo: Emulator) -> None:
    before = demo.company().table("GLBATCH").count()
    day = DAY.format("datecreated").replace("<month>12", "<month>11")
    line = "<glaccountno>68000</glaccountno><amount>-9</amount><locationid>110</locationid>"
    key = one(
        demo,
        f"<create_expenseadjustmentreport><employeeid>E0032</employeeid>{day}<adjustmentno>EA-1</adjustmentno>"
        f"<expenseadjustments><expenseadjustment>{line}</expenseadjustment></expenseadjustments>"
        "</create_expenseadjustmentreport>",
    ).key
    assert demo.company().table("GLBATCH").count() == before + 1
    assert one(demo, f'<delete_expenseadjustmentreport key="{key}"/>').status == "success"
    assert demo.company().table("GLBATCH").count() == before


def test_references_of_lists_must_exist(demo: Emulator) -> None:
    wrong = "<create><GCBOOKENTITY><BOOKID>NONE</BOOKID><LOCATIONID>100</LOCATIONID></GCBOOKENTITY></create>"
    assert "Invalid Consolidation Book 'NONE'" in faults(demo, wrong)[0].text
    wrong = "<create><BIN><BINID>B</BINID><AISLEID>NONE</AISLEID></BIN></create>"
    assert "Invalid Aisle 'NONE'" in faults(demo, wrong)[0].text

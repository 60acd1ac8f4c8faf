"""Records by Intacct's names become object-specific calls in the documented order, and no field is dropped."""

from datetime import date
from decimal import Decimal

import pytest

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.legacy.content_model import compile_model
from intacct_protocol.model.legacy.functions import _table, read_call, write_element, write_plan
from intacct_protocol.model.legacy.grammar import function_def
from intacct_protocol.xml.values import UNSET, Value
from intacct_protocol.xml.xml import serialize


def made(object_name: str, operation: str, fields: dict[str, object], **more: object) -> str:
    """The call as text."""
    plan = write_plan(object_name)
    assert plan is not None
    return serialize(write_element(plan, operation, fields, **more))  # type: ignore[arg-type]


def test_an_ap_adjustment_in_the_documented_order() -> None:
    # shape: the parameter table of create_apadjustment in Sage's developer documentation
    text = made(
        "APADJUSTMENT",
        "create",
        {
            "DESCRIPTION": "Credit & more",
            "WHENCREATED": date(2026, 3, 9),
            "VENDORID": "V-1",
            "RECORDID": "ADJ-7",
            "CURRENCY": "USD",
            "BASECURR": "USD",
            "EXCH_RATE_TYPE_ID": "Intacct Daily Rate",
        },
        lines={
            "APADJUSTMENTITEMS": [
                {"CLASSID": "C1", "TRX_AMOUNT": Decimal("-12.50"), "ACCOUNTNO": "6000", "ENTRYDESCRIPTION": "x"}
            ]
        },
    )
    assert text == (
        "<create_apadjustment><vendorid>V-1</vendorid>"
        "<datecreated><year>2026</year><month>03</month><day>09</day></datecreated>"
        "<adjustmentno>ADJ-7</adjustmentno><description>Credit &amp; more</description>"
        "<basecurr>USD</basecurr><currency>USD</currency><exchratetype>Intacct Daily Rate</exchratetype>"
        "<apadjustmentitems><lineitem><glaccountno>6000</glaccountno><amount>-12.50</amount><memo>x</memo>"
        "<classid>C1</classid></lineitem></apadjustmentitems></create_apadjustment>"
    )


def test_a_journal_line_says_debit_or_credit() -> None:
    text = made(
        "GLBATCH",
        "create",
        {"JOURNAL": "GJ", "BATCH_DATE": date(2026, 1, 31), "BATCH_TITLE": "Accrual"},
        lines={"ENTRIES": [{"ACCOUNTNO": "6000", "TRX_AMOUNT": Decimal("1"), "TR_TYPE": 1, "LOCATION": "100"}]},
    )
    assert "<trtype>debit</trtype><amount>1</amount><glaccountno>6000</glaccountno><locationid>100</locationid>" in text


def test_custom_fields_have_their_block_and_unset_is_left_out() -> None:
    text = made(
        "ARINVOICE",
        "create",
        {
            "CUSTOMERID": "C1",
            "WHENCREATED": date(2026, 1, 1),
            "RENEWAL": "yes",
            "DESCRIPTION": UNSET,
            "DOCNUMBER": None,
        },
        custom=["RENEWAL"],
        lines={"ARINVOICEITEMS": [{"ACCOUNTNO": "4000", "AMOUNT": Decimal("0.1")}]},
    )
    assert "<customfields><customfield><customfieldname>RENEWAL</customfieldname>" in text
    assert "description" not in text
    assert "<ponumber></ponumber>" in text


def test_a_field_without_a_place_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequestError, match=r"ARINVOICE\.FISH has no place in create_invoice"):
        made("ARINVOICE", "create", {"FISH": "x"})


def test_a_missing_element_is_named() -> None:
    with pytest.raises(InvalidRequestError, match="missing at the end") as caught:
        made("ARINVOICE", "create", {"CUSTOMERID": "C1", "WHENCREATED": date(2026, 1, 1)})
    assert "invoiceitems" in caught.value.fix


def test_a_currency_requires_its_rate() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        made(
            "ARINVOICE",
            "create",
            {"CUSTOMERID": "C1", "WHENCREATED": date(2026, 1, 1), "CURRENCY": "EUR"},
            lines={"ARINVOICEITEMS": [{"ACCOUNTNO": "4000", "AMOUNT": Decimal(1)}]},
        )
    assert "exchratetype" in caught.value.fix


def test_receipt_keys_are_bare() -> None:
    text = made(
        "DEPOSIT",
        "create",
        {"FINANCIALENTITY": "B1", "WHENCREATED": date(2026, 1, 1), "DEPOSITID": "D1"},
        lines={"RECEIPTKEYS": [{"RECORDNO": 7}, {"RECORDNO": 8}]},
    )
    assert "<receiptkeys><receiptkey>7</receiptkey><receiptkey>8</receiptkey></receiptkeys>" in text


def test_payment_details_stand_in_the_function_itself() -> None:
    text = made(
        "ARPYMT",
        "create",
        {"CUSTOMERID": "C1", "TRX_AMOUNTTOPAY": Decimal("10.00"), "FINANCIALENTITY": "B1"},
        lines={"ARPYMTDETAILS": [{"RECORDKEY": 5, "TRX_PAYMENTAMOUNT": Decimal("10.00")}]},
    )
    assert text.endswith(
        "<bankaccountid>B1</bankaccountid>"
        "<arpaymentitem><invoicekey>5</invoicekey><amount>10.00</amount></arpaymentitem></create_arpayment>"
    )


def test_an_object_without_a_row_uses_lower_case_names() -> None:
    plan = write_plan("CLASS", "class")
    assert plan is not None
    call = write_element(plan, "create", {"NAME": "North", "CLASSID": "N"})
    assert serialize(call) == "<create_class><classid>N</classid><name>North</name></create_class>"
    assert write_plan("NOSUCH") is None


def test_the_tables_agree_with_each_other() -> None:
    for name in _table("legacy_writes.json"):
        plan = write_plan(name)
        assert plan is not None
        function = function_def(plan.functions["create"])
        assert function is not None
        for path in plan.fields.values():
            assert path.split("/")[0] in function.model.names, (name, path)
        for line in plan.lines.values():
            models = _table("legacy_parts.json")["models"]
            model = models.get(f"{line.wrapper}/{line.element}") or models.get(line.element, "")
            assert line.wrapper in ("", *function.model.names)
            for path in line.fields.values():
                assert path == "." or path in compile_model(model).names, (name, path)
    for model in _table("legacy_parts.json")["models"].values():
        compile_model(model)


def test_contacts_nest_in_the_documented_order() -> None:
    text = made(
        "VENDOR",
        "create",
        {
            "VENDORID": "V-1",
            "NAME": "Acme",
            "DISPLAYCONTACT.MAILADDRESS.CITY": "Bern",
            "DISPLAYCONTACT.PRINTAS": "Acme",
            "DISPLAYCONTACT.CONTACTNAME": "Acme (V-1)",
            "DISPLAYCONTACT.MAILADDRESS.ADDRESS1": "1 Road",
        },
    )
    # shape: the parameter table of create_vendor in Sage's developer documentation
    assert text == (
        "<create_vendor><vendorid>V-1</vendorid><name>Acme</name><contactinfo><contact>"
        "<contactname>Acme (V-1)</contactname><printas>Acme</printas>"
        "<mailaddress><address1>1 Road</address1><city>Bern</city></mailaddress></contact></contactinfo>"
        "</create_vendor>"
    )


def test_an_update_numbers_its_lines_and_marks_cleared_fields() -> None:
    text = made(
        "APBILL",
        "update",
        {"DESCRIPTION": None},
        attributes={"key": "17"},
        lines={"APBILLITEMS": [{"TRX_AMOUNT": Decimal("1.5"), "ACCOUNTNO": "6000"}, {"ENTRYDESCRIPTION": "x"}]},
    )
    # shape: the parameter table of update_bill in Sage's developer documentation
    assert text == (
        '<update_bill key="17" set_nulls="true"><description></description><updatebillitems>'
        '<updatelineitem line_num="1"><glaccountno>6000</glaccountno><amount>1.5</amount></updatelineitem>'
        '<updatelineitem line_num="2"><memo>x</memo></updatelineitem></updatebillitems></update_bill>'
    )
    with pytest.raises(InvalidRequestError, match="no object-specific function to update"):
        made("GLBATCH", "update", {}, lines={"ENTRIES": []})


def test_a_call_is_read_back_by_the_same_names() -> None:
    fields: dict[str, Value] = {
        "CUSTOMERID": "C1",
        "WHENCREATED": date(2026, 1, 31),
        "RECORDID": "I-1",
        "BILLTOPAYTOCONTACTNAME": "Kim",
    }
    line: dict[str, Value] = {"ACCOUNTNO": "4000", "TRX_AMOUNT": Decimal("0.10")}
    plan = write_plan("ARINVOICE")
    assert plan is not None
    call = write_element(plan, "create", fields, lines={"ARINVOICEITEMS": [line, line]})
    cells, lines = read_call(plan, call)
    assert cells == {name: "01/31/2026" if name == "WHENCREATED" else value for name, value in fields.items()}
    assert lines == {"ARINVOICEITEMS": [{"ACCOUNTNO": "4000", "TRX_AMOUNT": "0.10"}] * 2}

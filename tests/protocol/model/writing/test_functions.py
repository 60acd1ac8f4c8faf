"""Which function writes a record, and how."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from intacct_protocol.errors import InvalidRequestError, RecordError
from intacct_protocol.model.catalog import FieldDef, ObjectDef, object_def
from intacct_protocol.model.writing.functions import FunctionBuilder
from intacct_protocol.model.writing.generic import generic_function
from intacct_protocol.xml.values import UNSET, Kind
from intacct_protocol.xml.xml import serialize


@dataclass
class Line:
    object: str
    fields: dict[str, Any] = field(default_factory=dict)


def described(name: str) -> ObjectDef | None:
    return object_def(name, [FieldDef("CUSTOM_X", Kind.TEXT, custom=True)]) if name == "ARINVOICE" else None


def builder(*, is_legacy: bool = False, specific_changes: bool = False) -> FunctionBuilder:
    return FunctionBuilder(described, is_legacy=is_legacy, specific_changes=specific_changes)


@pytest.mark.parametrize(
    ("operation", "name", "is_legacy", "specific_changes", "function"),
    [
        ("create", "VENDOR", False, True, ""),
        ("create", "VENDOR", True, False, "create_vendor"),
        ("create", "ARINVOICE", False, False, "create_invoice"),
        ("update", "ARINVOICE", False, False, ""),
        ("update", "ARINVOICE", False, True, "update_invoice"),
        ("delete", "ARINVOICE", False, True, ""),  # the generic delete is documented
        ("delete", "SODOCUMENT", False, True, "delete_sotransaction"),
        ("delete", "SODOCUMENT", False, False, ""),
        ("update", "SUPDOC", False, False, "update_supdoc"),  # nothing else reaches it
    ],
)
def test_the_function_is_chosen_by_object_document_type_and_preference(
    operation: str, name: str, is_legacy: bool, specific_changes: bool, function: str
) -> None:
    plan = builder(is_legacy=is_legacy, specific_changes=specific_changes).plan(operation, name)
    assert (plan.functions[operation] if plan else "") == function


def test_a_field_that_only_the_specific_function_takes_decides_where_that_function_has_it() -> None:
    plan = builder().plan("create", "APBILL", special="EXTERNALID")
    assert plan is not None and plan.functions["create"] == "create_bill"
    assert builder().plan("create", "CLASS", special="EXTERNALID") is None


@pytest.mark.parametrize(
    ("operation", "name", "is_legacy", "message"),
    [
        ("create", "GLDETAIL", False, "nothing creates GLDETAIL"),
        ("update", "GLBATCH", True, "document type 2.1 has no function to update GLBATCH"),
        ("create", "UOM", True, "nothing creates UOM"),
        ("delete", "ADJJOURNAL", True, "document type 2.1 has no function to delete ADJJOURNAL"),
    ],
)
def test_an_operation_without_a_function_is_refused(operation: str, name: str, is_legacy: bool, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        builder(is_legacy=is_legacy).plan(operation, name)


def test_the_generic_function_nests_dotted_names_and_repeats_numbered_ones() -> None:
    cells = {"A": 1, "B.C": "x", "B.D": None, "S[0].E": "1", "S[1].E": "2", "LEFT": UNSET}
    lines = {"GLENTRIES": [Line("GLENTRY", {"AMOUNT": "5"})]}
    assert serialize(generic_function("create", "GLBATCH", cells, lines)) == (
        "<create><GLBATCH><A>1</A><B><C>x</C><D></D></B><S><E>1</E></S><S><E>2</E></S>"
        "<GLENTRIES><GLENTRY><AMOUNT>5</AMOUNT></GLENTRY></GLENTRIES></GLBATCH></create>"
    )


def test_lines_among_the_cells_need_a_wrapper_of_the_object_and_rows_of_fields() -> None:
    with pytest.raises(RecordError, match="GLBATCH has no owned lines called LINES"):
        generic_function("create", "GLBATCH", {"LINES": []}, {})
    with pytest.raises(RecordError, match=r"GLBATCH\.ENTRIES: line 1 is not a row"):
        generic_function("create", "GLBATCH", {"ENTRIES": ["x"]}, {})


def test_a_specific_function_names_its_record_in_its_attribute_or_its_field() -> None:
    made = builder(specific_changes=True)
    invoice, supdoc = made.plan("update", "ARINVOICE"), made.plan("update", "SUPDOC")
    assert invoice and supdoc
    cells = {"DESCRIPTION": "x", "CUSTOM_X": "y"}
    assert serialize(made.specific(invoice, "update", cells, {}, key="7")) == (
        '<update_invoice key="7"><description>x</description><customfields><customfield>'
        "<customfieldname>CUSTOM_X</customfieldname><customfieldvalue>y</customfieldvalue>"
        "</customfield></customfields></update_invoice>"
    )
    assert serialize(made.specific(supdoc, "update", {}, {}, key="D1")) == (
        "<update_supdoc><supdocid>D1</supdocid></update_supdoc>"
    )


def test_a_specific_function_with_a_currency_and_no_rate_asks_for_the_daily_rate() -> None:
    made = builder(specific_changes=True)
    plan = made.plan("update", "ARINVOICE")
    assert plan
    text = serialize(made.specific(plan, "update", {"CURRENCY": "EUR"}, {}, key="7"))
    assert "<currency>EUR</currency><exchratetype></exchratetype>" in text


def test_a_time_of_a_custom_field_is_rendered_in_a_specific_function_too() -> None:
    """Other times of these functions are days, in three elements."""
    moment = datetime(2026, 3, 29, 2, 30, tzinfo=UTC)
    west = FunctionBuilder(described, is_legacy=False, render=lambda _object, _field, _value: "03/28/2026 21:00:00")
    plan = west.plan("create", "ARINVOICE")
    assert plan is not None
    cells = {"CUSTOMERID": "C1", "WHENCREATED": moment, "WHENDUE": date(2026, 4, 1), "CUSTOM_X": moment}
    line = {"ACCOUNTNO": "4000", "TRX_AMOUNT": Decimal(1), "CUSTOM_X": moment}
    text = serialize(west.specific(plan, "create", cells, {"ARINVOICEITEMS": [line]}))
    value = "<customfieldname>CUSTOM_X</customfieldname><customfieldvalue>03/28/2026 21:00:00</customfieldvalue>"
    assert text.count(value) == 2
    assert "<datecreated><year>2026</year><month>03</month><day>29</day></datecreated>" in text

"""Records by key, and single writes: the requests and their outcomes."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from intacct_bridge.client.writing import outcomes_of
from intacct_protocol.errors import (
    InDoubtError,
    InvalidRequestError,
    LocalProtocolError,
    RecordError,
    SettingsError,
)
from intacct_protocol.xml.envelope import Function, Request
from intacct_protocol.xml.reply import ConnectionCutError
from intacct_protocol.xml.values import UNSET
from intacct_protocol.xml.xml import Element, element, serialize
from support.client.company import Company
from support.client.gateway import failed, fault, result

# shape: recorded `read` answers (owned lists nested, line tags in lower case, dotted fields as nested elements)
BILL = (
    '<data listtype="APBILL" count="1"><APBILL><RECORDNO>7</RECORDNO><TOTALDUE>205375</TOTALDUE>'
    "<WHENDUE>12/31/2026</WHENDUE><VENDORID></VENDORID><APBILLITEMS>"
    "<apbillitem><RECORDNO>70</RECORDNO><AMOUNT>205370.5</AMOUNT><ENTRY_DATE>2026-12-01</ENTRY_DATE></apbillitem>"
    "<apbillitem><RECORDNO>71</RECORDNO><AMOUNT>4.5</AMOUNT><ENTRY_DATE></ENTRY_DATE></apbillitem>"
    "</APBILLITEMS></APBILL></data>"
)
VENDOR = (
    '<data listtype="VENDOR" count="1"><VENDOR><RECORDNO>3</RECORDNO><TOTALDUE>1.10</TOTALDUE>'
    "<DISPLAYCONTACT><EMAIL1>a@b.example</EMAIL1></DISPLAYCONTACT></VENDOR></data>"
)


def company(**answers: Any) -> Company:
    """A company with these texts, or the texts of these functions, as results."""
    made = Company()
    usual = made.gateway.handler

    def handler(function: Function, request: Request) -> str:
        answer = answers.get(function.name)
        if answer is None:
            return usual(function, request)
        if callable(answer):
            made.written.append(function)
            text: str = answer(function)
            return text
        return result(function, answer)

    made.gateway.handler = handler
    return made


def sent(made: Company) -> list[str]:
    return [serialize(function.body) for function in made.written]


# --- whole records


def test_a_record_is_typed_with_its_lines() -> None:
    made = company(read=BILL)
    (bill,) = made.client().read("apbill", [7])
    assert bill == {
        "RECORDNO": 7,
        "TOTALDUE": Decimal(205375),
        "WHENDUE": date(2026, 12, 31),
        "VENDORID": None,
        "APBILLITEMS": [
            {"RECORDNO": 70, "AMOUNT": Decimal("205370.5"), "ENTRY_DATE": date(2026, 12, 1)},
            {"RECORDNO": 71, "AMOUNT": Decimal("4.5"), "ENTRY_DATE": None},
        ],
    }


def test_several_elements_of_one_name_have_numbers() -> None:
    taxes = "<taxentry><DETAILID>GST</DETAILID></taxentry><taxentry><DETAILID>PST</DETAILID></taxentry>"
    more = f"<AMOUNT>4.5</AMOUNT><TAXENTRIES>{taxes}</TAXENTRIES>"
    (bill,) = company(read=BILL.replace("<AMOUNT>4.5</AMOUNT>", more)).client().read("apbill", [7])
    lines = bill["APBILLITEMS"]
    assert isinstance(lines, list)
    assert [lines[1][f"TAXENTRIES.taxentry[{number}].DETAILID"] for number in (0, 1)] == ["GST", "PST"]
    assert lines[1]["AMOUNT"] == Decimal("4.5")


def test_nested_fields_have_the_catalogues_dotted_names() -> None:
    made = company(readByName=VENDOR)
    (vendor,) = made.client().read_by_name("VENDOR", ["V1"])
    assert vendor["DISPLAYCONTACT.EMAIL1"] == "a@b.example"
    (asked,) = [each.body for each in made.asked if each.name == "readByName"]
    assert serialize(asked) == ("<readByName><object>VENDOR</object><keys>V1</keys><fields>*</fields></readByName>")


def test_more_than_a_hundred_keys_take_several_calls_and_none_takes_none() -> None:
    made = company(read='<data listtype="VENDOR" count="0"></data>')
    client = made.client()
    assert client.read("VENDOR", range(250)) == []
    keys = [each.body.findtext("keys").split(",") for each in made.asked if each.name == "read"]
    assert [len(each) for each in keys] == [100, 100, 50]
    assert client.read("VENDOR", []) == []
    assert len([each for each in made.asked if each.name == "read"]) == 3


def test_a_key_that_the_gateway_would_read_as_two_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="holds a comma"):
        company().client().read_by_name("VENDOR", ["Smith, John"])


# --- writes


def objects(function: Function) -> str:
    """Shape: the answer to a generic create or update."""
    number = len(function.control_id)
    return result(
        function,
        f'<data listtype="objects" count="1"><class><RECORDNO>{number}</RECORDNO><CLASSID>C</CLASSID></class></data>',
    )


def test_a_function_has_one_record_with_absent_empty_nested_and_typed_cells() -> None:
    made = company(create=objects)
    outcomes = made.client().create(
        "vendor",
        [
            {"VENDORID": "V&1", "NAME": None, "TOTALDUE": Decimal("1E+2"), "COMMENTS": UNSET},
            {"DISPLAYCONTACT.EMAIL1": "x", "DISPLAYCONTACT": {"EMAIL2": "y"}, "WHENMODIFIED": "2026-02-01T10:00:00Z"},
        ],
    )
    assert sent(made) == [
        "<create><VENDOR><VENDORID>V&amp;1</VENDORID><NAME></NAME><TOTALDUE>100</TOTALDUE></VENDOR></create>",
        (
            "<create><VENDOR><WHENMODIFIED>02/01/2026 10:00:00</WHENMODIFIED>"
            "<DISPLAYCONTACT><EMAIL1>x</EMAIL1><EMAIL2>y</EMAIL2></DISPLAYCONTACT></VENDOR></create>"
        ),
    ]
    assert [(each.ok, each.natural_key) for each in outcomes] == [(True, "C"), (True, "C")]
    request = made.gateway.requests[-1]
    assert request.control.uniqueid is True
    assert len({each.control_id for each in request.operations[0].functions}) == 2


def test_lines_go_into_their_wrapper_under_their_own_name() -> None:
    made = company(create=objects)
    lines = [{"AMOUNT": Decimal("5.50"), "ENTRY_DATE": date(2026, 1, 31)}, {"AMOUNT": "4"}]
    made.client().create("APBILL", [{"VENDORID": "V1", "APBILLITEMS": lines}])
    assert sent(made) == [
        (
            "<create><APBILL><VENDORID>V1</VENDORID><APBILLITEMS>"
            "<APBILLITEM><AMOUNT>5.50</AMOUNT><ENTRY_DATE>01/31/2026</ENTRY_DATE></APBILLITEM>"
            "<APBILLITEM><AMOUNT>4</AMOUNT></APBILLITEM></APBILLITEMS></APBILL></create>"
        )
    ]


def test_a_time_is_written_in_the_users_offset() -> None:
    made = company(create=objects)
    made.formatting = "<dateformat>.dmY</dateformat><gmtoffset>+02:00</gmtoffset><clock>12</clock>"
    row = {"WHENMODIFIED": datetime(2026, 2, 1, 10, tzinfo=UTC)}
    made.client(read_formatting=True).create("VENDOR", [row])
    assert sent(made) == ["<create><VENDOR><WHENMODIFIED>02/01/2026 12:00:00</WHENMODIFIED></VENDOR></create>"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"TOTALDUE": 1.5}, "VENDOR.TOTALDUE: 1.5 is a float"),
        ({"TOTALDUE": "much"}, "VENDOR.TOTALDUE"),
        ({"ITEMS": [{}]}, "no owned lines called ITEMS"),
    ],
)
def test_a_cell_that_cannot_be_written_is_named_before_anything_is_sent(row: dict[str, Any], said: str) -> None:
    made = company(create=objects)
    with pytest.raises(RecordError, match=said):
        made.client().create("VENDOR", [{"NAME": "x"}, row])
    assert sent(made) == []


def test_a_control_character_is_never_sent() -> None:
    made = company(create=objects)
    with pytest.raises(LocalProtocolError, match=r"U\+0007"):
        made.client().create("VENDOR", [{"NAME": "bell \x07"}])
    assert sent(made) == []


def test_an_update_names_its_record_and_sends_only_the_given_fields() -> None:
    made = company(update=objects)
    client = made.client()
    client.update("CLASS", [{"RECORDNO": 5, "DESCRIPTION": "x"}, {"CLASSID": "C", "STATUS": "inactive"}])
    assert sent(made)[0] == ("<update><CLASS><RECORDNO>5</RECORDNO><DESCRIPTION>x</DESCRIPTION></CLASS></update>")
    with pytest.raises(InvalidRequestError, match="must name its record") as caught:
        client.update("CLASS", [{"STATUS": "inactive"}])
    assert "RECORDNO or CLASSID" in caught.value.fix


def test_each_delete_function_has_one_key() -> None:
    made = company(delete=result)
    outcomes = made.client().delete("CLASS", [5, "6"])
    assert sent(made) == [
        "<delete><object>CLASS</object><keys>5</keys></delete>",
        "<delete><object>CLASS</object><keys>6</keys></delete>",
    ]
    assert [each.ok for each in outcomes] == [True, True]
    with pytest.raises(InvalidRequestError, match="not the key of one CLASS"):
        made.client().delete("CLASS", ["5,6"])


def test_each_record_has_its_own_outcome() -> None:
    """Shape: partial success, `count` the records that were applied, their keys beside the errors."""
    partial = '<data listtype="objects" count="1"><class><RECORDNO>5</RECORDNO><CLASSID>A</CLASSID></class></data>'
    answers: Iterator[Callable[[Function], str]] = iter(
        [
            objects,
            lambda function: failed(function, fault("BL34000061", "exists"), data=partial),
            lambda function: failed(function, fault("BL34000061", "exists")),
            lambda function: failed(function, fault("XL03000009", "rolled back"), status="aborted"),
        ]
    )

    def answer(function: Function) -> str:
        return next(answers)(function)

    outcomes = company(create=answer).client().create("CLASS", [{}, {}, {}, {}])
    assert [(each.status, each.natural_key) for each in outcomes] == [
        ("success", "C"),
        ("success", "A"),
        ("failure", ""),
        ("aborted", ""),
    ]
    assert outcomes[1].faults[0].errorno == outcomes[2].faults[0].errorno == "BL34000061"


def test_a_result_of_many_records_lists_applied_and_failed_ones() -> None:
    """Shape: partial success of a function with several records."""
    two = "<class><RECORDNO>5</RECORDNO><CLASSID>A</CLASSID></class><class><RECORDNO>6</RECORDNO></class>"
    partial = f'<data listtype="objects" count="2">{two}</data>'
    made = company(create=lambda function: failed(function, fault("BL34000061", "exists"), data=partial))
    (answer,) = made.client().call(element("create", Element("CLASS"), Element("CLASS"), Element("CLASS")))
    assert [(each.status, each.key) for each in outcomes_of(answer)] == [
        ("success", "5"),
        ("success", "6"),
        ("failure", ""),
    ]


def test_a_request_has_up_to_a_hundred_functions_and_a_transaction_one_request() -> None:
    made = company(create=objects)
    client = made.client()
    assert len(client.create("CLASS", [{"CLASSID": "x"}] * 150)) == 150
    sizes = [len(request.operations[0].functions) for request in made.gateway.requests if "create" in str(request)]
    assert sizes[-2:] == [100, 50]
    client.create("CLASS", [{}] * 3, transaction=True)
    assert made.gateway.requests[-1].operations[0].transaction
    with pytest.raises(InvalidRequestError, match="do not fit in one transaction"):
        client.create("CLASS", [{}] * 101, transaction=True)
    assert client.meter.usage().by_object["CLASS"].transactions == 154  # its lookup, and every record


def test_a_lost_answer_is_in_doubt() -> None:
    made = company(create=objects)
    client = made.client()
    client.describe("CLASS")
    made.gateway.before.append(ConnectionCutError("gone", sent=True))
    with pytest.raises(InDoubtError) as caught:
        client.create("CLASS", [{}, {}])
    assert len(caught.value.control_ids) == 2


# --- object-specific functions on 3.0


def test_an_object_without_generic_create_uses_its_own_function() -> None:
    """Shape: create_invoice of the 3.0 schema: dates in three elements, lines in invoiceitems/lineitem."""
    made = company(create_invoice=lambda function: result(function, key="77"))
    made.objects["ARINVOICE"] = made.objects["APBILL"]
    row = {
        "WHENDUE": "2026-02-28",
        "CUSTOMERID": "C1",
        "WHENCREATED": date(2026, 1, 31),
        "ARINVOICEITEMS": [{"ACCOUNTNO": "4000", "AMOUNT": Decimal("9.50")}],
    }
    (outcome,) = made.client().create("ARINVOICE", [row])
    assert (outcome.ok, outcome.key) == (True, "77")
    (text,) = sent(made)
    assert text == (
        "<create_invoice><customerid>C1</customerid>"
        "<datecreated><year>2026</year><month>01</month><day>31</day></datecreated>"
        "<datedue><year>2026</year><month>02</month><day>28</day></datedue>"
        "<invoiceitems><lineitem><glaccountno>4000</glaccountno><amount>9.50</amount></lineitem></invoiceitems>"
        "</create_invoice>"
    )


def test_an_update_by_an_own_function_names_its_record_in_an_attribute_or_an_element() -> None:
    """Shape: update_invoice and update_supdoc of the 3.0 schema."""
    made = company(update_invoice=result, update_supdoc=result, delete_sotransaction=result)
    made.objects |= {"ARINVOICE": made.objects["APBILL"], "SUPDOC": made.objects["CLASS"]}
    client = made.client()
    client.update("ARINVOICE", [{"RECORDNO": 7, "DESCRIPTION": "x"}])
    client.update("SUPDOC", [{"SUPDOCID": "D1", "SUPDOCDESCRIPTION": "y"}])
    made.objects["SODOCUMENT"] = made.objects["CLASS"]
    client.delete("SODOCUMENT", ["Sales Order-SO-1"])
    assert sent(made) == [
        '<update_invoice key="7"><description>x</description></update_invoice>',
        "<update_supdoc><supdocid>D1</supdocid><supdocdescription>y</supdocdescription></update_supdoc>",
        '<delete_sotransaction key="Sales Order-SO-1"></delete_sotransaction>',
    ]


def test_lookup_reads_the_definition_again() -> None:
    made = company()
    client = made.client()
    client.describe("CLASS")
    client.lookup("CLASS")
    assert [each.name for each in made.asked] == ["lookup", "lookup"]


def test_an_object_that_nothing_creates_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="nothing creates GLDETAIL"):
        company().client().create("GLDETAIL", [{}])


# --- any function


def test_call_returns_failed_results_and_ask_raises() -> None:
    made = company(getAuditTrail=lambda function: failed(function, fault("X", "no such record")))
    client = made.client()
    (answer,) = client.call(element("getAuditTrail"))
    assert answer.status == "failure"
    with pytest.raises(InvalidRequestError, match="no such record"):
        client.ask(element("getAuditTrail"))


def test_reading_functions_are_retried_and_others_are_not() -> None:
    made = company(approve=result)
    client = made.client()
    client.sign_in()
    made.gateway.before.append(ConnectionCutError("gone", sent=True))
    assert client.call(element("getFinancialSetup"))[0].status == "success"
    made.gateway.before.append(ConnectionCutError("gone", sent=True))
    with pytest.raises(InDoubtError):
        client.call(element("approve", Element("APBILL")), control_ids=["mine"])
    assert client.call(element("approve", Element("APBILL")), control_ids=["mine"])[0].control_id == "mine"


def test_a_read_only_connection_refuses_writes() -> None:
    made = company(create=objects)
    client = made.client(read_only=True)
    for write in (lambda: client.create("CLASS", [{}]), lambda: client.call(element("approve", Element("APBILL")))):
        with pytest.raises(SettingsError, match="'books' is read_only"):
            write()
    assert list(client.query("CLASS")) == []
    assert sent(made) == []


def test_entities_share_counts_and_definitions_and_write_to_their_own_entity() -> None:
    made = company(create=objects)
    with made.client() as client:
        client.describe("CLASS")
        with client.entity("100") as inside:
            inside.create("CLASS", [{}])
            assert inside.connection.location_id == "100"
            assert inside.sign_in().location_id == "100"
            assert inside.meter is client.meter
        assert client.connection.location_id == ""
    assert made.gateway.valid_sessions == {"session-1": "", "session-2": "100"}
    assert [each.name for each in made.asked].count("lookup") == 1
    assert "entity 100" in repr(inside)


def test_the_month_is_counted_where_state_is_kept(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = company(create=objects)
    for _ in range(2):
        with made.client(keep=True) as client:
            client.create("CLASS", [{"CLASSID": "x"}] * 30)
            months = client.month_to_date
    assert months == 30 + 30 + 2 + 1  # sixty records, two sign-ins, one lookup for both
    assert (tmp_path / "state" / "intacct-bridge" / "usage" / "acme.json").exists()
    assert made.client().month_to_date is None

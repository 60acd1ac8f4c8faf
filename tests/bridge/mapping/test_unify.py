from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from intacct_bridge.mapping.language import parse_map, unified_map
from intacct_bridge.mapping.rules import LookupRequest
from intacct_bridge.mapping.unify import (
    StateCell,
    column_types,
    grouped,
    line_reads,
    lookup_requests,
    native,
    read_lines,
    reads,
    unified,
    with_answers,
)
from intacct_protocol.errors import RecordError
from intacct_protocol.xml.values import Value

FLAT = parse_map(
    """
object = "APBILL"
group_by = ["Invoice"]
[fields]
RECORDID = "Invoice"
VENDORID = "Vendor"
WHENCREATED = { from = "Date", as = "date" }
[[lines]]
object = "APBILLITEM"
[lines.fields]
ACCOUNTNO = "Account"
TRX_AMOUNT = { from = "Amount", as = "number", required = true }
LOCATIONID = { constant = "100" }
""",
    "flat.toml",
)


def rows(*texts: str) -> list[dict[str, Any]]:
    names = ("Invoice", "Vendor", "Date", "Account", "Amount")
    return [dict(zip(names, text.split("|"), strict=True)) for text in texts]


def test_rows_of_one_record_are_grouped_at_any_position() -> None:
    found = rows("A|V1|2026-01-31|6100|1", "B|V2|2026-01-31|6100|2", "||||", "A|V1|2026-01-31|6200|3")
    groups = list(grouped(FLAT, found, lambda row: row))
    assert [[row["Amount"] for row in group] for group in groups] == [["1", "3"], ["2", ""]]


def test_flat_rows_become_a_record_with_lines() -> None:
    found = native(FLAT, rows("A|V1|2026-01-31|6100|1.50", "A|||6200|2", "A||||"))
    assert found.fields == {"RECORDID": "A", "VENDORID": "V1", "WHENCREATED": date(2026, 1, 31)}
    lines = found.lines["APBILLITEMS"]
    assert [dict(line.fields) for line in lines] == [
        {"ACCOUNTNO": "6100", "TRX_AMOUNT": Decimal("1.50"), "LOCATIONID": "100"},
        {"ACCOUNTNO": "6200", "TRX_AMOUNT": Decimal(2), "LOCATIONID": "100"},
    ]
    assert [line.row for line in lines] == [0, 1]
    assert lines[1].columns == {"ACCOUNTNO": "Account", "TRX_AMOUNT": "Amount"}
    assert found.problems == ()


def test_every_problem_is_reported_with_its_row() -> None:
    found = native(FLAT, rows("A|V1|soon|6100|much", "A|V2|soon|6200|"))
    assert [(one.column, one.row) for one in found.problems] == [
        ("Date", 0),
        ("Amount", 0),
        ("Vendor", 1),
        ("Amount", 1),
    ]
    contradiction = found.problems[2]
    assert (contradiction.message, contradiction.rule, contradiction.other) == ("'V2' contradicts 'V1'", "header", 0)


HEADERS = parse_map(
    """
object = "APBILL"
empty = "clear"
[fields]
RECORDID = "Invoice"
DOCNUMBER = { from = "Number", as = "number" }
WHENCREATED = { from = "Date", as = "date", required = true }
DESCRIPTION = { from = ["Memo", "a.b", "^Note"] }
VENDORID = { from = "Vendor", lookup = { object = "VENDOR", by = "NAME", also = { TERMNAME = "Terms" } } }
TERMNAME = { from = "Terms", when = "Flag=yes", default = "N30" }
CURRENCY = { join = ["Memo", "Note"], with = " " }
""",
    "headers.toml",
)


class Cell(str):
    """A text that the shortcuts for plain texts pass by."""


NAMES = ("Invoice", "Number", "Date", "Memo", "a.b", "a", "Note", "^Note", "Vendor", "Terms", "Flag")
TEXTS = st.sampled_from([None, "", " ", "1", "1.0", " 1", "2026-01-31", "yes", "x", "X"])
FULL = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, TEXTS))
CHANGED = st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=1)


@given(FULL, st.lists(CHANGED, min_size=1, max_size=4))
@example({"Terms": "x", "Flag": "1"}, [{"Flag": "yes"}])
@example({"Terms": "x", "Flag": "yes"}, [{"Terms": "X"}])
@example({"a": "1"}, [{"a.b": "x"}])
@example({"Vendor": "x", "Note": "1"}, [{"Note": "x"}])
def test_a_header_that_rows_repeat_is_the_same_as_one_that_is_compared(
    first: dict[str, Any], changes: list[dict[str, Any]]
) -> None:
    rows = [first, *({**first, **one} for one in changes)]
    compared = [{name: cell if cell is None else Cell(cell) for name, cell in row.items()} for row in rows]
    assert native(HEADERS, rows) == native(HEADERS, compared)


def test_a_null_of_a_further_row_alone_clears_its_field() -> None:
    for column in ("Memo", "a.b", "^Note"):
        assert native(HEADERS, [{"Invoice": "1"}, {"Invoice": "1", column: None}]).fields["DESCRIPTION"] is None


def test_nested_lists_become_lines() -> None:
    bill = {
        "vendorBillNumber": "B-1",
        "vendorName": "Acme",
        "issueDate": "2026-01-31T00:00:00Z",
        "dueDate": "2026-02-28",
        "currency": "USD",
        "status": "draft",
        "lineItems": [
            {"accountNumber": "6100", "totalPrice": "10.10", "className": "Retail", "description": "Paper"},
            {"accountName": "Rent", "totalPrice": "5"},
        ],
        "expenses": [
            {"accountId": "17", "amount": Decimal("-1.00"), "customFields": [{"name": "COLOUR", "value": "red"}]}
        ],
        "attachments": [{"name": "b.pdf"}],
        "totalTaxAmount": "3",
    }
    found = native(unified_map("Bills", "v1"), [bill])
    assert found.object == "APBILL"
    assert found.fields == {
        "RECORDID": "B-1",
        "CURRENCY": "USD",
        "WHENCREATED": date(2026, 1, 31),
        "WHENPOSTED": date(2026, 1, 31),
        "WHENDUE": date(2026, 2, 28),
        "VENDORID": LookupRequest("VENDOR", "VENDORID", (("NAME", "Acme"),)),
    }
    assert found.states == (StateCell("draft", "status"),)
    lines = found.lines["APBILLITEMS"]
    assert lines[0].fields == {
        "TRX_AMOUNT": Decimal("10.10"),
        "ENTRYDESCRIPTION": "Paper",
        "ACCOUNTNO": "6100",
        "CLASSID": LookupRequest("CLASS", "CLASSID", (("NAME", "Retail"),)),
    }
    assert lines[0].columns["TRX_AMOUNT"] == "lineItems[0].totalPrice"
    assert lines[2].fields["COLOUR"] == "red"
    assert lines[2].fields["TRX_AMOUNT"] == Decimal("-1.00")
    assert found.unused == ()
    assert found.problems == ()
    assert [one.object for one in lookup_requests(found)] == ["VENDOR", "CLASS", "GLACCOUNT", "GLACCOUNT"]


def test_answers_replace_their_requests() -> None:
    found = native(
        unified_map("Bills", "v1"), [{"vendorName": "Acme", "lineItems": [{"accountName": "Rnt", "amount": 1}]}]
    )

    def answer(one: LookupRequest) -> Value:
        if one.object == "GLACCOUNT":
            raise RecordError("no account is called Rnt", fix="did you mean Rent?")
        return "V-9"

    done = with_answers(found, answer)
    assert done.fields["VENDORID"] == "V-9"
    assert "ACCOUNTNO" not in done.lines["APBILLITEMS"][0].fields
    assert [(one.message, one.column) for one in done.problems] == [
        ("no account is called Rnt", "lineItems[0].accountName")
    ]
    assert list(lookup_requests(done)) == []


def test_both_spellings_of_a_journal_entry() -> None:
    v1 = {
        "type": "GJ",
        "transactionDate": "2026-01-31",
        "currency": "EUR",
        "lines": [
            {"accountNumber": "6100", "amount": "10", "postingType": "Debit", "departmentId": "20"},
            {"accountNumber": "1000", "amount": "10", "postingType": "credit"},
        ],
    }
    v2 = {
        "journal": "GJ",
        "transactionDate": "2026-01-31T00:00:00Z",
        "currency": "EUR",
        "description": "Rent",
        "lineItems": [
            {"accountNumber": "6100", "debitAmount": "10", "creditAmount": 0, "departmentNumber": "20"},
            {"accountNumber": "1000", "creditAmount": "10", "entryType": "Credit"},
        ],
    }
    one, other = native(unified_map("JournalEntries"), [v1]), native(unified_map("JournalEntry"), [v2])
    assert one.problems == other.problems == ()
    for found in (one, other):
        assert found.fields["JOURNAL"] == "GJ"
        assert found.fields["BATCH_DATE"] == date(2026, 1, 31)
        assert [dict(line.fields) for line in found.lines["ENTRIES"]] == [
            {"ACCOUNTNO": "6100", "TRX_AMOUNT": Decimal(10), "TR_TYPE": 1, "DEPARTMENT": "20", "CURRENCY": "EUR"},
            {"ACCOUNTNO": "1000", "TRX_AMOUNT": Decimal(10), "TR_TYPE": -1, "CURRENCY": "EUR"},
        ]
    assert (one.fields["BATCH_TITLE"], other.fields["BATCH_TITLE"]) == ("GJ", "Rent")


def test_a_line_with_two_sides_is_refused() -> None:
    found = native(
        unified_map("JournalEntry"),
        [
            {
                "journal": "GJ",
                "transactionDate": "2026-01-31",
                "lineItems": [{"accountNumber": "1", "debitAmount": 1, "creditAmount": 2}],
            }
        ],
    )
    assert [one.message for one in found.problems] == ["debitAmount and creditAmount exclude each other"]


def test_a_payment_is_its_own_line() -> None:
    payment = {
        "billNumber": "B-1",
        "vendorId": "V1",
        "paymentDate": "2026-01-31",
        "amount": "5",
        "currency": "USD",
        "paymentMethod": "EFT",
        "accountNumber": "BOA--Bank of A",
    }
    found = native(unified_map("BillPayments"), [payment])
    assert found.fields["FINANCIALENTITY"] == "BOA"
    (line,) = found.lines["APPYMTDETAILS"]
    assert line.fields == {
        "RECORDKEY": LookupRequest("APBILL", "RECORDNO", (("RECORDID", "B-1"), ("VENDORID", "V1"))),
        "TRX_PAYMENTAMOUNT": Decimal(5),
    }
    assert line.columns["TRX_PAYMENTAMOUNT"] == "amount"
    assert found.problems == ()


def test_unused_columns_are_treated_as_the_map_says() -> None:
    text = 'object = "VENDOR"\n[fields]\nNAME = "Name"\n'
    record = {"Name": "Acme", "TAXID": "12", "Empty": ""}
    refused = native(parse_map(text, "m.toml"), [record])
    assert [(one.column, one.message) for one in refused.problems] == [("TAXID", "the mapping does not use TAXID")]
    dropped = native(parse_map('rest = "drop"\n' + text, "m.toml"), [record])
    assert (dropped.unused, dropped.problems, dropped.fields) == (("TAXID",), (), {"NAME": "Acme"})
    passed = native(parse_map('rest = "pass"\n' + text, "m.toml"), [record])
    assert passed.fields == {"NAME": "Acme", "TAXID": "12"}
    ignored = native(parse_map('ignore = ["TAXID"]\n' + text, "m.toml"), [record])
    assert ignored.problems == ()


def test_nulls_clear_only_on_request() -> None:
    text = 'object = "VENDOR"\n[fields]\nNAME = "name"\nTAXID = "tax"\n'
    record = {"name": "Acme", "tax": None}
    assert native(parse_map(text, "m.toml"), [record]).fields == {"NAME": "Acme"}
    assert native(parse_map('empty = "clear"\n' + text, "m.toml"), [record]).fields == {"NAME": "Acme", "TAXID": None}


VENDOR_ROW = {
    "RECORDNO": 12,
    "VENDORID": "V-1",
    "NAME": "Acme",
    "STATUS": "active non-posting",
    "TOTALDUE": Decimal("10.50"),
    "CURRENCY": "USD",
    "WHENCREATED": datetime(2026, 1, 31, 10, tzinfo=UTC),
    "DISPLAYCONTACT.PRINTAS": "Acme Inc",
    "DISPLAYCONTACT.EMAIL1": "a@example.com",
    "DISPLAYCONTACT.CELLPHONE": "2",
    "DISPLAYCONTACT.MAILADDRESS.CITY": "Lyon",
    "COLOUR": "red",
}


def test_joined_columns_without_a_value_leave_the_field_out_of_a_record_that_clears() -> None:
    joining = parse_map(
        """
object = "APBILL"
empty = "clear"
[fields]
RECORDID = "Invoice"
DESCRIPTION = { join = ["Memo", "Note"], with = " " }
""",
        "joining.toml",
    )
    assert native(joining, [{"Invoice": "A", "Memo": "", "Note": None}]).fields == {"RECORDID": "A"}


def test_a_row_becomes_a_unified_record() -> None:
    found = unified(unified_map("Vendor"), VENDOR_ROW, custom=["COLOUR", "SIZE"])
    assert found["id"] == "12"
    assert found["vendorNumber"] == "V-1"
    assert found["isActive"] is True
    assert found["balance"] == Decimal("10.50")
    assert found["createdAt"] == "2026-01-31T10:00:00Z"
    assert found["updatedAt"] is None
    assert found["email"] == "a@example.com"
    assert found["addresses"] == [{"addressType": "billing", "city": "Lyon"}]
    assert found["phoneNumbers"] == [{"type": "mobile", "phoneNumber": "2"}]
    assert found["customFields"] == [{"name": "COLOUR", "value": "red"}]


def test_custom_fields_of_any_kind_are_texts_in_their_list() -> None:
    """Singer targets refuse a record that does not match its schema, and the list has one schema for all values."""
    values = {
        "COLOUR": ("red", "red"),
        "SCORED": (False, "false"),
        "KEPT": (True, "true"),
        "SIZE": (7, "7"),
        "LIMIT": (Decimal("1E+3"), "1000"),
        "SINCE": (date(2026, 1, 31), "2026-01-31"),
        "SEEN": (datetime(2026, 1, 31, 10, tzinfo=UTC), "2026-01-31T10:00:00Z"),
    }
    row = VENDOR_ROW | {name: value for name, (value, _) in values.items()}
    found = unified(unified_map("Vendor"), row, custom=list(values))
    assert found["customFields"] == [{"name": name, "value": text} for name, (_, text) in values.items()]


def test_a_unified_record_can_be_written_back() -> None:
    entity = unified_map("Vendor")
    back = native(entity, [unified(entity, VENDOR_ROW, custom=["COLOUR"])])
    assert back.problems == ()
    for name in ("VENDORID", "NAME", "CURRENCY", "DISPLAYCONTACT.EMAIL1", "DISPLAYCONTACT.MAILADDRESS.CITY", "COLOUR"):
        assert back.fields[name] == VENDOR_ROW[name]
    assert back.fields["STATUS"] == "active"
    assert back.fields["RECORDNO"] == "12"


def test_a_bill_shows_its_lines() -> None:
    row = {"RECORDNO": 5, "RECORDID": "B-1", "WHENCREATED": date(2026, 1, 31), "TRX_TOTALDUE": Decimal(0)}
    lines = {"APBILLITEM": [{"RECORDNO": 6, "ACCOUNTNO": "6100", "TRX_AMOUNT": Decimal("1.10"), "CLASSID": "R"}]}
    found: Any = unified(unified_map("Bill"), row, lines)
    assert found["issueDate"] == "2026-01-31T00:00:00Z"
    assert found["balance"] == Decimal(0)
    (line,) = found["lineItems"]
    assert (line["id"], line["accountNumber"], line["amount"], line["classNumber"]) == (
        "6",
        "6100",
        Decimal("1.10"),
        "R",
    )
    assert "expenses" not in found


def test_a_journal_line_shows_its_side() -> None:
    lines = {"GLENTRY": [{"TR_TYPE": 1, "TRX_AMOUNT": Decimal(7)}, {"TR_TYPE": -1, "TRX_AMOUNT": Decimal(7)}]}
    found: Any = unified(unified_map("JournalEntry"), {}, lines)["lineItems"]
    assert [(one["entryType"], one["debitAmount"], one["creditAmount"]) for one in found] == [
        ("Debit", Decimal(7), None),
        ("Credit", None, Decimal(7)),
    ]


def test_fields_to_select_and_columns_of_the_result() -> None:
    entity = unified_map("Bill")
    assert {"RECORDNO", "VENDORNAME", "WHENPOSTED", "MEGAENTITYID"} <= set(reads(entity))
    (lines,) = read_lines(entity)
    assert {"ACCOUNTNO", "ITEMDIMKEY"} <= set(line_reads(lines))
    types = column_types(entity.read)
    assert (types["id"], types["balance"], types["dueDate"], types["updatedAt"]) == (
        "string",
        "number",
        "date",
        "date-time",
    )
    vendor = column_types(unified_map("Vendor").read)
    assert (vendor["addresses"], vendor["isActive"]) == ("array", "boolean")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_every_shipped_entity_writes_back_the_fields_it_reads(version: str) -> None:
    """A map that reads a field by renaming alone can write it back to the same field."""
    from intacct_bridge.mapping.language import unified_maps

    for entity in unified_maps(version).values():
        for path, rules in entity.read.items():
            name = rules[0].from_
            if not isinstance(name, str) or name not in entity.write or rules[0].map or path == "id":
                continue
            sample: Any = {"number": Decimal("2.50"), "integer": 3, "boolean": True, "date": date(2026, 1, 31)}
            value = sample.get(rules[0].as_ or "", "x")
            back = native(entity, [unified(entity, {name: value})])
            assert back.fields.get(name, value) == value, (entity.name, path, name)

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from intacct_bridge.mapping.language import Rules, parse_map
from intacct_bridge.mapping.rules import (
    NO_VALUE,
    LookupRequest,
    Readers,
    RuleContext,
    RuleResult,
    apply_rules,
    unified_value,
)
from intacct_protocol.errors import RecordError


def rules(text: str) -> Rules:
    return parse_map(f'object = "X"\n[write]\nA = {text}', "m.toml").write["A"]


def taken(text: str, **record: Any) -> RuleResult:
    return apply_rules(rules(text), RuleContext(record, record))


@pytest.mark.parametrize(
    ("text", "record", "value"),
    [
        ('"a"', {"a": " x "}, "x"),
        ('"a"', {"a": 5}, 5),
        ('"a"', {}, NO_VALUE),
        ('"a"', {"a": "  "}, NO_VALUE),
        ('"a"', {"a": None}, NO_VALUE),
        ('["a", "b"]', {"b": "y"}, "y"),
        ('{ from = ["a", "b"] }', {"a": "", "b": "y"}, "y"),
        ('{ from = "a", default = "z" }', {}, "z"),
        ("{ constant = 7 }", {}, 7),
        ("{ constant = false }", {}, False),
        ('{ join = ["a", "b", "c"] }', {"a": "x", "c": "y"}, "x y"),
        ('{ join = ["a", "b"], with = "-" }', {"a": "x", "b": 1}, "x-1"),
        ('{ join = ["a", "b"] }', {}, NO_VALUE),
        ('{ from = "a", split = "--", part = 1 }', {"a": "BOA --Bank"}, "BOA"),
        ('{ from = "a", split = " ", part = -1 }', {"a": "Ada King Lovelace"}, "Lovelace"),
        ('{ from = "a", split = ",", part = 3 }', {"a": "x,y"}, NO_VALUE),
        ('{ from = "a", map = { Yes = "T", No = "F" } }', {"a": "yes"}, "T"),
        ('{ from = "a", map = { true = "active" } }', {"a": True}, "active"),
        ('{ from = "a", map = { "1" = 10 } }', {"a": Decimal(1)}, 10),
        ('{ from = "a", map = { x = "y" }, otherwise = "keep" }', {"a": "z"}, "z"),
        ('{ from = "a", map = { x = "y" }, otherwise = "skip" }', {"a": "z"}, NO_VALUE),
        ('{ from = "a", as = "number" }', {"a": "1.50"}, Decimal("1.50")),
        ('{ from = "a", as = "number" }', {"a": 0}, Decimal(0)),
        ('{ from = "a", as = "number", negate = true }', {"a": "1.50"}, Decimal("-1.50")),
        ('{ from = "a", as = "number", absolute = true }', {"a": "-1.50"}, Decimal("1.50")),
        ('{ from = "a", as = "integer" }', {"a": "3.00"}, 3),
        ('{ from = "a", as = "boolean" }', {"a": "true"}, True),
        ('{ from = "a", as = "text" }', {"a": Decimal("1.50")}, "1.50"),
        ('{ from = "a", as = "date" }', {"a": "2026-01-31"}, date(2026, 1, 31)),
        ('{ from = "a", as = "date" }', {"a": "2026-01-31T10:00:00Z"}, date(2026, 1, 31)),
        ('{ from = "a", as = "date" }', {"a": date(2026, 1, 31)}, date(2026, 1, 31)),
        ('{ from = "a", as = "date", format = "DD.MM.YYYY" }', {"a": "31.01.2026"}, date(2026, 1, 31)),
        ('{ from = "a", as = "date", format = "YYMMDD" }', {"a": "260131"}, date(2026, 1, 31)),
        ('{ from = "a", as = "time" }', {"a": "2026-01-31T10:00:00Z"}, datetime(2026, 1, 31, 10, tzinfo=UTC)),
        ('{ from = ["d", "c"], skip_zero = true }', {"d": "0.00", "c": "5"}, "5"),
        ('[{ constant = 1, when = "d" }, { constant = -1, when = "c" }]', {"d": 0, "c": "5"}, -1),
        ('{ from = "a", when = "kind=x" }', {"a": "1", "kind": "X"}, "1"),
        ('{ from = "a", when = "kind=x" }', {"a": "1", "kind": "y"}, NO_VALUE),
        ('"phones[type=fax].number"', {"phones": [{"type": "Fax", "number": "9"}]}, "9"),
    ],
)
def test_a_rule_finds_its_value(text: str, record: dict[str, Any], value: Any) -> None:
    found = taken(text, **record).value
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "record", "says", "column"),
    [
        ('{ from = "a", required = true }', {}, "a is missing", "a"),
        ('["a", { from = "b", required = true }]', {"a": ""}, "a or b is missing", "a"),
        ('{ from = "a", map = { x = "y" } }', {"a": "z"}, "'z' is not one of x", "a"),
        ('{ from = "a", as = "number" }', {"a": "much"}, "'much' is not a number", "a"),
        ('{ from = "a", as = "integer" }', {"a": "1.5"}, "not a whole number", "a"),
        (
            '{ from = "a", as = "date", format = "DD.MM.YYYY" }',
            {"a": "2026-01-31"},
            "does not have the format DD.MM.YYYY",
            "a",
        ),
        ('"a"', {"a": [1]}, "a holds a list", "a"),
        ('"a"', {"a": {"b": 1}}, "a holds a record", "a"),
        ('"a"', {"a": 0.1}, "binary float", "a"),
        ('{ from = ["d", "c"], single = true }', {"d": "1", "c": "2"}, "d and c exclude each other", "d"),
    ],
)
def test_errors_name_the_column(text: str, record: dict[str, Any], says: str, column: str) -> None:
    with pytest.raises(RecordError, match=says) as raised:
        taken(text, **record)
    assert raised.value.field == column


def test_a_lookup_becomes_a_request() -> None:
    text = '{ from = "bill", lookup = { object = "APBILL", by = "RECORDID", give = "RECORDNO", '
    text += 'where = { STATE = "Posted" }, also = { VENDORID = "vendor" } } }'
    assert taken(text, bill="B1", vendor="V1").value == LookupRequest(
        "APBILL", "RECORDNO", (("RECORDID", "B1"), ("STATE", "Posted"), ("VENDORID", "V1"))
    )
    assert taken(text, bill="B1").value == LookupRequest(
        "APBILL", "RECORDNO", (("RECORDID", "B1"), ("STATE", "Posted"))
    )
    assert taken(text).value is NO_VALUE


def test_a_reference_prefers_the_number() -> None:
    text = '{ reference = "account", object = "GLACCOUNT", name = "TITLE" }'
    assert taken(text, accountNumber="6100", accountId="9", accountName="Rent").value == "6100"
    assert taken(text, accountId="9", accountName="Rent").value == LookupRequest(
        "GLACCOUNT", "ACCOUNTNO", (("RECORDNO", "9"),)
    )
    assert taken(text, accountName="Rent").value == LookupRequest("GLACCOUNT", "ACCOUNTNO", (("TITLE", "Rent"),))
    assert taken(text, accountName="Rent").column == "accountName"


def test_a_line_can_read_the_record_above() -> None:
    line, bill = {"amount": 1}, {"vendorId": "V1"}
    assert apply_rules(rules('["vendorId", "^vendorId"]'), RuleContext(line, bill)) == RuleResult("V1", "^vendorId")


def test_a_null_clears_only_on_request() -> None:
    record = {"a": None}
    assert apply_rules(rules('"a"'), RuleContext(record, record)).value is NO_VALUE
    assert apply_rules(rules('"a"'), RuleContext(record, record), clear=True) == RuleResult(None, "a")
    assert apply_rules(rules('"b"'), RuleContext(record, record), clear=True).value is NO_VALUE


def test_a_loader_can_pass_its_own_readers() -> None:
    readers = Readers(number=lambda cell: Decimal(str(cell).replace(",", "")))
    record = {"a": "1,234.50"}
    assert apply_rules(rules('{ from = "a", as = "number" }'), RuleContext(record, record, readers)).value == Decimal(
        "1234.50"
    )


def test_unified_values_fit_json() -> None:
    row = {"DAY": date(2026, 1, 31), "AT": datetime(2026, 1, 31, 10, tzinfo=UTC), "DUE": Decimal("1.50"), "N": 7}
    assert unified_value(rules('"DAY"'), row) == "2026-01-31"
    assert unified_value(rules('"DAY"'), row, days_as_times=True) == "2026-01-31T00:00:00Z"
    assert unified_value(rules('{ from = "AT", as = "time" }'), row) == "2026-01-31T10:00:00Z"
    assert unified_value(rules('{ from = "AT", as = "date" }'), row) == "2026-01-31"
    assert unified_value(rules('{ from = "DAY", as = "date", format = "DD.MM.YYYY" }'), row) == "31.01.2026"
    assert unified_value(rules('{ from = "DUE", as = "number" }'), row) == Decimal("1.50")
    assert unified_value(rules('{ from = "N", as = "text" }'), row) == "7"
    assert unified_value(rules('["X", "N"]'), row) == 7
    assert unified_value(rules('"X"'), row) is None

"""Each rule of the plan by itself: what it refuses, what it warns of, and what it lets pass at its limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from msgspec import structs

from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.write import Finding, Identity, RecordLine, Write, WriteOperation
from intacct_bridge.load.rules.accounting import (
    balance,
    dimensions,
    entity_balance,
    exchange_rates,
    location,
    open_period,
    two_lines,
)
from intacct_bridge.load.rules.characters import invisible_characters
from intacct_bridge.load.rules.check import check
from intacct_bridge.load.rules.currencies import currency_signs, has_signs, one_base_currency
from intacct_bridge.load.rules.facts import EntityFacts, Facts
from intacct_bridge.load.rules.fields import check_fields
from intacct_bridge.load.rules.relationships import (
    DimensionRelation,
    conflicts,
    may_conflict,
    relations_of,
    that_matter,
)
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.references import KnownRecord, References
from intacct_bridge.load.target.writable import LineSet, WritableObject
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.model.legacy.functions import WritePlan
from intacct_protocol.xml.envelope import SUCCESS, Result
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import Element, element


@dataclass
class ReadRecords:
    """References of a company, as the rules ask for them."""

    rows: Mapping[str, Mapping[str, KnownRecord]] = field(default_factory=dict)

    def records(self, name: str) -> Mapping[str, KnownRecord]:
        return self.rows.get(name, {})


def known(name: str, *rows: dict[str, Any], kind: str = "") -> dict[str, dict[str, KnownRecord]]:
    """Records of an object; the first field of each row is its id."""
    ids = [str(next(iter(row.values()))) for row in rows]
    return {name: {one: KnownRecord(one, one, "active", row, kind or name) for one, row in zip(ids, rows, strict=True)}}


def facts(rows: Mapping[str, Mapping[str, KnownRecord]] | None = None, **more: Any) -> Facts:
    return Facts(cast("References", ReadRecords(rows or {})), **more)


ROW = SourceRow("je.csv", 2, {})


def line(name: str = "GLENTRY", row: SourceRow = ROW, **fields: Any) -> RecordLine:
    return RecordLine(name, fields, row)


def debit(amount: str, **fields: Any) -> RecordLine:
    return line(TRX_AMOUNT=Decimal(amount), TR_TYPE=1, **fields)


def credit(amount: str, **fields: Any) -> RecordLine:
    return line(TRX_AMOUNT=Decimal(amount), TR_TYPE=-1, **fields)


def record(
    name: str,
    *lines: RecordLine,
    wrapper: str = "ENTRIES",
    operation: WriteOperation = WriteOperation.CREATE,
    kind: str = "key",
    **fields: Any,
) -> Write:
    held = {wrapper: lines} if lines else {}
    return Write(operation, name, fields, Identity("k", kind), "d", "a record", (ROW,), held)


def entry(*lines: RecordLine, **fields: Any) -> Write:
    return record("GLBATCH", *lines, **fields)


def said(findings: Iterable[Finding]) -> list[tuple[str, bool]]:
    return [(one.rule, one.refuses) for one in findings]


# --- journal entries


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([debit("10.00"), credit("10.00")], ""),
        ([debit("10.00"), credit("4.00"), credit("6.00")], ""),
        ([debit("10.00"), credit("9.99")], "debits exceed credits by 0.01"),
        ([debit("10.00"), credit("10.01")], "credits exceed debits by 0.01"),
        ([debit("10.00", CURRENCY="EUR"), credit("10.00", CURRENCY="USD")], "debits exceed credits by 10.00 EUR"),
        ([debit("10.00", CURRENCY="EUR"), credit("10.00", CURRENCY="EUR")], ""),
        ([debit("10.00"), line(TRX_AMOUNT=Decimal(3))], ""),  # a line that could not be read has a finding already
    ],
)
def test_debits_equal_credits_in_each_currency(lines: list[RecordLine], message: str) -> None:
    found = list(balance(entry(*lines), facts()))
    assert bool(found) == bool(message)
    assert not message or message in found[0].message


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([debit("10.00", CURRENCY="EUR"), credit("9.00", CURRENCY="EUR")], "debits exceed credits by 1.00 EUR"),
        ([debit("10.00"), credit("9.00")], "debits exceed credits by 1.00"),
        ([debit("10.00"), line(TR_TYPE=-1)], "debits exceed credits by 10.00"),  # a line without an amount
        ([debit("10.00"), line(TR_TYPE="-1", TRX_AMOUNT=Decimal(10))], "debits exceed credits by 10.00"),
        ([debit("10.00"), line(TR_TYPE=-1, TRX_AMOUNT="10")], "debits exceed credits by 10.00"),
    ],
)
def test_an_entry_that_does_not_balance_says_by_how_much(lines: list[RecordLine], message: str) -> None:
    assert [one.message for one in balance(entry(*lines), facts())] == [f"the entry does not balance: {message}"]


STATISTICAL = known("GLJOURNAL", {"SYMBOL": "SJ"}, kind="STATJOURNAL")


def test_a_statistical_entry_has_one_side() -> None:
    one = entry(debit("40"), JOURNAL="SJ")
    assert not list(balance(one, facts(STATISTICAL)))
    assert not list(two_lines(one, facts(STATISTICAL)))
    assert said(balance(one, facts())) == [("balance", True)]
    assert said(two_lines(one, facts())) == [("lines", True)]
    assert said(two_lines(one, facts(known("GLJOURNAL", {"SYMBOL": "SJ"})))) == [("lines", True)]
    assert not list(two_lines(entry(debit("1"), credit("1")), facts()))


def test_the_fix_of_a_single_line_names_what_keeps_entries_apart() -> None:
    (by_key,) = two_lines(entry(debit("1")), facts())
    (by_source,) = two_lines(record("GLBATCH", debit("1"), kind="source"), facts())
    assert by_key.fix == "add the other side, with the same journal, date, title and reference"
    assert "which identifies entries" in by_source.fix


ENTITIES = {
    "E1": EntityFacts(date(2026, 10, 1), "USD"),
    "E2": EntityFacts(date(2026, 11, 1), "USD"),
    "E3": EntityFacts(None, "EUR"),
}
PLACES = known(
    "LOCATION",
    {"LOCATIONID": "E1", "PARENTID": None},
    {"LOCATIONID": "11", "PARENTID": "E1"},
    {"LOCATIONID": "12", "PARENTID": "11"},
    {"LOCATIONID": "R1", "PARENTID": "R2"},
    {"LOCATIONID": "R2", "PARENTID": "R1"},
)


@pytest.mark.parametrize(
    ("place", "entity"), [("E1", "E1"), ("11", "E1"), ("12", "E1"), ("E9", ""), ("R1", ""), ("", "")]
)
def test_the_entity_of_a_location_is_found_by_its_parents(place: str, entity: str) -> None:
    assert facts(PLACES, entities=ENTITIES).entity_of(place) == entity


def test_an_entity_that_does_not_balance_is_a_warning() -> None:
    known_facts = facts(PLACES, entities=ENTITIES)
    apart = entry(debit("5.00", LOCATION="E1"), credit("5.00", LOCATION="E2"))
    (found,) = entity_balance(apart, known_facts)
    assert not found.refuses
    assert "(E1 by 5.00, E2 by -5.00)" in found.message
    third = entry(*apart.all_lines, debit("1", LOCATION="E3"), credit("1", LOCATION="E3"))
    assert [one.message for one in entity_balance(third, known_facts)] == [found.message]
    two = {name: ENTITIES[name] for name in ("E1", "E2")}
    assert [one.message for one in entity_balance(apart, facts(PLACES, entities=two))] == [found.message]
    own = entry(debit("5.00", LOCATION="E1"), credit("5.00", LOCATION="11"))
    assert not list(entity_balance(own, known_facts))
    assert not list(entity_balance(entry(debit("5.00", LOCATION="E1")), known_facts))  # that is the balance's matter
    assert not list(entity_balance(apart, facts(PLACES, entities=ENTITIES, entity="E1")))
    assert not list(entity_balance(apart, facts(PLACES, entities={"E1": EntityFacts()})))


@pytest.mark.parametrize(
    ("posted", "places", "refused"),
    [
        (date(2026, 9, 30), ["E1"], "of E1 are open from 2026-10-01"),
        (date(2026, 10, 1), ["E1"], ""),
        (date(2026, 10, 31), ["E1", "E2"], "of E2 are open from 2026-11-01"),
        (date(2026, 11, 1), ["E1", "E2"], ""),
        (date(2020, 1, 1), ["E3"], ""),  # nothing is known of its books
    ],
)
def test_a_date_before_the_open_books_of_an_entity_is_refused(posted: date, places: list[str], refused: str) -> None:
    lines = [debit("1", LOCATION=one) for one in places]
    found = list(open_period(entry(*lines, BATCH_DATE=posted), facts(entities=ENTITIES)))
    assert len(found) == bool(refused)
    assert not refused or refused in found[0].message
    both = {"E1": ENTITIES["E1"], "E2": ENTITIES["E2"]}
    assert refused == "" or len(list(open_period(entry(*lines, BATCH_DATE=posted), facts(entities=both)))) == 1


@pytest.mark.parametrize(
    ("posted", "refused"), [(date(2026, 9, 30), True), (date(2026, 10, 1), False), (date(2026, 10, 31), False)]
)
def test_without_an_entity_a_date_is_refused_where_it_is_closed_in_all_of_them(posted: date, refused: bool) -> None:
    both = {"E1": ENTITIES["E1"], "E2": ENTITIES["E2"]}
    assert bool(list(open_period(entry(debit("1"), BATCH_DATE=posted), facts(entities=both)))) == refused
    assert not list(open_period(entry(debit("1"), BATCH_DATE=posted), facts(entities=ENTITIES)))  # E3 may be open
    assert not list(open_period(entry(debit("1")), facts(entities=both)))


@pytest.mark.parametrize(
    ("name", "fields", "refused"),
    [
        ("APBILL", {"WHENCREATED": date(2026, 9, 1)}, True),
        ("APBILL", {"WHENCREATED": date(2026, 9, 1), "WHENPOSTED": date(2026, 12, 1)}, False),
        ("APBILL", {"WHENCREATED": date(2026, 12, 1), "WHENPOSTED": date(2026, 9, 1)}, True),
        ("EEXPENSES", {"WHENCREATED": date(2026, 9, 1)}, False),
        ("APPYMT", {"PAYMENTDATE": date(2026, 9, 1)}, True),
        ("ARPYMT", {"RECEIPTDATE": date(2026, 9, 1)}, True),
    ],
)
def test_each_object_posts_on_its_own_date(name: str, fields: dict[str, Any], refused: bool) -> None:
    found = list(open_period(record(name, **fields), facts(entities=ENTITIES, entity="E1")))
    assert bool(found) == refused


def test_the_date_that_an_update_leaves_counts() -> None:
    update = replace(entry(debit("1", LOCATION="E1")), unchanged={"BATCH_DATE": date(2026, 9, 1)})
    assert said(open_period(update, facts(entities=ENTITIES))) == [("period", True)]
    moved = replace(update, fields={"BATCH_DATE": date(2026, 12, 1)})
    assert not list(open_period(moved, facts(entities=ENTITIES)))


def test_entities_of_one_entry_have_one_base_currency() -> None:
    (found,) = one_base_currency(entry(debit("1", LOCATION="E1"), credit("1", LOCATION="E3")), facts(entities=ENTITIES))
    assert "E3 in EUR and E1 in USD" in found.message
    same = entry(debit("1", LOCATION="E1"), credit("1", LOCATION="E2"))
    assert not list(one_base_currency(same, facts(entities=ENTITIES)))


@pytest.mark.parametrize("name", ["APBILL", "ARINVOICE", "APADJUSTMENT", "ARADJUSTMENT"])
def test_lines_of_one_document_are_in_entities_of_one_base_currency(name: str) -> None:
    lines = [line(f"{name}ITEM", TRX_AMOUNT=Decimal(1), LOCATIONID=place) for place in ("E1", "E3")]
    document = replace(record(name, *lines, wrapper=f"{name}ITEMS"), columns={"LOCATIONID": "Loc"})
    (found,) = check(document, facts(PLACES, entities=ENTITIES))
    assert (found.rule, found.column, found.fix) == ("base currency", "Loc", "make one record for each")
    assert not list(check(replace(document, lines={"ITEMS": (lines[0], lines[0])}), facts(PLACES, entities=ENTITIES)))


@pytest.mark.parametrize(
    ("fields", "header", "refused"),
    [
        ({"TRX_AMOUNT": "100.50"}, "JPY", True),
        ({"TRX_AMOUNT": "100.00"}, "JPY", False),
        ({"TRX_AMOUNT": "100.50"}, "USD", False),
        ({"TRX_AMOUNT": "100.50", "CURRENCY": "KRW"}, "USD", True),
        ({"TRX_PAYMENTAMOUNT": "0.5"}, "JPY", True),
        ({"AMOUNT": "0.5"}, "JPY", True),
        ({"TRX_AMOUNT": "100", "AMOUNT": "0.66"}, "JPY", False),
        ({"AMOUNT": "0.66", "CURRENCY": "JPY"}, "", False),
        ({"QUANTITY": "1.5", "PRICE": "10.5", "EXCHANGE_RATE": "0.0067"}, "JPY", False),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(fields: dict[str, str], header: str, refused: bool) -> None:
    values: dict[str, Any] = {name: value if name == "CURRENCY" else Decimal(value) for name, value in fields.items()}
    found = list(check(record("APBILL", line("APBILLITEM", **values), CURRENCY=header), facts()))
    assert said(found) == [("cents", True)] * refused
    assert not refused or "has decimals, and" in found[0].message


def test_the_decided_currency_gives_the_decimals() -> None:
    bill = record("APBILL", line("APBILLITEM", TRX_AMOUNT=Decimal("100.50")))
    assert said(check(replace(bill, currency="JPY"), facts())) == [("cents", True)]
    assert not list(check(replace(bill, currency="USD"), facts()))


def test_at_the_top_level_every_line_has_a_location() -> None:
    one = entry(debit("1", LOCATION="E1"), credit("1"))
    assert said(location(one, facts(entities=ENTITIES))) == [("location", True)]
    assert not list(location(one, facts(entities=ENTITIES, entity="E1")))
    assert not list(location(one, facts()))


def test_an_account_requires_its_dimensions() -> None:
    rows = known("GLACCOUNT", {"ACCOUNTNO": "6000", "REQUIREDEPT": True, "REQUIRELOC": False, "REQUIREPROJECT": True})
    (department, project) = dimensions(entry(debit("1", ACCOUNTNO="6000")), facts(rows))
    assert "requires a department" in department.message
    assert "requires a project" in project.message
    for given in ("DEPARTMENT", "DEPARTMENTID"):
        filled = entry(debit("1", ACCOUNTNO="6000", PROJECTID="P", **{given: "300"}))
        assert not list(dimensions(filled, facts(rows)))
    assert not list(dimensions(entry(debit("1", ACCOUNTNO="7000")), facts(rows)))


DIMENSIONS = {
    "REQUIREDEPT": ("department", "DEPARTMENT", "DEPARTMENTID"),
    "REQUIRELOC": ("location", "LOCATION", "LOCATIONID"),
    "REQUIREPROJECT": ("project", "PROJECTID"),
    "REQUIRECUSTOMER": ("customer", "CUSTOMERID"),
    "REQUIREVENDOR": ("vendor", "VENDORID"),
    "REQUIREEMPLOYEE": ("employee", "EMPLOYEEID"),
    "REQUIREITEM": ("item", "ITEMID"),
    "REQUIRECLASS": ("class", "CLASSID"),
}
"""The flags of an account, with the dimension that each requires and the fields that a line names it by."""


@pytest.mark.parametrize("flag", DIMENSIONS)
def test_each_flag_of_an_account_requires_one_dimension_by_either_of_its_fields(flag: str) -> None:
    word, *names = DIMENSIONS[flag]
    known_facts = facts(known("GLACCOUNT", {"ACCOUNTNO": "6000", **dict.fromkeys(DIMENSIONS, False), flag: True}))
    others = {name: "x" for _, *those in DIMENSIONS.values() for name in those if name not in names}
    lacking = debit("1", ACCOUNTNO="6000", **others)
    (found,) = dimensions(entry(lacking), known_facts)
    assert (found.message, found.column, found.position) == (f"account 6000 requires a {word}", names[-1], "je.csv:2")
    (found,) = dimensions(replace(entry(lacking), columns={names[0]: "Column"}), known_facts)
    assert (found.column, found.fix) == ("Column", "fill in Column")
    for name in names:
        assert not list(dimensions(entry(debit("1", ACCOUNTNO="6000", **{name: "x"})), known_facts))


DATED = {
    "GLBATCH": "BATCH_DATE", "EEXPENSES": "WHENPOSTED", "APPYMT": "PAYMENTDATE", "ARPYMT": "RECEIPTDATE",
    "ARADVANCE": "RECEIPTDATE", "APBILL": "WHENCREATED", "APADJUSTMENT": "WHENPOSTED", "ARINVOICE": "WHENCREATED",
    "ARADJUSTMENT": "WHENPOSTED", "CCTRANSACTION": "WHENCREATED", "OTHERRECEIPTS": "WHENPOSTED",
}  # fmt: skip
"""The objects that post, with a date that decides on the period of each."""


@pytest.mark.parametrize("name", DATED)
def test_the_rules_of_each_object_that_posts(name: str) -> None:
    """A payment has no lines with accounts; a journal entry has rules of its own."""
    known_facts = facts(known("GLACCOUNT", {"ACCOUNTNO": "6000", "REQUIREDEPT": True}), entities=ENTITIES, entity="E1")
    write = record(name, debit("1", ACCOUNTNO="6000"), **cast("dict[str, Any]", {DATED[name]: date(2026, 9, 30)}))
    expected = {"period"} if name in ("APPYMT", "ARPYMT") else {"period", "dimension"}
    expected |= {"lines", "balance"} if name == "GLBATCH" else set()
    assert {one.rule for one in check(write, known_facts)} == expected
    (found,) = open_period(write, known_facts)
    assert (found.column, found.position, found.refuses) == (DATED[name], "je.csv:2", True)
    assert not list(check(record("VENDOR", NAME="x", WHENCREATED=date(2026, 9, 30)), known_facts))
    timed = record(name, **cast("dict[str, Any]", {DATED[name]: datetime(2026, 9, 30)}))
    assert not list(open_period(timed, known_facts)), "a time is not a posting date"


def test_a_payment_without_lines_posts_on_a_date() -> None:
    bare = record("APPYMT", PAYMENTDATE=date(2026, 9, 30))
    assert said(check(bare, facts(entities=ENTITIES, entity="E1"))) == [("period", True)]


def test_a_journal_entry_is_checked_by_entity_and_currency_too() -> None:
    one = entry(debit("5", LOCATION="E1"), credit("5", LOCATION="E3"))
    assert said(check(one, facts(PLACES, entities=ENTITIES))) == [("base currency", True), ("entity balance", False)]
    bare = entry(debit("5"), credit("5"))
    assert said(check(bare, facts(PLACES, entities=ENTITIES))) == [("location", True), ("location", True)]


def test_only_the_description_of_the_written_object_counts() -> None:
    bill = record("APBILL", line("APBILLITEM"), wrapper="APBILLITEMS", VENDORID="V-12345")
    assert said(check(bill, facts(writable=BILL))) == [("length", True)]
    assert not list(check(replace(bill, object="ARINVOICE"), facts(writable=BILL)))
    assert not list(check(replace(bill, fields={}), facts(writable=BILL), ["VENDORID"]))


def test_a_finding_of_an_entry_has_its_place() -> None:
    columns = {"TRX_AMOUNT": "Amount", "LOCATION": "Place"}
    one = replace(entry(debit("5", LOCATION="E1"), credit("4", LOCATION="E3")), columns=columns)
    known_facts = facts(PLACES, entities=ENTITIES)
    for rule, column in ((balance, "Amount"), (entity_balance, "Place"), (one_base_currency, "Place")):
        (found,) = rule(one, known_facts)
        assert (found.column, found.position) == (column, "je.csv:2")
    (found,) = location(replace(entry(debit("5"), credit("4", LOCATION="E1")), columns=columns), known_facts)
    assert (found.column, found.position) == ("Place", "je.csv:2")
    assert "fill in Place" in found.fix
    (found,) = two_lines(entry(debit("5")), facts())
    assert found.position == "je.csv:2"


def test_lines_without_an_entity_and_lines_that_could_not_be_read() -> None:
    known_facts = facts(PLACES, entities=ENTITIES)
    (found,) = entity_balance(entry(debit("5", LOCATION="E1"), credit("5", LOCATION="R1")), known_facts)
    assert "no entity by -5.00" in found.message
    unread = entry(debit("5", LOCATION="E1"), credit("5", LOCATION="E2"), line(LOCATION="E2", TRX_AMOUNT=Decimal(1)))
    assert not list(entity_balance(unread, known_facts))
    assert not list(balance(unread, known_facts))
    statistical = replace(unread, lines={"ENTRIES": tuple(unread.all_lines)[:2]}, fields={"JOURNAL": "SJ"})
    both = {**PLACES, **STATISTICAL}
    assert list(entity_balance(statistical, known_facts)) and not list(
        entity_balance(statistical, facts(both, entities=ENTITIES))
    )


def test_an_entry_in_an_entity_has_that_entity_only() -> None:
    one = entry(debit("1", LOCATION="E1"), credit("1", LOCATION="E3"))
    assert facts(PLACES, entities=ENTITIES).entities_of(one) == ["E1", "E3"]
    assert facts(PLACES, entities=ENTITIES, entity="E2").entities_of(one) == ["E2"]
    for entity in ("E2", "E9"):  # E9 is not among those that could be read
        known_facts = facts(PLACES, entities=ENTITIES, entity=entity)
        assert not list(one_base_currency(one, known_facts))
        assert bool(list(open_period(replace(one, fields={"BATCH_DATE": date(2026, 10, 31)}), known_facts))) == (
            entity == "E2"
        )
    unknown = {**ENTITIES, "E1": EntityFacts()}
    assert not list(one_base_currency(one, facts(PLACES, entities=unknown)))


# --- values


@pytest.mark.parametrize(
    ("rate", "refused"), [("0", True), ("-1.5", True), ("0.0001", False), ("1", False), (None, False)]
)
def test_an_exchange_rate_is_above_zero(rate: str | None, refused: bool) -> None:
    value = None if rate is None else Decimal(rate)
    assert bool(list(exchange_rates(entry(debit("1", EXCHANGE_RATE=value)), facts()))) == refused
    assert bool(list(exchange_rates(record("APBILL", EXCHRATE=value), facts()))) == refused
    assert bool(list(exchange_rates(record("APPYMT", FROM_ACCOUNT_EXCHANGE_RATE=value), facts()))) == refused
    assert not list(exchange_rates(entry(debit("1", QUANTITY=value)), facts()))


@pytest.mark.parametrize(
    ("rate", "refuses", "fix"),
    [
        (Decimal("0.000001"), None, ""),
        (Decimal(1_000_000), None, ""),
        (Decimal("0.00000099"), True, "`unusual_rates` to use"),
        (Decimal("1e-10"), True, "`unusual_rates` to use"),
        (Decimal("1000000.01"), True, "`unusual_rates` to use"),
        (Decimal("1e11"), True, "`unusual_rates` to use"),
        ("1e11", True, "`unusual_rates` to use"),
        (Decimal("1e-10"), False, ""),
        (Decimal("1e11"), False, ""),
    ],
)
def test_a_rate_that_no_currencies_have_is_used_only_if_the_user_allows_it(
    rate: Decimal | str, refuses: bool | None, fix: str
) -> None:
    for write in (
        entry(debit("1", EXCHANGE_RATE=rate)),
        record("APBILL", EXCHRATE=rate),
        record("APPYMT", FROM_ACCOUNT_EXCHANGE_RATE=rate, operation=WriteOperation.UPDATE),
    ):
        found = list(exchange_rates(write, facts(unusual_rates=refuses is False)))
        assert [one.refuses for one in found] == ([] if refuses is None else [refuses])
        assert all(fix in one.fix for one in found)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("VENDORID", "V\u200b1", [("characters", True)]),
        ("NAME", "A\u200bcme", [("characters", False)]),
        ("NAME", "\u0410cme", [("characters", False)]),  # a Cyrillic A
        ("NAME", "\u0410\u043a\u043c\u0435 Ltd", []),  # a word of Cyrillic letters beside a Latin one
        ("NAME", "Zürich", []),
        ("VENDORID", "Éx-X1", []),
        ("NAME", "Acme", []),
    ],
)
def test_invisible_characters_are_refused_in_keys_only(name: str, text: str, expected: list[Any]) -> None:
    assert said(invisible_characters(record("VENDOR", **cast("dict[str, Any]", {name: text})), facts())) == expected


def test_a_strange_character_is_named() -> None:
    texts = {"A\u200bb": "U+200B (zero width space)", "\u0410cme": "U+0410 (cyrillic capital letter a)",
             "A\u03a2b": "U+03A2,"}  # fmt: skip
    for text, shown in texts.items():  # the last has no name
        (found,) = invisible_characters(record("VENDOR", NAME=text), facts())
        assert f"{shown}" in found.message and (found.column, found.position) == ("NAME", "je.csv:2")


def test_a_control_character_is_refused_anywhere() -> None:
    write = record("VENDOR", line(DESCRIPTION="a\x07b"), NAME="x\x01")
    assert said(check(write, facts())) == [("characters", True), ("characters", True)]


def signed(cell: str, amount: str, **fields: Any) -> Write:
    row = SourceRow("b.csv", 3, {"Amount": cell, "Memo": "€ 5 off"})
    return record("APBILL", RecordLine("APBILLITEM", {"TRX_AMOUNT": Decimal(amount)}, row), **fields)


@pytest.mark.parametrize(
    ("cell", "amount", "fields", "decided", "expected"),
    [
        ("$12.50", "12.50", {"CURRENCY": "USD"}, "", []),
        ("$12.50", "12.50", {"CURRENCY": "CAD"}, "", []),
        ("$12.50", "12.50", {"CURRENCY": "EUR"}, "", [("currency", True)]),
        ("US$12.50", "12.50", {"CURRENCY": "CAD"}, "", [("currency", True)]),
        ("US$12.50", "12.50", {}, "CAD", [("currency", True)]),
        ("US$12.50", "12.50", {}, "USD", []),
        ("$12.50", "12.50", {}, "CAD", []),
        ("EUR 12.50", "12.50", {}, "EUR", []),
        ("12.50 EUR", "12.50", {}, "CAD", [("currency", True)]),
        ("(EUR 12.50)", "-12.50", {}, "CAD", [("currency", True)]),
        ("kr 12.50", "12.50", {}, "NOK", []),
        ("12.50 kr", "12.50", {}, "SEK", []),
        ("¥ 12", "12", {}, "CNY", []),
        ("¥ 12", "12", {}, "JPY", []),
        ("-€12.50", "-12.50", {"CURRENCY": "USD"}, "", [("currency", True)]),
        ("€12.50", "12.50", {}, "", [("currency", False)]),
        ("€12.50", "12.50", {}, "EUR", []),
        ("€12.50", "99.00", {"CURRENCY": "USD"}, "", []),  # an amount that is not sent
        ("12.50", "12.50", {"CURRENCY": "USD"}, "", []),
    ],
)
def test_an_amount_has_the_sign_or_code_of_its_own_currency(
    cell: str, amount: str, fields: dict[str, Any], decided: str, expected: list[Any]
) -> None:
    assert said(currency_signs(replace(signed(cell, amount, **fields), currency=decided))) == expected


def test_the_place_of_a_sign_and_the_amounts_that_count() -> None:
    (found,) = currency_signs(signed("€12.50", "-12.50", CURRENCY="USD"))
    assert (found.column, found.position, found.refuses) == ("Amount", "b.csv:3", True)
    assert "the sign €, and the record is in USD" in found.message
    (found,) = currency_signs(signed("€12.50", "12.50"))
    assert (found.column, found.position) == ("Amount", "b.csv:3")
    by_line = signed("€12.50", "12.50", CURRENCY="USD")
    (item,) = by_line.all_lines
    own = replace(by_line, lines={"APBILLITEMS": (structs.replace(item, fields={**item.fields, "CURRENCY": "EUR"}),)})
    assert not list(currency_signs(own))
    for cell in ("€0", "€1,5", "€"):  # no amount, or none that can be read
        assert not list(currency_signs(signed(cell, "0", CURRENCY="USD")))
    assert not list(check(by_line, facts(signed=False)))
    assert said(check(by_line, facts(signed=True))) == [("currency", True)]


def test_the_amount_of_a_record_without_lines_has_a_currency_too() -> None:
    rows = (SourceRow("p.csv", 4, {"Paid": "€7"}), SourceRow("p.csv", 5, {"Paid": "£8"}))
    bare = replace(record("APPYMT", AMOUNT=Decimal(7), CURRENCY="USD"), rows=rows)
    (found,) = currency_signs(bare)
    assert (found.column, found.position) == ("Paid", "p.csv:4")
    assert not list(currency_signs(replace(bare, rows=())))
    assert said(currency_signs(replace(bare, fields={"AMOUNT": Decimal(7)}))) == [("currency", False)]
    decided = replace(bare, fields={"AMOUNT": Decimal(7)}, currency="EUR")
    assert not list(currency_signs(decided))
    assert has_signs([bare]) and not has_signs([]) and not has_signs([record("APPYMT")])


RELATION = DimensionRelation("PROJECT", "CUSTOMER", override=False)
PROJECTS = known("PROJECT", {"PROJECTID": "P1", "CUSTOMERID": "C1"}, {"PROJECTID": "P2", "CUSTOMERID": None})


@pytest.mark.parametrize(
    ("fields", "override", "expected"),
    [
        ({"PROJECTID": "P1", "CUSTOMERID": "C1"}, False, []),
        ({"PROJECTID": "P1", "CUSTOMERID": "C2"}, False, [("relationship", True)]),
        ({"PROJECTID": "P1", "CUSTOMERID": "C2"}, True, [("relationship", False)]),
        ({"PROJECTID": "P1"}, False, []),
        ({"PROJECTID": "P2", "CUSTOMERID": "C2"}, False, []),
        ({"CUSTOMERID": "C2"}, False, []),
    ],
)
def test_a_dimension_that_follows_from_another(fields: dict[str, Any], override: bool, expected: list[Any]) -> None:
    relation = DimensionRelation("PROJECT", "CUSTOMER", override)
    references = cast("References", ReadRecords(PROJECTS))
    assert said(conflicts(entry(line(**fields)), [relation], references)) == expected


def test_a_conflict_names_both_dimensions_and_its_place() -> None:
    relations = [DimensionRelation("PROJECT", "CUSTOMER", override=False),
                 DimensionRelation("EMPLOYEE", "DEPARTMENT", override=True),
                 DimensionRelation("PROJECT", "COLOUR", override=False)]  # fmt: skip
    rows = {**PROJECTS, **known("EMPLOYEE", {"EMPLOYEEID": "E", "DEPARTMENTID": "300"})}
    references = cast("References", ReadRecords(rows))
    lines = (
        line(PROJECTID="P1", CUSTOMERID="C2"),
        line(EMPLOYEEID="E", DEPARTMENT="400"),
        line(PROJECTID="P9", CUSTOMERID="C2"),
    )
    write = replace(entry(*lines), columns={"CUSTOMERID": "Who"})
    one, two = conflicts(write, relations, references)
    assert (one.message, one.column, one.position, one.refuses) == (
        "project P1 goes with customer C1, not C2", "Who", "je.csv:2", True,
    )  # fmt: skip
    assert (two.message, two.column, two.refuses) == (
        "employee E goes with department 300, not 400",
        "DEPARTMENT",
        False,
    )
    assert one.fix and not two.fix
    assert said(check(write, facts(rows, relations=tuple(relations))))[:2] == [
        ("relationship", True),
        ("relationship", False),
    ]


# --- the description of an object

BILL = WritableObject(
    object_def(
        "APBILL",
        [
            FieldDef("RECORDNO", Kind.INTEGER, readonly=True),
            FieldDef("VENDORID", Kind.TEXT, required=True, max_length=5),
            FieldDef("STATUS", Kind.ENUM, values=("active", "inactive")),
            FieldDef("TOTAL", Kind.CURRENCY, readonly=True),
            FieldDef("TAXAMOUNT", Kind.DECIMAL),
            FieldDef("PRICE", Kind.CURRENCY),
            FieldDef("QTY", Kind.DECIMAL),
            FieldDef("COUNT", Kind.INTEGER),
        ],
    ),
    (
        LineSet(
            "APBILLITEMS",
            "APBILLITEM",
            object_def(
                "APBILLITEM", [FieldDef("RECORDNO", Kind.INTEGER, readonly=True), FieldDef("AMOUNT", Kind.CURRENCY)]
            ),
            {},
        ),
    ),
    LookupKeys("APBILL", required=("VENDORID", "APBILLITEMS")),
    None,
    "create",
)
COMPLETE: dict[str, Any] = {"VENDORID": "V-1"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"PRICE": Decimal("1.25")}, []),
        ({"PRICE": Decimal("1.250")}, []),
        ({"PRICE": Decimal("1.255")}, [("cents", True)]),
        ({"PRICE": Decimal("-0.001")}, [("cents", True)]),
        ({"TAXAMOUNT": Decimal("0.125")}, [("cents", True)]),  # an amount by its name
        ({"QTY": Decimal("0.125")}, []),
        ({"STATUS": "Inactive"}, []),
        ({"STATUS": "gone"}, [("listed", True)]),
        ({"STATUS": "active#~#gone"}, [("listed", True)]),
        ({"TOTAL": Decimal(1)}, [("readonly", True)]),
        ({"RECORDNO": 7}, [("readonly", True)]),
        ({"VENDORID": "V-123"}, []),
        ({"VENDORID": "V-1234"}, [("length", True)]),
    ],
)
def test_the_description_of_an_object_gives_rules(fields: dict[str, Any], expected: list[Any]) -> None:
    write = record("APBILL", line("APBILLITEM", AMOUNT=Decimal(1)), wrapper="APBILLITEMS", **{**COMPLETE, **fields})
    assert said(check_fields(write, BILL)) == expected


PICK = FieldDef("PICK", Kind.ENUM, values=("a", "", "b", "c", "d", "e", "f", "g", "h"), max_length=3)


def checked(one: FieldDef, value: Any) -> list[Finding]:
    writable = replace(BILL, described=object_def("APBILL", [one]), lookup=LookupKeys("APBILL"))
    return list(check_fields(record("APBILL", **{one.name: value}), writable))


def test_a_list_of_values_may_be_longer_than_one_of_them() -> None:
    assert not checked(PICK, "A#~#b")
    (found,) = checked(PICK, "a#~#x#~#y")
    assert (found.rule, found.message) == ("listed", "'x' is not a value of the field")
    assert found.fix == "use one of a, b, c, d, e, f, g, h"
    (found,) = checked(replace(PICK, values=(*PICK.values, "i")), "x")
    assert found.fix == "use one of a, b, c, d, e, f, g, h, …"
    assert not checked(replace(PICK, values=("",)), "x") and not checked(replace(PICK, values=("Active",)), "ACTIVE")
    assert not checked(PICK, "") and not checked(PICK, None) and not checked(PICK, 7)


def test_a_text_has_its_field_s_length_and_an_amount_two_decimals() -> None:
    text = FieldDef("MEMO", Kind.TEXT, max_length=3)
    assert not checked(text, "abc") and not checked(text, 1234) and not checked(replace(text, max_length=0), "abcd")
    (found,) = checked(text, "abcd")
    assert (found.message, found.column, found.position) == (
        "the text has 4 characters, the field takes 3",
        "MEMO",
        "je.csv:2",
    )
    key = replace(BILL, described=object_def("APBILL", [replace(text, name="RECORDNO", readonly=True)]))
    assert not list(check_fields(record("APBILL", operation=WriteOperation.UPDATE, RECORDNO="abc"), key))
    assert not checked(FieldDef("AMOUNT", Kind.CURRENCY, readonly=True), "1.001")  # a text is no amount
    price = FieldDef("PRICE", Kind.CURRENCY)
    for good in ("1", "1.2", "1.25", "1.2500", "1E+3"):
        assert not checked(price, Decimal(good))
    (found,) = checked(price, Decimal("1.2510"))
    assert (found.rule, found.message) == ("cents", "1.2510 has more than two decimals")


def test_a_field_that_the_company_sets_is_not_written() -> None:
    total = FieldDef("TOTAL", Kind.CURRENCY, readonly=True)
    (found,) = checked(total, Decimal("1.001"))
    assert (found.rule, found.message) == ("readonly", "TOTAL is set by the company")  # and only that
    assert not checked(replace(total, name="AMOUNT"), Decimal(1))  # read-only by its description, and taken
    update = record("APBILL", operation=WriteOperation.UPDATE, RECORDNO=7, TOTAL=Decimal(1))
    assert [one.column for one in check_fields(update, BILL)] == ["TOTAL"]  # the key says which record it is


def test_a_line_of_the_function_that_creates_takes_its_fields() -> None:
    items = replace(BILL.lines[0], extra={"GLACCOUNTNO": "glaccountno", "LINETOTAL": "linetotal"},
                    described=object_def("APBILLITEM", [FieldDef(name, Kind.CURRENCY, readonly=True)
                                                        for name in ("LINETOTAL", "STATE", "RECORDNO")]))  # fmt: skip
    by_function = replace(BILL, lines=(items,), creator="create_bill")
    lines = line("APBILLITEM", LINETOTAL=Decimal(1), RECORDNO=3, UNKNOWN="x")
    new = record("APBILL", lines, wrapper="APBILLITEMS", **COMPLETE)
    assert not list(check_fields(new, by_function))
    for other in (replace(by_function, creator="create"), replace(by_function, creator="")):
        assert [one.column for one in check_fields(new, other)] == ["LINETOTAL"]
    stated = record("APBILL", structs.replace(lines, fields={"STATE": "x"}), wrapper="APBILLITEMS", **COMPLETE)
    assert [one.column for one in check_fields(stated, by_function)] == ["STATE"]
    strange = record("APBILL", lines, wrapper="OTHERS", **COMPLETE)
    assert [one.rule for one in check_fields(strange, by_function)] == ["required"]


@pytest.mark.parametrize(
    ("field", "lacks"), [("CUSTOMERID", False), ("VENDORID", False), ("CUSTVENDID", False), ("NAME", True)]
)
def test_a_partner_may_be_given_under_its_legacy_name(field: str, lacks: bool) -> None:
    writable = replace(BILL, lookup=LookupKeys("APBILL", required=("CUSTVENDID",)))
    found = list(check_fields(record("APBILL", **cast("dict[str, Any]", {field: "X"})), writable))
    assert bool(found) == lacks
    assert not lacks or (found[0].column, found[0].fix, found[0].position) == (
        "CUSTVENDID",
        "fill in CUSTVENDID",
        "je.csv:2",
    )


def test_a_line_has_rules_too() -> None:
    lines = (line("APBILLITEM", AMOUNT=Decimal("1.005")), line("APBILLITEM", RECORDNO=3))
    write = record("APBILL", *lines, wrapper="APBILLITEMS", **COMPLETE)
    assert said(check_fields(write, BILL)) == [("cents", True)]  # a line's own number may be named


@pytest.mark.parametrize(
    ("message", "column", "told"),
    [
        ("NAME is missing", "NAME", "NAME is missing"),
        ("NAME is missing", "Name", "NAME is missing"),
        ("NAME is missing", "Kreditor", "Kreditor: NAME is missing"),
        ("Vendor ID or Vendor Name is missing", "Vendor ID", "Vendor ID or Vendor Name is missing"),
        ("NAMES are missing", "NAME", "NAME: NAMES are missing"),
        ("'x' is no date", "Due", "Due: 'x' is no date"),
        ("it is a duplicate", "", "it is a duplicate"),
    ],
)
def test_a_finding_names_its_column_once(message: str, column: str, told: str) -> None:
    found = Finding("rule", message, column=column, position="a.csv:2")
    assert (found.of_column, str(found)) == (told, f"a.csv:2: {told}")
    assert str(msgspec.structs.replace(found, fix="mend it")) == f"a.csv:2: {told}; mend it"


def test_required_fields_and_lines_are_there() -> None:
    assert [one.message for one in check_fields(record("APBILL"), BILL)] == [
        "VENDORID is missing",
        "the APBILL has no lines (APBILLITEMS)",
    ]
    (only,) = check_fields(record("APBILL"), BILL, refused_columns=["VENDORID"])
    assert "no lines" in only.message


def test_an_update_may_leave_out_and_not_clear_a_required_field() -> None:
    update = WriteOperation.UPDATE
    assert not list(check_fields(record("APBILL", operation=update, RECORDNO=7), BILL))
    (found,) = check_fields(record("APBILL", operation=update, VENDORID=None), BILL)
    assert "cannot be cleared" in found.message
    given = replace(BILL, lookup=LookupKeys("APBILL", required=("QTY", "UNKNOWN")))  # needed by the function only
    assert not list(check_fields(record("APBILL", operation=update, QTY=None, UNKNOWN=None), given))
    assert not list(check_fields(record("APBILL", operation=WriteOperation.DELETE, TOTAL=Decimal(1)), BILL))


def test_the_rules_of_an_object_are_for_new_records_and_for_lines() -> None:
    one = entry(debit("1"), BATCH_DATE=date(2026, 1, 1))
    assert {rule for rule, _ in said(check(one, facts()))} == {"lines", "balance"}
    renamed = record("GLBATCH", operation=WriteOperation.UPDATE, BATCH_TITLE="x")
    assert not list(check(renamed, facts()))
    relined = record("GLBATCH", debit("1"), operation=WriteOperation.UPDATE)
    assert {rule for rule, _ in said(check(relined, facts()))} == {"lines", "balance"}


RELATED = (("true", "false", "customer"), ("true", "true", "class"), ("false", "", "item"))
"""Whether a relationship fills in the other, whether it may be overridden, and the dimension that follows."""


def answer(function: str, *children: Element) -> Result:
    return Result(SUCCESS, function, "", Element("data", "", children))


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ({"PROJECTID": "P1", "CUSTOMERID": "C1"}, True),
        ({"EMPLOYEEID": "E1", "DEPARTMENT": "300"}, True),
        ({"PROJECTID": "P1"}, False),
        ({"CUSTOMERID": "C1", "CLASSID": "X"}, False),  # neither leads to another
    ],
)
def test_relationships_matter_only_to_lines_with_two_dimensions(fields: dict[str, Any], may: bool) -> None:
    assert may_conflict([entry(line(MEMO="x"), line(**fields))]) is may


def test_the_relationships_that_a_company_fills_in() -> None:
    related = (
        element("relation", element("dimension", " project "), element("autofillrelated", f" {fills} "),
                element("enableoverride", f" {override} "), element("related", element("dimension", f" {other} ")))
        for fills, override, other in RELATED
    )  # fmt: skip
    assert relations_of(answer("getDimensionRelationships", *related)) == (
        DimensionRelation("PROJECT", "CUSTOMER", override=False),
        DimensionRelation("PROJECT", "CLASS", override=True),
    )
    assert relations_of(Result(SUCCESS, "getDimensionRelationships", "")) == ()


def test_only_relationships_of_records_that_are_referred_to_are_looked_at_for_each_line() -> None:
    matters = DimensionRelation("PROJECT", "CUSTOMER", override=False)
    others = (
        DimensionRelation("PROJECT", "COLOUR", override=False),
        DimensionRelation("ITEM", "CUSTOMER", override=False),
    )
    assert that_matter((others[0], matters, others[1]), cast("References", ReadRecords(PROJECTS))) == (matters,)


def test_a_field_of_the_function_that_creates_is_read_only_in_an_update() -> None:
    """The legacy function takes the field of a new record; an update goes another way."""
    by_function = replace(BILL, creator="create_bill", legacy_plan=WritePlan("APBILL", {}, fields={"TOTAL": "total"}))
    lines = line("APBILLITEM", AMOUNT=Decimal(1))
    new = record("APBILL", lines, wrapper="APBILLITEMS", **COMPLETE, TOTAL=Decimal(1))
    assert not list(check_fields(new, by_function))
    assert said(check_fields(new, BILL)) == [("readonly", True)]
    update = replace(new, operation=WriteOperation.UPDATE, lines={})
    assert said(check_fields(update, by_function)) == [("readonly", True)]

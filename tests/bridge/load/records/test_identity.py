"""Identities, digests and control ids: the same on every run, different wherever the record is."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.load.records.identity import (
    Identifier,
    content_digest,
    control_id,
    existing_identity,
    key_identity,
    number_identity,
    source_identity,
    undo_identity,
)
from intacct_bridge.load.records.write import RecordLine
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_protocol.xml.values import Value

ROW = SourceRow("a.csv", 2, {})
HEADER: dict[str, Value] = {
    "JOURNAL": "GJ",
    "BATCH_DATE": date(2026, 1, 31),
    "BATCH_TITLE": "T",
    "REFERENCENO": "R",
}


def line(**fields: Value) -> RecordLine:
    return RecordLine("GLENTRY", fields, ROW)


def test_an_entry_is_entered_under_its_strongest_identity() -> None:
    identifier = Identifier()
    by_key = identifier.identify("GLBATCH", HEADER, digest="x")
    assert (by_key.kind, by_key.text) == ("key", 'key:["s:GJ","d:2026-01-31","s:T","s:R"]')
    bill = {"VENDORID": "V", "RECORDID": "B-1"}
    assert identifier.identify("APBILL", bill, digest="x", source_key=("7",)).kind == "key"
    assert identifier.identify("GLBATCH", HEADER, digest="x", source_key=("7",)).kind == "source", "no key of Intacct"
    bare = {**HEADER, "REFERENCENO": None}
    assert identifier.identify("GLBATCH", bare, digest="x", source_key=("7",)).kind == "source"
    assert identifier.identify("GLBATCH", bare, digest="x").kind == "content"


def test_equal_contents_of_one_input_are_numbered_alike_on_every_run() -> None:
    def run() -> list[str]:
        identifier = Identifier()
        return [identifier.identify("APPYMT", {}, digest=digest).text for digest in "aabab"]

    assert len(set(run())) == 5
    assert run() == run()


def test_a_digest_ignores_the_order_of_fields_and_lines_and_the_notation_of_numbers() -> None:
    one = content_digest("GLBATCH", HEADER, {"ENTRIES": [line(A=Decimal("1.50")), line(B=2)]})
    other = content_digest(
        "GLBATCH", dict(reversed(HEADER.items())), {"ENTRIES": [line(B=Decimal("2.0")), line(A=Decimal("1.5"))]}
    )
    assert one == other


@given(st.lists(st.decimals(min_value=-(10**20), max_value=10**20, places=2), min_size=2, max_size=2, unique=True))
def test_different_amounts_have_different_digests(amounts: list[Decimal]) -> None:
    first, second = (content_digest("GLBATCH", {}, {"ENTRIES": [line(A=amount)]}) for amount in amounts)
    assert first != second


def test_missing_null_and_empty_values_have_different_digests() -> None:
    rows: list[dict[str, Value]] = [{}, {"A": None}, {"A": ""}, {"A": "null"}, {"A": 1}, {"A": "1"}, {"A": True}]
    digests = {content_digest("X", row, {}) for row in rows}
    assert len(digests) == 7


@given(st.lists(st.dictionaries(st.text(max_size=4), st.text(), max_size=4), max_size=3), st.text(max_size=4))
def test_lines_count_in_digests_in_the_form_of_pythons_own_json(lines: list[dict[str, str]], text: str) -> None:
    """Pinned: outboxes hold such digests."""
    members = [RecordLine("GLENTRY", dict(one), ROW) for one in lines]

    def cell(value: str) -> str:
        return f"s:{normalize('NFC', value)}"

    texts = sorted(json.dumps(["GLENTRY", sorted([name, cell(one[name])] for name in one)]) for one in lines)
    parts = ["X", [["A", cell(text)]], {"L": texts}]
    written = json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    assert content_digest("X", {"A": text}, {"L": members}) == hashlib.sha256(written).hexdigest()


@given(st.dictionaries(st.text(max_size=4), st.text(), max_size=4), st.sets(st.text(max_size=4), max_size=3))
def test_records_count_in_digests_in_the_form_of_pythons_own_json(fields: dict[str, str], wrappers: set[str]) -> None:
    """Pinned: outboxes hold such digests."""
    header = sorted([name, f"s:{normalize('NFC', text)}"] for name, text in fields.items())
    lines = {wrapper: [json.dumps(["GLENTRY", [["A", "s:1"]]])] for wrapper in wrappers}
    parts = ["GLBATCH", header, lines]
    written = json.dumps(parts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    digest = content_digest("GLBATCH", dict(fields), {wrapper: [line(A="1")] for wrapper in wrappers})
    assert digest == hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


def test_the_texts_of_identities_never_change() -> None:
    """Pinned: outboxes hold them."""
    identifier = Identifier()
    texts = [identifier.identify("APPYMT", {}, digest="d") for _ in range(2)]
    assert [(one.text, one.kind) for one in texts] == [('content:["d",1]', "content"), ('content:["d",2]', "content")]
    for form in ("7", "é"), ("7", "e\u0301"):
        source = source_identity(form)
        assert (source.text, source.kind) == ('source:["","7","é"]', "source")
    undone = undo_identity("ib1-x")
    assert (undone.text, undone.kind) == ('undo:["ib1-x"]', "undo")
    fields: dict[str, Value] = {"A": " x ", "B": None, "C": date(2026, 1, 2), "D": Decimal("1.50"), "F": True}
    given = existing_identity(fields, [*fields, "G"])
    assert (given.text, given.kind) == ("A=x B= C=2026-01-02 D=1.50 F=True G=", "key")


NOON = datetime(2026, 1, 2, 12)


@given(st.lists(st.text(max_size=8), min_size=1, max_size=3))
def test_identities_have_the_form_of_pythons_own_json(key: list[str]) -> None:
    written = json.dumps(["", *key], ensure_ascii=False, separators=(",", ":"))
    assert source_identity(key).text == normalize("NFC", f"source:{written}")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "b:True"),
        (7, "n:7"),
        (Decimal("-0.00"), "n:0"),
        (Decimal("1.50"), "n:1.5"),
        (Decimal("1E+2"), "n:100"),
        (NOON, "t:2026-01-02T12:00:00"),
        (NOON.replace(tzinfo=UTC), "t:2026-01-02T12:00:00+00:00"),
        (NOON.replace(tzinfo=timezone(timedelta(hours=2))), "t:2026-01-02T10:00:00+00:00"),
        (date(2026, 1, 2), "d:2026-01-02"),
        ("7", "s:7"),
        ("\ud800", "s:\ud800"),
    ],
)
def test_values_count_in_identities_and_digests_by_their_kind(value: Value, text: str) -> None:
    assert key_identity({"A": value}, ["A"]).text == f'key:["{text}"]'
    written = f'["X",[["A","{text}"]],{{}}]'
    assert content_digest("X", {"A": value}, {}) == hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


PLACE = ("demo-company", "", "create", "GLBATCH")


@given(
    st.lists(
        st.tuples(st.tuples(*[st.text(max_size=3)] * 4), st.text(max_size=4), st.integers(1, 3)),
        unique=True,
        max_size=20,
    )
)
def test_control_ids_differ_wherever_anything_differs(calls: list[tuple[tuple[str, ...], str, int]]) -> None:
    ids = {control_id(place, identity, attempt) for place, identity, attempt in calls}
    assert len(ids) == len(calls)


def test_a_control_id_fits_the_protocol_and_never_changes() -> None:
    first = control_id(PLACE, "key:[]" + "é" * 5000, 1)
    assert len(first) <= 256 and first.isascii()
    assert first == control_id(PLACE, "key:[]" + "é" * 5000, 1)
    # Pinned: an outbox written by an older version must yield the same ids.
    assert control_id(PLACE, "x", 1) == "ib1-2104de287ed47d8d8c315bc118be5d0fa5ae0b5b2540fc266b99ac53e3ab9ff2"


ENTRY: dict[str, Value] = {**HEADER, "REFERENCENO": "R-1"}
PAYMENT: dict[str, Value] = {"VENDORID": "V-1", "DOCNUMBER": "77", "PAYMENTDATE": date(2026, 1, 31)}


@pytest.mark.parametrize(
    ("object_name", "fields", "changed", "is_same", "has_same_detail"),
    [
        ("GLBATCH", ENTRY, {"BATCH_DATE": date(2026, 2, 28)}, True, False),
        ("GLBATCH", ENTRY, {"BATCH_TITLE": "U"}, True, False),
        ("GLBATCH", ENTRY, {"JOURNAL": "AJ"}, True, False),
        ("GLBATCH", ENTRY, {"REFERENCENO": " r-1 "}, True, True),
        ("GLBATCH", ENTRY, {"BATCH_TITLE": "t", "JOURNAL": "gj"}, True, True),
        ("GLBATCH", ENTRY, {"REFERENCENO": "R-2"}, False, True),
        ("GLBATCH", {**ENTRY, "REFERENCENO": "RENT"}, {"BATCH_DATE": date(2026, 2, 28)}, False, False),
        ("GLBATCH", {**ENTRY, "REFERENCENO": "RENT"}, {"BATCH_TITLE": "U"}, True, False),
        ("GLBATCH", {**ENTRY, "REFERENCENO": "RENT 1"}, {"BATCH_DATE": date(2026, 2, 28)}, True, False),
        ("APPYMT", PAYMENT, {"PAYMENTDATE": date(2026, 2, 28)}, True, False),
        ("APPYMT", PAYMENT, {"VENDORID": "v-1"}, True, True),
        ("APPYMT", PAYMENT, {"VENDORID": "V-2"}, False, True),
        ("APPYMT", {**PAYMENT, "DOCNUMBER": "ACH"}, {"PAYMENTDATE": date(2026, 2, 28)}, False, False),
    ],
)
def test_a_number_identifies_a_document(
    object_name: str, fields: dict[str, Value], changed: dict[str, Value], is_same: bool, has_same_detail: bool
) -> None:
    """A word without a digit only together with its date; the detail tells apart what one input has of a number."""
    one, other = number_identity(object_name, fields), number_identity(object_name, {**fields, **changed})
    assert one is not None and other is not None
    assert (one.text == other.text, one.detail == other.detail) == (is_same, has_same_detail)


@pytest.mark.parametrize(
    ("object_name", "fields"), [("GLBATCH", HEADER), ("APBILL", {"RECORDID": "1"}), ("VENDOR", {})]
)
def test_a_document_without_a_number_of_its_own_has_no_such_identity(
    object_name: str, fields: dict[str, Value]
) -> None:
    assert number_identity(object_name, {**fields, "REFERENCENO": ""}) is None

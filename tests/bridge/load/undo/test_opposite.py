"""The opposite of a journal entry, made from what was sent and from what the company has now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.outbox.entry import OutboxEntry, WriteTarget, new_entry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Receipt, Write, WriteOperation
from intacct_bridge.load.undo.opposite import opposite_write
from intacct_protocol.errors import RecordError
from intacct_protocol.model.catalog import FieldDef, ObjectDef, object_def
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.values import Kind, Value
from support.load.shown import ShownRecords

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY = date(2026, 12, 1)
OBJECTS = {
    "GLBATCH": object_def("GLBATCH", [
        FieldDef("RECORDNO", Kind.INTEGER), FieldDef("JOURNAL", Kind.TEXT), FieldDef("BATCH_DATE", Kind.DATE),
        FieldDef("BATCH_TITLE", Kind.TEXT), FieldDef("REVERSEDATE", Kind.DATE), FieldDef("STATE", Kind.TEXT),
        FieldDef("SUPDOCID", Kind.TEXT), FieldDef("WHENCREATED", Kind.TIMESTAMP),
        FieldDef("WHENMODIFIED", Kind.TIMESTAMP),
    ]),
    "GLENTRY": object_def("GLENTRY", [
        FieldDef("RECORDNO", Kind.INTEGER), FieldDef("BATCHNO", Kind.INTEGER), FieldDef("ACCOUNTNO", Kind.TEXT),
        FieldDef("LOCATION", Kind.TEXT), FieldDef("TRX_AMOUNT", Kind.CURRENCY), FieldDef("TR_TYPE", Kind.INTEGER),
        FieldDef("CURRENCY", Kind.TEXT), FieldDef("BASECURR", Kind.TEXT), FieldDef("EXCHANGE_RATE", Kind.DECIMAL),
        FieldDef("DESCRIPTION", Kind.TEXT),
    ]),
}  # fmt: skip
HEADER: dict[str, Value] = {
    "RECORDNO": 7, "JOURNAL": "GJ", "BATCH_DATE": date(2026, 11, 30), "BATCH_TITLE": "Rent", "STATE": "Posted",
    "SUPDOCID": "A-1", "WHENCREATED": NOW, "WHENMODIFIED": NOW,
}  # fmt: skip
BODY = (
    "<create><GLBATCH><JOURNAL>GJ</JOURNAL><BATCH_DATE>11/30/2026</BATCH_DATE><BATCH_TITLE>Rent</BATCH_TITLE>"
    "<SUPDOCID>A-1</SUPDOCID>{more}<ENTRIES>"
    "<GLENTRY><ACCOUNTNO>6100</ACCOUNTNO><TRX_AMOUNT>10.50</TRX_AMOUNT><TR_TYPE>1</TR_TYPE><LOCATION>E1</LOCATION>"
    "</GLENTRY>"
    "<GLENTRY><ACCOUNTNO>2100</ACCOUNTNO><TRX_AMOUNT>10.50</TRX_AMOUNT><TR_TYPE>-1</TR_TYPE><LOCATION>E2</LOCATION>"
    "</GLENTRY></ENTRIES></GLBATCH></create>"
)


def line(account: str, side: int, place: str, amount: str = "10.50", **more: Value) -> dict[str, Value]:
    return {"BATCHNO": 7, "ACCOUNTNO": account, "TRX_AMOUNT": Decimal(amount), "TR_TYPE": side, "LOCATION": place,
            "CURRENCY": None, **more}  # fmt: skip


SENT = [line("6100", 1, "E1"), line("2100", -1, "E2")]
OWN = [line("1900", -1, "E1"), line("1900", 1, "E2")]
"""What the company added: due to and due from."""
OTHER = [line("6100", 1, "E1", "99.00", BATCHNO=8)]


@dataclass
class Company(ShownRecords):
    """A company whose records are private: only a query that asks for those gets them."""

    connection: Any = field(
        default_factory=lambda: SimpleNamespace(is_legacy=False, statuses={}, external_ids="unique")
    )

    def describe(self, name: str, doc_par_id: str | None = None, /) -> ObjectDef:
        return OBJECTS[name]

    def query(self, query: Query, /) -> Iterator[Mapping[str, Value]]:
        return super().query(query) if query.show_private else iter(())


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.sqlite3", clock=lambda: NOW) as opened:
        yield opened


def posted(outbox: Outbox, more: str = "") -> OutboxEntry:
    for known in outbox.entries():
        return known
    target = WriteTarget("acme", "", WriteOperation.CREATE, "GLBATCH")
    (sent,) = outbox.begin(outbox.plan([new_entry(target, "a", "d", BODY.format(more=more), {}, label="GJ Rent")]))
    (done,) = outbox.conclude([sent.ended(RecordStatus.APPLIED, Receipt("7"))])
    return done


def opposite(outbox: Outbox, header: Mapping[str, Value] | None, lines: list[dict[str, Value]], **more: Any) -> Write:
    company = Company({"GLBATCH": [dict(header)] if header else [], "GLENTRY": [*OTHER, *lines]})
    return opposite_write(cast("Gateway", company), posted(outbox), **{"day": DAY, **more})


def amounts(write: Write) -> list[tuple[Value, ...]]:
    return [tuple(one.fields.get(name) for name in ("ACCOUNTNO", "LOCATION", "TR_TYPE", "TRX_AMOUNT"))
            for one in write.lines["ENTRIES"]]  # fmt: skip


def test_each_line_comes_on_the_other_side_those_of_the_company_too(outbox: Outbox) -> None:
    write = opposite(outbox, HEADER, [*SENT, *OWN], entity="E1")
    assert amounts(write) == [
        ("6100", "E1", -1, Decimal("10.50")), ("2100", "E2", 1, Decimal("10.50")),
        ("1900", "E1", 1, Decimal("10.50")), ("1900", "E2", -1, Decimal("10.50")),
    ]  # fmt: skip
    assert write.fields == {"JOURNAL": "GJ", "BATCH_DATE": DAY, "BATCH_TITLE": "Reversed - Rent"}
    assert (write.operation, write.object, write.undoes) == (WriteOperation.CREATE, "GLBATCH", 1)
    assert (write.label, write.entity, write.entity_by) == ("opposite of GLBATCH 7, GJ Rent", "E1", "LOCATIONID")
    assert write.findings == ()
    same, top = (opposite(outbox, HEADER, [*SENT, *OWN], entity=one) for one in ("E1", ""))
    assert (write.digest, write.identity) == (same.digest, same.identity), "a second undo is known"
    assert (top.entity, top.entity_by) == ("", "")
    assert opposite(outbox, HEADER, SENT, memo="Wrong month").fields["BATCH_TITLE"] == "Wrong month"
    (early,) = opposite(outbox, HEADER, SENT, day=date(2026, 11, 29)).findings
    assert (early.rule, early.refuses) == ("date", False)


@pytest.mark.parametrize(
    ("header", "lines", "changed"),
    [
        ({}, [SENT[0], line("2100", -1, "E2", "10.51")], "ENTRIES"),
        ({}, SENT[:1], "ENTRIES"),
        ({"BATCH_TITLE": "Rent 2"}, SENT, "BATCH_TITLE"),
        ({"BATCH_TITLE": "Rent 2"}, SENT[:1], "BATCH_TITLE, ENTRIES"),
        # a line that was not sent may be a person's, if the entry was changed
        ({"WHENMODIFIED": NOW + timedelta(seconds=1)}, [*SENT, *OWN], "ENTRIES"),
    ],
)
def test_an_entry_that_was_changed_since_has_no_opposite(
    outbox: Outbox, header: dict[str, Value], lines: list[dict[str, Value]], changed: str
) -> None:
    with pytest.raises(RecordError, match=rf"changed in Intacct since it was posted \({changed}\)"):
        opposite(outbox, HEADER | header, lines)


def test_an_entry_that_was_only_approved_since_has_one(outbox: Outbox) -> None:
    """That it was modified says nothing where all of its lines were sent."""
    write = opposite(outbox, HEADER | {"WHENMODIFIED": NOW + timedelta(seconds=1)}, SENT)
    assert len(amounts(write)) == 2


def test_an_entry_that_cannot_be_compared_has_no_opposite(outbox: Outbox) -> None:
    with pytest.raises(RecordError, match="GLBATCH 7 is not visible in Intacct"):
        opposite(outbox, None, SENT)
    entry = posted(outbox)
    legacy = Company(connection=SimpleNamespace(is_legacy=True, statuses={}, external_ids="unique"))
    with pytest.raises(RecordError, match=r"document type 2\.1 cannot compare"):
        opposite_write(cast("Gateway", legacy), entry, day=DAY)


def test_an_entry_that_reverses_itself_has_no_second_reversal(outbox: Outbox) -> None:
    company = Company({"GLBATCH": [HEADER], "GLENTRY": SENT})
    entry = posted(outbox, "<REVERSEDATE>12/01/2026</REVERSEDATE>")
    with pytest.raises(RecordError, match="it reverses itself on 2026-12-01"):
        opposite_write(cast("Gateway", company), entry, day=DAY)

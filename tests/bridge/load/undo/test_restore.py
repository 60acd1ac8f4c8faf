"""An update is taken back by its earlier values, if these are known and nobody has changed the record since."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.records.identity import content_digest
from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.write import Identity, RecordLine, Write, WriteOperation
from intacct_bridge.load.tables.source_row import SourceRow
from intacct_bridge.load.target.current_records import CurrentRecord
from intacct_bridge.load.target.writable import WritableObject
from intacct_bridge.load.undo.restore import _earlier, _restored, _update
from intacct_protocol.errors import RecordError
from intacct_protocol.model.catalog import FieldDef, object_def
from intacct_protocol.xml.values import Kind, Value

VENDOR = WritableObject(
    object_def("VENDOR", [FieldDef("RECORDNO", Kind.INTEGER), *(FieldDef(one, Kind.TEXT) for one in ("NAME", "MEMO"))]),
    (), LookupKeys("VENDOR"), None, "create",
)  # fmt: skip
SENT: dict[str, Value] = {"RECORDNO": 7, "NAME": "new", "MEMO": "m"}


def update(**fields: Any) -> Write:
    return Write(WriteOperation.UPDATE, "VENDOR", {**SENT, **fields}, Identity("k", "key"), "d", "vendor", ())


def entry(label: str = "vendor V-1") -> OutboxEntry:
    target = SimpleNamespace(object="VENDOR", operation=WriteOperation.UPDATE)
    body = "<update><VENDOR><RECORDNO>7</RECORDNO><NAME>new</NAME></VENDOR></update>"
    return cast("OutboxEntry", SimpleNamespace(number=5, label=label, target=target, body=body))


def outbox(known: dict[str, Value] | None) -> Outbox:
    return cast("Outbox", SimpleNamespace(replaced_values=lambda _: known))


def test_the_earlier_values_are_those_of_the_written_fields() -> None:
    known: dict[str, Value] = {"NAME": "old", "MEMO": None, "OTHER": "x", "RECORDNO": 7}
    assert _earlier(outbox(known), entry(), update(), "RECORDNO") == {"NAME": "old", "MEMO": None}


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (None, "the outbox does not have the values that it replaced"),
        ({"NAME": "old"}, "the outbox does not have the earlier MEMO"),
        ({}, "the outbox does not have the earlier NAME, MEMO"),
    ],
)
def test_an_update_whose_earlier_values_are_not_known_stays(known: dict[str, Value] | None, told: str) -> None:
    with pytest.raises(RecordError) as refused:
        _earlier(outbox(known), entry(), update(), "RECORDNO")
    assert refused.value.message == told and refused.value.fix


def test_replaced_lines_cannot_be_put_back() -> None:
    lines = {"ITEMS": (RecordLine("ITEM", {}, SourceRow("a.csv", 2, {})),)}
    with pytest.raises(RecordError, match=r"it replaced lines, .* \(ITEMS\)"):
        _earlier(outbox({"NAME": "old", "MEMO": "x"}), entry(), replace(update(), lines=lines), "RECORDNO")


EARLIER: dict[str, Value] = {"NAME": "old", "MEMO": None}


@pytest.mark.parametrize(
    ("name", "memo", "ends"),
    [
        ("new", "m", "restored"),
        ("old", None, "done"),
        ("other", "m", "NAME is other, not new"),
        ("old", "m", "NAME is old, not new"),  # half of it has its earlier value
        (None, "m", "NAME is empty, not new"),
        ("other", "n", "NAME is other, not new; MEMO is n, not m"),
    ],
)
def test_a_record_that_another_person_changed_stays(name: str | None, memo: str | None, ends: str) -> None:
    current = CurrentRecord("7", {"RECORDNO": 7, "NAME": name, "MEMO": memo})

    def restored() -> Write | None:
        return _restored(VENDOR, entry(), update(), current, EARLIER, entity="E1")

    if ends == "done":
        assert restored() is None
    elif ends == "restored":
        write = restored()
        assert write is not None and write.fields == {"RECORDNO": 7, **EARLIER}
    else:
        with pytest.raises(RecordError) as refused:
            restored()
        assert refused.value.message == f"it was changed in Intacct since ({ends})"


@pytest.mark.parametrize("entity", ["", "E1"])
def test_the_update_that_takes_an_update_back(entity: str) -> None:
    fields: dict[str, Value] = {"RECORDNO": 7, "NAME": "old"}
    write = _update(entry(), fields, "RECORDNO", entity)
    assert (write.operation, write.object, write.fields, write.undoes) == (WriteOperation.UPDATE, "VENDOR", fields, 5)
    assert (write.identity.text, write.digest) == ("RECORDNO=7", content_digest("VENDOR", fields, {}))
    assert (write.label, write.entity, write.entity_by) == ("vendor V-1", entity, "LOCATIONID" if entity else "")
    assert _update(entry(""), fields, "RECORDNO", entity).label == "VENDOR 7"

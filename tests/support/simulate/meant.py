"""What was meant: the model that a simulation is checked against.

Each record of an input has a token, which is in one of its texts. The model knows how often the token's record should
be in the company, and what people and processes have done to it. It reads the emulator's tables and the outbox.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.records.status import ANSWERED, RecordStatus
from intacct_bridge.load.records.write import WriteOperation
from intacct_emulator.server.gateway import Emulator
from support.torture.records import Cells, WriteKind, in_force, rows_of

_LINES = {
    "GLBATCH": ("GLENTRY", "BATCHNO", "ENTRIES"),
    "APBILL": ("APBILLITEM", "RECORDKEY", "APBILLITEMS"),
    "ARINVOICE": ("ARINVOICEITEM", "RECORDKEY", "ARINVOICEITEMS"),
}
"""The lines of an object: their object, the field with their header's key, and their name in an input."""


@dataclass
class Meant:
    """One record that a user wants, or wanted, in the company."""

    token: str
    kind: WriteKind
    cells: Cells = field(default_factory=dict)
    """The row of the input, written once."""
    present: bool = True
    """Whether it is to be in the company."""
    busy: bool = False
    """A delete or an undo of it has begun and has not come to an end."""
    touched: set[str] = field(default_factory=set)
    """What was done to it since it was first loaded."""

    def entries(self, entries: Iterable[OutboxEntry]) -> list[OutboxEntry]:
        """The newest entry of each of its creates."""
        mine = [one for one in entries if is_load(one) and one.target.object == self.kind.object and self.is_in(one)]
        return list({(one.target, one.identity): one for one in mine}.values())

    def is_in(self, entry: OutboxEntry) -> bool:
        """Whether an entry is about this record."""
        text = f" {entry.body} {entry.label} "
        at = text.find(self.token)
        while at >= 0:
            after = text[at + len(self.token)]
            if not (after.isalnum() or after == "-"):
                return True
            at = text.find(self.token, at + 1)
        return False


def is_load(entry: OutboxEntry) -> bool:
    """Whether an entry is a record of an input, and neither a change nor an undo."""
    return entry.target.operation is WriteOperation.CREATE and entry.undoes is None


def key_in(entry: OutboxEntry) -> str:
    """The record of an entry's receipt."""
    return entry.receipt.record if entry.receipt is not None else ""


def with_amount(kind: WriteKind, cells: Mapping[str, Any], amount: str) -> dict[str, Any]:
    """A row of an input with this amount in its lines."""
    lines = _LINES.get(kind.object, ("", "", ""))[2]
    if lines not in cells:
        return dict(cells)
    return {**cells, lines: [{**line, "TRX_AMOUNT": amount} for line in cells[lines]]}


def line_amounts(emulator: Emulator, kind: WriteKind, record: Cells) -> list[Decimal]:
    """The amounts of a record's lines in the company, without their sign."""
    name, by, _ = _LINES[kind.object]
    return sorted(
        abs(Decimal(str(line["TRX_AMOUNT"]))) for line in rows_of(emulator, name, by, str(record["RECORDNO"]))
    )


def wanted_amounts(one: Meant) -> list[Decimal] | None:
    """The amounts of the lines that the input has; None for records without amounts of their own."""
    lines = _LINES.get(one.kind.object, ("", "", ""))[2]
    return sorted(Decimal(line["TRX_AMOUNT"]) for line in one.cells[lines]) if lines in one.cells else None


@dataclass(frozen=True)
class Standing:
    """What the outbox says about a record, beside what the company has."""

    there: int
    sure: int
    unsure: int
    answered: int
    leaving: int
    """Undos and deletes of it that are in doubt."""
    bare: int
    """Posted according to the company's memory only: its receipt has no record key."""


def standing(emulator: Emulator, one: Meant, entries: Iterable[OutboxEntry]) -> Standing:
    """The record's standing. `entries` are all of the outbox."""
    found = list(entries)
    mine = one.entries(found)
    states = Counter(entry.status for entry in mine)
    undone = {entry.undoes for entry in found if entry.undoes and entry.status in _OPEN}
    leaving = sum(entry.number in undone for entry in mine)
    keys = {key_in(entry) for entry in mine} - {""}
    deletes = [entry for entry in found if entry.target.operation is WriteOperation.DELETE and entry.status in _OPEN]
    leaving += sum(any(entry.identity.endswith(f"={key}") for key in keys) for entry in deletes)
    return Standing(
        len(in_force(emulator, one.kind, one.token)),
        states[RecordStatus.APPLIED],
        states[RecordStatus.IN_DOUBT] + states[RecordStatus.SENT],
        sum(states[status] for status in ANSWERED),
        leaving,
        sum(entry.status is RecordStatus.APPLIED and not key_in(entry) for entry in mine),
    )


_OPEN = (RecordStatus.SENT, RecordStatus.IN_DOUBT)

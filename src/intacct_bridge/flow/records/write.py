"""One intended write as a frozen value: what is to become of which record, and which input rows say so."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from intacct_bridge.flow.records.tables import SourceRow
from intacct_bridge.wire.values import Value


class WriteOperation(StrEnum):
    """What is to become of a record."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a rule has to say about one record, in the words of its input."""

    rule: str
    message: str
    fix: str = ""
    column: str = ""
    """The input's own column name; empty where the record as a whole is meant."""
    position: str = ""
    """`file.csv:12`."""
    refuses: bool = True
    """False for advice that lets the record pass."""

    def __str__(self) -> str:
        place = ": ".join(part for part in (self.position, self.column) if part)
        text = f"{self.message}; {self.fix}" if self.fix else self.message
        return f"{place}: {text}" if place else text


@dataclass(frozen=True, slots=True)
class RecordLine:
    """One owned line of a record."""

    object: str
    fields: Mapping[str, Value]
    row: SourceRow

    @property
    def position(self) -> str:
        """Where the line stands in the input."""
        return self.row.position


@dataclass(frozen=True, slots=True)
class Identity:
    """How a record is known again on another run."""

    text: str
    kind: str
    """`key` the company will know it by, `source` key of its origin, or `content`."""


@dataclass(frozen=True, slots=True)
class GivenContent:
    """A record's fields and lines as its input gives them. Its digest, identity and label are made of these."""

    fields: Mapping[str, Value]
    lines: Mapping[str, tuple[RecordLine, ...]]


@dataclass(frozen=True, slots=True)
class Write:
    """One record to be written, by Intacct's own names, with everything known about it before the company is asked."""

    operation: WriteOperation
    object: str
    fields: Mapping[str, Value]
    identity: Identity
    digest: str
    """Of the content, whatever the order of columns and lines."""
    label: str
    """How a person would call it: `PYRJ 2026-01-31 'Payroll' PR-0131`."""
    rows: tuple[SourceRow, ...]
    lines: Mapping[str, tuple[RecordLine, ...]] = field(default_factory=dict)
    """Owned lines by their wrapper element, such as `ENTRIES`."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """The input's column name for each Intacct field."""
    findings: tuple[Finding, ...] = ()
    """What reading it brought to light."""
    attachments: tuple[str, ...] = ()
    """Paths of files that go with it."""
    folder: str = ""
    """The attachment folder for them."""
    known: Mapping[str, Value] = field(default_factory=dict)
    """What the company has for days that an update leaves as they are; rules about periods need them."""
    entity: str = ""
    """The entity whose books it goes to, as the input says it, and once it is planned by its id; empty for the one that
    the connection is signed in to."""
    entity_by: str = ""
    """What the input says it by: `LOCATIONID`, `RECORDNO`, `NAME`, or nothing where it may be any."""

    given: GivenContent | None = None
    """The content as the input gives it; None where the fields and lines are still those."""

    @property
    def content(self) -> GivenContent:
        """The content as the input gives it, whatever planning has resolved or left out since."""
        return self.given or GivenContent(self.fields, self.lines)

    @property
    def position(self) -> str:
        """Where the record begins in the input."""
        return self.rows[0].position if self.rows else ""

    @property
    def all_lines(self) -> Iterator[RecordLine]:
        """Every owned line."""
        for lines in self.lines.values():
            yield from lines

    def column(self, name: str) -> str:
        """The input's name for an Intacct field."""
        return self.columns.get(name, name)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The company's own keys of what was written."""

    record: str = ""
    """RECORDNO, or what a legacy function answered."""
    name: str = ""
    """The natural key, where the answer gave one."""

"""A small company as the source of an extraction, with people who keep editing it.

It has bills with lines, vendors, and journal entries with their lines in a view. Edits have times, perhaps a little in
the past, and leave entries in an audit trail, perhaps a little late.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from intacct_bridge.streams.bookmark import AnswerFormat
from intacct_bridge.streams.partition import PartitionPage
from intacct_bridge.streams.stream import AUDIT_TRAIL, Stream
from intacct_bridge.streams.times import format_time, parse_time
from intacct_protocol.errors import NotPermittedError
from intacct_protocol.model.query.query import And, Compare, Filter, Op, Or, Query
from intacct_protocol.xml.values import Kind
from support.extract.table import Row, Table, lexical

TIMES = {"WHENMODIFIED": Kind.TIMESTAMP, "WHENCREATED": Kind.TIMESTAMP}
CHANGE: dict[str, Any] = {"modified": "WHENMODIFIED", "created": "WHENCREATED"}
NUMBER = {"RECORDNO": Kind.INTEGER}

VENDOR = Stream(
    "VENDOR",
    "VENDOR",
    NUMBER | {"VENDORID": Kind.TEXT, "NAME": Kind.TEXT} | TIMES,
    "RECORDNO",
    natural_key="VENDORID",
    **CHANGE,
)
APBILL = Stream("APBILL", "APBILL", NUMBER | {"TOTAL": Kind.INTEGER} | TIMES, "RECORDNO", **CHANGE)
APBILLITEM = Stream(
    "APBILLITEM",
    "APBILLITEM",
    NUMBER | {"RECORDKEY": Kind.INTEGER, "AMOUNT": Kind.INTEGER} | TIMES,
    "RECORDNO",
    header="APBILL",
    header_key="RECORDKEY",
    refers_to="RECORDNO",
    **CHANGE,
)
GLBATCH = Stream("GLBATCH", "GLBATCH", NUMBER | {"BATCH_DATE": Kind.DATE} | TIMES, "RECORDNO", **CHANGE)
GLDETAIL = Stream(
    "GLDETAIL",
    "GLDETAIL",
    {"RECORDNO": Kind.TEXT, "BATCHKEY": Kind.INTEGER, "BATCH_DATE": Kind.DATE, "AMOUNT": Kind.INTEGER} | TIMES,
    "RECORDNO",
    text_key=True,
    group="BATCHKEY",
    window="BATCH_DATE",
    header="GLBATCH",
    header_key="BATCHKEY",
    refers_to="RECORDNO",
    **CHANGE,
)
SODOCUMENT = Stream(
    "SODOCUMENT", "SODOCUMENT", {"RECORDNO": Kind.TEXT, "V": Kind.INTEGER} | TIMES, "RECORDNO", text_key=True, **CHANGE
)
TIMETYPE = Stream("TIMETYPE", "TIMETYPE", NUMBER | {"NAME": Kind.TEXT}, "RECORDNO")
STREAMS = (VENDOR, APBILL, APBILLITEM, GLBATCH, GLDETAIL, SODOCUMENT, TIMETYPE)
TOLD = Stream("AUDITHISTORY", "AUDITHISTORY", {**AUDIT_TRAIL.fields} | {"ACCESSMODE": Kind.TEXT}, "ID", text_key=True)
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Zone:
    """A wall clock with daylight saving, and how it reads hours that never come or come twice."""

    winter: int
    summer: int
    """Minutes from UTC."""
    spring: datetime
    autumn: datetime
    late: bool = True
    """Whether a wall time that means two moments, or none, is read as the later one."""

    def moment(self, wall: datetime) -> datetime:
        """The moment as which a wall time is read; the wall time is given as if it were UTC."""
        found = {
            moment
            for offset in (self.winter, self.summer)
            if self.offset(moment := wall - timedelta(minutes=offset)) == offset
        } or {wall - timedelta(minutes=offset) for offset in (self.winter, self.summer)}
        return max(found) if self.late else min(found)

    def offset(self, moment: datetime) -> int:
        """Minutes from UTC at a moment; south of the equator summer begins at `autumn`."""
        forward = self.spring <= moment < self.autumn if self.spring < self.autumn else True
        back = not self.autumn <= moment < self.spring if self.autumn < self.spring else True
        return self.summer if forward and back else self.winter


@dataclass
class Company:
    """Tables, a clock that moves with every call, and edits between two calls."""

    seed: int = 0
    offset_minutes: int = 0
    user: str = "someone"
    told_at: datetime = BEGAN
    """When the offset was read."""
    reads_user_time: bool = False
    """Whether a filter's times are read on the user's wall clock instead of UTC."""
    zone: Zone | None = None
    """How that wall clock changes; the known offset may be either of the two."""
    lateness: timedelta = timedelta()
    """How far in the past a change may be stamped, and how late a delete may be in the trail."""
    tick: timedelta = timedelta(seconds=1)
    concurrency: int = 1
    company: str = "demo"
    reads_as: str = ""
    definition_seconds: int = 0
    """How old the definitions may be by which streams are read."""
    audit_is_readable: bool = True
    editing: bool = False
    after_call: Callable[[int], None] = lambda number: None
    calls: int = 0
    by_object: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.clock = BEGAN
        self.next_key = 1
        self.tables = {one.object: Table(one, []) for one in STREAMS}
        self.tables["AUDITHISTORY"] = Table(TOLD, [], lexical, lexical)
        self.lock = threading.Lock()
        self.late: list[tuple[datetime, Row]] = []

    def now(self) -> datetime:
        return self.clock

    def page(self, query: Query) -> PartitionPage:
        with self.lock:
            return self.answer(query)

    def unchanged(self, stream: Stream, since: str) -> bool:
        return False

    @property
    def formatting(self) -> AnswerFormat:
        return AnswerFormat(f"{self.offset_minutes:+}", format_time(self.told_at), self.user)

    def forget_stored_formatting(self) -> bool:
        return False

    def virtual_cost(self, stream: Stream) -> int | None:
        raise NotImplementedError(stream.name)

    def virtual_pages(self, stream: Stream) -> Iterator[PartitionPage]:
        raise NotImplementedError(stream.name)

    def answer(self, query: Query) -> PartitionPage:
        """One call, with the edits that happen meanwhile."""
        self.clock += self.tick
        self.calls += 1
        self.by_object[query.object] = self.by_object.get(query.object, 0) + 1
        self.tell()
        if self.editing:
            self.edit()
        if query.object == "AUDITHISTORY" and not self.audit_is_readable:
            raise NotPermittedError("You do not have permission to view audit history")
        self.after_call(self.calls)
        table = self.tables[query.object]
        where = None if query.where is None else self.timed(query.where, table.stream)
        return table.ask(replace(query, where=where))

    def timed(self, node: Filter, stream: Stream) -> Filter:
        """Texts become moments, in the zone in which this gateway reads them."""
        if isinstance(node, And | Or):
            return type(node)(tuple(self.timed(part, stream) for part in node.parts))
        assert isinstance(node, Compare)
        if stream.fields.get(node.field) is not Kind.TIMESTAMP or node.op in (Op.ISNULL, Op.ISNOTNULL):
            return node
        return replace(node, values=tuple(self.taken(parse_time(str(value))) for value in node.values))

    def taken(self, wall: datetime) -> datetime:
        """The moment as which the gateway reads a wall time."""
        if not self.reads_user_time:
            return wall
        return self.zone.moment(wall) if self.zone else wall - timedelta(minutes=self.offset_minutes)

    def tell(self) -> None:
        """Add deletes to the trail whose time has come."""
        self.tables["AUDITHISTORY"].rows += [row for due, row in self.late if due <= self.clock]
        self.late = [(due, row) for due, row in self.late if due > self.clock]

    # --- edits -------------------------------------------------------------------------------------------------

    def stamp(self, row: Row | None = None) -> datetime:
        """The time of a change: now, or somewhat before, but then never the same for one row twice."""
        behind = self.random.random() * self.lateness.total_seconds()
        found = (self.clock - timedelta(seconds=behind)).replace(microsecond=0)
        while self.lateness and row and found in (row["WHENMODIFIED"], row["WHENCREATED"]):
            found -= timedelta(seconds=1)
        return found

    def add(self, table: str, **cells: Any) -> int:
        key = self.next_key
        self.next_key += self.random.choice([1, 1, 1, 7])
        created = self.stamp()
        modified = None if self.random.random() < 0.5 else created
        number = str(key) if self.tables[table].stream.text_key else key
        row = {"RECORDNO": number, "WHENCREATED": created, "WHENMODIFIED": modified} | cells
        self.tables[table].rows.append(row)
        return key

    def drop(self, table: str, row: Row, told_as: str) -> None:
        self.tables[table].rows.remove(row)
        entry = {
            "ID": f"{self.next_key}/{self.clock:%H%M%S}/{len(self.tables['AUDITHISTORY'].rows) + len(self.late)}",
            "OBJECTTYPE": table.lower(),
            "OBJECTKEY": told_as,
            "ACCESSMODE": "D",
            "ACCESSTIME": self.clock,
        }
        self.late.append((self.clock + self.lateness * self.random.random(), entry))

    def lines(self, table: str, by: str, parent: int, **cells: Any) -> None:
        """Replace the lines under a parent: some are kept and altered, some are new, others are deleted without an
        entry.
        """
        rows = self.tables[table].rows
        kept = [row for row in rows if row[by] == parent and self.random.random() < 0.5]
        self.tables[table].rows = [row for row in rows if row[by] != parent or row in kept]
        for row in kept:
            row["AMOUNT"] = self.random.randrange(1000)  # altered, and not always stamped
            if self.random.random() < 0.5:
                row["WHENMODIFIED"] = self.stamp(row)
        for _ in range(self.random.randrange(4)):
            self.add(table, **({by: parent, "AMOUNT": self.random.randrange(1000)} | cells))

    def edit(self) -> None:
        """One random edit."""
        doing: Callable[[], object] = self.random.choice(
            [self.vendors, self.bills, self.bills, self.journals, self.journals, self.documents, self.one_line]
        )
        doing()

    def some(self, table: str) -> Row | None:
        rows = self.tables[table].rows
        return self.random.choice(rows) if rows else None

    def what(self, table: str) -> tuple[str, Row | None]:
        row = self.some(table)
        return (self.random.choice(["add", "add", "add", "change", "drop"]) if row else "add"), row

    def vendors(self) -> None:
        what, row = self.what("VENDOR")
        if what == "add":
            self.add("VENDOR", VENDORID=f"V{self.random.randrange(30)}", NAME="new")
        elif what == "change" and row:
            row |= {"NAME": f"name {self.random.randrange(99)}", "WHENMODIFIED": self.stamp(row)}
        elif row:
            self.drop("VENDOR", row, row["VENDORID"])

    def bills(self) -> None:
        what, row = self.what("APBILL")
        if what == "drop" and row:
            self.tables["APBILLITEM"].rows = [
                one for one in self.tables["APBILLITEM"].rows if one["RECORDKEY"] != row["RECORDNO"]
            ]
            self.drop("APBILL", row, f"{row['RECORDNO']}--REC" if self.random.random() < 0.5 else str(row["RECORDNO"]))
            return
        if what == "add" or not row:
            key = self.add("APBILL", TOTAL=self.random.randrange(1000))
        else:
            row |= {"TOTAL": self.random.randrange(1000), "WHENMODIFIED": self.stamp(row)}
            key = row["RECORDNO"]
        self.lines("APBILLITEM", "RECORDKEY", key)

    def journals(self) -> None:
        what, row = self.what("GLBATCH")
        day = date(2026, self.random.randrange(1, 13), self.random.randrange(1, 28))
        if what == "drop" and row:
            self.tables["GLDETAIL"].rows = [
                one for one in self.tables["GLDETAIL"].rows if one["BATCHKEY"] != row["RECORDNO"]
            ]
            self.drop("GLBATCH", row, str(row["RECORDNO"]))
            return
        if what == "add" or not row:
            key = self.add("GLBATCH", BATCH_DATE=day)
        else:
            row |= {"BATCH_DATE": day, "WHENMODIFIED": self.stamp(row)}
            key = row["RECORDNO"]
        self.lines("GLDETAIL", "BATCHKEY", key, BATCH_DATE=day)
        for one in self.tables["GLDETAIL"].rows:
            if one["BATCHKEY"] == key:
                one["BATCH_DATE"] = day

    def documents(self) -> None:
        what, row = self.what("SODOCUMENT")
        if what == "add" or not row:
            self.add("SODOCUMENT", V=0)
        elif what == "change":
            row |= {"V": self.random.randrange(99), "WHENMODIFIED": self.stamp(row)}
        else:
            self.drop("SODOCUMENT", row, row["RECORDNO"])

    def one_line(self) -> None:
        row = self.some("APBILLITEM")
        if row:
            row |= {"AMOUNT": self.random.randrange(1000), "WHENMODIFIED": self.stamp(row)}

    def fill(self, edits: int) -> "Company":
        """Make this many edits before the first run."""
        self.tables["TIMETYPE"].rows = [{"RECORDNO": key, "NAME": f"type {key}"} for key in range(1, 8)]
        for _ in range(edits):
            self.edit()
            self.clock += timedelta(seconds=self.random.randrange(5))
        return self

    def rows(self, stream: Stream) -> list[Row]:
        """The rows of a correct copy."""
        rows = [{name: row.get(name) for name in stream.fields} for row in self.tables[stream.object].rows]
        return sorted(rows, key=lambda row: (str(row["RECORDNO"]).zfill(9), str(row)))

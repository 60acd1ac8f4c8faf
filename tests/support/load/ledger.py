"""A company in memory for tests of loading: it keeps the records that it is sent, and has the faults that a test names.

It replaces the gateway where a test is about the decisions of the loader. The journeys use the emulator.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.client.reading.catalog import FinancialSetup
from intacct_bridge.connections.connection import Connection
from intacct_protocol.errors import Fault, InDoubtError, InvalidRequestError, RefusedError, TransientError
from intacct_protocol.model.catalog import Catalog, FieldDef, ObjectDef, object_def
from intacct_protocol.model.query.evaluate import predicate
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.envelope import ABORTED, FAILURE, SUCCESS, Function, Result
from intacct_protocol.xml.reply import BeforeSend, ConnectionCutError, no_callback
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind, Value, parse_value, render_value
from intacct_protocol.xml.xml import Element, element, parse, serialize

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
GLBATCH = object_def(
    "GLBATCH",
    [
        FieldDef("RECORDNO", Kind.INTEGER),
        FieldDef("JOURNAL", Kind.TEXT),
        FieldDef("BATCH_DATE", Kind.DATE),
        FieldDef("BATCH_TITLE", Kind.TEXT),
        FieldDef("REFERENCENO", Kind.TEXT),
        FieldDef("REVERSEDFROM", Kind.TEXT),
        FieldDef("WHENCREATED", Kind.TIMESTAMP),
        FieldDef("CREATEDBYLOGINID", Kind.TEXT),
    ],
)


def _master(name: str, *fields: str, flags: Sequence[str] = ()) -> ObjectDef:
    texts = [FieldDef(one, Kind.TEXT) for one in (*fields, "STATUS")]
    return object_def(name, [*texts, *(FieldDef(one, Kind.BOOLEAN) for one in flags)])


CATALOG = Catalog(
    [
        GLBATCH,
        _master("GLJOURNAL", "SYMBOL", "TITLE"),
        _master("GLACCOUNT", "ACCOUNTNO", "TITLE", flags=("REQUIREDEPT", "REQUIRELOC")),
        _master("DEPARTMENT", "DEPARTMENTID", "TITLE"),
        _master("LOCATION", "LOCATIONID", "NAME", "PARENTID"),
        object_def(
            "LOCATIONENTITY",
            [
                FieldDef("LOCATIONID", Kind.TEXT),
                FieldDef("NAME", Kind.TEXT),
                FieldDef("STARTOPEN", Kind.DATE),
                FieldDef("RECORDNO", Kind.INTEGER),
            ],
        ),
    ]
)


def _rows(**objects: Sequence[tuple[Value, ...]]) -> dict[str, list[dict[str, Value]]]:
    names = {name: [*CATALOG.find(name).fields] for name in objects}
    return {name: [dict(zip(names[name], row, strict=False)) for row in rows] for name, rows in objects.items()}


def company_rows() -> dict[str, list[dict[str, Value]]]:
    """The master data of a small company with two entities."""
    return _rows(
        GLJOURNAL=[("GJ", "General journal", "active"), ("PYRJ", "Payroll journal", "active"),
                   ("OLD", "Old journal", "inactive")],
        GLACCOUNT=[("6000", "Salaries", "active", True, False), ("2100", "Accrued payroll", "active", False, False),
                   ("6100", "Rent", "active", False, False), ("6999", "Closed account", "inactive", False, False)],
        DEPARTMENT=[("100", "Sales", "active"), ("300", "Engineering", "active"), ("310", "Support", "active"),
                    ("320", "Support", "active")],
        LOCATION=[("E1", "Main", None, "active"), ("E2", "West", None, "active"), ("11", "Shop", "E1", "active")],
        LOCATIONENTITY=[("E1", "Main", date(2026, 10, 1)), ("E2", "West", None)],
    )  # fmt: skip


@dataclass
class Meter:
    """Counts pages and records."""

    transactions: int = 0


@dataclass
class Clock:
    """A clock that tests push forward."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **parts: float) -> None:
        self.now += timedelta(**parts)


@dataclass
class Ledger:
    """Implements what loading needs of a company."""

    clock: Clock = field(default_factory=Clock)
    rows: dict[str, list[dict[str, Value]]] = field(default_factory=company_rows)
    connection: Connection = field(
        default_factory=lambda: Connection(
            company_id="acme",
            user_id="loader",
            user_password="p",
            sender_id="s",
            sender_password="q",
            concurrency=1,
        )
    )
    meter: Meter = field(default_factory=Meter)
    setup: FinancialSetup = field(default_factory=FinancialSetup)
    memory: str = "lasting"
    """How control ids are remembered: `lasting`, `absent`."""
    repetition: str = "The function with controlid '{}' has already been completed"
    faults: list[str] = field(default_factory=list)
    """The faults of the next submits, in order; `none` for no fault. See `_with_fault`."""
    faults_by_text: dict[str, str] = field(default_factory=dict)
    """The fault of every submit that contains this text; it comes before `faults`."""
    visible_after: timedelta = timedelta(0)
    """The time until a new record can be read."""
    refuse: Callable[[Element], str] = lambda record: ""
    """A business rule: the text of its refusal, or nothing."""
    submits: list[tuple[str, ...]] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    on_submit: Callable[[], object] = lambda: None
    """Called by every submit before its work, for tests that need several at the same time."""
    guard: threading.RLock = field(default_factory=threading.RLock)
    late: list[Callable[[], object]] = field(default_factory=list)
    """Work that continues after its connection was cut; `finish` does it."""

    # --- what loading uses

    @property
    def company_time(self) -> datetime:
        return self.clock()

    @property
    def formatting(self) -> Formatting:
        return DEFAULT

    @property
    def financial_setup(self) -> FinancialSetup:
        return self.setup

    def entity(self, location_id: str, /) -> "Ledger":
        raise InvalidRequestError("this company has no other entity")

    def describe(self, object_name: str, doc_par_id: str | None = None, /) -> ObjectDef:
        return CATALOG.find(object_name)

    def describe_many(self, names: Iterable[str], refused: dict[str, RefusedError] | None = None, /) -> Catalog:
        described: list[ObjectDef] = []
        for name in names:
            try:
                described.append(self.describe(name))
            except RefusedError as error:
                if refused is None:
                    raise
                refused[name] = error
        return Catalog(described)

    def inspect_many(self, names: Iterable[str], /) -> None:
        pass

    def read_together(
        self, queries: Sequence[Query], functions: Sequence[Element] = (), /
    ) -> tuple[list[Iterator[Mapping[str, Value]]], tuple[Result, ...]]:
        return [self.query(query) for query in queries], self.call(*functions)

    def inspect(self, object_name: str, /) -> ObjectDef:
        return CATALOG.find(object_name)

    def ask(self, function: Element, /) -> Result:
        return Result(SUCCESS, function.tag, "")

    def call(self, *functions: Element, read: bool = False) -> tuple[Result, ...]:
        return tuple(map(self.ask, functions))

    def query(self, query: Query, /) -> Iterator[Mapping[str, Value]]:
        self.meter.transactions += 1
        self.queries.append(query)
        described = self.describe(query.object)
        wanted = predicate(query.where, described.kind_of) if query.where is not None else (lambda row: True)
        for row in self.rows.get(query.object, []):
            if not self._visible(row):
                continue
            if wanted({name: _text(described, name, value) for name, value in row.items()}):
                yield {str(name): row.get(str(name)) for name in query.select}

    def submit(
        self, functions: Sequence[Function], /, *, transaction: bool = False, before_send: BeforeSend = no_callback
    ) -> tuple[Result, ...]:
        before_send()
        with self.guard:
            self.submits.append(tuple(function.control_id for function in functions))
            fault = self._fault_by_text(functions) or (self.faults.pop(0) if self.faults else "none")
        self.on_submit()
        with self.guard:
            return self._with_fault(fault, lambda: self._run(functions, transaction=transaction))

    # --- what tests use

    @property
    def gateway(self) -> Gateway:
        """The ledger as loads use it."""
        return self

    @property
    def posted(self) -> list[str]:
        """The references (or titles) of all journal entries, as often as they were posted."""
        return [str(row["REFERENCENO"] or row["BATCH_TITLE"]) for row in self.rows.get("GLBATCH", [])]

    def finish(self) -> None:
        """Finish the work whose connection was cut."""
        for work in self.late:
            work()
        self.late.clear()

    def _fault_by_text(self, functions: Sequence[Function]) -> str:
        bodies = "".join(serialize(function.body) for function in functions)
        return next((fault for text, fault in self.faults_by_text.items() if text in bodies), "")

    def _with_fault(self, fault: str, work: Callable[[], tuple[Result, ...]]) -> tuple[Result, ...]:
        if fault == "cut before":
            raise ConnectionCutError("cut", sent=False)
        if fault == "refused":
            raise RefusedError("the sender is not authorised")
        if fault == "busy":
            raise TransientError("too many requests")
        if fault == "lost before":
            raise InDoubtError("no answer")
        if fault == "lost after":
            work()
            raise InDoubtError("no answer")
        if fault == "still running":
            self.late.append(work)
            raise InDoubtError("timed out")
        results = work()
        return results[:-1] if fault == "truncated" else results

    def _run(self, functions: Sequence[Function], *, transaction: bool) -> tuple[Result, ...]:
        results = [self._one(function) for function in functions]
        if transaction and any(result.status == FAILURE for result in results):
            rolled_back = {
                result.data.children[0].findtext("RECORDNO") for result in results if result.data is not None
            }
            self.rows["GLBATCH"] = [row for row in self.rows["GLBATCH"] if str(row["RECORDNO"]) not in rolled_back]
            self.done -= {function.control_id for function in functions}
            fault = Fault("XL03000009", "", "The entire transaction in this operation has been rolled back")
            return tuple(
                result if result.status == FAILURE else Result(ABORTED, "create", result.control_id, faults=(fault,))
                for result in results
            )
        return tuple(results)

    def _one(self, function: Function) -> Result:
        record = parse(serialize(function.body).encode()).children[0]
        self.meter.transactions += 1
        if function.control_id in self.done and self.memory == "lasting":
            text = self.repetition.format(function.control_id)
            return Result(FAILURE, function.name, function.control_id, faults=(Fault("XL03000008", "", text),))
        if function.name.startswith("read"):
            self.done.add(function.control_id)
            return Result(SUCCESS, function.name, function.control_id)
        refusal = self.refuse(record)
        if refusal:
            return Result(FAILURE, function.name, function.control_id, faults=(Fault("BL01001973", "", refusal),))
        self.done.add(function.control_id)
        row = self._keep(record)
        keys = element(record.tag.lower(), element("RECORDNO", str(row["RECORDNO"])))
        data = Element("data", children=(keys,), attributes={"listtype": "objects", "count": "1"})
        return Result(SUCCESS, function.name, function.control_id, data)

    def _keep(self, record: Element) -> dict[str, Value]:
        described = self.describe(record.tag)
        rows = self.rows.setdefault(record.tag, [])
        row: dict[str, Value] = dict.fromkeys(described.fields)
        for child in record:
            if child.tag in row:
                row[child.tag] = parse_value(described.kind_of(child.tag), child.text)
        row |= {"RECORDNO": len(rows) + 1, "WHENCREATED": self.clock(), "CREATEDBYLOGINID": self.connection.user_id}
        rows.append(row)
        return row

    def _visible(self, row: Mapping[str, Value]) -> bool:
        made = row.get("WHENCREATED")
        return not isinstance(made, datetime) or self.clock() >= made + self.visible_after


def _text(described: ObjectDef, name: str, value: Value) -> str | None:
    return None if value is None else render_value(described.kind_of(name), value)


def entry(reference: str, amount: str = "10.00", *, memo: str = "", day: date = date(2026, 11, 30)) -> str:
    """The two rows of a balanced journal entry, in the samples' layout."""
    head = f"GJ,{day},Entry {reference},{reference}"
    return f"{head},6100,{amount},,,E1,{memo}\n{head},2100,,{amount},,E1,{memo}\n"


HEADER = "Journal,Date,Title,Reference,Account,Debit,Credit,Department,Location,Memo\n"

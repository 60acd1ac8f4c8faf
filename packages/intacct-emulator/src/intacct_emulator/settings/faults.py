"""Scripted faults: what goes wrong, for which function, at which of its calls.

A plan is a list of `ScriptedFault`s. Each counts the functions that match it and happens at some of them, or at a share
of them by chance, which the seed makes repeatable. A request with three functions counts three. A fault can be that of
one company; `slow` for longer than the gateway's time-out is a company that hangs. `KINDS` has the kinds.

All kinds but `fault` happen to the whole request of the counted function. A fault with a key, a field or a value is
about records: it counts the records that match, and with the kind `fault` only those fail.
"""

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from math import ceil
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

from msgspec import Meta

from intacct_emulator.settings.behaviour import LIMIT_TEXT
from intacct_emulator.settings.function_records import FunctionRecord, function_records
from intacct_emulator.settings.refusals import INVALID_REQUEST
from intacct_emulator.settings.typed_tables import HttpStatus, NotNegative, built, check_fields
from intacct_protocol.errors import Fault, SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.envelope import Function
from intacct_protocol.xml.reply import ConnectionCutError, Reply

FaultKind = Literal[
    "http", "cut-before", "cut-after", "cut-within", "truncated", "slow", "dribble", "session-lost", "fault",
    "delivery-lost", "delivery-late", "delivery-cut",
]  # fmt: skip
KINDS: Mapping[FaultKind, str] = {
    "http": "a status and a body instead of an answer",
    "cut-before": "the connection is cut and nothing is processed",
    "cut-after": "everything is processed and committed, and no answer comes",
    "cut-within": "the connection is cut in the middle of the answer",
    "truncated": "half of the answer, as if it were all of it",
    "slow": "the answer is some seconds late",
    "dribble": "the answer comes a few bytes at a time",
    "session-lost": "all sessions are dropped first",
    "fault": "a function, or one of its records, fails with a given error",
    "delivery-lost": "the answer to an asynchronous request is never sent",
    "delivery-late": "the answer to an asynchronous request is some seconds late",
    "delivery-cut": "the answer to an asynchronous request is cut in half",
}
"""What each kind of fault does."""
_XML = 'text/xml; encoding="UTF-8"'
_CLOUDFLARE = "<html><head><title>{status}</title></head><body><center>cloudflare</center></body></html>"


GatewayRefusal = Callable[[int, str, str, Mapping[str, str]], Reply]
"""Writes a refusal of the gateway from its status, number, text and headers."""
SEVERAL = ("create", "update", "delete")
"""Functions with several records, each of which can fail by itself."""
ANY = "*"
"""Any function, or any key."""


@dataclass(frozen=True, slots=True)
class ScriptedFault:
    """One fault of a plan. Raises SettingsError for an unknown kind, and for a number out of its bounds."""

    kind: FaultKind
    function: str = ANY
    """The function that it waits for; `*` for any."""
    object: str = ""
    """The object that the function must be about, also under its legacy name; empty for any."""
    company: str = ""
    """The id of the company that the request must be to; empty for any."""
    calls: tuple[Annotated[int, Meta(ge=1)], ...] = (1,)
    """The matching functions, or records, at which it happens, counted from 1; empty for every one."""
    chance: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Above 0: the share at which it happens, at random; `calls` is then ignored. A fault of the whole request draws
    once a request, however many of its functions match."""
    key: str = ""
    """The record's key: its record number, natural key, document number or external id. `*` for any record."""
    field: str = ""
    """A field that the record must have; the end of a dotted path such as `MAILADDRESS.CITY` is enough."""
    value: str = ""
    """The value of that field; without a field, of any field."""
    status: HttpStatus = 503
    body: str = ""
    """With `http`: the body. `html` for a proxy's page, empty for the gateway's own, which is the limit error with the
    status 429 or 200."""
    headers: Mapping[str, str] = dataclass_field(default_factory=dict)
    """With `http`: headers of the answer, such as `retry-after`."""
    seconds: NotNegative = 1.0
    """How late the answer is; with `dribble`, the pause between two pieces."""
    piece: Annotated[int, Meta(ge=1)] = 64
    """With `dribble`: the size of a piece in bytes."""
    errorno: str = "PL04000050"
    description: str = ""
    """The first of the gateway's two descriptions, often empty."""
    text: str = "System temporarily unavailable"
    """The second one, which holds the sentence."""
    correction: str = ""

    def __post_init__(self) -> None:
        check_fields(self, "fault")

    @property
    def about_records(self) -> bool:
        """Whether it counts records, not functions."""
        return bool(self.key or self.field or self.value)

    @property
    def error(self) -> Fault:
        """The error of the kind `fault`."""
        return Fault(self.errorno, self.description, self.text, self.correction, field=self.field.upper())

    def matches(self, record: FunctionRecord) -> bool:
        """Whether this fault waits for such a record, regardless of the function."""
        keyed = self.key in ("", ANY) or self.key.strip().lower() in record.keys
        return record.is_of(self.object) and keyed and (not (self.field or self.value) or self._has_field(record))

    def _has_field(self, record: FunctionRecord) -> bool:
        return record.has(self.field, self.value)


@dataclass(frozen=True, slots=True)
class FunctionFaults:
    """The scripted errors of one function."""

    whole: Fault | None = None
    """The function fails with it."""
    records: Mapping[int, Fault] = dataclass_field(default_factory=dict)
    """Errors of single records, by their place in the function."""


_NO_ERRORS = FunctionFaults()


@dataclass(frozen=True, slots=True)
class RequestFaults:
    """The faults that happen to one request, in the order of the plan."""

    happening: tuple[ScriptedFault, ...] = ()
    failing: Mapping[int, FunctionFaults] = dataclass_field(default_factory=dict)
    """By a function's place in the request."""

    def before(self, drop_sessions: Callable[[], None], refusal: GatewayRefusal | None = None) -> Reply | None:
        """What happens before processing: the reply that replaces the answer, or None. Raises ConnectionCutError.

        `refusal` writes the gateway's own refusals; those of the XML interface, unless it is given.
        """
        for fault in self.happening:
            if fault.kind == "http":
                return _http_reply(fault, refusal or gateway_refusal)
            if fault.kind == "cut-before":
                raise connection_cut(sent=True)
            if fault.kind == "session-lost":
                drop_sessions()
        return None

    @property
    def late(self) -> float:
        """The seconds by which the answer is late."""
        return sum(fault.seconds for fault in self.happening if fault.kind == "slow")

    def on_delivery(self, kind: str) -> ScriptedFault | None:
        """The fault of this kind that happens to the delivery of an asynchronous answer."""
        return next((fault for fault in self.happening if fault.kind == kind), None)

    def of_function(self, place: int) -> FunctionFaults:
        """The errors of the function at this place in the request."""
        return self.failing.get(place, _NO_ERRORS)

    def after(self, reply: Reply, sleep: Callable[[float], None]) -> Reply:
        """The answer as it arrives. Raises ConnectionCutError."""
        for fault in self.happening:
            if fault.kind == "slow":
                sleep(fault.seconds)
            elif fault.kind == "cut-after":
                raise connection_cut(sent=True)
            elif fault.kind == "truncated":
                reply = replace(reply, received=reply.body[: len(reply.body) // 2])
            elif fault.kind == "dribble":
                reply = Paced(reply.status, reply.body, reply.headers, piece=fault.piece, seconds=fault.seconds)
            elif fault.kind == "cut-within":
                half = max(1, len(reply.body) // 2)
                return Paced(reply.status, reply.body, reply.headers, piece=half, complete=False)
        return reply


_NONE = RequestFaults()


@dataclass(slots=True)
class FaultCount:
    """How often one fault of a plan was reached, and how often it happened."""

    matched: int = 0
    """Functions, or records, that matched it."""
    happened: int = 0


class FaultPlan:
    """A list of faults with the counts of each. The seed decides what is left to chance."""

    def __init__(self, script: tuple[ScriptedFault, ...] = (), seed: int = 1) -> None:
        self._faults: dict[int, tuple[ScriptedFault, FaultCount]] = {}
        self._number = 0
        self._random = Random(seed)  # noqa: S311  # a test's chance, not a secret
        for fault in script:
            self.add(fault)

    @property
    def script(self) -> tuple[ScriptedFault, ...]:
        """The faults in their order."""
        return tuple(fault for fault, _ in self._faults.values())

    def add(self, fault: ScriptedFault) -> int:
        """Add a fault, whose calls are counted from now on; gives its number."""
        self._number += 1
        self._faults[self._number] = (fault, FaultCount())
        return self._number

    def remove(self, number: int) -> bool:
        """Remove a fault by its number; False if there is none with it."""
        return self._faults.pop(number, None) is not None

    def counts(self) -> tuple[tuple[ScriptedFault, FaultCount], ...]:
        """Each fault with its counts so far."""
        return tuple(self._faults.values())

    def numbered(self) -> dict[int, tuple[ScriptedFault, FaultCount]]:
        """Each fault with its counts so far, by its number."""
        return dict(self._faults)

    def next_request(self, functions: Sequence[Function], company_id: str = "") -> RequestFaults:
        """Count a request to a company with these functions; gives the faults that happen to it."""
        if not self._faults:
            return _NONE
        calls = [(function.name, function_records(function.body)) for function in functions]
        happening: list[ScriptedFault] = []
        whole: dict[int, Fault] = {}
        records: dict[int, dict[int, Fault]] = {}
        for fault, count in tuple(self._faults.values()):
            if fault.company and fault.company.lower() != company_id.lower():
                continue
            reached = [at for at, call in enumerate(calls) for _ in range(_matched(fault, *call))]
            if fault.kind != "fault":
                happening += [fault] if reached and self._due_in_request(fault, count, len(reached)) else []
                continue
            for at, (name, called) in enumerate(calls):
                failing = self._failing(fault, count, name, called)
                if failing and (name not in SEVERAL or (not fault.about_records and len(failing) == len(called))):
                    whole[at] = fault.error
                elif failing:
                    records.setdefault(at, {}).update(dict.fromkeys(failing, fault.error))
        failing_at = {at: FunctionFaults(whole.get(at), records.get(at, {})) for at in (*whole, *records)}
        return RequestFaults(tuple(happening), failing_at)

    def _due_in_request(self, fault: ScriptedFault, count: FaultCount, reached: int) -> bool:
        first = count.matched + 1
        count.matched += reached
        if fault.chance:
            due = self._random.random() < fault.chance
        else:
            due = not fault.calls or any(call in fault.calls for call in range(first, first + reached))
        count.happened += due
        return due

    def _failing(
        self, fault: ScriptedFault, count: FaultCount, name: str, called: tuple[FunctionRecord, ...]
    ) -> tuple[int, ...]:
        """The places of the records of a function that fail."""
        if fault.function not in (ANY, name):
            return ()
        places = tuple(place for place, record in enumerate(called) if fault.matches(record))
        if fault.about_records:
            return tuple(place for place in places if self._due(fault, count))
        return places if places and self._due(fault, count) else ()

    def _due(self, fault: ScriptedFault, count: FaultCount) -> bool:
        count.matched += 1
        if fault.chance:
            due = self._random.random() < fault.chance
        else:
            due = not fault.calls or count.matched in fault.calls
        count.happened += due
        return due


def _matched(fault: ScriptedFault, name: str, called: tuple[FunctionRecord, ...]) -> int:
    """How many calls a function counts for a fault: one, or its records if the fault is about records."""
    if fault.function not in (ANY, name):
        return 0
    matches = sum(1 for record in called if fault.matches(record))
    return matches if fault.about_records else min(matches, 1)


def check_functions(script: Sequence[ScriptedFault], functions: Collection[str]) -> None:
    """Raise SettingsError for a fault that waits for a function that does not exist: it would never happen."""
    for place, fault in enumerate(script, 1):
        if fault.function != ANY and fault.function not in functions:
            raise SettingsError(
                f"fault {place} waits for the function {fault.function}, which does not exist"
                f"{did_you_mean(fault.function, functions)}",
                fix="Name a function of the gateway, or leave `function` out for any.",
            )


_TABLES = ("fault", "sender", "rest_client", "company", "behaviour", "policies", "scenario")
"""Tables of a scenario, which can hold faults too."""


def load_faults(path: str | Path) -> tuple[ScriptedFault, ...]:
    """The `[[fault]]` tables of a TOML file. Raises SettingsError naming the entry."""
    try:
        tree = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read the faults in {path}: {error}") from None
    unknown = next((name for name in tree if name not in _TABLES), "")
    if unknown:
        raise SettingsError(f"{path}: unknown table {unknown}", fix="Write each fault as a [[fault]] table.")
    entries = tree.get("fault", [])
    if not isinstance(entries, list):
        raise SettingsError(f"{path}: fault must be a list of tables", fix="Write each fault as a [[fault]] table.")
    return tuple(fault_of(entry, f"{path}: fault {place}") for place, entry in enumerate(entries, 1))


def fault_of(entry: Any, where: str) -> ScriptedFault:
    """The fault that a table describes. Raises SettingsError naming the entry."""
    if not isinstance(entry, dict):
        raise SettingsError(f"{where} must be a table")
    entry = dict(entry)
    if isinstance(entry.get("calls"), int):
        entry["calls"] = [entry["calls"]]
    if isinstance(headers := entry.get("headers"), dict):
        entry["headers"] = {name: str(text) for name, text in headers.items()}
    fault: ScriptedFault = built(ScriptedFault, entry, where)
    return fault


def _http_reply(fault: ScriptedFault, refusal: GatewayRefusal) -> Reply:
    headers = fault.headers
    if fault.body == "html":
        text, kind = _CLOUDFLARE.format(status=fault.status), "text/html"
    elif fault.body:
        text, kind = fault.body, "text/plain"
    else:
        limited = fault.status in (200, 429)
        errorno, description = ("GW-0010", LIMIT_TEXT) if limited else ("GW-0011", INVALID_REQUEST)
        return refusal(fault.status, errorno, description, headers)
    return Reply(fault.status, text.encode(), {"content-type": kind, **headers})


def too_many_requests(status: int, errorno: str, text: str = LIMIT_TEXT, seconds: float = 1) -> Reply:
    """The answer to a request beyond a limit of its company; `seconds` until the next one may come."""
    return gateway_refusal(status, errorno, text, {"retry-after": str(max(1, ceil(seconds)))})


def gateway_refusal(status: int, errorno: str, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    """A refusal before the application: its control block and its error are short (Sage's page on error handling)."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><response><control><status>failure</status></control><errormessage>'
        f"<error><errorno>{errorno}</errorno><description>{text}</description></error></errormessage></response>"
    )
    return Reply(status, body.encode(), {"content-type": _XML, **(headers or {})})


@dataclass(frozen=True, slots=True)
class Paced(Reply):
    """An answer that comes late, in pieces, or incomplete. A server plays it; in process it is only waited for."""

    piece: int = 64
    """Bytes."""
    seconds: float = 0.0
    """Between two pieces."""
    complete: bool = True
    """False: the connection is cut after the first piece."""
    late: float = 0.0
    """Seconds before the first piece."""

    @property
    def duration(self) -> float:
        """Seconds until the last piece."""
        return self.late + (len(self.body) - 1) // self.piece * self.seconds


def delayed(reply: Reply, seconds: float) -> Reply:
    """The answer after some seconds."""
    return Paced(reply.status, reply.body, reply.headers, piece=max(1, len(reply.body)), late=seconds)


def connection_cut(*, sent: bool) -> ConnectionCutError:
    """The error of a scripted cut."""
    return ConnectionCutError("the connection was cut (a scripted fault)", sent=sent)

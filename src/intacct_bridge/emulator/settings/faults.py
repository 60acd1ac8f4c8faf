"""Scripted faults: what goes wrong, for which function, at which of its calls.

A plan is a list of `ScriptedFault`s. Each counts the calls that match it and happens at some of them, or at a share of
them by chance, which the seed makes repeatable. The kinds are:

- `http`: a status and a body instead of an answer
- `cut-before`: the connection is cut and nothing is processed
- `cut-after`: everything is processed and committed, and no answer comes
- `cut-within`: the connection is cut in the middle of the answer
- `truncated`: half of the answer, as if it were all of it
- `slow`: the answer is some seconds late
- `dribble`: the answer comes a few bytes at a time
- `session-lost`: all sessions are dropped first
- `fault`: a function fails with a given number and text
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from intacct_bridge.errors import Fault, SettingsError
from intacct_bridge.wire.envelope import Function
from intacct_bridge.wire.reply import ConnectionCutError, Reply

KINDS = ("http", "cut-before", "cut-after", "cut-within", "truncated", "slow", "dribble", "session-lost", "fault")
_XML = 'text/xml; encoding="UTF-8"'
_CLOUDFLARE = "<html><head><title>{status}</title></head><body><center>cloudflare</center></body></html>"


@dataclass(frozen=True, slots=True)
class ScriptedFault:
    """One fault of a plan. Raises SettingsError for an unknown kind."""

    kind: str
    function: str = "*"
    """The function that it waits for; `*` for any."""
    object: str = ""
    """The object that the function must be about; empty for any."""
    calls: tuple[int, ...] = (1,)
    """The matching calls at which it happens, counted from 1; empty for every call."""
    chance: float = 0.0
    """Above 0: the share of matching calls at which it happens, at random; `calls` is then ignored."""
    status: int = 503
    body: str = ""
    """With `http`: the body. `html` for a proxy's page, empty for the gateway's own."""
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 1.0
    """How late the answer is; with `dribble`, the pause between two pieces."""
    piece: int = 64
    """With `dribble`: the size of a piece in bytes."""
    errorno: str = "PL04000050"
    text: str = "System temporarily unavailable"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingsError(f"unknown fault {self.kind!r}", fix=f"faults: {', '.join(KINDS)}")
        if self.piece < 1:
            raise SettingsError(f"a dribble needs pieces of at least 1 byte, not {self.piece}")

    def matches(self, call: "CalledFunction") -> bool:
        """Whether this fault waits for such a call."""
        function, name = call
        return self.function in ("*", function) and self.object.upper() in ("", name.upper())


Weather = ScriptedFault
"""The name of `ScriptedFault` in earlier versions."""
CalledFunction = tuple[str, str]
"""A function's name, and the object that it is about."""


@dataclass(frozen=True, slots=True)
class RequestFaults:
    """The faults that happen to one request, in the order of the plan."""

    happening: tuple[ScriptedFault, ...] = ()

    def before(self, drop_sessions: Callable[[], None]) -> Reply | None:
        """What happens before processing: the reply that replaces the answer, or None. Raises ConnectionCutError."""
        for fault in self.happening:
            if fault.kind == "http":
                return _http_reply(fault)
            if fault.kind == "cut-before":
                raise connection_cut(sent=True)
            if fault.kind == "session-lost":
                drop_sessions()
        return None

    def of_function(self, function: Function) -> Fault | None:
        """The error that this function fails with."""
        failing = [fault for fault in self.happening if fault.kind == "fault" and fault.matches(called(function))]
        return Fault(failing[-1].errorno, description2=failing[-1].text) if failing else None

    def after(self, reply: Reply, sleep: Callable[[float], None]) -> Reply:
        """The answer as it arrives. Raises ConnectionCutError."""
        for fault in self.happening:
            if fault.kind == "slow":
                sleep(fault.seconds)
            elif fault.kind == "cut-after":
                raise connection_cut(sent=True)
            elif fault.kind == "truncated":
                reply = replace(reply, body=reply.body[: len(reply.body) // 2])
            elif fault.kind == "dribble":
                reply = Paced(reply.status, reply.body, reply.headers, fault.piece, fault.seconds)
            elif fault.kind == "cut-within":
                return Paced(reply.status, reply.body, reply.headers, max(1, len(reply.body) // 2), complete=False)
        return reply


_NONE = RequestFaults()


class FaultPlan:
    """A list of faults with the number of calls that each has matched. The seed decides what is left to chance."""

    def __init__(self, script: tuple[ScriptedFault, ...] = (), seed: int = 1) -> None:
        self.script = script
        self._counts: dict[int, int] = {}
        self._random = Random(seed)  # noqa: S311  # a test's chance, not a secret

    def add(self, fault: ScriptedFault) -> None:
        """Add a fault, whose calls are counted from now on."""
        self.script = (*self.script, fault)

    def next_request(self, functions: Sequence[Function]) -> RequestFaults:
        """Count a request with these functions; gives the faults that happen to it."""
        if not self.script:
            return _NONE
        calls = [called(function) for function in functions]
        happening = []
        for place, fault in enumerate(self.script):
            if not any(fault.matches(call) for call in calls):
                continue
            self._counts[place] = self._counts.get(place, 0) + 1
            if fault.chance:
                due = self._random.random() < fault.chance
            else:
                due = not fault.calls or self._counts[place] in fault.calls
            if due:
                happening.append(fault)
        return RequestFaults(tuple(happening))


def called(function: Function) -> CalledFunction:
    """The function's name, and the object that it is about where it names one."""
    body = function.body
    if body.tag in ("create", "update") and body.children:
        return function.name, body.children[0].tag
    return function.name, body.findtext("object").strip() or body.get("object")


def load_faults(path: str | Path) -> tuple[ScriptedFault, ...]:
    """The `[[fault]]` tables of a TOML file. Raises SettingsError naming the entry."""
    try:
        tree = tomllib.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read the faults in {path}: {error}") from None
    return tuple(_fault(entry, f"{path}: fault {place}") for place, entry in enumerate(tree.get("fault", []), 1))


def _fault(entry: dict[str, Any], where: str) -> ScriptedFault:
    entry = dict(entry)
    for name in ("calls", "headers"):
        if name in entry:
            value = entry[name]
            entry[name] = tuple(value.items()) if isinstance(value, dict) else tuple(value)
    try:
        return ScriptedFault(**entry)
    except TypeError as error:
        raise SettingsError(f"{where}: {error}") from None


def _http_reply(fault: ScriptedFault) -> Reply:
    headers = dict(fault.headers)
    if fault.body == "html":
        text, kind = _CLOUDFLARE.format(status=fault.status), "text/html"
    elif fault.body:
        text, kind = fault.body, "text/plain"
    else:
        throttled = fault.status == 429
        errorno, description = ("GW-0010", "Too many requests") if throttled else ("GW-0011", "Invalid Request")
        text, kind = _gateway_text(errorno, description), _XML
    return Reply(fault.status, text.encode(), {"content-type": kind, **headers})


def too_many_requests(status: int, errorno: str) -> Reply:
    """The answer to a request beyond the company's limit, after it was held."""
    text = _gateway_text(errorno, "Too many requests")
    return Reply(status, text.encode(), {"content-type": _XML, "retry-after": "1"})


def _gateway_text(errorno: str, text: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><response><control><status>failure</status></control><errormessage>'
        f"<error><errorno>{errorno}</errorno><description>{text}</description></error></errormessage></response>"
    )


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
    return Paced(reply.status, reply.body, reply.headers, max(1, len(reply.body)), late=seconds)


def connection_cut(*, sent: bool) -> ConnectionCutError:
    """The error of a scripted cut."""
    return ConnectionCutError("the connection was cut (a scripted fault)", sent=sent)

"""Faults as data: what goes wrong, for which function, at which of its calls.

A script is a list of `Weather`s; each counts the calls that match it and strikes at some of them. What a fault does is
one of: `http` (a status and a body instead of an answer), `cut-before` (nothing is processed), `cut-after` (everything
is processed and committed, and no answer comes), `cut-within` (the connection breaks in the middle of the answer),
`truncated` (half of the answer, as if it were the whole), `slow` (seconds late), `dribble` (the answer comes a few
bytes at a time), `session-lost` (all sessions are forgotten first) and `fault` (a function fails with a given number
and text). It strikes at counted calls, or at a share of them by chance, which a seed makes the same each time.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from intacct_bridge.errors import Fault, SettingsError
from intacct_bridge.wire.envelope import Function
from intacct_bridge.wire.reply import ConnectionCutError, Reply

KINDS = (*("http", "cut-before", "cut-after", "cut-within", "truncated", "slow", "dribble", "session-lost", "fault"),)
_XML = 'text/xml; encoding="UTF-8"'
_CLOUDFLARE = "<html><head><title>{status}</title></head><body><center>cloudflare</center></body></html>"


@dataclass(frozen=True, slots=True)
class Weather:
    """One scripted fault."""

    kind: str
    function: str = "*"
    """The function it waits for; `*` for any."""
    object: str = ""
    """The object that the function must be about; empty for any."""
    calls: tuple[int, ...] = (1,)
    """Which of the matching calls it strikes, counted from 1; empty for every one."""
    chance: float = 0.0
    """More than 0: it strikes this share of the matching calls at random, whatever `calls` says."""
    status: int = 503
    body: str = ""
    """With `http`: the body. `html` for a proxy's page, empty for the gateway's own."""
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 1.0
    """How late the answer is; with `dribble`, how long after one piece the next comes."""
    piece: int = 64
    """With `dribble`: how many bytes come at a time."""
    errorno: str = "PL04000050"
    text: str = "System temporarily unavailable"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise SettingsError(f"there is no fault {self.kind!r}", fix=f"faults: {', '.join(KINDS)}")
        if self.piece < 1:
            raise SettingsError(f"a dribble needs pieces of 1 byte at least, not {self.piece}")


Asked = Sequence[tuple[str, str]]
"""The functions of a request, each with the object it is about."""


class Forecast:
    """A script with its counts; what is left to chance follows from the seed."""

    def __init__(self, script: tuple[Weather, ...] = (), seed: int = 1) -> None:
        self.script = script
        self._counts: dict[int, int] = {}
        self._random = Random(seed)  # noqa: S311  # weather, not a secret

    def add(self, weather: Weather) -> None:
        """One fault more, whose calls are counted from now on."""
        self.script = (*self.script, weather)

    def strike(self, asked: Asked) -> list[Weather]:
        """The faults that this request meets."""
        struck = []
        for place, weather in enumerate(self.script):
            if not any(_meant(weather, *one) for one in asked):
                continue
            self._counts[place] = self._counts.get(place, 0) + 1
            if weather.chance:
                due = self._random.random() < weather.chance
            else:
                due = not weather.calls or self._counts[place] in weather.calls
            if due:
                struck.append(weather)
        return struck


def about(function: Function) -> str:
    """The object that a function is about, where it names one."""
    body = function.body
    if body.tag in ("create", "update") and body.children:
        return body.children[0].tag
    return body.findtext("object").strip() or body.get("object")


def _meant(weather: Weather, function: str, name: str) -> bool:
    return weather.function in ("*", function) and weather.object.upper() in ("", name.upper())


def load_weather(path: str | Path) -> tuple[Weather, ...]:
    """The `[[fault]]` tables of a TOML file."""
    try:
        tree = tomllib.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read the faults in {path}: {error}") from None
    return tuple(_weather(entry, f"{path}: fault {place}") for place, entry in enumerate(tree.get("fault", []), 1))


def _weather(entry: dict[str, Any], where: str) -> Weather:
    entry = dict(entry)
    for name in ("calls", "headers"):
        if name in entry:
            value = entry[name]
            entry[name] = tuple(value.items()) if isinstance(value, dict) else tuple(value)
    try:
        return Weather(**entry)
    except TypeError as error:
        raise SettingsError(f"{where}: {error}") from None


Scripted = Mapping[tuple[str, str], Fault]
"""What functions fail with by script, each under its name and the object it is about."""


def scripted_faults(struck: list[Weather], asked: Asked) -> Scripted:
    """Functions that fail by script, with what each fails with."""
    return {
        (function, name): Fault(weather.errorno, description2=weather.text)
        for weather in struck
        for function, name in asked
        if weather.kind == "fault" and _meant(weather, function, name)
    }


def http_reply(weather: Weather) -> Reply:
    """The answer that never came from the application."""
    headers = dict(weather.headers)
    if weather.body == "html":
        text, kind = _CLOUDFLARE.format(status=weather.status), "text/html"
    elif weather.body:
        text, kind = weather.body, "text/plain"
    else:
        errorno, told = ("GW-0010", "Too many requests") if weather.status == 429 else ("GW-0011", "Invalid Request")
        text, kind = _gateway_text(errorno, told), _XML
    return Reply(weather.status, text.encode(), {"content-type": kind, **headers})


def held(status: int, errorno: str) -> Reply:
    """What a request beyond the company's limit gets once it was held for long enough."""
    text = _gateway_text(errorno, "Too many requests")
    return Reply(status, text.encode(), {"content-type": _XML, "retry-after": "1"})


def _gateway_text(errorno: str, text: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><response><control><status>failure</status></control><errormessage>'
        f"<error><errorno>{errorno}</errorno><description>{text}</description></error></errormessage></response>"
    )


@dataclass(frozen=True, slots=True)
class Paced(Reply):
    """An answer that comes late or in pieces, perhaps not all; a server plays it, in process it is only waited for."""

    piece: int = 64
    seconds: float = 0.0
    whole: bool = True
    late: float = 0.0
    """Seconds before the first piece."""

    @property
    def lasting(self) -> float:
        """How long the whole answer takes."""
        return self.late + (len(self.body) - 1) // self.piece * self.seconds


def later(reply: Reply, seconds: float) -> Reply:
    """The answer after a while, or as it is when there is none."""
    if not seconds:
        return reply
    return Paced(reply.status, reply.body, reply.headers, max(1, len(reply.body)), late=seconds)


def dribbled(reply: Reply, weather: Weather) -> Paced:
    """The answer a few bytes at a time."""
    return Paced(reply.status, reply.body, reply.headers, weather.piece, weather.seconds)


def broken_off(reply: Reply) -> Paced:
    """The answer up to its middle, after which the connection breaks."""
    return Paced(reply.status, reply.body, reply.headers, max(1, len(reply.body) // 2), whole=False)


def cut(*, sent: bool) -> ConnectionCutError:
    """The connection broke."""
    return ConnectionCutError("the connection was cut (a scripted fault)", sent=sent)

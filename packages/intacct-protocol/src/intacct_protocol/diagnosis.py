"""The meaning of the gateway's faults: the error catalogue and the choice of an entry.

The catalogue is data (`data/errors.json`). An entry matches a fault by number (`errorno`), by the stable id behind it
(`errorid`), by a pattern in its message, by the level of the failure and by HTTP status. Everything that an entry names
must match, and the most specific entry wins. Named groups of the pattern fill the entry's sentences.

Faults come as a chain, the innermost cause first and a general sentence last, so the first fault that is more than a
general sentence is diagnosed. A fault without an entry keeps its own text as its meaning.
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from intacct_protocol.errors import (
    Diagnosis,
    Fault,
    InDoubtError,
    IntacctError,
    InvalidRequestError,
    NotPermittedError,
    RecordError,
    RemoteProtocolError,
    SettingsError,
    SignInError,
    ThrottledError,
    TransientError,
)

ERRORS: Mapping[str, type[IntacctError]] = {
    "settings": SettingsError,
    "sign_in": SignInError,
    "not_permitted": NotPermittedError,
    "invalid": InvalidRequestError,
    "transient": TransientError,
    "throttled": ThrottledError,
    "in_doubt": InDoubtError,
    "record": RecordError,
    "duplicate": RecordError,
    "protocol": RemoteProtocolError,
}
"""The kinds of diagnosis and the error that is raised for each."""

_KIND_BY_LEVEL = {"gateway": "invalid", "control": "invalid", "authentication": "sign_in"}
PAGE = "HTML"
"""The errorno of the faults that `page_fault` makes; no gateway sends it."""


class ErrorEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"kind": "class"}):
    """One entry of the catalogue, as stored."""

    id: str
    kind: str
    retry: str
    means: str
    cause: str
    fix: str
    who: str
    source: str
    errorno: tuple[str, ...] = ()
    errorid: tuple[str, ...] = ()
    text: str = ""
    level: tuple[str, ...] = ()
    http: tuple[int, ...] = ()
    weak: bool = False
    """A general sentence without a cause: any other fault of the chain is preferred."""
    vague: bool = False
    """The number stands for several causes, so a matching text is more specific."""
    field: str = ""
    menu: str = ""
    example: str = ""
    example_description: str = ""

    def example_fault(self) -> Fault:
        """A fault that this entry is written for: the documentation prints it, the tests diagnose it."""
        number = self.errorno[0] if self.errorno else ""
        errorid = self.errorid[0] if self.errorid else ""
        return Fault(number, self.example_description, self.example, errorid=errorid)


@dataclass(frozen=True, slots=True)
class _Match:
    entry: ErrorEntry
    score: int
    words: Mapping[str, str]


@cache
def catalogue() -> tuple[ErrorEntry, ...]:
    """Every entry, in the catalogue's order."""
    raw = files("intacct_protocol.data").joinpath("errors.json").read_bytes()
    return msgspec.json.decode(raw, type=tuple[ErrorEntry, ...])


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE | re.DOTALL)


def diagnose(faults: Iterable[Fault], level: str = "", *, http_status: int = 0, function: str = "") -> Diagnosis:
    """The diagnosis of a chain of faults; without faults the HTTP status decides.

    `level` is gateway, control, authentication or function, empty if it is unknown.
    """
    chain = tuple(faults) or (Fault(),)
    matches = [(fault, _best(fault, level, http_status)) for fault in chain]
    telling = [(fault, match) for fault, match in matches if match is None or not match.entry.weak]
    fault, match = next((pair for pair in telling if _says_something(*pair)), (telling or matches)[0])
    if match is None:
        return _unknown(fault, level, http_status, function)
    return _filled(fault, match)


def _says_something(fault: Fault, match: _Match | None) -> bool:
    return match is not None or bool(fault.text)


def _best(fault: Fault, level: str, http_status: int) -> _Match | None:
    matches = [match for entry in catalogue() if (match := _matched(entry, fault, level, http_status)) is not None]
    return max(matches, key=lambda match: match.score, default=None)


def _matched(entry: ErrorEntry, fault: Fault, level: str, http_status: int) -> _Match | None:
    if entry.level and level and level not in entry.level:
        return None
    if entry.http and http_status not in entry.http:
        return None
    if entry.errorno and fault.errorno not in entry.errorno:
        return None
    if entry.errorid and fault.errorid not in entry.errorid:
        return None
    words: dict[str, str] = {}
    if entry.text:
        match = next((hit for text in _texts(fault) if (hit := _pattern(entry.text).search(text))), None)
        if match is None:
            return None
        words = _named(match)
    return _Match(entry, _weight(entry, level), words)


def _weight(entry: ErrorEntry, level: str) -> int:
    """How specific an entry's match is: an errorid most, then a number with one cause, then a text."""
    number = (4 if entry.vague or entry.weak else 12) * bool(entry.errorno)
    fit = 0 if not entry.level else 1 if level else -1
    return 16 * bool(entry.errorid) + number + 8 * bool(entry.text) + 2 * bool(entry.http) + fit


def _texts(fault: Fault) -> Iterable[str]:
    sentence = fault.errorno if " " in fault.errorno else ""
    return (text for text in (fault.description2, fault.description, sentence, fault.correction) if text)


def _named(match: re.Match[str]) -> dict[str, str]:
    """The named groups that matched; `field2` is another place for a field."""
    words: dict[str, str] = {}
    for name, value in match.groupdict().items():
        if value and value.strip():
            words.setdefault(name.rstrip("0123456789"), " ".join(value.split()).strip(" ."))
    return words


_UNNAMED = {
    "object": "the object",
    "operation": "the operation",
    "field": "the field",
    "fields": "the fields",
    "module": "the module",
    "value": "",
    "sender": "",
    "company": "",
}


class _Words(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return _UNNAMED[name]


def _filled(fault: Fault, match: _Match) -> Diagnosis:
    entry = match.entry
    words = _Words(match.words)
    field = fault.field or words.get("field", "") or entry.field
    if field:
        words["field"] = field
    return Diagnosis(
        entry=entry.id,
        kind=entry.kind,
        retry=entry.retry,
        means=_sentence(entry.means, words),
        cause=_sentence(entry.cause, words),
        fix=_sentence(entry.fix, words),
        menu=entry.menu,
        who=entry.who,
        source=entry.source,
        field=field,
        object=words.get("object", ""),
        fault=fault,
    )


def _sentence(template: str, words: _Words) -> str:
    text = " ".join(template.format_map(words).split())
    for gap in (" .", " :", " ,"):
        text = text.replace(gap, gap.strip())
    return text[:1].upper() + text[1:]


def _unknown(fault: Fault, level: str, http_status: int, function: str) -> Diagnosis:
    text = fault.text or (f"HTTP {http_status}" if http_status else "nothing")
    kind = _KIND_BY_LEVEL.get(level, "record" if fault.text else "protocol")
    return Diagnosis(
        entry="",
        kind=kind,
        retry="never",
        means=text if fault.text else f"The answer{f' to {function}' if function else ''} cannot be read: {text}.",
        fix=fault.correction,
        who="",
        source="the gateway's own words",
        field=fault.field,
        fault=fault,
    )


def as_error(
    faults: tuple[Fault, ...],
    level: str = "",
    *,
    http_status: int = 0,
    function: str = "",
    control_id: str = "",
    retry_after: float | None = None,
    record: str = "",
) -> IntacctError:
    """The error to raise for a chain of faults, with its diagnosis."""
    diagnosis = diagnose(faults, level, http_status=http_status, function=function)
    message = _message(diagnosis)
    kind = ERRORS[diagnosis.kind]
    details: dict[str, Any] = {
        "faults": faults,
        "fix": diagnosis.fix,
        "function": function,
        "control_id": control_id,
        "http_status": http_status,
        "diagnosis": diagnosis,
    }
    if kind is InvalidRequestError:
        return InvalidRequestError(message, by_gateway=True, **details)
    if kind is ThrottledError:
        return ThrottledError(message, retry_after=retry_after, **details)
    if kind is RecordError:
        return RecordError(message, field=diagnosis.field, record=record, **details)
    return kind(message, **details)


def _message(diagnosis: Diagnosis) -> str:
    """The catalogue's sentence, then the gateway's own words and number, since support staff ask for them."""
    fault = diagnosis.fault
    if not diagnosis.entry:
        return str(fault) if fault.text else diagnosis.means
    text = fault.text if fault.errorno != PAGE else f"the page says {fault.text!r}"
    code = fault.errorid or fault.errorno
    quoted = ": ".join(part for part in (code if code != PAGE else "", text) if part) if text != code else code
    return f"{diagnosis.means} ({quoted})" if quoted and quoted.strip(".") not in diagnosis.means else diagnosis.means


_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_HEADING = re.compile(rb"<h1[^>]*>(.*?)</h1>", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<[^>]*>")
_RAY = re.compile(
    rb"(?:Ray ID|Reference ?(?:&#35;|#)|Incident ID)\s*:?\s*(?:</?[a-z][^>]*>\s*)*([\w.-]{6,})", re.IGNORECASE
)


def page_fault(body: bytes, *, hide: Callable[[str], str] = str) -> Fault | None:
    """The fault that stands for a web page, with its title and its ray or reference id; None for any other body.

    `hide` masks secrets in the raw text, before its tags and entities are resolved.
    """
    start = body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not (start.startswith((b"<!doctype html", b"<html")) or b"<html" in start or b"<body" in start):
        return None
    heading = _TITLE.search(body) or _HEADING.search(body)
    raw = hide(heading[1].decode("utf-8", "replace")) if heading else "a page"
    title = " ".join(html.unescape(_TAGS.sub(" ", raw)).split())
    ray = _RAY.search(body)
    return Fault(errorno=PAGE, description2=title[:200], support_id=hide(ray[1].decode()) if ray else "")

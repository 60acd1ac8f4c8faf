"""A call of an operation: what was sent is read as its types, and a refusal becomes an answer."""

import json
import re
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import unquote

import msgspec

from intacct_emulator.server.control.models import Problem
from intacct_emulator.server.control.operations import CONTROL, OPERATIONS, Control, NotThereError, Operation
from intacct_emulator.settings.typed_tables import built, hints_of, json_notation, typed, without_bounds
from intacct_protocol.errors import IntacctError, SettingsError
from intacct_protocol.model.suggestions import did_you_mean

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff￾￿]")
"""Characters that no XML document can have, so that no record and no setting of a company can."""


class UnreadableError(SettingsError):
    """A request that is not as the OpenAPI document describes it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of an answer and its document, which is empty with 204."""

    status: int
    document: bytes
    allow: str = ""
    """The methods of the path, if the one of the request is none of them."""


def call(control: Control, operation: Operation, path: Mapping[str, str], query: Mapping[str, str], body: Any) -> Any:
    """Call an operation with the texts of its path and its query and the document of its body.

    Raises UnreadableError, NotThereError, or another IntacctError if the emulator refuses it. Nothing is changed then.
    """
    with json_notation():
        try:
            sent = {name: typed(hint, from_text(hint, path[name]), name) for name, hint in operation.parameters.items()}
            if operation.query is not None:
                kinds = hints_of(operation.query)
                texts = {name: from_text(kinds.get(name), text) for name, text in query.items()}
                sent["query"] = built(operation.query, texts, "the query")
            elif query:
                raise SettingsError(f"{operation.name} has no parameter {next(iter(query))}", fix="leave it out")
            if operation.body is not None:
                sent["body"] = typed(operation.body, body, "body")
        except SettingsError as error:
            raise UnreadableError(error.message, fix=error.fix) from None
        _check_texts(body)
        return operation.act(control, **sent)


def answer(control: Control, method: str, path: str, query: list[tuple[str, str]], body: bytes) -> Answer:
    """The answer to a request; `path` is what follows `/control`, as it was sent."""
    try:
        matching = [(each, texts) for each in OPERATIONS.values() if (texts := _matched(each, path)) is not None]
        if not matching:
            _no_path(path)
        for operation, texts in matching:
            if operation.method == ("GET" if method == "HEAD" else method):
                _check_once(query)
                document = _document(body) if operation.body is not None else None
                result = call(control, operation, texts, dict(query), document)
                return Answer(operation.status, b"" if result is None else msgspec.json.encode(result))
        allow = ", ".join(operation.method for operation, _ in matching)
        return _refused(405, f"{CONTROL}{path} cannot be requested with {method}", f"methods: {allow}", allow)
    except UnreadableError as error:
        return _refused(400, error.message, error.fix)
    except NotThereError as error:
        return _refused(404, error.message, error.fix)
    except IntacctError as error:
        return _refused(409, error.message, error.fix)
    except Exception:  # a fault of the emulator itself, which a test finds in the list
        control.emulator.incidents.append(traceback.format_exc())
        return _refused(500, "the emulator failed", f"GET {CONTROL} shows the incident")


def refusal(status: int, message: str, fix: str = "") -> Answer:
    """A refusal before the operations."""
    return _refused(status, message, fix)


def _refused(status: int, message: str, fix: str, allow: str = "") -> Answer:
    return Answer(status, msgspec.json.encode(Problem(message, fix)), allow)


def _matched(operation: Operation, path: str) -> dict[str, str] | None:
    """The texts of the path's parameters; None if it is the path of another operation."""
    parts, names = [unquote(part) for part in path.split("/")], operation.path.split("/")
    if len(parts) != len(names):
        return None
    texts = {}
    for part, name in zip(parts, names, strict=True):
        if name.startswith("{") and part:
            texts[name[1:-1]] = part
        elif part != name:
            return None
    return texts


def _no_path(path: str) -> NoReturn:
    paths = dict.fromkeys(CONTROL + operation.path for operation in OPERATIONS.values())
    fix = f"GET {CONTROL}/openapi.json describes every operation"
    raise NotThereError(f"there is no {CONTROL}{path}{did_you_mean(CONTROL + path, paths)}", fix=fix)


def _check_once(query: list[tuple[str, str]]) -> None:
    names = [name for name, _ in query]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise UnreadableError(f"the query has {twice} twice", fix="give it once")


def _document(body: bytes) -> Any:
    """The JSON document of a body; an empty body is an empty object. Numbers keep their digits."""
    try:
        return json.loads(body or b"{}", parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(
            f"the body is not JSON: {error}", fix='send an object, such as {"name": "value"}'
        ) from None


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _check_texts(document: Any) -> None:
    """Refuse a text that no XML document can hold."""
    for text in _texts(document):
        character = _NOT_IN_XML.search(text)
        if character is not None:
            shown = f"U+{ord(character[0]):04X}"
            raise SettingsError(f"a text has the character {shown}, which no XML document can hold", fix="leave it out")


def _texts(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from _texts(value)
    elif isinstance(document, list):
        for value in document:
            yield from _texts(value)


def from_text(hint: Any, text: str) -> Any:
    """A text of a path, a query or a form as JSON would have it; it stays a text if it is none of the type."""
    kind = without_bounds(hint)[0]
    if kind is float and _NUMBER.fullmatch(text):
        return float(text)
    if kind is int and _WHOLE.fullmatch(text):
        return int(text)
    if kind is bool:
        return _FLAGS.get(text.lower(), text)
    return text

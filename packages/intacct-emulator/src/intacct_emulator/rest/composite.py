"""Composite requests: two to ten requests in one, each of which may use the results of those before it.

They run in their order and stop at the first failure; what was done stays. A reference is `@{name.1.key}` or
`@{name.key}`, in a path or in a body, where `name` is the `resultReference` of an earlier request.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from intacct_emulator.rest.messages import RestAnswer, RestRequest, invalid_request, result

FEWEST, MOST = 2, 10
_REFERENCE = re.compile(r"@\{([^.{}]+)\.([^{}]+)\}")
_METHODS = ("GET", "POST", "PATCH", "DELETE")
Answered = Callable[[int, RestRequest], RestAnswer]
"""Answers the request at a place, counted from 0."""
PATH = "/services/core/composite"


def composite(request: RestRequest, sent: Any, answered: Answered) -> RestAnswer:
    """Answer each request of a composite. Raises RestRefusedError."""
    if (
        not isinstance(sent, list)
        or not FEWEST <= len(sent) <= MOST
        or not all(isinstance(one, Mapping) for one in sent)
    ):
        raise invalid_request(f"A composite is an array of {FEWEST} to {MOST} requests")
    results: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    failed = False
    for place, part in enumerate(sent):
        answer = answered(place, _request(request, part, results, place))
        document = msgspec.json.decode(answer.body) if answer.body else {}
        row = {"ia::status": answer.status}
        row |= {name: document[name] for name in ("ia::result", "ia::meta", "ia::error") if name in document}
        rows.append(row)
        if answer.status >= 400:
            failed = True
            break
        reference = part.get("resultReference")
        if reference:
            results[str(reference)] = document.get("ia::result")
    meta = {"totalCount": len(sent), "totalSuccess": len(rows) - failed, "totalError": int(failed)}
    return result(rows, 207 if failed else 200, meta)


def _request(outer: RestRequest, part: Mapping[str, Any], results: Mapping[str, Any], place: int) -> RestRequest:
    """One request with its references replaced, in the name of the outer one. Raises RestRefusedError."""
    method, path = str(part.get("method", "")).upper(), part.get("path")
    if method not in _METHODS or not isinstance(path, str) or not path:
        raise invalid_request("A part of a composite has a method and a path", target=f"/{place}")
    parts = urlsplit(path)
    plain = _resolved(unquote(parts.path), results, place)
    query = tuple((name, str(_resolved(value, results, place))) for name, value in parse_qsl(parts.query))
    body = part.get("body")
    content = b"" if body is None else msgspec.json.encode(_in_document(body, results, place))
    headers = {name: value for name, value in outer.headers.items() if name != "idempotency-key"}
    part_headers = part.get("headers")
    if isinstance(part_headers, Mapping):
        headers |= {str(name).lower(): str(value) for name, value in part_headers.items()}
    return RestRequest(
        method, "/" + str(plain).removeprefix("/ia/api/v1").lstrip("/"), query, headers, content, outer.base
    )


def _in_document(value: Any, results: Mapping[str, Any], place: int) -> Any:
    if isinstance(value, str):
        return _resolved(value, results, place)
    if isinstance(value, Mapping):
        return {name: _in_document(inner, results, place) for name, inner in value.items()}
    if isinstance(value, list):
        return [_in_document(inner, results, place) for inner in value]
    return value


def _resolved(text: str, results: Mapping[str, Any], place: int) -> Any:
    """A text with its references replaced; a text that is one reference becomes its value."""
    whole = _REFERENCE.fullmatch(text)
    if whole is not None:
        return _value(whole, results, place)
    return _REFERENCE.sub(lambda reference: str(_value(reference, results, place)), text)


def _value(reference: "re.Match[str]", results: Mapping[str, Any], place: int) -> Any:
    name, path = reference.groups()
    refusal = invalid_request(f"The reference {reference[0]} leads nowhere", target=f"/{place}")
    if name not in results:
        raise refusal
    value = results[name]
    for step in path.split("."):
        if step.isdecimal() and isinstance(value, list) and 1 <= int(step) <= len(value):
            value = value[int(step) - 1]
        elif step == "1" and isinstance(value, Mapping):
            continue
        elif isinstance(value, Mapping) and step in value:
            value = value[step]
        else:
            raise refusal
    return value

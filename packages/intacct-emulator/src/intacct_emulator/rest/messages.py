"""Requests and answers of the REST interface, and its refusals in each of the three envelopes that were seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

Envelope = Literal["result", "error", "bare"]
"""Where an error stands: in `ia::result`, beside `ia::meta`, or in `error` alone."""
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class RestRequest:
    """One HTTP request below `/ia/api/v1`."""

    method: str
    path: str
    """Without `/ia/api/v1`, decoded."""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    """By name in lower case."""
    body: bytes = field(default=b"", repr=False)
    base: str = ""
    """The address of the interface as the client sees it, such as `http://127.0.0.1:8081/ia/api/v1`."""

    def header(self, *names: str) -> str:
        """The first of these headers that the request has."""
        return next((self.headers[name] for name in names if self.headers.get(name)), "")

    def parameter(self, name: str, default: str = "") -> str:
        """A parameter of the address."""
        return next((value for one, value in self.query if one == name), default)


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """One answer: its status, and a document or bytes."""

    status: int = 200
    document: Any = None
    """What becomes JSON; None for an answer without a body."""
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    """A body that is not JSON, or JSON that is written already; its type is a header."""

    @property
    def body(self) -> bytes:
        """The bytes of the body."""
        if self.raw is not None:
            return self.raw
        return b"" if self.document is None else msgspec.json.encode(self.document)


@dataclass(frozen=True, slots=True)
class ErrorDetail:
    """One cause of a refusal, and the place in the payload that it is about."""

    message: str
    error_id: str = ""
    target: str = ""
    """A JSON pointer such as `/lines/0/glAccount`."""
    code: str = "invalidRequest"
    correction: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """The detail as an answer holds it."""
        shown = {"code": self.code, "message": self.message, "errorId": self.error_id, "target": self.target}
        parts = {name: text for name, text in shown.items() if text}
        if self.correction:
            parts["correction"] = self.correction
        return {**parts, "additionalInfo": {"messageId": "", "placeholders": {}, "propertySet": {}}}


class RestRefusedError(Exception):
    """A request is refused, with its status and its error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        error_id: str = "",
        message_id: str = "",
        placeholders: Mapping[str, str] | None = None,
        details: Sequence[ErrorDetail] = (),
        headers: Mapping[str, str] | None = None,
        envelope: Envelope | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.error_id = status, code, message, error_id
        self.message_id, self.placeholders = message_id, dict(placeholders or {})
        self.details = tuple(details)
        self.headers = dict(headers or {})
        self.envelope = envelope

    @property
    def error(self) -> dict[str, Any]:
        """The error as an answer holds it."""
        parts: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.error_id:
            parts["errorId"] = self.error_id
        parts["additionalInfo"] = {
            "messageId": self.message_id,
            "placeholders": self.placeholders,
            "propertySet": {},
        }
        if self.details:
            parts["details"] = [detail.document for detail in self.details]
        return parts

    def answer(self, envelope: Envelope, support_id: str) -> RestAnswer:
        """The refusal in an envelope."""
        error = {**self.error, "supportId": support_id}
        meta = {"totalCount": 1, "totalSuccess": 0, "totalError": 1}
        document = {
            "result": {"ia::result": {"ia::error": error}, "ia::meta": meta},
            "error": {"ia::error": error, "ia::meta": meta},
            "bare": {"error": error},
        }[self.envelope or envelope]
        return RestAnswer(self.status, document, self.headers)


def result(value: Any, status: int = 200, meta: Mapping[str, Any] | None = None) -> RestAnswer:
    """A success in its envelope; the meta data are those of one record unless they are given."""
    counts = {"totalCount": 1, "totalSuccess": 1, "totalError": 0} if meta is None else dict(meta)
    return RestAnswer(status, {"ia::result": value, "ia::meta": counts})


def page_meta(total: int, start: int, size: int) -> dict[str, Any]:
    """The meta data of a page: `next` and `previous` are places of rows, counted from 1, or null."""
    following = start + size
    return {
        "totalCount": total,
        "start": start,
        "pageSize": size,
        "next": following if following <= total else None,
        "previous": max(1, start - size) if start > 1 else None,
    }


# --- the refusals that several parts share


def invalid_payload(details: Sequence[ErrorDetail]) -> RestRefusedError:
    """A payload with fields that the object does not have, or that cannot be set."""
    return RestRefusedError(400, "invalidRequest", "Payload contains errors", error_id="REST-1064", details=details)


def invalid_request(message: str, *, error_id: str = "", target: str = "") -> RestRefusedError:
    """A request that is not as the interface describes it."""
    details = [ErrorDetail(message, error_id, target)] if target else []
    return RestRefusedError(400, "invalidRequest", message, error_id=error_id, details=details)


def not_found(what: str) -> RestRefusedError:
    """A resource, or a record, that does not exist."""
    return RestRefusedError(404, "invalidKey", f"{what} does not exist")


def method_not_allowed(method: str, what: str) -> RestRefusedError:
    """A method that the resource does not have."""
    return RestRefusedError(405, "invalidRequest", f"{method} is not supported for {what}")


def forbidden(message: str) -> RestRefusedError:
    """The user has no right to this."""
    return RestRefusedError(403, "operationNotPermitted", message)


def gateway_error(
    status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None
) -> RestRefusedError:
    """An error of the part before the application, which stands beside `ia::meta`."""
    return RestRefusedError(status, code, message, headers=headers, envelope="error")

"""The errors of the REST interface, in their three envelopes and in that of OAuth, as faults.

    {"ia::result": {"ia::error": {...}}, "ia::meta": {...}}   OpenAPI, and every recorded error
    {"ia::error": {...}, "ia::meta": {...}}                   Sage's page on errors, and refusals by the gateway
    {"error": {...}}                                          seen for a token that is dead
    {"error": "invalid_grant", "error_description": "..."}    the token endpoint (RFC 6749, section 5.2)

`details` is a list for business rules, and an object with the request's id for refusals by the gateway.
"""

from collections.abc import Mapping
from typing import Any

from intacct_protocol.diagnosis import as_error
from intacct_protocol.errors import (
    Fault,
    IntacctError,
    InvalidRequestError,
    NotPermittedError,
    RecordError,
    SignInError,
)

_LEVELS = {400: "control", 401: "authentication", 404: "control", 405: "control"}
"""What a status says of the place of a failure; the others say that one record was refused."""
_DEAD_TOKEN = ("REST-2102", "tokenInvalid", "GW-0031")
_DEAD_TOKEN_TEXTS = ("invalid token", "the token is not valid")


def faults_of(answer: Any) -> tuple[Fault, ...]:
    """The faults of a decoded body: those of its details first, as they are the causes. Empty if it has no error."""
    if not isinstance(answer, Mapping):
        return ()
    result = answer.get("ia::result")
    wrapped = result.get("ia::error") if isinstance(result, Mapping) else None
    for error in (wrapped, answer.get("ia::error"), answer.get("error")):
        if isinstance(error, Mapping):
            return _chain(error)
        if isinstance(error, str):
            return (Fault(error, "", _text(answer, "error_description")),)
    return ()


def rest_error(
    faults: tuple[Fault, ...], status: int, *, function: str = "", retry_after: float | None = None
) -> IntacctError:
    """The error to raise for the faults of an answer. Without an entry of the catalogue, the status decides its kind.

    The gateway answers 401 without a valid token, 403 without a permission, 404 for an unknown key or address, 409 for
    an idempotency key that was used with other bytes, and 422 for a rule of the business (Sage's page on errors).
    """
    error = as_error(faults, _LEVELS.get(status, "function"), function=function, retry_after=retry_after)
    error.http_status = status  # the catalogue's entries for a status alone are of the XML interface
    if error.diagnosis is None or error.diagnosis.entry:
        return error
    details: dict[str, Any] = {"faults": faults, "function": function, "http_status": status}
    if status == 401:
        return SignInError(error.message, **details)
    if status == 403:
        fix = "Give the user's role this permission: Company ▸ Admin ▸ Roles."
        return NotPermittedError(error.message, fix=fix, **details)
    if status in (400, 404, 405):
        return InvalidRequestError(error.message, by_gateway=True, **details)
    if status in (409, 422):
        return RecordError(error.message, field=error.diagnosis.field, **details)
    return error


def is_dead_token(faults: tuple[Fault, ...], status: int) -> bool:
    """Whether a refusal means that the token is not valid (any more). Such a refusal proves that nothing ran.

    The status is 401. Clients also report 400 with one of two texts (sageintacctrestsdk matches them).
    """
    if status == 401:
        return True
    return status == 400 and any(
        fault.errorid in _DEAD_TOKEN or fault.errorno in _DEAD_TOKEN or fault.text.lower().startswith(_DEAD_TOKEN_TEXTS)
        for fault in faults
    )


def _chain(error: Mapping[str, Any]) -> tuple[Fault, ...]:
    details = error.get("details")
    causes = [_fault(detail) for detail in details if isinstance(detail, Mapping)] if isinstance(details, list) else []
    return (*causes, _fault(error))


def _fault(error: Mapping[str, Any]) -> Fault:
    return Fault(
        errorno=_text(error, "code"),
        description2=_text(error, "message"),
        correction=_text(error, "correction"),
        support_id=_text(error, "supportId"),
        errorid=_text(error, "errorId"),
        field=_text(error, "target").strip("/").replace("/", "."),
    )


def _text(error: Mapping[str, Any], name: str) -> str:
    value = error.get(name)
    return value if isinstance(value, str) else ""

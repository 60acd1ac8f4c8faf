"""The errors of the JSON interface: those of the commands under --json, with the status of HTTP."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from intacct_bridge.apps.terminal.failures import described, explained, facts_of, is_of_full_disk
from intacct_bridge.apps.web.pages import NotFoundError
from intacct_bridge.apps.web.rendering import render_json
from intacct_bridge.operations.exit_statuses import INTERNAL_ERROR
from intacct_bridge.operations.fleets import CompanyTakenError, UnknownTenantError
from intacct_protocol.errors import BusyError, IntacctError, RecordError, RefusedError, SettingsError, TransientError


class BodyError(SettingsError):
    """A body that is not what an operation takes."""


class LargeBodyError(BodyError):
    """A body that is too large."""


class PausedTenantError(SettingsError):
    """A run of a tenant that is paused was asked for."""


_STATUSES: Mapping[type[IntacctError], int] = {
    NotFoundError: 404,
    UnknownTenantError: 404,
    CompanyTakenError: 409,
    PausedTenantError: 409,
    BusyError: 409,
    LargeBodyError: 413,
    SettingsError: 400,
    RecordError: 422,
    RefusedError: 422,
    TransientError: 503,
    IntacctError: 502,
}
"""The status of an answer by the kind of its error, the nearest kind first."""


def status_of(error: BaseException) -> int:
    """The status of HTTP for an error; 500 for a bug."""
    if is_of_full_disk(error):
        return HTTPStatus.INSUFFICIENT_STORAGE
    return next((number for kind, number in _STATUSES.items() if isinstance(error, kind)), 500)


def error_data(error: BaseException) -> dict[str, Any]:
    """An error as the commands print it under --json: `error`, `fix`, `code`, `class`, and a field."""
    error = explained(error)
    if not isinstance(error, IntacctError):
        text = f"A bug in Intacct Bridge: {type(error).__name__}"
        fix = "The log of the server has it. Please report it."
        return {"error": text, "fix": fix, **facts_of(error, INTERNAL_ERROR)}
    field = error.setting or (error.field if isinstance(error, RecordError) else "")
    return {**described(error), **facts_of(error, error.exit_status), **({"field": field} if field else {})}


def error_body(error: BaseException) -> bytes:
    """The body of an answer with an error."""
    return render_json({"error": error_data(error)})

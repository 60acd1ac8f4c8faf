"""Errors as agents get them: what is wrong, in which record and field, and what to do, in fields of their own."""

from typing import Any

from pydantic import ValidationError

from intacct_bridge.apps.mcp.values import plain
from intacct_bridge.apps.terminal.failures import is_of_full_disk
from intacct_bridge.operations.plans import ApprovalMissingError
from intacct_protocol.errors import (
    CapError,
    InDoubtError,
    IntacctError,
    InvalidRequestError,
    NotPermittedError,
    ProtocolError,
    RecordError,
    SettingsError,
    SignInError,
    TransientError,
)

_KINDS: tuple[tuple[type[IntacctError], str], ...] = (
    (SettingsError, "settings"),
    (SignInError, "sign_in"),
    (NotPermittedError, "not_permitted"),
    (CapError, "limit_reached"),
    (InvalidRequestError, "invalid"),
    (TransientError, "try_again_later"),
    (InDoubtError, "in_doubt"),
    (RecordError, "record"),
    (ProtocolError, "protocol"),
)


def failure(error: IntacctError) -> dict[str, Any]:
    """An error as an agent gets it: its kind, what it means, and the fix."""
    diagnosis = error.diagnosis
    described = {
        "kind": "needs_approval" if isinstance(error, ApprovalMissingError) else _kind(error),
        "message": error.message,
        "fix": error.advice,
        "record": getattr(error, "record", ""),
        "field": getattr(error, "field", "") or (diagnosis.field if diagnosis is not None else ""),
        "plan": getattr(error, "plan", ""),
        "menu": diagnosis.menu if diagnosis is not None else "",
        "who": diagnosis.who if diagnosis is not None else "",
        "gateway": [str(one) for one in error.faults],
    }
    return {"error": plain({name: value for name, value in described.items() if value or name in ("kind", "message")})}


def _kind(error: IntacctError) -> str:
    if is_of_full_disk(error):
        return "disk_full"
    return next((name for kind, name in _KINDS if isinstance(error, kind)), "failed")


def wrong_arguments(tool: str, error: ValidationError) -> dict[str, Any]:
    """Arguments that do not fit a tool's schema."""
    problems = [
        {"field": ".".join(map(str, one["loc"])), "problem": one["msg"]} for one in error.errors(include_url=False)
    ]
    message = f"the arguments of {tool} are not as its schema describes"
    return {"error": plain({"kind": "arguments", "message": message, "fields": problems})}


def half_pair(tool: str, field: str) -> dict[str, Any]:
    """Arguments with half of a pair of surrogates."""
    problem = "has half of a surrogate pair, such as \\ud800 alone; send the whole character"
    described = {"kind": "arguments", "message": f"the arguments of {tool} have a string that is not valid text"}
    return {"error": plain({**described, "fields": [{"field": field, "problem": problem}]})}


def unknown_tool(tool: str) -> dict[str, Any]:
    """A tool that this server does not have."""
    return {"error": plain({"kind": "arguments", "message": f"there is no tool {tool!r} here"})}


def bug(tool: str) -> dict[str, Any]:
    """A mistake in the program; its own text stays on this side."""
    message = f"{tool} failed because of a mistake in Intacct Bridge; the server's messages show where"
    return {"error": {"kind": "bug", "message": message}}

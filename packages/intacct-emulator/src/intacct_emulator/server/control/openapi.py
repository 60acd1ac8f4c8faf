"""The OpenAPI 3.1 document of the control API, made from its operations."""

from functools import cache
from http import HTTPStatus
from typing import Any

from intacct_emulator import __version__
from intacct_emulator.server.control.models import Problem
from intacct_emulator.server.control.operations import CONTROL, OPERATIONS, Operation
from intacct_emulator.settings.typed_schema import Schemas, field_texts
from intacct_emulator.settings.typed_tables import hints_of, table_names

_ABOUT = """Controls an emulator of the Sage Intacct gateway, for tests and tools in any language.

Every request and every answer is JSON. A refused request changes nothing, and its answer is a Problem: 400 for a
request that this document does not allow, 403 for one from a web page or to another host, 404 for a name that does not
exist, 409 for what the emulator or the company cannot do in its present state. A misspelt name gets the nearest ones.
"""
_REFUSALS = {
    400: "The request is not as this document describes it.",
    403: "The request came from a web page, or is to another host.",
    404: "A name in the request does not exist.",
    409: "The emulator or the company cannot do it in its present state.",
}


@cache
def document() -> dict[str, Any]:
    """The document."""
    schemas = Schemas()
    for operation in OPERATIONS.values():  # first, so that a class of both keeps its name in answers
        if operation.answer is not None:
            schemas.of(operation.answer, sent=False)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS.values():
        paths.setdefault(CONTROL + operation.path, {})[operation.method.lower()] = _described(operation, schemas)
    topics = dict.fromkeys(operation.topic for operation in OPERATIONS.values())
    return {
        "openapi": "3.1.0",
        "info": {"title": "Control API of intacct-emulator", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": topic} for topic in topics],
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.components.items()))},
    }


def _described(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {"operationId": operation.name, "tags": [operation.topic], "summary": operation.summary}
    if operation.text:
        described["description"] = operation.text
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": schemas.of(hint, sent=True)}
        for name, hint in operation.parameters.items()
    ]
    if operation.query is not None:
        parameters += _of_query(operation.query, schemas)
    if parameters:
        described["parameters"] = parameters
    if operation.body is not None:
        schema = schemas.of(operation.body, sent=True)
        needed = "required" in schemas.components[schema["$ref"].rpartition("/")[2]]
        described["requestBody"] = {"required": needed, "content": {"application/json": {"schema": schema}}}
    answer: dict[str, Any] = {"description": HTTPStatus(operation.status).phrase}
    if operation.answer is not None:
        answer["content"] = {"application/json": {"schema": schemas.of(operation.answer, sent=False)}}
    problem = {"application/json": {"schema": schemas.of(Problem, sent=False)}}
    refusals = {str(status): {"description": _REFUSALS[status], "content": problem} for status in _refusals(operation)}
    return described | {"responses": {str(operation.status): answer, **refusals}}


def _refusals(operation: Operation) -> list[int]:
    """The statuses with which an operation can be refused."""
    named = operation.parameters or operation.query is not None or operation.body is not None or operation.changes
    return [400, 403, *([404] if named else []), *([409] if operation.changes else [])]


def _of_query(query: type[Any], schemas: Schemas) -> list[dict[str, Any]]:
    hints, texts = hints_of(query), dict[str, str]()
    for kind in reversed(query.__mro__[:-1]):
        texts |= field_texts(kind)
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": texts.get(name, ""),
            "schema": schemas.of(hints[name], sent=True) | {"default": field.default},
        }
        for name, field in table_names(query).items()
    ]

"""The frame of the JSON interface: operations, their requests and answers, and the OpenAPI document of them all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from intacct_bridge import __version__
from intacct_bridge.apps.fleet_site.json_limits import check_body, check_parameter
from intacct_bridge.apps.fleet_site.problems import BodyError, LargeBodyError, error_body, status_of
from intacct_bridge.apps.fleet_site.site import FleetApp
from intacct_bridge.apps.web.pages import NotFoundError
from intacct_bridge.apps.web.rendering import render_json
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.json_input import refuse_repeated_keys
from intacct_protocol.model.nesting import refusing_depth
from intacct_protocol.model.suggestions import did_you_mean

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

T = TypeVar("T")
BASE = "/api/v1"
LARGEST_BODY = 256 << 10
_JSON = "application/json"


class ErrorFacts(msgspec.Struct, frozen=True, rename={"error": "error", "kind": "class"}, omit_defaults=True):
    """An error, as the commands print it under --json."""

    error: str
    """What is wrong, in a sentence."""
    kind: str
    """The kind of the error, such as SettingsError."""
    exit_status: int
    """The exit status that a command ends with for it."""
    code: str = ""
    """Intacct's code, if Intacct refused something."""
    id: str = ""
    """The entry of the error catalogue."""
    fix: str = ""
    field: str = ""
    """The field of the body, or the parameter, that is wrong."""
    where: str = ""
    why: str = ""


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of an answer with a status of 400 or more."""

    error: ErrorFacts


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """A parameter in the query of an address."""

    name: str
    about: str
    kind: str = "string"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request, as an operation sees it."""

    site: FleetApp
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    allowed: Sequence[QueryParameter] = ()

    def read(self, kind: type[T]) -> T:
        """The body. BodyError names the field that is wrong."""
        text = self.body or b"{}"
        try:
            with refusing_depth("The body", text):
                plain = msgspec.json.decode(text)
                check_body(plain)
                body = msgspec.json.decode(text, type=kind)
                refuse_repeated_keys(text, plain, "The body")
        except BodyError:
            raise
        except SettingsError as error:
            raise BodyError(f"{error.message}.", fix=error.fix) from None
        except msgspec.ValidationError as error:
            what, _, where = str(error).partition(" - at `$")
            name = where.rstrip("`").lstrip(".")
            shown = f"{name}: {what}" if name else what
            raise BodyError(f"The body is refused. {shown}.", fix="See the OpenAPI document.", setting=name) from None
        except msgspec.DecodeError as error:
            raise BodyError(f"The body is not JSON: {error}.", fix="Send a JSON object in UTF-8.") from None
        return body

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number of the query."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
            raise SettingsError(f"{name} is {text!r}.", fix=f"Use a number from {least} to {most}.", setting=name)
        return int(text)


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What an operation answers."""

    data: Any = None
    """None: an answer without a body."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """One operation of the interface."""

    method: str
    path: str
    """Below the base, with names in braces."""
    name: str
    summary: str
    run: Callable[[ApiRequest], ApiAnswer]
    answers: Mapping[int, Any]
    """The type of the body by its status; None for an answer without one."""
    body: Any = None
    query: tuple[QueryParameter, ...] = ()


def operation_routes(site: FleetApp, operations: Sequence[ApiOperation]) -> "list[BaseRoute]":
    """The routes of the operations; another address or method is answered with an error as JSON."""
    from starlette.routing import Route

    by_path: dict[str, dict[str, ApiOperation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, {})[operation.method] = operation
    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    routes: list[BaseRoute] = [
        Route(BASE + path, _answering(site, known), methods=every) for path, known in by_path.items()
    ]
    routes.append(Route("/api/{rest:path}", _answering(site, {}), methods=every))
    return routes


def _answering(site: FleetApp, by_method: Mapping[str, ApiOperation]) -> Callable[["Request"], Any]:
    from starlette.concurrency import run_in_threadpool

    async def answer(request: "Request") -> "Response":
        operation = by_method.get("GET" if request.method == "HEAD" else request.method)
        try:
            if operation is None:
                return _not_there(request, by_method)
            body = await _body(request)
            return await run_in_threadpool(_run_operation, site, operation, request, body)
        except Exception as error:
            return _problem(site, error)

    return answer


def _run_operation(site: FleetApp, operation: ApiOperation, request: "Request", body: bytes) -> "Response":
    from starlette.responses import Response

    allowed = [one.name for one in operation.query]
    for name in request.query_params:
        if name not in allowed:
            near = did_you_mean(name, allowed)
            fix = f"Use {', '.join(allowed)}." if allowed else "Leave it out."
            raise SettingsError(f"There is no parameter {name!r}{near}.", fix=fix, setting=name)
    for name, value in (*request.path_params.items(), *request.query_params.items()):
        check_parameter(name, value)
    if body and operation.body is None:
        raise BodyError("This operation takes no body.", fix="Leave the body out.")
    query = dict(request.query_params)
    answer = operation.run(ApiRequest(site, request.path_params, query, body, operation.query))
    site.database_answered()
    if answer.data is None:
        return Response(status_code=answer.status, headers=dict(answer.headers))
    return Response(render_json(answer.data), answer.status, dict(answer.headers), _JSON)


async def _body(request: "Request") -> bytes:
    too_large = LargeBodyError(f"The body is larger than {LARGEST_BODY >> 10} kB.", fix="Send less.", setting="body")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > LARGEST_BODY:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _not_there(request: "Request", by_method: Mapping[str, ApiOperation]) -> "Response":
    from starlette.responses import Response

    if not by_method:
        return _problem(None, NotFoundError("There is nothing under this address.", fix=f"See {BASE}/openapi.json."))
    error = SettingsError(f"{request.method} is not possible here.", fix=f"Use {', '.join(by_method)}.")
    return Response(error_body(error), 405, {"allow": ", ".join(by_method)}, _JSON)


def _problem(site: FleetApp | None, error: Exception) -> "Response":
    from starlette.responses import Response

    shown = site.shown_error(error) if site is not None else error
    status = status_of(shown)
    if status == 500 and site is not None:
        site.report(error)
    headers = {"connection": "close"} if isinstance(error, LargeBodyError) else {}
    return Response(error_body(shown), status, headers, _JSON)


# --- the document


def openapi(operations: Sequence[ApiOperation]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these operations."""
    kinds = [ErrorAnswer]
    for operation in operations:
        kinds += [kind for kind in (operation.body, *operation.answers.values()) if kind is not None]
    template = "#/components/schemas/{name}"
    schemas, components = msgspec.json.schema_components(list(dict.fromkeys(kinds)), ref_template=template)
    schema_of = dict(zip(dict.fromkeys(kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(BASE + operation.path, {})[operation.method.lower()] = _described(operation, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Intacct Bridge: fleet",
            "version": __version__,
            "description": "Tenants, their secrets, links and runs. Amounts and times are strings; times are UTC.",
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": components,
        },
    }


def _described(operation: ApiOperation, schema_of: Mapping[Any, Any]) -> dict[str, Any]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    ]
    parameters += [
        {"name": p.name, "in": "query", "description": p.about, "schema": {"type": p.kind}} for p in operation.query
    ]
    answers: dict[str, Any] = {
        str(status): {"description": "Done."} | ({"content": _content(schema_of[kind])} if kind is not None else {})
        for status, kind in operation.answers.items()
    }
    answers["default"] = {"description": "An error.", "content": _content(schema_of[ErrorAnswer])}
    description: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary, "responses": answers}
    if parameters:
        description["parameters"] = parameters
    if operation.body is not None:
        description["requestBody"] = {"required": True, "content": _content(schema_of[operation.body])}
    return description


def _content(schema: Any) -> dict[str, Any]:
    return {_JSON: {"schema": schema}}

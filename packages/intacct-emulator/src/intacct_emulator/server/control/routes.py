"""The control API as routes of the server."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from intacct_emulator.server.control.calls import Answer, answer, refusal
from intacct_emulator.server.control.openapi import document
from intacct_emulator.server.control.operations import CONTROL, Control

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import Route

OPENAPI = "/openapi.json"


def control_routes(control: Control, refused: "Callable[[Request], str]") -> "list[Route]":
    """The routes; `refused` gives the reason to refuse a request before it is read, or nothing."""
    from starlette.concurrency import run_in_threadpool
    from starlette.convertors import CONVERTOR_TYPES, PathConvertor
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    class AnyPathConvertor(PathConvertor):
        regex = r"[\s\S]*"  # a name with a line break is refused as every other unknown name

    CONVERTOR_TYPES["any"] = AnyPathConvertor()

    async def controlled(request: Request) -> Response:
        reason = refused(request)
        if reason:
            return _response(refusal(403, reason, "send it from a program on this machine"))
        path = request.scope["raw_path"].decode("ascii", "replace").removeprefix(CONTROL)
        if path == OPENAPI and request.method in ("GET", "HEAD"):
            return Response(msgspec.json.encode(document()), media_type="application/json")
        query, body = request.query_params.multi_items(), await request.body()
        return _response(await run_in_threadpool(answer, control, request.method, path, query, body))

    def _response(reply: Answer) -> Response:
        headers = {"allow": reply.allow} if reply.allow else {}
        kind = "application/json" if reply.document else None
        return Response(reply.document, status_code=reply.status, headers=headers, media_type=kind)

    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"]
    return [Route(path, controlled, methods=methods) for path in (CONTROL, f"{CONTROL}/{{path:any}}")]

"""Lines on standard input that are not messages of the protocol: answered with the errors of JSON-RPC 2.0.

The library only reports such a line inside of the process, so that a client waits for an answer that does not come. A
response that cannot be read gets no answer: it is none to a request.
"""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

if TYPE_CHECKING:
    from contextvars import Context

    from mcp.shared._context_streams import ContextReceiveStream, ContextSendStream


class AnsweredLines:
    """The messages on standard input; a line that is none is answered here."""

    def __init__(
        self,
        lines: "ContextReceiveStream[SessionMessage | Exception]",
        answers: "ContextSendStream[SessionMessage]",
    ) -> None:
        self._lines = lines
        self._answers = answers

    @property
    def last_context(self) -> "Context | None":
        """The context in which the last message was sent."""
        return self._lines.last_context

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        while isinstance(message := await self._lines.receive(), Exception):
            answer = answer_to(message)
            if answer is not None:
                await self._answers.send(SessionMessage(answer))
        return message

    async def aclose(self) -> None:
        """Close the stream of lines."""
        await self._lines.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def answer_to(error: Exception) -> JSONRPCError | None:
    """The answer to a line that could not be read; none to an empty line, and none to a response."""
    if not isinstance(error, ValidationError):
        return _answer(PARSE_ERROR, "Parse error")
    problems = error.errors(include_url=False)
    if problems[0]["type"] == "json_invalid":
        reason = problems[0].get("ctx", {}).get("error", "")
        return _answer(PARSE_ERROR, f"Parse error: {reason}") if str(problems[0]["input"]).strip() else None
    # Each kind of message was tried. A message without a field of a kind is named whole.
    message = next((one["input"] for one in problems if one["type"] == "missing" and len(one["loc"]) == 2), None)
    if not isinstance(message, dict):
        return _answer(INVALID_REQUEST, "Invalid request: a message is one JSON object")
    if "method" not in message and ("result" in message or "error" in message):
        return None
    number = message.get("id")
    usable = number if isinstance(number, str | int) and not isinstance(number, bool) else None
    return _answer(INVALID_REQUEST, "Invalid request: the object is no JSON-RPC 2.0 message", usable)


def _answer(code: int, text: str, number: Any = None) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=number, error=ErrorData(code=code, message=text))

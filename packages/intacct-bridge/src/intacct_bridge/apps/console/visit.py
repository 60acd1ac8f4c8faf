"""The names that pages had for a request, and a command's context on a connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.web.pages import (
    Answer,
    Download,
    NotAllowedError,
    NotFoundError,
    PageView,
    Redirect,
    address,
)
from intacct_bridge.apps.web.pages import Page as ConsolePage
from intacct_bridge.apps.web.pages import PageRequest as Visit

if TYPE_CHECKING:
    from intacct_bridge.apps.cli.context import CommandContext

__all__ = [
    "Answer",
    "ConsolePage",
    "Download",
    "NotAllowedError",
    "NotFoundError",
    "PageView",
    "Redirect",
    "Visit",
    "address",
    "company_context",
]


@contextmanager
def company_context(
    name: str, command: str, *, person: str, entity: str = "", console: Any = None
) -> "Iterator[CommandContext]":
    """A command's context on a connection, for pages and for the threads of jobs."""
    import io

    from intacct_bridge.apps.cli.context import CommandContext
    from intacct_bridge.apps.terminal.console import Console
    from intacct_bridge.runs.statuses import status_of

    console = console or Console(out=io.StringIO(), err=io.StringIO())
    context = CommandContext(console, arguments=("console", command), person=person)
    context.name, context.entity, context.command = name or None, entity or None, command
    status = 0
    try:
        yield context
        status = context.status
    except BaseException as error:
        status = status_of(error)
        context.failed(error)
        raise
    finally:
        context.close()
        context.end_run(status)

"""The call that is being answered: tools ask whether it was cancelled."""

from contextvars import ContextVar
from threading import Event

from intacct_protocol.errors import TransientError

_CANCELLED: ContextVar[Event] = ContextVar("cancelled")


def begin() -> Event:
    """Begin a call: the event that is set when it is cancelled."""
    event = Event()
    _CANCELLED.set(event)
    return event


def cancelled() -> Event:
    """The event of the call that runs in this thread or task."""
    return _CANCELLED.get(Event())


def stop_if_cancelled() -> None:
    """TransientError once the call was cancelled; for places where work can be left off."""
    if cancelled().is_set():
        raise TransientError("the call was cancelled", fix="Call it again; completed work is kept.")

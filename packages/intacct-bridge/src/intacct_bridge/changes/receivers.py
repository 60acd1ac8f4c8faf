"""Receivers of events: a command, a web hook, files of JSON lines, a Python function, and a PostgreSQL table."""

import hashlib
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

from intacct_bridge.changes.delivery import DeliveryError, Receiver
from intacct_bridge.changes.event import ChangeEvent, encode
from intacct_bridge.connections.connection import is_loopback
from intacct_bridge.machine.command_input import CommandTooLongError, give
from intacct_bridge.machine.running_commands import RunningCommands
from intacct_bridge.machine.web_hook import NoAnswerError, WebHook, signing_key, webhook_headers
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.uri_text import redacted

FORMS = "exec:COMMAND, https://ADDRESS, jsonl:DIR, postgresql://..., python:MODULE:FUNCTION, or load:CONNECTION"
TIMEOUT = 60.0


def open_receiver(
    address: str,
    *,
    secret: str = "",
    timeout: float = TIMEOUT,
    show: Callable[[str], object] = lambda _: None,
    running: RunningCommands | None = None,
) -> Receiver:
    """Open a receiver; SettingsError for an unknown form, and if it cannot be used.

    `secret` signs what a web hook gets. `timeout`: seconds for one delivery to a command or a web hook. `show` gets
    what a command prints. `running` notes the commands of the watch; those of a watch that was killed are ended.
    """
    scheme, colon, rest = address.partition(":")
    if scheme in ("https", "http"):
        return WebhookReceiver(address, secret=secret, timeout=timeout)
    if secret:
        raise SettingsError("a signing secret is for web hooks only", fix="deliver to https://, or leave it out")
    if colon and rest and scheme == "exec":
        return CommandReceiver(rest, timeout=timeout, show=show, running=running)
    if colon and rest and scheme == "jsonl":
        return JsonFilesReceiver(Path(rest).expanduser())
    if scheme in ("postgresql", "postgres"):
        from intacct_bridge.changes.postgres_receiver import PostgresReceiver

        return PostgresReceiver(address)
    if scheme == "python":
        return FunctionReceiver(function_named(rest))
    raise SettingsError(f"{redacted(address)!r} is not a receiver", fix=f"use {FORMS}")


_LAST_LINES = 5


class CommandReceiver:
    """Runs a command for each delivery, by the system's shell, with events as JSON lines on its standard input.

    Exit status 0 means that it took all of them.
    """

    def __init__(
        self,
        command: str,
        *,
        timeout: float,
        show: Callable[[str], object] = lambda _: None,
        running: RunningCommands | None = None,
    ) -> None:
        """`timeout`: seconds after which the command and what it started are ended, and the delivery has failed.

        `show` gets what a command has written that took its events, without the last line end. What still runs of a
        watch that was killed is ended: it could take its event after later ones of the same record.
        """
        self._running = running
        if running is not None:
            running.end()
        self._command = command
        self._show = show
        self._timeout = timeout

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Run the command; DeliveryError if it fails, with the end of what it wrote."""
        lines = b"".join(encode(one.to_dict()) + b"\n" for one in events)
        try:
            status, written = give(self._command, lines, seconds=self._timeout, running=self._running)
        except CommandTooLongError as error:
            raise DeliveryError(f"the command {error}") from None
        if status:
            last_lines = " / ".join(written.splitlines()[-_LAST_LINES:]).strip(" /")
            raise DeliveryError(f"the command ended with exit status {status}{': ' + last_lines if last_lines else ''}")
        if written:
            self._show(written.removesuffix("\n"))

    def close(self) -> None:
        """Nothing is held."""


_GONE = 410
"""The answer of a receiver that wants no more messages."""


class WebhookReceiver:
    """Posts events to one address: CloudEvents 1.0, signed as the Standard Webhooks specification says.

    One event is a structured-mode message (`application/cloudevents+json`), several are a batch
    (`application/cloudevents-batch+json`). A receiver knows a repeated delivery by its `webhook-id`.
    """

    def __init__(self, url: str, *, secret: str = "", timeout: float, now: Callable[[], float] = time.time) -> None:
        """`secret`: `whsec_` and 24 to 64 bytes in base64; empty: messages are not signed. `now`: seconds since 1970.

        `timeout`: seconds for a whole delivery, until the end of the answer. A user and a password in the address are
        sent as Basic authentication. SettingsError for an address without HTTPS that is not on this machine, and for
        another form of secret.
        """
        self._hook = WebHook(url, seconds=timeout)
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise SettingsError(f"{self._hook.host} is not encrypted", fix="use an https:// address")
        self._key = signing_key(secret) if secret else b""
        self._now = now

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """POST the events; DeliveryError for every answer but 2xx, a redirect included, and for none."""
        single = len(events) == 1
        body = encode(events[0].cloud_event() if single else [one.cloud_event() for one in events])
        headers = {
            "content-type": f"application/cloudevents{'' if single else '-batch'}+json; charset=utf-8",
            "user-agent": "intacct-bridge",
            **webhook_headers(_message_id(events), int(self._now()), body, self._key),
        }
        try:
            answer = self._hook.post(body, headers)
        except NoAnswerError as error:
            raise DeliveryError(f"{self._hook.host} {error}") from None
        if not answer.accepted:
            reason = f"{self._hook.host} answered with HTTP {answer.status}{': ' if answer.text else ''}{answer.text}"
            wait = self._seconds(answer.headers.get("retry-after", ""), answer.headers.get("date", ""))
            raise DeliveryError(reason, retry_after=wait, final=answer.status == _GONE)

    def _seconds(self, text: str, date: str) -> float | None:
        """The time of a header Retry-After: a number of seconds, or a date by the receiver's clock."""
        if text.isascii() and text.isdecimal():
            return float(text)
        then = _moment(text)
        return None if then is None else max(0.0, then - (_moment(date) or self._now()))

    def close(self) -> None:
        """Close all connections."""
        self._hook.close()


def _moment(text: str) -> float | None:
    """An HTTP date in seconds since 1970; None if there is none."""
    with suppress(ValueError, TypeError, OverflowError):
        return parsedate_to_datetime(text).timestamp()
    return None


def _message_id(events: Sequence[ChangeEvent]) -> str:
    """An id that is the same for every delivery of the same events."""
    if len(events) == 1:
        return events[0].id
    return "batch-" + hashlib.sha256("\n".join(one.id for one in events).encode()).hexdigest()[:32]


class JsonFilesReceiver:
    """Adds lines to `OBJECT.jsonl`. A delivery has ended when its lines are on the disk."""

    def __init__(self, folder: Path) -> None:
        """SettingsError if the folder cannot be made."""
        self._folder = folder
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"{folder} cannot be made: {error.strerror}", fix="name another folder") from None

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Add the events; DeliveryError if a file cannot be written."""
        texts: dict[Path, bytes] = {}
        for event in events:
            path = self._folder / f"{quote(event.object, safe=' ')}.jsonl"
            texts[path] = texts.get(path, b"") + encode(event.to_dict()) + b"\n"
        with self._lock:
            for path, text in texts.items():
                try:
                    _append(path, text)
                except OSError as error:
                    raise DeliveryError(f"{path} cannot be written: {error.strerror}") from None

    def close(self) -> None:
        """Nothing is held."""


def _append(path: Path, text: bytes) -> None:
    """Add lines and wait for the disk; a line that a killed process left unfinished is removed first."""
    with path.open("a+b") as file:
        end = file.tell()
        whole = _last_line_end(path, end)
        if whole < end:
            file.truncate(whole)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _last_line_end(path: Path, size: int, piece: int = 65_536) -> int:
    """The position after the last line that is whole."""
    with path.open("rb") as file:
        end = size
        while end:
            start = max(0, end - piece)
            file.seek(start)
            position = file.read(end - start).rfind(b"\n")
            if position >= 0:
                return start + position + 1
            end = start
    return 0


class FunctionReceiver:
    """Calls a function with one event after another; an exception means that the event was not taken."""

    def __init__(self, function: Callable[[ChangeEvent], object]) -> None:
        self._function = function

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Call the function with each event."""
        for event in events:
            self._function(event)

    def close(self) -> None:
        """Nothing is held."""


def function_named(name: str) -> Callable[[ChangeEvent], object]:
    """The function `module:function`; modules of the working directory are found. SettingsError if there is none."""
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise SettingsError(f"python:{name} names no function", fix="write python:MODULE:FUNCTION")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        function = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise SettingsError(
            f"the module {module} cannot be imported: {error}", fix="check its name and place"
        ) from None
    except AttributeError:
        raise SettingsError(f"the module {module} has no function {attribute}") from None
    if not callable(function):
        raise SettingsError(f"{module}:{attribute} is not a function")
    return function  # type: ignore[no-any-return]

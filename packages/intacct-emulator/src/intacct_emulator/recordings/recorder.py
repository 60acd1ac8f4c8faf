"""Stands between a program and the real gateway, passes everything on, and records each exchange with its masks.

A recording never changes what the program gets: if an exchange cannot be written, the program still has its answer, and
the exchange is reported. What is not a whole document cannot be masked, so its content is not recorded, only
its length. The answer of getAPISession names the address for the session. The program gets the recorder's in its place,
and the session's requests are passed on to the real one.
"""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from http.client import HTTPException, IncompleteRead
from ipaddress import ip_address
from pathlib import Path
from secrets import token_bytes, token_hex
from threading import Lock
from urllib.parse import urlsplit

from intacct_emulator.recordings.exchanges import ANSWERED, NO_ANSWER, UNREADABLE, Exchange, RecordingFolder
from intacct_emulator.recordings.masks import ExchangeMasks, Mask
from intacct_protocol.errors import IntacctError, ProtocolError, SettingsError
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from intacct_protocol.xml.xml import Element, parse, serialize

GATEWAY = "https://api.intacct.com/ia/xml/xmlgw.phtml"
_SECONDS = 960
"""A little longer than the gateway's own time-out of 15 minutes."""
_HEADERS = ("content-type", "retry-after")
_ENDPOINT = re.compile(rb"(<endpoint>)([^<]*)(</endpoint>)")
_SESSION = re.compile(rb"<sessionid>([^<]*)</sessionid>")


class Recorder:
    """A transport that records what it passes on."""

    def __init__(
        self,
        recording: RecordingFolder,
        masks: ExchangeMasks,
        upstream: str = GATEWAY,
        *,
        say: Callable[[str], None] = lambda _: None,
        seconds: float = _SECONDS,
    ) -> None:
        """`say` gets a line for each exchange. Raises SettingsError for an address that secrets must not go to."""
        check_upstream(upstream)
        self._recording, self._masks, self._upstream = recording, masks, upstream
        self._say, self._seconds = say, seconds
        self._of_session: dict[bytes, str] = {}
        self._lock = Lock()
        self._number = recording.last_number()

    def __call__(self, endpoint: str, body: bytes) -> Reply:
        """Pass a request on, record the exchange, and give the answer as it came."""
        at, began = datetime.now(UTC), time.monotonic()
        session = _SESSION.search(body)
        upstream = self._of_session.get(session[1], self._upstream) if session else self._upstream
        note, reply = "", None
        try:
            reply = self._passed_on(upstream, body)
        except _NoAnswerError as error:
            note = str(error)
        self._record(body, reply, at.isoformat(timespec="seconds"), time.monotonic() - began, note)
        if reply is None:
            raise ConnectionCutError(f"the gateway gave no answer: {note}", sent=True)
        return Reply(reply.status, self._redirected(reply.body, endpoint, upstream), reply.headers)

    def _passed_on(self, upstream: str, body: bytes) -> Reply:
        request = urllib.request.Request(upstream, body, {"Content-Type": "application/xml"})  # noqa: S310 - checked
        try:
            with _OPENER.open(request, timeout=self._seconds) as answer:
                return Reply(answer.status, answer.read(), _headers(answer.headers.items()))
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, error.read(), _headers(error.headers.items()))
        except IncompleteRead as error:
            raise _NoAnswerError(f"the answer ended after {len(error.partial):,} bytes") from None
        except urllib.error.URLError as error:
            raise _NoAnswerError(f"{error.reason}") from None
        except (OSError, HTTPException) as error:
            raise _NoAnswerError(f"{type(error).__name__}: {error}") from None

    def _redirected(self, body: bytes, endpoint: str, upstream: str) -> bytes:
        """The answer with the recorder's address in place of that of its sessions, which are remembered."""
        named = _ENDPOINT.search(body)
        if named is None:
            return body
        address = named[2].decode("utf-8", "replace").strip()
        try:
            check_upstream(address)
        except SettingsError:
            address = upstream
        for session in _SESSION.findall(body):
            self._of_session[session] = address
        return _ENDPOINT.sub(lambda match: match[1] + endpoint.encode() + match[3], body)

    def _record(self, body: bytes, reply: Reply | None, at: str, seconds: float, note: str) -> None:
        """Record an exchange. What goes wrong is told, and the program does not notice."""
        try:
            request = parse(body)
        except ProtocolError:
            self._say(f"not recorded: a request of {len(body):,} bytes that is no document")
            return
        with self._lock:
            try:
                name = self._written(request, reply, at, seconds, note)
            except _LeftInError:
                self._say("not recorded: a password or a session id would be left in it")
                return
            except (OSError, IntacctError, ValueError) as error:  # whose texts may quote what is secret
                self._say(f"not recorded: {getattr(error, 'strerror', '') or type(error).__name__}")
                return
        self._say(f"{name}: {note or (reply.status if reply else '')}, {seconds:.2f} s")

    def _written(self, request: Element, reply: Reply | None, at: str, seconds: float, note: str) -> str:
        answer, outcome = None, NO_ANSWER
        if reply is not None:
            try:
                answer, outcome = parse(reply.body), ANSWERED
            except ProtocolError:
                outcome = UNREADABLE
                note = f"{len(reply.body):,} bytes that are no document; not recorded, because they cannot be masked"
        masked, masked_answer = self._masks.exchange(request, answer)
        if self._masks.leaks(
            serialize(masked).encode() + (serialize(masked_answer).encode() if masked_answer else b"")
        ):
            raise _LeftInError
        self._number += 1
        headers = {} if reply is None else reply.headers
        status = 0 if reply is None else reply.status
        return self._recording.add(
            Exchange(self._number, masked, masked_answer, outcome, status, headers, at, seconds, note)
        )


class _NoAnswerError(Exception):
    """The gateway gave no whole answer."""


class _LeftInError(Exception):
    """A masked exchange still has a credential, as the name of an element may be one."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A request holds passwords, so it does not follow a redirect to another address."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def check_upstream(address: str) -> None:
    """Raise SettingsError for an address that is neither https nor on this machine."""
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    try:
        here = parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        here = False
    if parts.scheme != "http" or not here:
        raise SettingsError(f"{address!r} is no address of a gateway", fix=f"write it as {GATEWAY}")


def _headers(headers: "list[tuple[str, str]]") -> dict[str, str]:
    return {name.lower(): text for name, text in headers if name.lower() in _HEADERS}


def start_recording(folder: Path, masks: set[Mask], keys: Path) -> tuple[RecordingFolder, ExchangeMasks]:
    """Begin or continue a recording. The key of its masks is kept in the folder `keys`, never in the recording."""
    about = {"id": token_hex(8), "began": datetime.now(UTC).isoformat(timespec="seconds"), "masks": sorted(masks)}
    recording = RecordingFolder.make(folder, about)
    if set(recording.about["masks"]) != masks:
        raise SettingsError(
            f"{folder} was begun with other masks: {', '.join(recording.about['masks']) or 'secrets only'}",
            fix="use the same masks, or record to a new folder",
        )
    return recording, masks_of(recording, keys, make=True)


def masks_of(recording: RecordingFolder, keys: Path, *, make: bool = False) -> ExchangeMasks:
    """The masks of a recording. Without its key, on another machine, equal texts get other replacements."""
    file = keys / f"{recording.about.get('id', 'har')}.key"
    if make and not file.exists():
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600, exist_ok=False)
        file.write_bytes(token_bytes(32))
    key = file.read_bytes() if file.exists() else token_bytes(32)
    return ExchangeMasks({Mask(name) for name in recording.about.get("masks", ())}, key)

"""The way to the company in a simulation: every request passes here, and so does every end of a process.

To the faults of the torture it adds faults of reads, edits by other people between two requests, and requests of a
process that was killed before.
"""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from random import Random
from threading import get_ident

from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.simulate.disk import DeadError
from support.simulate.history import History
from support.torture.world import WITH_PAGES, World

READ_FAULTS = ("scripted", "cut unsent", "cut before", "cut after", "answered after", "page", "killed before")
"""Faults of requests that change nothing."""
_PAUSES = (0, 0, 0, 1, 20, 100)
"""Seconds that a request may take."""


def nothing() -> None:
    """Does nothing."""


class Network(World):
    """One company, reached through a bad network."""

    def __init__(self, random: Random, history: History, memory: str, visible_after: timedelta) -> None:
        super().__init__(
            random, memory, visible_after, unique_numbers=False, draw=lambda: f"{random.getrandbits(64):016x}"
        )
        self.happened = history.happened
        self.history = history
        self.faults = WITH_PAGES
        self.write_faults = self.read_faults = 0.0
        """How many of the requests meet a fault."""
        self.between: Callable[[], None] = nothing
        """Called before each request: another person may edit something."""
        self.dead: Callable[[], bool] = bool
        """Whether the process that asks was killed before."""
        self.end_process: Callable[[], None] | None = None
        """How a process ends, if it is alone; with another one beside it, its outbox is closed."""

    def _answered(self, endpoint: str, body: bytes) -> Reply:
        if self.dead():
            raise DeadError
        self.between()
        if self.faulty:
            self.clock.forward(seconds=self.random.choice(_PAUSES))
        request = decode_request(body)
        names = [function.name for operation in request.operations for function in operation.functions]
        writes = any(name.startswith(("create", "update", "delete", "reverse")) for name in names)
        writes = writes or request.control.uniqueid
        self.history.note(
            f"{self.clock.now:%d %H:%M:%S} {'writes' if writes else 'reads'} {_of(names)} {_digest(body)}"
        )
        if self._late and self.random.random() < 0.2:
            self.finish(everything=False)
        if self.memory == "lasting" and writes:
            self.finish(everything=True)  # a repeated control id waits for the first
        rate = self.write_faults if writes else self.read_faults
        if self.faulty and self.random.random() < rate:
            return self._with_fault(self.random.choice(self.faults if writes else READ_FAULTS), endpoint, body)
        rows = any(name in ("query", "readByQuery", "readMore", "read", "get_list", "get") for name in names)
        reply = self._seen(self.emulator(endpoint, body), writes=writes or not rows)
        self.history.note(f"  answer {_digest(reply.body)}")
        return reply

    def _with_fault(self, kind: str, endpoint: str, body: bytes) -> Reply:
        self.history.note(f"  fault: {kind}")
        try:
            return super()._with_fault(kind, endpoint, body)
        except ConnectionCutError:
            raise
        finally:
            self.happened[f"network: {kind}"] += 1

    def kill(self) -> None:
        """The process ends here, and writes nothing more."""
        self.happened["kills"] += 1
        if self.end_process is not None:
            self.end_process()
        else:
            self.die.get(get_ident(), nothing)()
        raise DeadError

    def unfinished(self, control_id: str) -> bool:
        """Whether a request with this control ID is still at work."""
        return any(control_id.encode() in body for _, _, body in self._late)


def _of(names: list[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)


def _digest(body: bytes) -> str:
    return sha256(body).hexdigest()[:12]

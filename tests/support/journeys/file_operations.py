"""The operations of a process on the files of a copy, one by one, and its end by kill -9 before any of them.

Linux stops a thread before each of these system calls and asks us (a seccomp filter with `SECCOMP_RET_USER_NOTIF`), so
the writes of DuckDB and Arrow are seen like our own. What a killed process leaves is what it gave to the system before.
"""

import ctypes
import os
import platform
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NUMBERS = {
    "x86_64": {
        "write": 1, "pwrite64": 18, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "rename": 82, "unlink": 87,
        "unlinkat": 263, "renameat": 264, "renameat2": 316, "seccomp": 317,
    },
    "aarch64": {
        "unlinkat": 35, "renameat": 38, "ftruncate": 46, "write": 64, "pwrite64": 68, "fsync": 82, "fdatasync": 83,
        "renameat2": 276, "seccomp": 277,
    },
}  # fmt: skip
"""System calls by processor; include/uapi/asm-generic/unistd.h has those of aarch64."""
_OF_PATHS = {
    "rename": ("rename", 0),
    "renameat": ("rename", 1),
    "renameat2": ("rename", 1),
    "unlink": ("unlink", 0),
    "unlinkat": ("unlink", 1),
}
"""The operation of a system call, and which argument is its path; the first argument of the others is a handle."""
_NO_NEW_PRIVILEGES = 38
_SET_FILTER, _GET_SIZES = 1, 3
_NEW_LISTENER = 8
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ASK, _ALLOW = 0x7FC00000, 0x7FFF0000
_QUESTION = struct.Struct("=QII iIQ 6Q")
"""`struct seccomp_notif`: its number, the thread, flags; the call, the processor, an address, six arguments."""
_ANSWER = struct.Struct("=QqiI")
_RECEIVE = 3 << 30 | _QUESTION.size << 16 | ord("!") << 8
_SEND = 3 << 30 | _ANSWER.size << 16 | ord("!") << 8 | 1
_GO_ON = 1


def unavailable() -> str:
    """Why the system does not ask, if it does not."""
    numbers = _NUMBERS.get(platform.machine())
    if not sys.platform.startswith("linux") or numbers is None:
        return "needs Linux on x86_64 or aarch64"
    sizes = (ctypes.c_uint16 * 3)()
    if ctypes.CDLL(None).syscall(numbers["seccomp"], _GET_SIZES, 0, sizes):
        return "the system's seccomp has no notifications"
    return "" if list(sizes)[:2] == [_QUESTION.size, _ANSWER.size] else "seccomp has other sizes here"


def ask(handle: int) -> None:
    """From here on this thread, and those that it starts, ask at the other end of a socket before each operation."""
    numbers = dict(_NUMBERS[platform.machine()])
    call = numbers.pop("seccomp")
    steps = [(_LOAD, 0, 0, 0)]
    steps += [(_JUMP_IF_EQUAL, len(numbers) - place, 0, one) for place, one in enumerate(numbers.values())]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _ASK)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(code)))
    system = ctypes.CDLL(None, use_errno=True)
    system.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    questions = system.syscall(call, _SET_FILTER, _NEW_LISTENER, program)
    if questions < 0:
        raise OSError(ctypes.get_errno(), "no filter")
    with socket.socket(fileno=handle) as other:
        socket.send_fds(other, [b"."], [questions])
    os.close(questions)


class FileOperations:
    """Those of one process at a time, on files whose paths begin like the copy's."""

    def __init__(self, copy: Path) -> None:
        self._copy = str(copy)
        self._last, self._counted = 0, ""
        self.seen: list[str] = []
        """Such as `pwrite64 copy.duckdb`; the last one was not done if the process was killed before it."""

    def kill_before(self, number: int, counted: str = "") -> None:
        """Kill the next process before this operation, counted from 1 among those with these words; 0: not at all."""
        self._last, self._counted = number, counted

    @contextmanager
    def asked(self) -> Iterator[int]:
        """The end of a socket for the next process."""
        self.seen = []
        self._here, other = socket.socketpair()
        with other:
            yield other.fileno()

    def watch(self, process: "subprocess.Popen[str]") -> threading.Thread:
        """Answer the process until it ends, in a thread."""
        thread = threading.Thread(target=self._answer, args=(process,))
        thread.start()
        return thread

    def _answer(self, process: "subprocess.Popen[str]") -> None:
        with self._here as here:
            _, handles, _, _ = socket.recv_fds(here, 1, 1)
        for questions in handles:  # none, where it ended before
            try:
                self._answer_all(questions, process)
            finally:
                os.close(questions)

    def _answer_all(self, questions: int, process: "subprocess.Popen[str]") -> None:
        import fcntl  # not on Windows

        waiting = select.poll()
        waiting.register(questions, select.POLLIN)
        while waiting.poll()[0][1] & select.POLLIN:
            question = bytearray(_QUESTION.size)
            with suppress(FileNotFoundError):  # the process has ended meanwhile
                fcntl.ioctl(questions, _RECEIVE, question)
                number, thread, _, call, _, _, *arguments = _QUESTION.unpack(question)
                if self._is_last(thread, call, arguments):
                    os.kill(process.pid, signal.SIGKILL)
                    return
                fcntl.ioctl(questions, _SEND, _ANSWER.pack(number, 0, 0, _GO_ON))

    def _is_last(self, thread: int, call: int, arguments: list[int]) -> bool:
        name = next(name for name, number in _NUMBERS[platform.machine()].items() if number == call)
        if name in _OF_PATHS:
            name, place = _OF_PATHS[name]
            path = _text(thread, arguments[place])
        else:
            path = str(Path(f"/proc/{thread}/fd/{arguments[0]}").readlink())
        if not path.startswith(self._copy):
            return False
        self.seen.append(f"{name} {Path(path).name}")
        return self._counted in self.seen[-1] and sum(self._counted in one for one in self.seen) == self._last


def _text(thread: int, address: int) -> str:
    with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(4096).split(b"\0")[0].decode()

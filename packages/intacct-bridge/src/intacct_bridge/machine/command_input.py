"""A command that gets a text on its standard input: how it ends, what it writes, and an end after a time.

Its output goes to a file and not to a pipe, so that the command has ended when it ends: a program that it left running
in the background keeps a pipe open.
"""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from tempfile import TemporaryFile

from intacct_bridge.machine.running_commands import RunningCommands

_MOST_BYTES = 16 << 20
"""Of the output; the beginning of a longer one is left out."""


class CommandTooLongError(Exception):
    """The command did not end in its time; it was ended, with all that it started."""


def give(
    command: str | Sequence[str],
    text: bytes,
    *,
    seconds: float,
    environ: Mapping[str, str] | None = None,
    running: RunningCommands | None = None,
) -> tuple[int, str]:
    """Run a command line in the system's shell, or a program with its arguments: its exit status, and what it wrote.

    `running` notes the command before it gets its input. CommandTooLongError after `seconds`. OSError if the program
    cannot be started.
    """
    with TemporaryFile() as output, running.file() if running else nullcontext() as file:
        process = subprocess.Popen(
            command,
            shell=isinstance(command, str),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=os.name != "nt",
            pass_fds=(file.fileno(),) if file else (),
        )
        try:
            if file:
                file.write(str(process.pid).encode())
            process.communicate(text, timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            raise CommandTooLongError(f"did not end within {seconds:g} seconds") from None
        except BaseException:
            _end(process)
            raise
        output.seek(max(0, output.seek(0, os.SEEK_END) - _MOST_BYTES))
        return process.returncode, output.read().decode("utf-8", "replace")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the command and everything that it started."""
    with suppress(OSError):
        if os.name == "nt":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()

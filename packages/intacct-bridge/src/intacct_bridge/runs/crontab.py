"""The entry of a flow in the user's crontab: one line with a mark, which is replaced or removed and never doubled."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence

from intacct_protocol.errors import SettingsError

_MARK = "# intacct flow "
_FIELDS = re.compile(r"(?:[\d*,/-]+|[A-Za-z]{3}(?:-[A-Za-z]{3})?)")
_NAMES = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually", "@reboot")
_SECONDS = 10


def cron_entry(flow: str, command: Sequence[str], *, directory: str, when: str) -> str:
    """The line for a flow; `when` is as cron has it, such as `15 2 * * 1-6`. SettingsError for another form."""
    fields = when.split()
    if not (when.strip() in _NAMES or (len(fields) == 5 and all(map(_FIELDS.fullmatch, fields)))):
        raise SettingsError(
            f"{when!r} is not a cron time", fix="Write minute, hour, day, month and day of the week: 15 2 * * 1-6"
        )
    for text in (directory, flow, *command):
        if "\n" in text or "\r" in text:
            raise SettingsError(f"{text!r} has a line end, which a crontab cannot hold", fix="Give it another name.")
    words = shlex.join(command).replace("%", r"\%")  # cron ends a command at a percent sign
    place = shlex.quote(directory).replace("%", r"\%")
    return f"{' '.join(fields)} cd {place} && {words} -q {_MARK}{flow}"


def installed_entry(flow: str) -> str:
    """The line of a flow in the user's crontab; empty if there is none, or no cron."""
    return next((line for line in _table() if _is_of(line, flow)), "")


def install_entry(flow: str, entry: str) -> None:
    """Put a line into the user's crontab, in place of the one that the flow has; an empty one removes that."""
    if shutil.which("crontab") is None:
        raise SettingsError("there is no cron on this machine", fix="Use a systemd timer, or another scheduler.")
    lines = [*(line for line in _table() if not _is_of(line, flow)), *([entry] if entry else [])]
    done = _crontab("-", text="".join(f"{line}\n" for line in lines))
    if done.returncode:
        raise SettingsError(f"crontab refused the entry: {done.stderr.strip()}", fix="Put the line in by hand.")


def _is_of(line: str, flow: str) -> bool:
    return line.endswith(f" {_MARK}{flow}")


def _table() -> list[str]:
    """The lines of the user's crontab; none if there is no cron, or no table yet. SettingsError if it cannot be
    read, so that it is never replaced by a shorter one.
    """
    if shutil.which("crontab") is None:
        return []
    done = _crontab("-l")
    if done.returncode and "no crontab" not in done.stderr:
        raise SettingsError(f"the crontab cannot be read: {done.stderr.strip()}", fix="Look at it with: crontab -l")
    return done.stdout.splitlines() if done.returncode == 0 else []


def _crontab(word: str, *, text: str = "") -> "subprocess.CompletedProcess[str]":
    program = shutil.which("crontab") or "crontab"
    return subprocess.run([program, word], input=text, text=True, capture_output=True, timeout=_SECONDS, check=False)

"""The state of the assistant for one connection, kept in the user's state directory: no password is in it.

It holds the planned use, the values that a person gave before there was a connection, the steps that were ticked by
hand, and what the last checks saw.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from intacct_bridge.machine.directories import state_directory
from intacct_bridge.machine.locks import locked
from intacct_bridge.machine.replaced_file import replaced
from intacct_protocol.errors import SettingsError
from intacct_protocol.model import keys
from intacct_protocol.model.permissions import permissions
from intacct_protocol.model.suggestions import closest

DONE, MISSING, UNKNOWN = "done", "missing", "unknown"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_#.]*")


class Observation(msgspec.Struct, frozen=True):
    """What a check saw of one step."""

    state: str
    text: str
    at: str
    """The time of the check in UTC, such as `2026-11-22T20:05:00Z`."""
    about: str = ""
    """The settings that it belongs to; it says nothing about others."""
    inferred: bool = False
    """Intacct reported the step as missing earlier, and reports another one now."""


class SetUpAnswers(msgspec.Struct, frozen=True):
    """The values that a person gave; those of the connection outrank them."""

    company_id: str = ""
    sender_id: str = ""
    user_id: str = ""
    email: str = ""
    """Of the person who gets the user's password."""
    role: str = ""
    location_id: str = ""
    environment: str = ""
    sender: str = ""
    """The name of a shared sender, with which the company can be checked before there is a connection."""
    endpoint: str = ""
    """A gateway other than Sage's public one."""


class SetUpProgress(msgspec.Struct, frozen=True):
    """The state of the assistant for one connection."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    answers: SetUpAnswers = SetUpAnswers()
    by_hand: dict[str, str] = {}  # msgspec copies the default
    """By step, the time at which a person ticked it."""
    observed: dict[str, Observation] = {}
    checked: str = ""
    """The time of the last check."""
    transactions: int = 0
    """API transactions of the last check."""
    problem: str = ""
    """Why the last check could not run; empty if it ran."""

    @property
    def is_planned(self) -> bool:
        """Whether the use is known."""
        return bool(self.reads or self.writes)


@dataclass(frozen=True, slots=True)
class UnusualName:
    """An object of the planned use that is not a standard object."""

    name: str
    near: tuple[str, ...]
    """Standard objects with a similar name."""

    def __str__(self) -> str:
        near = f" Did you mean {' or '.join(self.near)}?" if self.near else ""
        return f"{self.name} is not a standard object.{near} The permission of a custom object has the object's name."


def object_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Objects as a person lists them, in upper case, between commas or spaces. SettingsError for other strings."""
    names = [one for text in texts for one in re.split(r"[\s,;]+", text) if one]
    for name in names:
        if not _NAME.fullmatch(name):
            raise SettingsError(
                f"{name!r} is not the name of an object.",
                fix="Name objects as Intacct does, such as APBILL or GLDETAIL.",
            )
    return tuple(dict.fromkeys(name.upper() for name in names))


def unusual_names(names: Iterable[str]) -> tuple[UnusualName, ...]:
    """Those names that are not standard objects, each with the nearest ones."""
    standard = tuple(permissions())
    return tuple(UnusualName(one, tuple(closest(one, standard, 2))) for one in names if not keys.standard(one))


class SetUpStore:
    """The kept states of the assistant, one file for each connection."""

    def __init__(self, directory: Path | None = None) -> None:
        """In the user's state directory, unless another one is given."""
        self._directory = directory or state_directory() / "setup"

    def of(self, name: str) -> SetUpProgress:
        """The state for a connection; a new one if there is none, or its file cannot be read."""
        try:
            return msgspec.json.decode(self._path(name).read_bytes(), type=SetUpProgress)
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            return SetUpProgress()

    def change(self, name: str, **changes: object) -> SetUpProgress:
        """Change parts of a state, and keep it. Raises SettingsError if it cannot be written."""
        path = self._path(name)
        try:
            with locked(path.with_suffix(".lock")):
                changed = msgspec.structs.replace(self.of(name), **changes)
                with replaced(path) as fresh:
                    fresh.touch(mode=0o600)
                    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(changed), indent=1))
        except OSError as error:
            raise SettingsError(
                f"The plan cannot be kept in {path.parent}: {error.strerror}.", fix="Make the folder writable."
            ) from None
        return changed

    def _path(self, name: str) -> Path:
        shown = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:60]
        return self._directory / f"{shown}-{sha256(name.encode()).hexdigest()[:8]}.json"

"""The place of typed passwords: the system's keyring, or the connection's file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intacct_bridge.connections.connection import SECRETS
from intacct_bridge.connections.sources import SettingsSources
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import listed

_RECOMMENDED = 1.0
"""The package keyring recommends back ends of at least this priority; one that saves plain text has less."""
_NOT_INSTALLED = -1.0
_INSTALL = "Run: pip install 'intacct-bridge[keyring]'"


@dataclass(frozen=True, slots=True)
class PasswordPlace:
    """Where the typed passwords of a connection, or of a shared sender, are kept."""

    name: str
    path: Path
    in_keyring: bool
    otherwise: str = ""
    """How this user does without a keyring, for messages."""

    @classmethod
    def chosen(cls, name: str, path: Path, *, keyring: bool | None, otherwise: str = "") -> "PasswordPlace":
        """The place that the user wants: without a wish, the keyring if there is one."""
        if keyring is False:
            return cls(name, path, False, otherwise)
        strength, reason = _keyring_strength()
        if keyring and strength <= 0:
            fix = _INSTALL if strength is _NOT_INSTALLED else otherwise
            raise SettingsError(f"The passwords cannot be kept in a keyring: {reason}.", fix=fix)
        return cls(name, path, bool(keyring) or strength >= _RECOMMENDED, otherwise)

    @property
    def service(self) -> str:
        """The keyring's name for the connection. Connections of the same name in two projects do not share one."""
        path = self.path.resolve()
        file = "" if path == SettingsSources().user_file.resolve() else f"{path}:"
        return f"intacct-bridge:{file}{self.name}"

    @property
    def notice(self) -> str:
        """Where the passwords will be, for a person who is about to type them."""
        if self.in_keyring:
            import keyring

            return f"Passwords will be kept in the keyring of this system ({keyring.get_keyring().name})."
        shared = " Do not share or commit this file." if not self.path.is_absolute() else ""
        return (
            f"Passwords will be kept as plain text in {self.path.resolve()}, which only your account can read.{shared}"
        )

    def saved(self, key: str, value: Any) -> Any:
        """A setting as the file has it: a typed password goes to the keyring, and the file refers to it."""
        if not self.in_keyring or key not in SECRETS or not isinstance(value, str):
            return value
        import keyring

        try:
            keyring.set_password(self.service, key, value)
        except Exception as error:  # a keyring's back end raises its own errors
            raise SettingsError(
                f"The keyring cannot save the password ({type(error).__name__}).", fix=self.otherwise
            ) from None
        return {"keyring": f"{self.service}/{key}"}


def forget_passwords(table: Mapping[str, Any], name: str, path: Path) -> str:
    """Remove from the keyring the passwords of a connection, or of a sender, whose `table` was taken out of `path`.

    Only entries that `PasswordPlace` made for this name and file are removed, and none to which another table refers:
    others are of the user's own. If the keyring fails, the answer says which entries stay; else it is empty.
    """
    place = PasswordPlace(name, path, in_keyring=True)
    entries_of_table = {f"{place.service}/{key}": key for key in SECRETS}
    used = {entry for file in SettingsSources().files() for entry in _entries(file.connections, file.senders)}
    entries = [entry for entry in _entries({name: table}) if entry in entries_of_table and entry not in used]
    left = [entry for entry in entries if not _removed(place.service, entries_of_table[entry])]
    return f"The keyring still has {listed(left)}: remove {'it' if len(left) == 1 else 'them'} there." if left else ""


def _entries(*groups: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The entries of the keyring to which the settings of these tables refer."""
    values = (value for group in groups for table in group.values() for value in table.values())
    yield from (str(value["keyring"]) for value in values if isinstance(value, Mapping) and "keyring" in value)


def _removed(service: str, key: str) -> bool:
    """Whether the keyring has no such entry now."""
    try:
        import keyring

        if keyring.get_password(service, key) is not None:
            keyring.delete_password(service, key)
    except Exception:  # a keyring's back end raises its own errors, and the package may be gone
        return False
    return True


def _keyring_strength() -> tuple[float, str]:
    """The priority of the system's keyring, and why there is none if it is not above zero."""
    try:
        import keyring
    except ImportError:
        return _NOT_INSTALLED, "the package keyring is not installed"
    try:
        return float(keyring.get_keyring().priority), "this system has none that can be used"
    except Exception as error:  # a keyring's back end raises its own errors
        return 0.0, f"the system's keyring fails ({type(error).__name__})"

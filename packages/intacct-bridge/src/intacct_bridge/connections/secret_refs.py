"""Settings kept elsewhere: `{env = "NAME"}`, `{keyring = "service/user"}` or `{file = "path"}` in place of a value.

References are resolved only when a connection is loaded, never when connections are listed.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intacct_protocol.errors import SettingsError

KINDS = ("env", "keyring", "file")


def resolved(value: Any, *, where: str, environ: Mapping[str, str] = os.environ) -> Any:
    """The value, or the value that a reference stands for. `where` names the connection and the setting for errors."""
    if not isinstance(value, Mapping):
        return value
    if len(value) != 1 or next(iter(value)) not in KINDS:
        raise SettingsError(
            f"{where} is a table with {', '.join(map(str, value)) or 'nothing'} in it",
            fix='Write the value itself, {env = "NAME"}, {keyring = "service/user"} or {file = "path"}.',
        )
    kind, target = next(iter(value.items()))
    if not isinstance(target, str) or not target:
        raise SettingsError(f"{where}: `{kind}` must be a text, and is {target!r}")
    if kind == "env":
        return _from_environment(target, where, environ)
    if kind == "file":
        return _from_file(target, where)
    return _from_keyring(target, where)


def _from_environment(variable: str, where: str, environ: Mapping[str, str]) -> str:
    secret = environ.get(variable, "")
    if not secret:
        raise SettingsError(
            f"{where} refers to the environment variable {variable}, which is not set",
            fix=f"Set {variable} in the environment of this command, or give the setting another way.",
        )
    return secret


def _from_file(path: str, where: str) -> str:
    try:
        secret = Path(path).expanduser().read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not readable as UTF-8 text"
        raise SettingsError(f"{where} refers to the file {path}: {reason}") from None
    if not secret:
        raise SettingsError(f"{where} refers to the file {path}, which is empty")
    return secret


def _from_keyring(entry: str, where: str) -> str:
    service, slash, user = entry.rpartition("/")
    if not slash or not service or not user:
        raise SettingsError(f'{where}: {entry!r} is not of the form "service/user"')
    try:
        import keyring
    except ImportError:
        raise SettingsError(
            f"{where} refers to the keyring, and the package keyring is not installed",
            fix="Run: pip install 'intacct-bridge[keyring]'",
        ) from None
    try:
        secret: str | None = keyring.get_password(service, user)
    except Exception as error:  # a back end may raise any error of its own
        raise SettingsError(
            f"{where}: the keyring cannot be read ({type(error).__name__})",
            fix='On a machine without a desktop, use {env = "NAME"} or {file = "path"} instead.',
        ) from None
    if not secret:
        raise SettingsError(
            f"{where} refers to the keyring, which has nothing for {user!r} under {service!r}",
            fix=f"Run: keyring set {service} {user}",
        )
    return secret

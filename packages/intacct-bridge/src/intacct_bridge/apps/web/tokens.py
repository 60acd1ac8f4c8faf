"""Bearer tokens: where a server finds its own, and what it takes for one."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from intacct_protocol.errors import SettingsError

_SHORTEST = 24


def token_of(variable: str, path: Path, environ: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """The token of a variable, or of a file, which is made if it is missing; and where a person finds it."""
    from_variable = environ.get(variable, "").strip()
    if from_variable:
        return checked_token(from_variable, variable), f"the variable {variable}"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return checked_token(read_token(path), str(path)), str(path)
    except OSError as error:
        raise _unusable(path, error) from None
    token = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{token}\n")
    return token, str(path)


def read_token(path: Path) -> str:
    """A token in a file that only its owner can read. SettingsError for another file."""
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise SettingsError(f"others can read the token in {path}", fix=f"chmod 600 {path}")
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error) from None


def checked_token(token: str, place: str) -> str:
    """The token. SettingsError if it is short, or is no plain text."""
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError(
            f"the token in {place} is too short, or not plain text",
            fix=f"Use at least {_SHORTEST} letters and digits, such as {secrets.token_urlsafe(32)}.",
        )
    return token


def _unusable(path: Path, error: Exception) -> SettingsError:
    reason = getattr(error, "strerror", None) or "it is not plain text"
    return SettingsError(f"the token's file {path} cannot be used: {reason}", fix="Name another file.")

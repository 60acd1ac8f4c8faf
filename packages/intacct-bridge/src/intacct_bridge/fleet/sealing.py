"""Sealing of secrets: envelope encryption with AES-256-GCM.

Each owner (a tenant, or the fleet itself) has a data key that seals its secrets; a key of the fleet, which is not in
the database, seals the data keys. The owner and the name of a secret are part of what is authenticated, so a sealed
secret opens only where it was put. A new key of the fleet seals the data keys again and leaves the secrets as they are.
"""

import base64
import binascii
import os
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import listed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VARIABLE = "INTACCT_FLEET_KEY"
COMMAND_VARIABLE = "INTACCT_FLEET_KEY_COMMAND"
_PREFIX = "ifk1_"
_KEY_BYTES, _NONCE_BYTES, _TAG_BYTES = 32, 12, 16
_FORM = b"\x01"
"""The first byte of everything sealed: the form of the rest."""
_COMMAND_SECONDS = 30
_LOST = (
    f"Add that key to {VARIABLE}. If it is lost, its secrets cannot be read by any means: take a new key into use"
    " with `intacct fleet rotate --give-up-lost`, and enter the credentials again."
)


@dataclass(frozen=True, slots=True)
class FleetKey:
    """A key of a fleet; only its id shows."""

    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> "FleetKey":
        """A random key."""
        return cls(os.urandom(_KEY_BYTES))

    @classmethod
    def of(cls, text: str) -> "FleetKey":
        """The key that a text stands for; SettingsError if it is none. The message never quotes it."""
        code = text.strip().removeprefix(_PREFIX)
        try:
            secret = base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)) if text.strip() != code else b""
        except (ValueError, binascii.Error):
            secret = b""
        if len(secret) != _KEY_BYTES:
            raise SettingsError(
                f"a key of the fleet must have the form {_PREFIX}...",
                fix=f"Make one with `intacct fleet key`, and put it into {VARIABLE}.",
            )
        return cls(secret)

    @property
    def text(self) -> str:
        """The key as people keep it. It is a secret."""
        return _PREFIX + base64.urlsafe_b64encode(self.secret).decode().rstrip("=")

    @property
    def id(self) -> str:
        """A name for the key, which tells nothing about it."""
        return sha256(b"intacct-bridge fleet key id\0" + self.secret).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A data key, sealed by a key of the fleet."""

    key_id: str
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FleetKeys:
    """The keys of a fleet: the first one seals, and each of them opens."""

    keys: tuple[FleetKey, ...]

    @classmethod
    def of(cls, texts: "str | Iterable[str]") -> "FleetKeys":
        """Keys from strings; one text may hold several with commas or spaces between them."""
        parts = [texts] if isinstance(texts, str) else list(texts)
        words = [word for text in parts for word in text.replace(",", " ").split()]
        fleet_keys = tuple(dict.fromkeys(map(FleetKey.of, words)))
        if not fleet_keys:
            raise SettingsError(
                "the key of the fleet is missing",
                fix=f"Make one with `intacct fleet key`, keep it safe, and put it into {VARIABLE}.",
            )
        return cls(fleet_keys)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "FleetKeys":
        """The keys in INTACCT_FLEET_KEY, or those that the command in INTACCT_FLEET_KEY_COMMAND prints."""
        if environ.get(VARIABLE):
            return cls.of(environ[VARIABLE])
        command = environ.get(COMMAND_VARIABLE, "")
        return cls.of(_printed(command) if command else "")

    @property
    def first(self) -> FleetKey:
        """The key that seals."""
        return self.keys[0]

    def new_data_key(self, owner: str) -> tuple[bytes, SealedKey]:
        """A random data key for an owner, and the same sealed."""
        key = os.urandom(_KEY_BYTES)
        return key, self.sealed_key(key, owner)

    def sealed_key(self, data_key: bytes, owner: str) -> SealedKey:
        """A data key, sealed by the first key."""
        return SealedKey(self.first.id, _seal(self.first.secret, data_key, _data("data key", owner, self.first.id)))

    def opened_key(self, sealed: SealedKey, owner: str) -> bytes:
        """A data key. SettingsError if the key that sealed it is not given, or if it was changed."""
        key = next((one for one in self.keys if one.id == sealed.key_id), None)
        if key is None:
            key_ids = listed([one.id for one in self.keys])
            raise SettingsError(
                f"the secrets of {owner_name(owner)} need the fleet's key {sealed.key_id}, and the given"
                f" {'key is' if len(self.keys) == 1 else 'keys are'} {key_ids}",
                fix=_LOST,
            )
        return _open(key.secret, sealed.sealed, _data("data key", owner, key.id), f"the key of {owner_name(owner)}")


def seal(data_key: bytes, owner: str, name: str, value: str) -> bytes:
    """A secret, sealed for its owner and name."""
    return _seal(data_key, value.encode(), _data("secret", owner, name))


def unseal(data_key: bytes, owner: str, name: str, sealed: bytes) -> str:
    """A secret. SettingsError if any byte was changed, or if it was sealed for another owner or name."""
    return _open(data_key, sealed, _data("secret", owner, name), f"{name} of {owner_name(owner)}").decode()


def owner_name(owner: str) -> str:
    """An owner as messages name it."""
    return f"tenant {owner!r}" if owner else "the fleet"


def _data(*parts: str) -> bytes:
    """What is authenticated beside the secret; lengths keep the parts apart."""
    encoded = [part.encode() for part in parts]
    return _FORM + b"".join(len(part).to_bytes(4) + part for part in encoded)


def _seal(key: bytes, plain: bytes, data: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _FORM + nonce + _cipher(key).encrypt(nonce, plain, data)


def _open(key: bytes, sealed: bytes, data: bytes, what: str) -> bytes:
    from cryptography.exceptions import InvalidTag

    nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        if sealed[:1] != _FORM or len(rest) < _TAG_BYTES:
            raise InvalidTag
        return _cipher(key).decrypt(nonce, rest, data)
    except InvalidTag:
        raise SettingsError(
            f"{what} cannot be opened: the sealed text in the database was changed",
            fix="Restore the fleet's tables from a backup, or enter the credentials again.",
        ) from None


def _cipher(key: bytes) -> "AESGCM":
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise SettingsError("a fleet needs the fleet extra", fix="pip install 'intacct-bridge[fleet]'") from None
    return AESGCM(key)


def _printed(command: str) -> str:
    """What a command prints; its output is in no message."""
    try:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, timeout=_COMMAND_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise SettingsError(
            f"the command in {COMMAND_VARIABLE} cannot be run: {reason}", fix="Correct the command."
        ) from None
    if done.returncode:
        raise SettingsError(
            f"the command in {COMMAND_VARIABLE} ended with exit status {done.returncode}",
            fix="Run it by hand to see why.",
        )
    return done.stdout

"""Receivers of notifications: `[notify.NAME]` in intacct.toml.

    [notify.accounting]
    mail = ["controller@example.com"]
    from = "bridge@example.com"
    smtp = "mail.example.com:587"
    user = "bridge"
    password = {env = "SMTP_PASSWORD"}
    on = ["failure", "in doubt"]

A receiver is one of `mail`, `webhook` (an address) and `command` (a program, which gets the run on standard input).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intacct_bridge.connections.connection import is_loopback
from intacct_bridge.connections.secret_refs import resolved
from intacct_bridge.connections.sources import SettingsSources
from intacct_bridge.connections.toml_file import place_of
from intacct_bridge.runs.run import Run, RunEnd
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean

FAILURE, IN_DOUBT, DEAD_LETTER, ALWAYS = "failure", "in doubt", "dead letter", "always"
OCCASIONS = (FAILURE, IN_DOUBT, DEAD_LETTER, ALWAYS)
KINDS = ("mail", "webhook", "command")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "mail": ("mail", "from", "smtp", "user", "password", "tls", "on"),
    "webhook": ("webhook", "secret", "on"),
    "command": ("command", "on"),
}
TLS = ("starttls", "implicit", "none")


@dataclass(frozen=True, slots=True)
class Channel:
    """A receiver as its table describes it; references to secrets are resolved."""

    name: str
    kind: str
    target: tuple[str, ...] = field(repr=False)
    """Addresses of mail, one address of a webhook, or the words of a command."""
    on: tuple[str, ...] = (FAILURE, IN_DOUBT, DEAD_LETTER)
    sender: str = ""
    server: str = ""
    port: int = 587
    tls: str = "starttls"
    user: str = ""
    secret: str = field(default="", repr=False)
    """The password of the mail server, or the key that signs a webhook's message."""

    def wants(self, run: Run) -> bool:
        """Whether this run is an occasion for a message."""
        goes_on = run.end is RunEnd.RUNNING
        failed = run.error is not None if goes_on else not run.end.succeeded and run.end is not RunEnd.INTERRUPTED
        doubtful = run.end is RunEnd.IN_DOUBT or bool(run.records.in_doubt)
        occasions = {FAILURE: failed, IN_DOUBT: doubtful, DEAD_LETTER: bool(run.records.dead_letters), ALWAYS: True}
        return any(occasions[one] for one in self.on)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Strings to mask."""
        return (self.secret, *(self.target if self.kind == "webhook" else ()))


def find_channels(names: tuple[str, ...], sources: SettingsSources | None = None) -> list[Channel]:
    """The receivers of those names; SettingsError names the place in the file."""
    tables: dict[str, tuple[Path, Mapping[str, Any]]] = {}
    sources = sources or SettingsSources()
    for file in sources.files():
        for name, table in file.notify.items():
            tables.setdefault(name, (file.path, table))
    missing = [name for name in names if name not in tables]
    if missing:
        near = did_you_mean(missing[0], tables) or (f"; known: {', '.join(sorted(tables))}" if tables else "")
        raise SettingsError(
            f"there is no receiver of notifications {missing[0]!r}{near}",
            fix=f"Define [notify.{missing[0]}] in intacct.toml, with mail, webhook or command.",
        )
    return [_channel(name, *tables[name], sources.environ) for name in names]


def _channel(name: str, path: Path, table: Mapping[str, Any], environ: Mapping[str, str]) -> Channel:
    def where(key: str = "") -> str:
        place = place_of(path, [f"notify.{name}"], key)
        return f"{place}, [notify.{name}]" + (f": {key}" if key else "")

    kinds = [kind for kind in KINDS if kind in table]
    if len(kinds) != 1:
        raise SettingsError(
            f"{where()} needs one of {', '.join(KINDS)}", fix='Write, for example, webhook = "https://…".'
        )
    (kind,) = kinds
    for key in table:
        if key not in _KEYS[kind]:
            near = did_you_mean(key, _KEYS[kind]) or f"; the keys are {', '.join(_KEYS[kind])}"
            raise SettingsError(f"{where(key)}: there is no such key{near}")
    settings_of_channel = {
        key: _text_or_list(resolved(value, where=where(key), environ=environ), where(key))
        for key, value in table.items()
    }
    on = _listed(settings_of_channel.get("on", [FAILURE, IN_DOUBT, DEAD_LETTER]))
    for occasion in on:
        if occasion not in OCCASIONS:
            raise SettingsError(
                f"{where('on')}: {occasion!r} is not an occasion; the occasions are {', '.join(OCCASIONS)}"
            )
    target = _listed(settings_of_channel[kind])
    if not target or not all(target):
        raise SettingsError(f"{where(kind)} is empty")
    if kind == "command" and isinstance(settings_of_channel[kind], str):
        import shlex

        target = tuple(shlex.split(str(settings_of_channel[kind])))
    if kind == "webhook":
        _check_address(target[0], where(kind))
    if kind != "mail":
        return Channel(name, kind, target, on, secret=str(settings_of_channel.get("secret", "")))
    return _mail(name, target, on, settings_of_channel, where)


def _mail(
    name: str, target: tuple[str, ...], on: tuple[str, ...], settings_of_channel: Mapping[str, Any], where: Any
) -> Channel:
    for key in ("from", "smtp"):
        if not settings_of_channel.get(key):
            raise SettingsError(f"{where(key)} is missing", fix='Mail needs from = "ADDRESS" and smtp = "HOST:PORT".')
    server, _, port = str(settings_of_channel["smtp"]).partition(":")
    tls = str(settings_of_channel.get("tls", "none" if is_loopback(server) else "starttls"))
    if tls not in TLS:
        raise SettingsError(f"{where('tls')} must be one of {', '.join(TLS)}, not {tls!r}")
    if port and not port.isdecimal():
        raise SettingsError(
            f"{where('smtp')}: {port!r} is not a port number", fix='Write smtp = "mail.example.com:587".'
        )
    if tls == "none" and settings_of_channel.get("password") and not is_loopback(server):
        raise SettingsError(f"{where('tls')}: a password would be sent unencrypted", fix='Use tls = "starttls".')
    return Channel(
        name,
        "mail",
        target,
        on,
        str(settings_of_channel["from"]),
        server,
        int(port or 587),
        tls,
        str(settings_of_channel.get("user", "")),
        str(settings_of_channel.get("password", "")),
    )


def _check_address(address: str, where: str) -> None:
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    encrypted = parts.scheme == "https"
    if not parts.hostname or not (encrypted or (parts.scheme == "http" and is_loopback(parts.hostname))):
        raise SettingsError(f"{where} is not an https address", fix="Plain http is accepted only for this machine.")


def _listed(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else (str(value),)


def _text_or_list(value: Any, where: str) -> str | list[str]:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    if isinstance(value, str):
        return value
    raise SettingsError(f"{where} must be a string or a list of strings, not {value!r}")

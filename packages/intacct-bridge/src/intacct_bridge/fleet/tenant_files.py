"""Files about tenants: secrets, flows, and lists of tenants in CSV or JSON."""

import csv
import io
import json
import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.connections.connection import SECRETS
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.json_input import refuse_repeated_keys
from intacct_protocol.model.nesting import refusing_depth
from intacct_protocol.model.wording import counted, listed

if TYPE_CHECKING:
    from intacct_bridge.fleet.fleet import NewTenant

ENVIRONMENT = "env"
STDIN = "-"
_LIMITS = ("concurrency", "monthly_limit")
_TABLES = ("settings", "flows", "schedule", "limits", "secrets")
_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True, slots=True)
class TenantParts:
    """The parts of a tenant that were entered. A part that is empty changes nothing."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    flows: Mapping[str, Any] = field(default_factory=dict)
    schedule: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_secrets(source: str) -> dict[str, str]:
    """Secrets from a file, `-` (standard input) or `env`: a JSON object, or lines NAME=VALUE. Errors quote no value.

    A name may be that of the environment variable, such as INTACCT_USER_PASSWORD.
    """
    if source == ENVIRONMENT:
        variables = {name: os.environ.get(f"INTACCT_{name.upper()}", "") for name in SECRETS}
        secrets = {name: value for name, value in variables.items() if value}
        if not secrets:
            raise SettingsError(
                "the environment has no secret",
                fix=f"Set {' or '.join(f'INTACCT_{name.upper()}' for name in SECRETS)}.",
            )
        return secrets
    text = sys.stdin.read() if source == STDIN else _text(Path(source))
    where = "standard input" if source == STDIN else source
    secrets = _json_secrets(text, where) if text.lstrip().startswith("{") else _secrets_of_lines(text, where)
    if not secrets:
        raise SettingsError(f"{where} has no secret", fix="Write user_password=... on a line.")
    return secrets


def _json_secrets(text: str, where: str) -> dict[str, str]:
    try:
        with refusing_depth(where, text):
            table = json.loads(text)
            refuse_repeated_keys(text.encode(errors="surrogatepass"), table, where)
    except ValueError:
        raise SettingsError(f"{where} is not valid JSON", fix="Correct it, or write lines NAME=VALUE.") from None
    return _by_secret_name(table.items(), where)


def _secrets_of_lines(text: str, where: str) -> dict[str, str]:
    pairs = []
    for number, line in enumerate(text.split("\n"), 1):  # a secret may hold what Python takes for the end of a line
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise SettingsError(f"{where}, line {number} is not NAME=VALUE", fix="Write user_password=... on a line.")
        if value != value.strip():
            raise SettingsError(
                f"{where}, line {number}: the value of {name.strip()} begins or ends with a space",
                fix='Remove the space. If it belongs to the secret, write a JSON object: {"user_password": " ... "}',
            )
        pairs.append((name.strip(), value))
    return _by_secret_name(pairs, where)


def _by_secret_name(pairs: Iterable[tuple[str, str]], where: str) -> dict[str, str]:
    secrets: dict[str, str] = {}
    for variable, value in pairs:
        name = variable.removeprefix("INTACCT_").lower() if variable.startswith("INTACCT_") else variable
        if name in secrets:
            raise SettingsError(f"{where} has the secret {name} twice", fix="leave one of the two out")
        secrets[name] = value
    return secrets


def read_flows(path: Path) -> TenantParts:
    """The tables `[flows.NAME]`, and the times of `[schedule]`, of a file that is written as intacct.toml is."""
    try:
        text = _text(path)
        with refusing_depth(str(path), text):
            tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}", fix="Correct the file.") from None
    flows, schedule = tables.get("flows", {}), tables.get("schedule", {})
    if not isinstance(flows, dict) or not isinstance(schedule, dict) or not flows:
        raise SettingsError(f"{path} has no flow", fix="Write tables [flows.NAME], and their times in [schedule].")
    return TenantParts(flows=flows, schedule=schedule)


def read_tenants(path: Path, common: TenantParts) -> list["NewTenant"]:
    """The tenants of a CSV or JSON file; what a row does not say is as `common` has it.

    Each key beside `name`, `paused`, the limits and the tables of a tenant is a setting or a secret; of CSV, also
    `schedule.FLOW` and `secret.NAME`.
    """
    text = _text(path)
    rows = _json_rows(text, path) if text.lstrip().startswith(("[", "{")) else _csv_rows(text, path)
    if not (tenants := [_tenant(row, where, common) for where, row in rows]):
        raise SettingsError(f"{path} has no tenant", fix="Give each tenant a line below the line of the names.")
    return tenants


def _csv_rows(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        if len(names) == 1 and (other := next((one for one in _OTHER_SEPARATORS if one in names[0]), "")):
            raise SettingsError(
                f"{path} separates its columns with {_OTHER_SEPARATORS[other]}, not with commas",
                fix="Save it as CSV with commas, or write the tenants as JSON.",
            )
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise SettingsError(
                f"{path} has {counted(len(twice), 'column')} twice: {listed(twice)}",
                fix="Leave one column of each name, so that it is clear which value counts.",
            )
        for row in reader:
            if None in row or None in row.values():
                raise SettingsError(f"{path}, line {reader.line_num} has other columns than the first line")
            where = f"{path}, line {reader.line_num}"
            yield where, {key.strip(): _cell(key.strip(), value, where) for key, value in row.items() if value}
    except csv.Error as error:
        raise SettingsError(f"{path}, line {reader.line_num}: {error}", fix="Save the file as CSV again.") from None


def _cell(name: str, value: str, where: str) -> str:
    if value != value.strip() and _is_secret(name):
        raise SettingsError(
            f"{where}: {name} begins or ends with a space",
            fix="Remove the space. If it belongs to the secret, write the tenants as JSON.",
        )
    return value.strip()


def _is_secret(name: str) -> bool:
    return name in SECRETS or (name.startswith("secret.") and name != "secret.")


def _json_rows(text: str, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        with refusing_depth(str(path), text):
            rows = json.loads(text)
            refuse_repeated_keys(text.encode(), rows, str(path))
    except ValueError as error:
        raise SettingsError(f"{path} is not valid JSON: {error}", fix="Write a list of tenants.") from None
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], 1):
        if not isinstance(row, dict):
            raise SettingsError(f"{path}, tenant {number} is not an object", fix='Write {"name": ..., ...}.')
        yield f"{path}, tenant {number}", row


def _tenant(row: dict[str, Any], where: str, common: TenantParts) -> "NewTenant":
    from intacct_bridge.fleet.fleet import NewTenant

    tables = {name: dict(_table(row.pop(name, {}), f"{where}: {name}")) for name in _TABLES}
    name, paused = row.pop("name", ""), row.pop("paused", False)
    if not isinstance(name, str) or not name:
        raise SettingsError(f"{where} has no name", fix="Give each tenant a name.")
    for key, value in row.items():
        table, inner = _place(key)
        if inner in tables[table]:
            raise SettingsError(f"{where} has {inner} of its {table} twice", fix="Leave one of the two out.")
        tables[table][inner] = value
    parts: dict[str, dict[str, Any]] = {table: {**getattr(common, table), **tables[table]} for table in _TABLES}
    return NewTenant(name, **parts, paused=str(paused).lower() in ("true", "yes", "1"))


def _place(key: str) -> tuple[str, str]:
    """The table of a tenant in which a key of its row belongs, and its name there."""
    kind, _, rest = key.partition(".")
    if key in _LIMITS:
        return "limits", key
    if _is_secret(key):
        return "secrets", rest or key
    return ("schedule", rest) if kind == "schedule" and rest else ("settings", key)


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} must be an object", fix="Write it as an object of names and values.")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not readable as UTF-8 text"
        raise SettingsError(f"{path}: {reason}", fix="Name a file that can be read.") from None

"""The options of a write: those of `intacct load` that a DataFrame can use, under the same names, and a few of Spark's.

Spark keeps options in the job's plan, so none of them is a secret: `connection` names settings that each machine finds
in its own environment or files.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intacct_bridge.apps.cli.postings.load import parse_load_options
from intacct_bridge.apps.cli.postings.load_options import key_names
from intacct_bridge.apps.spark.options import own_options
from intacct_bridge.connections.connection import Connection
from intacct_bridge.shared_state.place import PostgresPlace, shared_place
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.uri_text import uri_secrets

_VALUES = {
    "object": "--as",
    "map": "--map",
    "operation": "--mode",
    "key": "--key",
    "date_order": "--date-order",
    "decimal": "--decimal",
    "batch_size": "--batch-size",
    "on_error": "--on-error",
    "settle_after": "--settle-after",
    "refused": "--refused",
    "plan": "--out",
}
"""Options with one value, each with that of `intacct load`."""
_LISTS = {"track": "--track", "date_format": "--date-format"}
"""Options with values separated by commas."""
_SWITCHES = {
    "draft": "--draft",
    "clear_empty": "--clear-empty",
    "allow_duplicates": "--allow-duplicates",
    "atomic": "--atomic",
}
_OWN = ("as", "batch", "unapproved")
_SWITCH_VALUES = {"true": True, "false": False}
_LONGEST_BATCH = 200
ERROR, KEEP = "error", "keep"
"""How a job ends whose plan waits for an approval: with an error, or well."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The options of one write, checked. They hold no secret, so Spark may keep them in its plan."""

    load: Mapping[str, Any]
    """The options of `intacct load`, as its command takes them."""
    columns: tuple[str, ...]
    """The columns of the DataFrame."""
    keys: tuple[str, ...]
    """Those of the key; of an update by fields that are not columns, none."""
    batch: str
    """The name of the job's batch; empty if it has none."""
    unapproved: str

    @property
    def described(self) -> str:
        """What decides which records a row becomes: the same rows under other options are another batch."""
        given = ((name, value) for name, value in sorted(self.load.items()) if name not in _OUTPUTS)
        return str([(name, str(value)) for name, value in given])


_OUTPUTS = ("out", "refused")
_SPARKS = ("checkpointlocation", "queryname")
"""Options of a stream that are Spark's own; it shows them to the sink too."""


def write_options(given: Mapping[str, str], columns: Sequence[str], *, overwrite: bool = False) -> WriteOptions:
    """The options of a write. SettingsError for an unknown or wrong one, which names it."""
    if overwrite:
        raise SettingsError(
            "the mode overwrite would replace all records of an object, and Intacct cannot undo that",
            fix='use .mode("append"), or .outputMode("append") of a stream; to update existing records by their `key`,'
            ' add option("operation", "upsert")',
        )
    given = {name: value for name, value in given.items() if name.lower() not in _SPARKS}
    options = own_options(given, (*_VALUES, *_LISTS, *_SWITCHES, *_OWN))
    options.setdefault("object", options.pop("as", ""))
    if not options["object"] and "map" not in options:
        raise SettingsError(
            "the option `object` is missing", fix='add option("object", "bills"), or option("map", "MAP.toml")'
        )
    if "key" not in options:
        raise SettingsError(
            "the option `key` is missing: it tells a repeated record from a new one",
            fix='name the columns that identify a record in its source: option("key", "INVOICENO")',
        )
    load = _load_options(options)
    keys = _key_columns(load, columns)
    if load["mode"] == "create":
        load["key"] = ",".join(keys)
    batch = options.get("batch", "")
    if len(batch) > _LONGEST_BATCH:
        raise SettingsError(f"`batch` has more than {_LONGEST_BATCH} characters", fix="shorten it")
    unapproved = options.get("unapproved", ERROR).lower()
    if unapproved not in (ERROR, KEEP):
        raise SettingsError(
            f"`unapproved` is {unapproved!r}", fix=f"use {ERROR}, or {KEEP} to end the job normally with a kept plan"
        )
    return WriteOptions(load, tuple(columns), keys, batch, unapproved)


def outbox_place(given: Mapping[str, str], connection: Connection) -> PostgresPlace:
    """The database that tasks stage their rows in. SettingsError if the connection has none."""
    lowered = {name.lower(): value for name, value in given.items()}
    if any(secret in lowered.get("outbox", "") for secret in uri_secrets(connection.outbox)):
        raise SettingsError(
            "the option `outbox` has a password, which Spark would show with the other options",
            fix=f"put the outbox into [connections.{connection.name}] of intacct.toml, or into INTACCT_OUTBOX",
        )
    place = shared_place(connection)
    if place is None:
        raise SettingsError(
            f"connection {connection.name!r} keeps its outbox in a file of this machine, and tasks on other machines"
            " stage their rows in a database",
            fix='set `outbox = "postgresql://..."`; `intacct outbox move --to URI` takes an existing outbox along',
        )
    return place


def _load_options(options: Mapping[str, str]) -> dict[str, Any]:
    words = [word for name, option in _VALUES.items() if options.get(name) for word in (option, options[name])]
    for name, option in _LISTS.items():
        words += [word for one in options.get(name, "").split(",") if one.strip() for word in (option, one.strip())]
    for name, option in _SWITCHES.items():
        value = options.get(name, "false").lower()
        if value not in _SWITCH_VALUES:
            raise SettingsError(f"`{name}` is {value!r}", fix="use true or false")
        words += [option] if _SWITCH_VALUES[value] else []
    try:
        return parse_load_options(words)
    except SettingsError as error:
        raise SettingsError(_in_spark(error.message), fix=_in_spark(error.fix)) from None


def _in_spark(text: str) -> str:
    """A text of the command line with options as a DataFrame has them."""
    for name, option in (*_VALUES.items(), *_LISTS.items(), *_SWITCHES.items()):
        text = re.sub(rf"'?{option}\b'?", f"`{name}`", text)
    return text


def _key_columns(load: Mapping[str, Any], columns: Sequence[str]) -> tuple[str, ...]:
    """The columns of the key, whose case does not matter."""
    by_name = {name.casefold(): name for name in columns}
    found = []
    for name in key_names(dict(load)):
        if name.casefold() in by_name:
            found.append(by_name[name.casefold()])
        elif load["mode"] == "create":
            raise SettingsError(
                f"the DataFrame has no column {name!r} for `key`{did_you_mean(name, columns)}",
                fix=f"its columns are {', '.join(columns)}",
                setting="key",
            )
    return tuple(found)

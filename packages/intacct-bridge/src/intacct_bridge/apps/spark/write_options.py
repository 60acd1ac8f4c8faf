"""The options of a write: those of `intacct load` that a DataFrame can use, under the same names, and a few of Spark's.

Spark keeps options in the job's plan, so none of them is a secret: `connection` names settings that each machine finds
in its own environment or files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from intacct_bridge.apps.spark.options import own_options
from intacct_bridge.connections.connection import Connection
from intacct_bridge.operations.loads import ApplyOptions, LoadRequest, LoadTexts, Mode, Source, key_names
from intacct_bridge.shared_state.place import PostgresPlace, shared_place
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.uri_text import uri_secrets

_NAMES = {"object": "layout", "operation": "mode", "date_format": "date_formats"}
"""Options that a load calls otherwise."""
_TEXTS = (
    *("object", "operation", "key", "date_order", "decimal", "batch_size", "on_error", "settle_after"),
    *("draft", "clear_empty", "source_name", "equal_records", "after_undo", "atomic"),
)
"""Options of a load."""
_PATHS = ("map", "refused", "plan")
_LISTS = ("track", "date_format")
"""Options with values separated by commas."""
_OWN = ("as", "batch", "unapproved")
_LONGEST_BATCH = 200
ERROR, KEEP = "error", "keep"
"""How a job ends whose plan waits for an approval: with an error, or well."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """The options of one write, checked. They hold no secret, so Spark may keep them in its plan."""

    texts: LoadTexts
    """The options of the load."""
    mapping: Path | None
    refused: Path | None
    """The file for the rows of records that are not in Intacct."""
    plan: Path | None
    """The file of the plan that waits for an approval; None: the outbox holds it."""
    tracked: tuple[str, ...]
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
        return str([*sorted(self.texts.texts.items()), ("map", str(self.mapping or "")), ("track", self.tracked)])

    @property
    def mode(self) -> Mode:
        """Whether records are created, updated or deleted."""
        return Mode(self.texts.choice("mode") or Mode.CREATE)

    def request(self, source: Source, name: str) -> LoadRequest:
        """The load of these rows."""
        return self.texts.request(source, mapping=self.mapping, name=name)

    @property
    def applying(self) -> ApplyOptions:
        """How the plan of the rows is applied."""
        seconds = self.texts.number("settle_after")
        return ApplyOptions(
            sending=self.texts.sending,
            settle_after=None if seconds is None else timedelta(seconds=seconds),
            tracked=self.tracked,
            skip_refused=True,
        )


_SPARKS = ("checkpointlocation", "queryname")
"""Options of a stream that are Spark's own; it shows them to the sink too."""


def write_options(settings: Mapping[str, str], columns: Sequence[str], *, overwrite: bool = False) -> WriteOptions:
    """The options of a write. SettingsError for an unknown or wrong one, which names it."""
    if overwrite:
        raise SettingsError(
            "the mode overwrite would replace all records of an object, and Intacct cannot undo that",
            fix='use .mode("append"), or .outputMode("append") of a stream; to update existing records by their `key`,'
            ' add option("operation", "upsert")',
        )
    settings = {name: value for name, value in settings.items() if name.lower() not in _SPARKS}
    options = own_options(settings, (*_TEXTS, *_PATHS, *_LISTS, *_OWN))
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
    texts = _load_texts(options)
    keys = _key_columns(texts, columns)
    if texts.choice("mode") in ("", Mode.CREATE):
        texts = replace(texts, texts={**texts.texts, "key": ",".join(keys)})
    batch = options.get("batch", "")
    if len(batch) > _LONGEST_BATCH:
        raise SettingsError(f"`batch` has more than {_LONGEST_BATCH} characters", fix="shorten it")
    unapproved = options.get("unapproved", ERROR).lower()
    if unapproved not in (ERROR, KEEP):
        raise SettingsError(
            f"`unapproved` is {unapproved!r}", fix=f"use {ERROR}, or {KEEP} to end the job normally with a saved plan"
        )
    mapping, refused, plan = (Path(options[name]) if options.get(name) else None for name in _PATHS)
    checked = WriteOptions(
        texts, mapping, refused, plan, _listed(options, "track"), tuple(columns), keys, batch, unapproved
    )
    checked.request((), "DataFrame")
    _ = checked.applying
    return checked


def outbox_place(settings: Mapping[str, str], connection: Connection) -> PostgresPlace:
    """The database that tasks stage their rows in. SettingsError if the connection has none."""
    lowered = {name.lower(): value for name, value in settings.items()}
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


def _load_texts(options: Mapping[str, str]) -> LoadTexts:
    """The options of the load; their values are checked when they are asked for."""
    texts = {_NAMES.get(name, name): options[name] for name in _TEXTS if options.get(name)}
    if formats := _listed(options, "date_format"):
        texts["date_formats"] = "\n".join(formats)
    return LoadTexts(texts, {load_name: name for name, load_name in _NAMES.items()})


def _listed(options: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(text.strip() for text in options.get(name, "").split(",") if text.strip())


def _key_columns(texts: LoadTexts, columns: Sequence[str]) -> tuple[str, ...]:
    """The columns of the key, whose case does not matter."""
    by_name = {name.casefold(): name for name in columns}
    key = []
    for name in key_names(texts.text("key")):
        if name.casefold() in by_name:
            key.append(by_name[name.casefold()])
        elif texts.choice("mode") in ("", Mode.CREATE):
            raise SettingsError(
                f"the DataFrame has no column {name!r} for `key`{did_you_mean(name, columns)}",
                fix=f"its columns are {', '.join(columns)}",
                setting="key",
            )
    return tuple(key)

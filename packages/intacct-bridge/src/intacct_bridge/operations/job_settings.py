"""The settings of the jobs that a flow can run, as users write them in intacct.toml and on the command line.

The command line makes its options of the same declarations, so that both refuse a value with the same words.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_type_hints

from intacct_bridge.operations.row_formats import ROW_FORMATS

SettingKind = Literal["text", "flag", "whole", "choice", "day", "path", "file", "folder"]
_DAY = "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting as users write it."""

    name: str
    """Its long name, such as `max-transactions`."""
    kind: SettingKind = "text"
    may_be_secret: bool = False
    """Whether it may refer to a secret, as an address with a password does."""
    several: bool = False
    """Whether it takes more than one value."""
    required: bool = False
    """Whether a job needs it: it follows from the field."""
    off: str = ""
    """The name that switches a flag off."""
    argument: str = ""
    """How the help shows an argument, such as `STREAM...`; empty for an option."""
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int | None = None

    @property
    def bounds(self) -> str:
        """The bounds of a whole number in words."""
        return f"{self.least} or more" if self.most is None else f"{self.least} to {self.most}"

    @property
    def hint(self) -> str:
        """How a message names it."""
        return f"'{self.argument or f'--{self.name}'}'"

    def parsed(self, text: str) -> Any:
        """The value that a text stands for. ValueError says what is wrong with it."""
        if self.kind == "whole":
            return self._number(text)
        if self.kind == "choice":
            if text not in self.choices:
                listed = ", ".join(map(repr, self.choices))
                raise ValueError(f"{text!r} is not {'one of ' if len(self.choices) > 1 else ''}{listed}.")
            return text
        if self.kind == "day":
            try:
                return datetime.strptime(text, _DAY)  # a day of the company has no zone
            except ValueError:
                raise ValueError(f"{text!r} is not a valid date; write it as 2026-01-31.") from None
        if self.kind in ("path", "file", "folder"):
            return self._path(text)
        return text

    def _number(self, text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a valid whole number.") from None
        if number < self.least or (self.most is not None and number > self.most):
            raise ValueError(f"{number} is not in the range {self.bounds}.")
        return number

    def _path(self, text: str) -> Path:
        path = Path(text)
        if self.kind == "file" and path.is_dir():
            raise ValueError(f"File {text!r} is a directory.")
        if self.kind == "folder" and path.exists() and not path.is_dir():
            raise ValueError(f"Directory {text!r} is a file.")
        return path


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """The settings of one job."""

    written: frozenset[str] = field(default=frozenset(), repr=False)
    """The fields that the user gave a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractSettings(JobSettings):
    """What `extract` copies, where to, and how."""

    streams: Annotated[tuple[str, ...], Setting("streams", several=True, argument="[STREAM]...")] = ()
    to: Annotated[str, Setting("to", may_be_secret=True)]
    everything: Annotated[bool, Setting("all", "flag")] = False
    full: Annotated[bool, Setting("full", "flag")] = False
    select: Annotated[tuple[str, ...], Setting("select", several=True)] = ()
    as_text: Annotated[tuple[str, ...], Setting("as-text", several=True)] = ()
    since: Annotated[datetime | None, Setting("since", "day")] = None
    max_transactions: Annotated[int | None, Setting("max-transactions", "whole", least=1)] = None
    attachments: Annotated[Path | None, Setting("attachments", "folder")] = None
    hard_deletes: Annotated[bool, Setting("hard-deletes", "flag")] = False
    entity_column: Annotated[str | None, Setting("entity-column")] = None
    unified: Annotated[str | None, Setting("unified", "choice", choices=("v1", "v2"))] = None
    map_files: Annotated[tuple[Path, ...], Setting("map", "file", several=True)] = ()
    periods: Annotated[tuple[str, ...], Setting("full-every", several=True)] = ()
    estimate: Annotated[bool, Setting("estimate", "flag")] = False
    compact: Annotated[bool, Setting("compact", "flag")] = False
    no_views: Annotated[bool, Setting("no-views", "flag")] = False
    name_style: Annotated[str | None, Setting("names", "choice", choices=("lower",))] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSettings(JobSettings):
    """What `load` reads, what it makes of it, and whether it posts it."""

    files: Annotated[tuple[Path, ...], Setting("files", "path", several=True, argument="[FILE]...")] = ()
    as_name: Annotated[str, Setting("as")] = ""
    map_file: Annotated[Path | None, Setting("map", "file")] = None
    only_plan: Annotated[bool, Setting("plan", "flag", off="apply")] = True
    out: Annotated[Path | None, Setting("out", "file")] = None
    from_plan: Annotated[Path | None, Setting("from-plan", "path")] = None
    mode: Annotated[str, Setting("mode", "choice", choices=("create", "update", "upsert", "delete"))] = "create"
    key: Annotated[str | None, Setting("key")] = None
    batch_size: Annotated[int, Setting("batch-size", "whole", least=1, most=100)] = 100
    atomic: Annotated[bool, Setting("atomic", "flag")] = False
    draft: Annotated[bool, Setting("draft", "flag")] = False
    on_error: Annotated[str, Setting("on-error", "choice", choices=("stop", "continue"))] = "continue"
    settle_after: Annotated[int | None, Setting("settle-after", "whole")] = None
    clear_empty: Annotated[bool, Setting("clear-empty", "flag")] = False
    source_name: Annotated[str | None, Setting("source-name")] = None
    new: Annotated[str | None, Setting("new")] = None
    equal_records: Annotated[
        Literal["refuse", "same", "new"], Setting("equal-records", "choice", choices=("refuse", "same", "new"))
    ] = "refuse"
    after_undo: Annotated[
        Literal["post", "refuse"] | None, Setting("after-undo", "choice", choices=("post", "refuse"))
    ] = None
    send_currency: Annotated[str | None, Setting("send-currency", "choice", choices=("auto", "always", "never"))] = None
    party_currency: Annotated[str | None, Setting("party-currency", "choice", choices=("use", "refuse"))] = None
    unusual_rates: Annotated[str | None, Setting("unusual-rates", "choice", choices=("refuse", "use"))] = None
    offline: Annotated[bool, Setting("offline", "flag")] = False
    refused: Annotated[Path | None, Setting("refused", "file")] = None
    attachment_folder: Annotated[str, Setting("attachment-folder")] = "Uploads"
    date_order: Annotated[Literal["mdy", "dmy"] | None, Setting("date-order", "choice", choices=("mdy", "dmy"))] = None
    date_format: Annotated[tuple[str, ...], Setting("date-format", several=True)] = ()
    header_row: Annotated[int | None, Setting("header-row", "whole", least=1)] = None
    constants: Annotated[tuple[str, ...], Setting("set", several=True)] = ()
    where: Annotated[str | None, Setting("where")] = None
    encoding: Annotated[str | None, Setting("encoding")] = None
    delimiter: Annotated[str | None, Setting("delimiter")] = None
    decimal: Annotated[Literal[".", ","] | None, Setting("decimal", "choice", choices=(".", ","))] = None
    sheet: Annotated[str | None, Setting("sheet")] = None
    track: Annotated[tuple[str, ...], Setting("track", several=True)] = ()
    yes: Annotated[bool, Setting("yes", "flag")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings(JobSettings):
    """What `watch` follows, and where its changes go."""

    streams: Annotated[tuple[str, ...], Setting("streams", several=True, argument="STREAM...")]
    to: Annotated[str, Setting("to", may_be_secret=True)]
    kinds: Annotated[str, Setting("on")] = "created,updated,deleted"
    where: Annotated[str, Setting("where")] = ""
    fields: Annotated[str, Setting("fields")] = ""
    changed: Annotated[str, Setting("changed")] = ""
    begin: Annotated[str, Setting("from")] = "now"
    baseline: Annotated[bool, Setting("baseline", "flag")] = False
    once: Annotated[bool, Setting("once", "flag")] = False
    follow: Annotated[bool, Setting("follow", "flag")] = False
    every: Annotated[int, Setting("every", "whole", least=1)] = 300
    batch: Annotated[int, Setting("batch", "whole", least=1)] = 1
    attempts: Annotated[int, Setting("attempts", "whole", least=1)] = 10
    timeout: Annotated[int, Setting("timeout", "whole", least=1)] = 60
    keep_days: Annotated[int, Setting("keep-days", "whole")] = 30
    name: Annotated[str, Setting("name")] = ""
    secret: Annotated[str, Setting("secret", may_be_secret=True)] = ""
    as_name: Annotated[str, Setting("as")] = ""
    map_file: Annotated[Path | None, Setting("map", "file")] = None
    key: Annotated[str, Setting("key")] = ""
    yes: Annotated[bool, Setting("yes", "flag")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings(JobSettings):
    """Which copy `reconcile` compares with the company, and how."""

    uri: Annotated[str, Setting("copy", may_be_secret=True)]
    period: Annotated[str, Setting("period")] = ""
    all_fields: Annotated[bool, Setting("fields", "flag")] = False
    ignore: Annotated[tuple[str, ...], Setting("ignore", several=True)] = ()
    strict_tie_out: Annotated[bool, Setting("strict-tie-out", "flag")] = False
    estimate: Annotated[bool, Setting("estimate", "flag")] = False
    max_transactions: Annotated[int | None, Setting("max-transactions", "whole", least=1)] = None
    report: Annotated[Path | None, Setting("report", "file")] = None
    verify: Annotated[Path | None, Setting("verify", "file")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlSettings(JobSettings):
    """What `sql` asks, of whom, and where the rows go."""

    statement: Annotated[str, Setting("statement", argument="SELECT")]
    uri: Annotated[str | None, Setting("copy", may_be_secret=True)] = None
    explain: Annotated[bool, Setting("explain", "flag")] = False
    max_transactions: Annotated[int | None, Setting("max-transactions", "whole", least=1)] = None
    kind: Annotated[str, Setting("format", "choice", choices=ROW_FORMATS)] = "table"
    out: Annotated[Path | None, Setting("out", "file")] = None


JOBS: Mapping[str, type[JobSettings]] = MappingProxyType(
    {
        "extract": ExtractSettings,
        "load": LoadSettings,
        "watch": WatchSettings,
        "reconcile": ReconcileSettings,
        "sql": SqlSettings,
    }
)
"""The settings of each job by the command that a flow names."""


def declared_settings(settings: type) -> Mapping[str, Setting]:
    """The settings of a job by the names of its fields; a field without a default is required."""
    hints = get_type_hints(settings, include_extras=True)
    defaults = {one.name: one.default for one in fields(settings)}
    return {
        name: replace(declared, required=defaults[name] is MISSING)
        for name, hint in hints.items()
        for declared in getattr(hint, "__metadata__", ())
        if isinstance(declared, Setting)
    }


def default_of(settings: type, name: str) -> Any:
    """The value of a setting that the user leaves out; None for one that is required."""
    declared = next(one for one in fields(settings) if one.name == name)
    return None if declared.default is MISSING else declared.default

"""What to extract, and how: the request of `operations.extract`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from intacct_bridge.copies.destinations.uri import parse_uri
from intacct_bridge.extract.options import STATE_KEYS_KB, ExtractOptions, start_time
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.uri_text import redacted

__all__ = ["STATE_KEYS_KB", "ExtractOptions", "ExtractRequest", "start_time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractRequest:
    """What to extract, and how. Fields are given by stream, or as `STREAM.FIELD` with commas between several."""

    to: str
    """The address of the copy, such as `duckdb:///books.duckdb`."""
    streams: Sequence[str] = ()
    """The usual objects of the company if none is named; with `unified`, all entities of that schema."""
    everything: bool = False
    """Read every object of the company."""
    full: bool = False
    """Make a full refresh of every stream."""
    select: Mapping[str, Sequence[str]] | Sequence[str] = ()
    """Read only these fields of a stream."""
    as_text: Mapping[str, Sequence[str]] | Sequence[str] = ()
    """Read these fields as text, if their values do not fit the type that Intacct gives."""
    since: date | None = None
    """The first run reads only what changed since this day."""
    hard_deletes: bool = False
    """Remove deleted rows from a database, instead of marking them."""
    entity_column: str = ""
    """Add a column of this name for the entity that owns the record."""
    unified: str = ""
    """Store records in this version of hotglue's accounting schema: v1 or v2."""
    maps: Sequence[Path] = ()
    """Store the records of the mappings' objects in the columns of these mappings."""
    full_every: Sequence[str] = ()
    """Hours between two full refreshes, for streams without a time of change (`24`), or one stream (`VENDOR=168`)."""
    views: bool = True
    """Make the views for reports in a database."""
    lower_names: bool = False
    """Also make a view of each table of a database, under lower-case names without dots."""
    skip_refused: bool = True
    """A stream that the user may not read becomes an outcome with an error; otherwise it raises."""
    skip_missing: bool = False
    """Streams and fields that the company does not have are reported and left out; otherwise they raise."""
    without_arrow: bool = False
    """Rows are columns of Python values: less memory, more time. Not for databases, and not with `unified`."""
    options: ExtractOptions | None = None
    """How to read, for a program that keeps its own state; otherwise it follows from the settings above."""

    def reading(self, *, show_private: bool = True) -> ExtractOptions:
        """How the streams are read."""
        from intacct_bridge.streams.defaults import full_every

        for_all, by_stream = full_every(self.full_every)
        return self.options or ExtractOptions(
            full=self.full,
            start=f"{self.since:%m/%d/%Y} 00:00:00" if self.since else "",
            full_every=for_all,
            full_every_by_stream=by_stream,
            show_private=show_private,
        )

    def check(self) -> None:
        """SettingsError for settings that do not go together, or that the destination does not have."""
        parse_uri(self.to)
        if self.unified and (self.entity_column or self.everything):
            other = "`entity_column`" if self.entity_column else "`all`"
            raise SettingsError(
                f"`unified` and {other} do not go together",
                fix="A unified record names its entity itself (subsidiary), and with no STREAM all entities are read.",
            )
        selections = {
            "a STREAM": self.streams,
            "`unified`": self.unified,
            "`entity_column`": self.entity_column,
            "`all`": self.everything,
        }
        other = next((name for name, value in selections.items() if value), "")
        if self.maps and other:
            raise SettingsError(
                f"`map` and {other} do not go together",
                fix="A mapping names the object that it reads, and the columns.",
            )
        if self.hard_deletes:
            fix = "Use `compact`, which rewrites the files without deleted rows."
            _require_database(self.to, "`hard_deletes` removes rows from", fix)
        if self.lower_names:
            _require_database(self.to, "`names` makes views in", "Use duckdb:///FILE or postgresql://...")


def _require_database(to: str, does: str, fix: str) -> None:
    """SettingsError for a destination that is not a database; `does` says what a setting does to one."""
    at = parse_uri(to)
    if not at.is_database:
        theirs = "A consumer of Singer messages has its own setting for this, such as hard_delete."
        message = f"{does} a database, and {redacted(to)} is not one"
        raise SettingsError(message, fix=theirs if at.scheme == "singer" else fix)

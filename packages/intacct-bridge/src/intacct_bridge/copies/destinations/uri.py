"""The URIs of destinations: `duckdb:///copy.duckdb`, `parquet:DIR`, `postgresql://...`, `-`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.uri_text import redacted

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "intacct_bridge.destinations"
"""The group under which other packages register their kinds of destinations, by scheme."""
SCHEMES = ("duckdb", "parquet", "csv", "jsonl", "postgresql")
_SUFFIXES = {".duckdb": "duckdb", ".ddb": "duckdb"}


@dataclass(frozen=True, slots=True)
class DestinationUri:
    """A destination's URI taken apart."""

    scheme: str
    path: str
    """A file, a folder, (PostgreSQL) the whole URI, or (another package's) what follows the scheme."""
    uri: str = field(default="", compare=False)

    @property
    def is_database(self) -> bool:
        """Whether it has tables and views rather than files or messages."""
        return self.scheme in ("duckdb", "postgresql")

    @property
    def local_path(self) -> Path | None:
        """The file or folder of this machine; None for a server, and if only another package knows."""
        return Path(self.path) if self.scheme in SCHEMES and self.scheme != "postgresql" else None


@cache
def registered_kinds() -> "Mapping[str, EntryPoint]":
    """The kinds of destinations that installed packages register, by scheme."""
    from importlib.metadata import entry_points

    return {entry_point.name: entry_point for entry_point in entry_points(group=ENTRY_POINTS)}


def parse_uri(uri: str) -> DestinationUri:
    """Take a URI apart: `duckdb:///f.duckdb` (three slashes: a relative path; four: an absolute one), `parquet:DIR`.

    SettingsError if it names no supported destination.
    """
    if uri == "-":
        return DestinationUri("singer", "-", uri)
    scheme, colon, rest = uri.partition(":")
    scheme = "postgresql" if scheme == "postgres" else scheme
    if not colon or scheme not in SCHEMES:
        for suffix, suffix_scheme in _SUFFIXES.items():
            if uri.endswith(suffix) and "://" not in uri:
                return DestinationUri(suffix_scheme, uri, uri)
        if colon and scheme in registered_kinds():
            return DestinationUri(scheme, rest, uri)
        raise SettingsError(
            f"Unsupported destination {redacted(uri)!r}.",
            fix="use duckdb:///FILE.duckdb, parquet:DIR, csv:DIR, jsonl:DIR, postgresql://..., or - for Singer",
        )
    if scheme == "postgresql":
        if not rest.startswith("//"):
            raise SettingsError(f"{redacted(uri)!r} names no server", fix="write postgresql://USER@HOST/DATABASE")
        return DestinationUri(scheme, f"{scheme}:{rest}", uri)
    return DestinationUri(scheme, _local_path(scheme, rest, uri), uri)


def _local_path(scheme: str, rest: str, uri: str) -> str:
    """The file or folder in an address; SettingsError if it is none of this machine."""
    if rest.startswith("///"):
        path = rest[3:]
    elif rest.startswith("//"):
        raise SettingsError(
            f"{redacted(uri)!r} names a host, and {scheme} is a local destination", fix=f"write {scheme}:///PATH"
        )
    else:
        path = rest
    if not path:
        raise SettingsError(f"{redacted(uri)!r} names no file or folder", fix=f"write {scheme}:PATH")
    # the libraries would take these for more than a path
    if "://" in path or path.startswith((":memory:", "md:", "motherduck:")):
        raise SettingsError(f"{redacted(path)} is not a file or folder of this machine", fix=f"write {scheme}:PATH")
    if path.startswith("~/"):  # no shell expands it after a colon
        path = str(Path(path).expanduser())
    return path

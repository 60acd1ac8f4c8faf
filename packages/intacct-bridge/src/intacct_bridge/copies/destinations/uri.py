"""The URIs of destinations: `duckdb:///copy.duckdb`, `parquet:DIR`, `postgresql://...`, `-`."""

from dataclasses import dataclass, field
from pathlib import Path

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.uri_text import redacted

SCHEMES = ("duckdb", "parquet", "csv", "jsonl", "postgresql")
_SUFFIXES = {".duckdb": "duckdb", ".ddb": "duckdb"}


@dataclass(frozen=True, slots=True)
class DestinationUri:
    """A destination's URI taken apart."""

    scheme: str
    path: str
    """A file, a folder, or (PostgreSQL) the whole URI."""
    uri: str = field(default="", compare=False)

    @property
    def is_database(self) -> bool:
        """Whether it has tables and views rather than files or messages."""
        return self.scheme in ("duckdb", "postgresql")


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
        raise SettingsError(
            f"Unsupported destination {redacted(uri)!r}.",
            fix="use duckdb:///FILE.duckdb, parquet:DIR, csv:DIR, jsonl:DIR, postgresql://..., or - for Singer",
        )
    if scheme == "postgresql":
        if not rest.startswith("//"):
            raise SettingsError(f"{redacted(uri)!r} names no server", fix="write postgresql://USER@HOST/DATABASE")
        return DestinationUri(scheme, f"{scheme}:{rest}", uri)
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
    return DestinationUri(scheme, path, uri)

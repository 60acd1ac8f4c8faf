"""The manifest of a folder of change files: the one small file that says which files make up the copy.

Files never change once they have their names. `manifest.json` names the files of each stream's copy, with the bookmark
that is true of them. It is replaced as one piece, so a reader sees the state before a commit or the state after it.
Files that the manifest does not name are left over from an interrupted commit and mean nothing.
"""

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import IO, Any

import msgspec

from intacct_bridge.machine.locks import try_lock
from intacct_bridge.machine.replaced_file import force_names
from intacct_bridge.streams.bookmark import Bookmark
from intacct_protocol.errors import BusyError, SettingsError

NAME = "manifest.json"
RUNS = "runs"
"""The folder with a file for the history of each run."""
KEPT_RUNS = 400
"""The latest runs that keep a file of their own."""
_FOLD_EVERY = 100
"""Runs between two removals of old files."""
FORMAT = 1
ROWS = "rows"


@dataclass(frozen=True, slots=True)
class ChangeFile:
    """A file of rows, or of the values of a field whose older rows are deleted."""

    name: str
    """Below the folder, with forward slashes."""
    kind: str
    """`rows`, or the field whose values the file lists."""
    run: int
    rows: int
    days: tuple[str, ...] = ()
    """Columns that hold dates in this file, and have become times in the stream since."""
    longest: int = 0
    """Bytes of text in the longest row, if that is more than readers of text expect; else 0."""

    def of_days(self, names: Collection[str]) -> "ChangeFile":
        """The file when these columns of the stream become times."""
        return replace(self, days=tuple(sorted({*self.days, *names})))


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One stream in the manifest."""

    key: str
    group: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    """Names and Arrow types of the copy's columns, without those that we add."""
    files: tuple[ChangeFile, ...] = ()
    """The files of the copy; empty until the first full refresh has ended."""
    loading: tuple[ChangeFile, ...] = ()
    """The files of the full refresh in progress; they replace `files` when it ends."""
    loading_columns: tuple[tuple[str, str], ...] = ()
    """The columns of `loading`, which may be more than those of `files`; empty if no refresh is in progress."""
    complete: bool = False
    sequence: int = 0
    """The highest number of the stream's rows and markers."""
    bookmark: Bookmark = field(default_factory=Bookmark)

    def of_days(self, names: Collection[str]) -> "ManifestEntry":
        """The stream when these columns become times: the files so far hold dates in them."""
        files, loading = (
            tuple(one.of_days(names) if one.kind == ROWS else one for one in some)
            for some in (self.files, self.loading)
        )
        return replace(self, files=files, loading=loading)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of a folder."""

    company: str = ""
    format: str = ""
    run: int = 0
    streams: Mapping[str, ManifestEntry] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    """What the copy keeps about the company, such as its first fiscal month."""

    def with_entry(self, name: str, entry: ManifestEntry) -> "Manifest":
        """The manifest with this entry for a stream."""
        return replace(self, streams={**self.streams, name: entry})

    def to_json(self, texts: "TextCache | None" = None) -> str:
        """The manifest's text; `texts` keeps the text of each stream between calls."""
        texts = texts or TextCache(_entry_text)
        streams = ",\n".join(f"  {_text(name)}: {texts.of(name, self.streams[name])}" for name in sorted(self.streams))
        head: dict[str, Any] = {"version": FORMAT, "company": self.company, "format": self.format, "run": self.run}
        if self.settings:
            head["settings"] = dict(sorted(self.settings.items()))
        lines = [f" {_text(name)}: {_text(value)}" for name, value in head.items()]
        lines.append(' "streams": ' + (f"{{\n{streams}\n }}" if streams else "{}"))
        return "{\n" + ",\n".join(lines) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read a manifest. ValueError, KeyError or TypeError for other text; SettingsError for a later version."""
        plain: dict[str, Any] = json.loads(text)
        if plain["version"] > FORMAT:
            raise SettingsError(
                f"the manifest has version {plain['version']}, and this program reads up to {FORMAT}",
                fix="install the intacct-bridge that wrote it, or a later one",
            )
        return cls(
            plain["company"],
            plain["format"],
            plain["run"],
            {name: _entry(entry) for name, entry in plain["streams"].items()},
            plain.get("settings", {}),
        )


class TextCache:
    """A text for each stream, made again only for a stream that changed: a commit is about one stream, and a folder may
    hold hundreds.
    """

    def __init__(
        self, make: Callable[[ManifestEntry], str], depends_on: Callable[[ManifestEntry], object] = lambda entry: entry
    ) -> None:
        """`depends_on` gives what the text is made of: as long as that is equal, the text stays."""
        self._make, self._depends_on = make, depends_on
        self._cached: dict[str, tuple[object, str]] = {}

    def of(self, name: str, entry: ManifestEntry) -> str:
        """The text of a stream with this entry."""
        source, cached = self._depends_on(entry), self._cached.get(name)
        if cached is None or cached[0] != source:
            cached = self._cached[name] = (source, self._make(entry))
        return cached[1]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _indented(value: Any) -> str:
    """JSON for people too. The encoder of the standard library takes a tenth of an idle run for it."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def _shallow(instance: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a dataclass. `asdict` would copy them to their depths, which an idle run notices."""
    return ((field.name, getattr(instance, field.name)) for field in fields(instance))


def _entry_text(entry: ManifestEntry) -> str:
    """A stream as it stands in the manifest, indented by two."""
    plain = dict(_shallow(entry))  # what is deep follows
    plain |= {name: dict(getattr(entry, name)) for name in ("columns", "loading_columns")}
    plain |= {name: [_file(one) for one in getattr(entry, name)] for name in ("files", "loading")}
    plain["bookmark"] = entry.bookmark.to_dict()
    return _indented(plain).replace("\n", "\n  ")


def _file(file: ChangeFile) -> dict[str, Any]:
    """A file as it stands in the manifest; few files hold dates or long rows."""
    return {name: value for name, value in _shallow(file) if name not in ("days", "longest") or value}


def _files(plain: list[dict[str, Any]]) -> tuple[ChangeFile, ...]:
    return tuple(ChangeFile(**one | {"days": tuple(one.get("days", ()))}) for one in plain)


def _entry(plain: dict[str, Any]) -> ManifestEntry:
    files, loading = (_files(plain.pop(name)) for name in ("files", "loading"))
    columns, bookmark = tuple(plain.pop("columns").items()), Bookmark.from_dict(plain.pop("bookmark"))
    loading_columns = tuple(plain.pop("loading_columns", {}).items())
    return ManifestEntry(
        columns=columns, loading_columns=loading_columns, bookmark=bookmark, files=files, loading=loading, **plain
    )


def _run_number(path: Path) -> int:
    return int(path.stem)


def _history(path: Path) -> Mapping[str, Any]:
    try:
        history: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", fix="restore it, or remove it") from None
    return history


class CopyFolder:
    """A folder with a manifest; one process writes to it at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None
        self._texts = TextCache(_entry_text)
        self._queries = ""
        """The queries that this writer has put in their place; no other one writes meanwhile."""

    def read(self) -> Manifest:
        """The manifest; an empty one if there is none yet. SettingsError for a damaged one."""
        try:
            return Manifest.from_json((self.path / NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Manifest()
        except OSError as error:
            raise SettingsError(
                f"{self.path} cannot be read: {error.strerror}", fix="check its permissions, or name another folder"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise SettingsError(
                f"{self.path / NAME} is damaged: {error}", fix="restore it, or begin a new copy in another folder"
            ) from None

    def histories(self) -> Iterator[Mapping[str, Any]]:
        """The history of each run, oldest first, after the last outcomes of those before. SettingsError if damaged."""
        return map(_history, self._run_files())

    def keep_history(self, run: int, history: Mapping[str, Any]) -> None:
        """Write the history of a run. The files of old runs become one, with the last outcome of each stream."""
        (self.path / RUNS).mkdir(exist_ok=True)
        self._write_history(run, history)
        files = self._run_files()
        if len(files) > KEPT_RUNS + _FOLD_EVERY:
            with suppress(SettingsError, OSError, KeyError, TypeError):  # reconcile names a damaged file
                self._fold(files[:-KEPT_RUNS])

    def _fold(self, old: Sequence[Path]) -> None:
        """Write the last outcomes of old runs as the history of the run 0, then remove the files of these runs.

        An interruption in between leaves files that say the same.
        """
        told = [_history(path) for path in old]
        last = {one["name"]: one for history in told for one in history["outcomes"]}
        self._write_history(0, {"run": 0, "finished": told[-1]["finished"], "outcomes": list(last.values())})
        for path in old:
            if int(path.stem):
                path.unlink(missing_ok=True)

    def _run_files(self) -> list[Path]:
        return sorted((path for path in (self.path / RUNS).glob("*.json") if path.stem.isdigit()), key=_run_number)

    def _write_history(self, run: int, history: Mapping[str, Any]) -> None:
        self.replace(f"{RUNS}/{run:06}.json", _indented(history))

    def lock(self) -> None:
        """Make the folder, keep other writers out, and remove half-written files of an interrupted run."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / ".writing").open("wb")
        except OSError as error:
            raise SettingsError(
                f"{self.path} cannot be written to: {error.strerror}",
                fix="check its permissions, or name another folder",
            ) from None
        if not try_lock(file):
            file.close()
            raise BusyError(f"another run is writing to {self.path}", fix="wait until it has ended")
        self._lock = file
        for left in self.path.glob("*/*.tmp"):
            left.unlink(missing_ok=True)

    def publish(self, manifest: Manifest, sql: str) -> None:
        """Replace the manifest, then the queries that were made for it, if they changed; then both outlive a power cut.

        The first call always writes the queries, since an earlier process may have ended between the two.
        """
        self.replace(NAME, manifest.to_json(self._texts))
        if sql != self._queries:
            self.replace("latest.sql", sql)
            self._queries = sql
        force_names(self.path)

    def unlock(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.close()
            self._lock, self._queries = None, ""

    def replace(self, name: str, text: str) -> None:
        """Put a small file in its place as one piece."""
        target = self.path / name
        temporary = target.with_name(target.name + ".tmp")
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)

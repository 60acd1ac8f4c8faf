"""Files that people dropped on the console: each with how it is read, its mapping, its plan and its outcomes.

Each file is in a folder of its own in the user's state directory, readable by the account only, and belongs to the
person who dropped it. The files that its rows name come with it; its rows reach no other file. A folder that was not
touched for 30 days is removed with the next file.
"""

import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

import msgspec

from intacct_bridge.apps.web.pages import NotFoundError
from intacct_bridge.apps.web.uploads import Upload, checked_name
from intacct_bridge.machine.directories import state_directory
from intacct_bridge.operations.loads import check_input
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.operations.loads import LoadRequest, LoadTexts

_KEPT_SECONDS = 30 * 86_400
_FACTS = "load.json"


FORM = {
    "mode": "mode",
    "as": "layout",
    "key": "key",
    "sheet": "sheet",
    "header-row": "header_row",
    "date-order": "date_order",
    "encoding": "encoding",
    "delimiter": "delimiter",
    "decimal": "decimal",
    "where": "where",
    "set": "constants",
    "date-format": "date_formats",
    "source-name": "source_name",
    "new": "new",
    "equal-records": "equal_records",
    "after-undo": "after_undo",
    "send-currency": "send_currency",
    "party-currency": "party_currency",
    "unusual-rates": "unusual_rates",
    "clear-empty": "clear_empty",
    "draft": "draft",
    "atomic": "atomic",
}
"""The fields of the form, each with the option of a load that it is."""
TICKS = ("clear-empty", "draft", "atomic")
_LINES = ("set", "date-format")
"""Options that may be repeated: one in each line of a field."""


@dataclass(slots=True)
class DroppedFile:
    """A file that a person wants to load."""

    id: str
    person: str
    connection: str
    entity: str
    name: str
    dropped: datetime
    fields: dict[str, str] = field(default_factory=dict)
    """How it is read: the fields of the form that a person has filled."""
    is_guess: bool = False
    """Whether its columns say what its rows are, and no person did."""
    preview: dict[str, Any] = field(default_factory=dict)
    """The columns and first rows as they were understood."""
    problem: dict[str, str] = field(default_factory=dict)
    """Why it cannot be read so."""
    plan: str = ""
    """The id of its plan."""
    outcomes: dict[str, dict[str, str]] = field(default_factory=dict)
    """The outcome of each record of the plan, by the record's identity."""
    failed: set[str] = field(default_factory=set)
    """The records whose outcome is not what the file asks for."""
    tally: str = ""
    is_posted: bool = False
    """Whether the company has every record of the plan."""
    run: str = ""
    """The run that posted it."""
    attached: list[str] = field(default_factory=list)
    """The names of the files that came with it."""
    version: str = ""
    """Differs after each change of these facts, so that long work sees a change by another window."""

    @property
    def folder(self) -> Path:
        """Where it is."""
        return _folder() / self.id

    @property
    def path(self) -> Path:
        """The file itself."""
        return self.folder / "file" / self.name

    @property
    def came_with(self) -> dict[str, Path]:
        """The files that its rows may name, by their names."""
        return {name: self.folder / "attached" / name for name in self.attached}

    def attach(self, uploads: Sequence[Upload], *, most: int) -> None:
        """Keep the files that came with it. SettingsError for a bad or taken name, and beyond `most` bytes."""
        names = [checked_name(one.sent_name) for one in uploads]
        names_taken = {name.casefold() for name in self.attached}
        for name in names:
            if name.casefold() in names_taken:
                raise SettingsError(f"There are two files {name}.", fix="Give one another name, also in its row.")
            names_taken.add(name.casefold())
        folder = self.folder / "attached"
        folder.mkdir(mode=0o700, exist_ok=True)
        try:
            for upload, name in zip(uploads, names, strict=True):
                upload.save(folder, name)
            held = sum(path.stat().st_size for path in folder.iterdir())
            if held > most:
                raise SettingsError(
                    f"The files of {self.name} have more than {most >> 20:,} MB.",
                    fix="Split the table, or load it with the command: intacct load FILE",
                )
        except BaseException:
            for name in names:
                (folder / name).unlink(missing_ok=True)
            raise
        self.attached += names

    @property
    def mapping(self) -> Path:
        """Its mapping, if it has one."""
        return self.folder / "mapping.toml"

    @property
    def refused(self) -> Path:
        """The rows that were refused, each with its reason; in a form that can be corrected and dropped again."""
        return self.folder / f"{self.path.stem}.refused{self.path.suffix}"

    @property
    def texts(self) -> "LoadTexts":
        """How it is read, as the options of a load."""
        from intacct_bridge.operations.loads import LoadTexts

        texts = {FORM[name]: text for name, text in self.fields.items()}
        return LoadTexts(texts, {option: name for name, option in FORM.items()})

    @property
    def request(self) -> "LoadRequest":
        """The load of it, with its mapping."""
        mapping = self.mapping if self.mapping.is_file() else None
        return replace(self.texts.request(self.path, mapping=mapping, attachments=self.came_with), is_foreign=True)

    @property
    def words(self) -> list[str]:
        """How it is read, as words of `intacct load`."""
        words: list[str] = []
        for name, text in self.fields.items():
            values = text.splitlines() if name in _LINES else [text]
            words += [f"--{name}"] if name in TICKS else [word for value in values for word in (f"--{name}", value)]
        return words

    def add_values(self, values: Mapping[str, str]) -> None:
        """Add a value for all rows to columns that it lacks."""
        lines = [line for line in self.fields.get("set", "").splitlines() if line.partition("=")[0] not in values]
        self.fields["set"] = "\n".join([*lines, *(f"{name}={text}" for name, text in values.items())])

    def save(self) -> None:
        """Keep its facts; they are replaced in one step, even if two windows do it at once."""
        with _CHANGING:
            self.version = secrets.token_hex(4)
            fresh = self.folder / f"{_FACTS}.{self.version}"
            try:
                fresh.write_bytes(msgspec.json.encode(self))
                fresh.replace(self.folder / _FACTS)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise

    def forget_plan(self) -> None:
        """It is read in another way now: its plan no longer fits."""
        self.plan, self.tally, self.is_posted, self.run = "", "", False, ""
        self.outcomes, self.failed = {}, set()
        self.refused.unlink(missing_ok=True)


def keep_file(
    upload: Upload,
    attached: Sequence[Upload] = (),
    *,
    person: str,
    connection: str,
    entity: str,
    fields: Mapping[str, str],
    most: int,
) -> DroppedFile:
    """Keep a file with those that came with it, which may have `most` bytes together.

    SettingsError for one of a kind that cannot be loaded.
    """
    _prune()
    dropped = DroppedFile(
        secrets.token_hex(8), person, connection, entity, upload.name, datetime.now(UTC), fields=dict(fields)
    )
    (dropped.folder / "file").mkdir(mode=0o700, parents=True)
    try:
        upload.save(dropped.path.parent)
        check_input(dropped.path)
        dropped.attach(attached, most=most)
        dropped.save()
    except BaseException:
        shutil.rmtree(dropped.folder, ignore_errors=True)
        raise
    return dropped


def find_file(file_id: str, person: str) -> DroppedFile:
    """The file of that person; NotFoundError if there is none."""
    facts = _folder() / file_id / _FACTS
    with suppress(OSError, msgspec.MsgspecError):
        if file_id.isalnum():
            file = msgspec.json.decode(facts.read_bytes(), type=DroppedFile)
            if file.person == person:
                return file
    raise NotFoundError("There is no such file.", fix="Drop it again.")


@contextmanager
def changing_outcomes(file: DroppedFile) -> Iterator[DroppedFile]:
    """The file as it is kept now, whose outcomes are saved after the block: two jobs may post its plan at once.

    Nothing is saved if the file was removed or planned again meanwhile; the outbox has the receipts.
    """
    with _CHANGING:
        try:
            now = find_file(file.id, file.person)
        except NotFoundError:
            now = replace(file)
        yield now
        if now.plan == file.plan and now.folder.is_dir():
            now.save()


@contextmanager
def changing(file_id: str, person: str, *, version: str | None = None) -> Iterator[DroppedFile]:
    """The file as it is kept now, which is saved after the block; no other window changes it meanwhile.

    SettingsError if it no longer has this `version`.
    """
    with _CHANGING:
        now = find_file(file_id, person)
        if version is not None and now.version != version:
            raise SettingsError(
                f"{now.name} was changed in another window meanwhile. This work is not kept.",
                fix="Open the file's page again.",
            )
        yield now
        now.save()


_CHANGING = RLock()


def files_of(person: str) -> list[DroppedFile]:
    """The files of a person, the latest first."""
    files = []
    for facts in _folder().glob(f"*/{_FACTS}"):
        with suppress(NotFoundError):
            files.append(find_file(facts.parent.name, person))
    return sorted(files, key=lambda one: one.dropped, reverse=True)


def remove_file(file: DroppedFile) -> None:
    """Remove a file with all that belongs to it; what was posted stays in the outbox."""
    shutil.rmtree(file.folder, ignore_errors=True)


def mapping_text(object_name: str, fields: Mapping[str, str], kinds: Mapping[str, str], group_by: str) -> str:
    """A mapping file: `fields` are columns by Intacct's fields, those of lines with the object before a dot."""

    def rule(field: str, column: str) -> str:
        quoted = msgspec.json.encode(column).decode()
        kind = kinds.get(field, "")
        return f'{{ from = {quoted}, as = "{kind}" }}' if kind else quoted

    header = {name: column for name, column in fields.items() if "." not in name}
    lines: dict[str, dict[str, str]] = {}
    for name, column in fields.items():
        if "." in name:
            owner, _, line_field = name.partition(".")
            lines.setdefault(owner, {})[line_field] = column
    parts = [f'object = "{object_name}"']
    if group_by:
        parts.append(f"group_by = [{msgspec.json.encode(group_by).decode()}]")
    used = {*fields.values(), group_by}
    ignored = sorted(name for name in kinds.get("", "").split("\0") if name and name not in used)
    if ignored:
        parts.append(f"ignore = {msgspec.json.encode(ignored).decode()}")
    parts += ["", "[fields]", *(f"{name} = {rule(name, column)}" for name, column in header.items())]
    for owner, under in lines.items():
        parts += ["", "[[lines]]", f'object = "{owner}"', "", "[lines.fields]"]
        parts += [f"{name} = {rule(f'{owner}.{name}', column)}" for name, column in under.items()]
    return "\n".join(parts) + "\n"


def _folder() -> Path:
    return state_directory() / "console" / "loads"


def _prune() -> None:
    for facts in _folder().glob(f"*/{_FACTS}"):
        with suppress(OSError):
            if time.time() - facts.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(facts.parent, ignore_errors=True)


def listed(file: DroppedFile) -> dict[str, Any]:
    """A file as the list of files and its own page show it."""
    return {
        "id": file.id,
        "name": file.name,
        "connection": file.connection,
        "dropped": file.dropped,
        "state": file.tally or ("planned" if file.plan else "problem" if file.problem else "read"),
    }

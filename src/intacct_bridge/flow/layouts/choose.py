"""The layout of a load, chosen by the settings `as` and `map`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import InvalidRequestError, SettingsError
from intacct_bridge.flow.company.attachments import FOLDER
from intacct_bridge.flow.company.legacy import LegacyGateway
from intacct_bridge.flow.company.writable import WritableObject, writable_object
from intacct_bridge.flow.layouts.base import Layout
from intacct_bridge.flow.layouts.journal import JournalLayout
from intacct_bridge.flow.layouts.mapped import MappedLayout
from intacct_bridge.flow.layouts.native import NativeLayout
from intacct_bridge.flow.records.cells import DateOrder
from intacct_bridge.flow.records.tables import InputTable
from intacct_bridge.flow.records.write import Write
from intacct_bridge.model.suggestions import closest, suggestion

if TYPE_CHECKING:
    from intacct_bridge.model.mapping.language import EntityMap

_NATIVE = frozenset(("BATCH_DATE", "ENTRIES", "RECORDNO", "TRX_AMOUNT"))
"""Columns that only an input under Intacct's names has."""
JOURNAL = ("journal-entries", "journalentries", "journal_entries", "glbatch")


@dataclass(frozen=True, slots=True)
class JournalOrNative:
    """Journal entries with debits and credits, or under Intacct's names, whichever the columns show."""

    journal: JournalLayout
    native: Callable[[], NativeLayout]

    @property
    def object(self) -> str:
        """The object that its records are of."""
        return self.journal.object

    def notes(self, table: InputTable) -> tuple[str, ...]:
        """Notes for the user on how the columns were understood."""
        return self._layout(table).notes(table)

    def read(self, table: InputTable) -> Iterator[Write]:
        """Every record of the input."""
        return self._layout(table).read(table)

    def _layout(self, table: InputTable) -> Layout:
        names = {name.strip().upper() for name in table.columns}
        return self.native() if names & _NATIVE else self.journal


def layout_for(
    name: str,
    company: LegacyGateway,
    *,
    map_file: Path | None = None,
    draft: bool = False,
    clear: bool = False,
    key: tuple[str, ...] = (),
    date_order: DateOrder | None = None,
    folder: str = FOLDER,
    offline: bool = False,
) -> Layout:
    """The layout that reads a file as records of this object, of a unified entity (`v1:Bills`), or by a mapping."""
    name = name.strip()
    if map_file is None and name.lower() in JOURNAL:
        described = cache(lambda: _writable("GLBATCH", company, draft=draft))  # an offline plan must not ask
        journal = JournalLayout(date_order=date_order, draft=draft, key=key, writable=None if offline else described)
        return JournalOrNative(
            journal, lambda: NativeLayout(described(), date_order=date_order, draft=draft, clear=clear, key=key)
        )
    entity = _entity(name, map_file)
    if entity is not None:
        writable = _writable(entity.object, company, draft=draft)
        return MappedLayout(
            entity.with_known(key),
            writable,
            company,
            date_order=date_order,
            draft=draft,
            key=key,
            folder=folder,
            strict=map_file is not None,
        )
    writable = _writable(name, company, draft=draft)
    return NativeLayout(writable, date_order=date_order, draft=draft, clear=clear, key=key, folder=folder)


def _entity(name: str, map_file: Path | None) -> "EntityMap | None":
    """The mapping: the one in the file, or one of the unified schemas."""
    from intacct_bridge.model.mapping.language import parse_map, unified_map

    if map_file is not None:
        try:
            text = map_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"cannot read {map_file}: {error}", fix="check the path") from None
        entity = parse_map(text, str(map_file))
        if name and name.upper() != entity.object:
            raise SettingsError(
                f"{map_file.name} maps to {entity.object}, and the rows are loaded as {name}",
                fix=f"set `as = {entity.object}`",
                setting="as",
            )
        return entity
    version, colon, unified = name.partition(":")
    return unified_map(unified, version.lower()) if colon else None


def _writable(name: str, company: Gateway, *, draft: bool) -> WritableObject:
    try:
        writable = writable_object(company, name.upper() if name.isascii() else name)
    except InvalidRequestError as error:
        near = closest(name, JOURNAL)
        if near:
            raise SettingsError(
                f"files cannot be loaded as {name!r}; {suggestion(JOURNAL[:1])}",
                fix=f"Use `as = {JOURNAL[0]}`.",
                setting="as",
            ) from None
        raise error
    if draft and not writable.lookup.draft:
        raise SettingsError(f"{writable.name} has no drafts", fix="leave out `draft`", setting="draft")
    return writable

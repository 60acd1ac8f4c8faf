"""The layout of a load, chosen by the settings `as` and `map`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.layouts.base import Layout
from intacct_bridge.load.layouts.declaration import declaration, layout_names
from intacct_bridge.load.layouts.declared import DeclaredLayout
from intacct_bridge.load.layouts.mapped import MappedLayout
from intacct_bridge.load.layouts.native import NativeLayout
from intacct_bridge.load.records.write import Write
from intacct_bridge.load.tables.cells import DateOrder
from intacct_bridge.load.tables.table import InputTable
from intacct_bridge.load.target.attachments import FOLDER
from intacct_bridge.load.target.writable import WritableObject, writable_object
from intacct_protocol.errors import InvalidRequestError, SettingsError
from intacct_protocol.model.suggestions import closest, suggestion
from intacct_protocol.model.text_forms import nfc

if TYPE_CHECKING:
    from intacct_bridge.mapping.language import EntityMap

_NATIVE = frozenset(("BATCH_DATE", "ENTRIES", "RECORDNO", "TRX_AMOUNT"))
"""Columns that only an input under Intacct's names has."""
JOURNAL = ("journal-entries", "journalentries", "journal_entries", "glbatch")


@dataclass(frozen=True, slots=True)
class JournalOrNative:
    """Journal entries with debits and credits, or under Intacct's names, as the columns show."""

    journal: DeclaredLayout
    native: Callable[[], NativeLayout]

    @property
    def object(self) -> str:
        """The object that its records are of."""
        return self.journal.object

    def knows(self, column: str) -> bool:
        """Whether a column of this name has a meaning."""
        return self.journal.knows(column) or column.strip().upper() in _NATIVE

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether an input with these columns has those that are required."""
        return self.journal.fits(columns) or bool({name.strip().upper() for name in columns} & _NATIVE)

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
    company: Gateway,
    *,
    map_file: Path | None = None,
    draft: bool = False,
    clear: bool = False,
    key: tuple[str, ...] = (),
    date_order: DateOrder | None = None,
    folder: str = FOLDER,
    offline: bool = False,
    date_formats: Mapping[str, str] | None = None,
    complete: bool = True,
) -> Layout:
    """The layout that reads a file: a declared one (`bills`), an object, a unified entity (`v1:Bills`), or a mapping.

    `date_formats` are the formats of dates by column; an empty name stands for all other columns. `complete`: the
    records have all that is required, which updates need not.
    """
    name = name.strip()
    key = tuple(map(nfc, key))
    read: dict[str, Any] = {"date_order": date_order, "draft": draft, "key": key, "date_formats": date_formats or {}}
    declared = declaration(JOURNAL[0] if name.lower() in JOURNAL else name) if map_file is None else None
    if declared is not None:
        described = cache(lambda: _writable(declared.object, company, draft=draft))
        if declared.name == JOURNAL[0]:
            journal = DeclaredLayout(declared, described, company, **read, offline=offline)
            return JournalOrNative(journal, lambda: NativeLayout(described(), **read, clear=clear))
        return DeclaredLayout(declared, described, company, **read, clear=clear, folder=folder, complete=complete)
    entity = _entity_map(name, map_file)
    if entity is not None:
        if entity.read_only:
            raise SettingsError(
                f"{entity.name} can only be read: {entity.read_only}",
                fix=f"intacct extract --unified {name.partition(':')[0] or 'v1'} {entity.name}",
                setting="as",
            )
        writable, *others = (_writable(one, company, draft=draft) for one in entity.objects)
        return MappedLayout(
            entity.with_known(key),
            writable,
            company,
            **read,
            others={one.name: one for one in others},
            folder=folder,
            names={name: path for name, rules in entity.write.items() for path in rules[0].paths[:1]},
            own_columns={} if map_file is not None else _defaulted(entity),
            strict=map_file is not None,
        )
    writable = _writable(name, company, draft=draft)
    return NativeLayout(writable, **read, clear=clear, folder=folder)


def _defaulted(entity: "EntityMap") -> dict[str, frozenset[str]]:
    """The columns of each field of a unified entity that has a default, which only new records get."""
    return {
        name: frozenset(path for rule in rules for path in rule.paths)
        for name, rules in entity.write.items()
        if any(rule.default is not None for rule in rules)
    }


def _entity_map(name: str, map_file: Path | None) -> "EntityMap | None":
    """The mapping: the one in the file, or one of the unified schemas."""
    from intacct_bridge.mapping.language import parse_map, unified_map

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
        near = closest(name.lower(), (*JOURNAL, *(() if name.isupper() else layout_names())))
        if near:
            meant = JOURNAL[0] if near[0] in JOURNAL else near[0]
            raise SettingsError(
                f"files cannot be loaded as {name!r}; {suggestion([meant])}",
                fix=f"Use `as = {meant}`.",
                setting="as",
            ) from None
        raise error
    if draft and not writable.lookup.draft:
        raise SettingsError(f"{writable.name} has no drafts", fix="leave out `draft`", setting="draft")
    return writable

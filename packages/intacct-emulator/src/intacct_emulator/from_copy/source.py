"""The tables of an extracted copy as the source of a company's data: its definitions, its records, its books.

A table is an object's by its name. Columns that the standard object does not have are custom fields. A table of another
name is a custom object if it has an `id` and a `name`. A part of an object (`SODOCUMENT_SALES_INVOICE`) counts if
the object itself is not in the copy. Virtual streams are no objects and are left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time

from intacct_emulator.from_copy.anonymous import Anonymiser
from intacct_emulator.settings.company_source import CompanyDefinitions, CompanySource, FactValues
from intacct_emulator.settings.declared.definitions import DIMENSION_LINES, DOCUMENTS
from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.model.catalog import Catalog, FieldDef, ObjectDef, Relation, object_def
from intacct_protocol.xml.values import Kind, Value

LEDGER = "GLDETAIL"
_DIMENSION = "GLDIM"
_LAST = ("AUDITHISTORY",)
_MAIN_BOOKS = ("ACCRUAL", "CASH")
_PARTS = (*DOCUMENTS.values(), *(f"{name}ENTRY" for name in DOCUMENTS.values()), "AUDITHISTORY")


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """One table of a copy."""

    name: str
    kinds: Mapping[str, Kind]
    """The kind of each column."""
    rows: Callable[[], Iterable[Mapping[str, Value]]]
    distinct: Callable[[str], Iterable[Value]]
    """The values of a column."""


@dataclass(frozen=True, slots=True)
class CopiedCompany:
    """The source of a company, and the tables of the copy that are not objects."""

    source: CompanySource
    left_out: tuple[str, ...]


def copied_company(tables: Sequence[CopiedTable], label: str, *, anonymise: bool = False) -> CopiedCompany:
    """A company with the definitions and records of a copy; `label` names the copy."""
    chosen = _chosen(tables)
    definitions = _definitions(chosen)
    catalog = definitions.added_to(standard_catalog())
    names = [str(value) for name, one in chosen if name.endswith("PARAMS") for value in _values(one, "DOCID")]
    source = CompanySource(
        name="copy",
        label=label,
        rows=lambda: _records(chosen, catalog, Anonymiser(names) if anonymise else None),
        facts=_facts(chosen),
        definitions=definitions,
        ledger_from=LEDGER if any(name == LEDGER for name, _ in chosen) else "GLENTRY",
    )
    used = {id(one) for _, one in chosen}
    return CopiedCompany(source, tuple(one.name for one in tables if id(one) not in used))


def _chosen(tables: Sequence[CopiedTable]) -> list[tuple[str, CopiedTable]]:
    """Each table that holds records of an object, with the object's name."""
    standard = standard_catalog()
    whole = {table.name for table in tables if table.name in standard}
    chosen = [(table.name, table) for table in tables if table.name in standard or _is_custom_object(table)]
    for table in tables:
        of = next((name for name in sorted(_PARTS, key=len, reverse=True) if table.name.startswith(f"{name}_")), "")
        of = of or ("AUDITHISTORY" if table.name.startswith("audit_history_") else "")
        if of and of not in whole and table.name not in standard:
            chosen.append((of, table))
    return sorted(chosen, key=lambda pair: pair[0] in _LAST)


def _is_custom_object(table: CopiedTable) -> bool:
    return table.name.isupper() and table.kinds.get("id") is Kind.INTEGER and "name" in table.kinds


# --- definitions


def _definitions(chosen: Sequence[tuple[str, CopiedTable]]) -> CompanyDefinitions:
    standard = standard_catalog()
    objects = {name: table for name, table in chosen if name not in standard}
    names = {*standard, *objects}
    fields: dict[tuple[str, str], FieldDef] = {}
    relations: dict[tuple[str, str], Relation] = {}
    for name, table in chosen:
        for column, kind in table.kinds.items():
            if name in standard and column not in standard[name].fields:
                fields[name, column] = FieldDef(column, kind, custom=True)
            dimension = column.removeprefix(_DIMENSION) if column.startswith(_DIMENSION) else ""
            for line in DIMENSION_LINES if dimension else ():
                fields[line, column] = FieldDef(column, Kind.TEXT, dimension.capitalize(), custom=True)
                if dimension in names:
                    relations[line, dimension] = Relation(dimension, dimension, by=column)
    return CompanyDefinitions(
        fields=tuple((name, table) for (name, _), table in fields.items()),
        relations=tuple((name, table) for (name, _), table in relations.items()),
        objects=tuple(_object(name, table, names) for name, table in objects.items()),
    )


def _object(name: str, table: CopiedTable, names: set[str]) -> ObjectDef:
    fields = [FieldDef(column, kind, readonly=column in ("id", "createdAt")) for column, kind in table.kinds.items()]
    relations = [
        Relation(column, column[1:], by=column)
        for column, kind in table.kinds.items()
        if kind is Kind.INTEGER and column[:1] == "R" and column[1:] in names
    ]
    return object_def(name, fields, relations, label=name.replace("_", " ").capitalize())


def _facts(chosen: Sequence[tuple[str, CopiedTable]]) -> FactValues:
    ledger = next((one for name, one in chosen if name == LEDGER), None)
    books = sorted(str(book) for book in _values(ledger, "BOOKID"))
    currencies = [str(code) for code in _values(ledger, "BASECURR")]
    usual = FactValues()
    return replace(
        usual,
        reporting_books=tuple(book for book in _MAIN_BOOKS if book in books) or usual.reporting_books,
        adjustment_books=tuple(book for book in books if book not in _MAIN_BOOKS),
        base_currency=currencies[0] if len(currencies) == 1 else usual.base_currency,
    )


def _values(table: CopiedTable | None, column: str) -> list[Value]:
    if table is None or column not in table.kinds:
        return []
    return [value for value in table.distinct(column) if value not in (None, "")]


# --- records


def _records(
    chosen: Sequence[tuple[str, CopiedTable]], catalog: Catalog, anonymiser: Anonymiser | None
) -> Iterator[tuple[str, Mapping[str, Value]]]:
    for name, table in chosen:
        described = catalog[name]
        days = [column for column, kind in table.kinds.items() if kind is Kind.DATE and _is_time(described, column)]
        for stored in table.rows():
            row = {**stored, **{column: _midnight(stored.get(column)) for column in days}} if days else stored
            yield name, anonymiser.row(described, row) if anonymiser is not None else row


def _is_time(described: ObjectDef, column: str) -> bool:
    return described.kind_of(column) is Kind.TIMESTAMP


def _midnight(value: Value) -> Value:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value

"""Dotted names: paths along relations from object to object, one lookup by key per step.

A relation says which of our fields names the other record, but not by which of its own fields. That follows from the
kind of key: a field that holds a record number (an integer, or a name that ends in KEY or BY) is compared with the
other record's number, any other field with its natural key. A relation of an object to itself is followed once only.

Some objects list fields of another record as their own: `ITEM.ITEMTYPE` is a field of an order's line. If the row
has no such value of its own, it shows that of the other record.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.settings.cells import Row
from intacct_emulator.store.catalogue import keys
from intacct_protocol.model.catalog import FieldDef, ObjectDef, Relation
from intacct_protocol.xml.values import Kind


@dataclass(frozen=True, slots=True)
class Path:
    """A resolved name: the steps that lead there, and the field at the end."""

    name: str
    """As the answer spells it."""
    steps: tuple[tuple[Relation, str, str], ...]
    """Relation, the object it leads to, and the field of that object that holds the key."""
    field: FieldDef
    joined: "Path | None" = None
    """Of a dotted field, the path from its row to the other record, which is followed if the row has no value."""

    @property
    def objects(self) -> tuple[str, ...]:
        """The other objects whose records this path reads."""
        reached = self.joined.objects if self.joined else ()
        return (*(target for _, target, _ in self.steps), *reached)

    @property
    def local(self) -> str:
        """The field of the first object that is needed to follow this path."""
        return self.steps[0][0].by if self.steps else self.field.name


@dataclass(frozen=True, slots=True)
class Join:
    """The first step from a row to another record, which many columns may share."""

    by: str
    """The field of the row that names the other record."""
    target: str
    key: str
    company: CompanyData = field(repr=False, compare=False)

    def row(self, text: str) -> Row:
        """The other record for a text of the field; empty if there is none."""
        return linked(self.company, self.target, self.key, text)


@dataclass(frozen=True, slots=True)
class Column:
    """One selected column: a field of the row itself, one of another record, or a text worked out from the row."""

    tag: str
    kind: Kind
    field: str = ""
    join: Join | None = None
    """How to reach the other record, which counts if the row itself has no value."""
    joined: Callable[[Row], str] = lambda _: ""
    """Gives the text from the other record."""
    follow: Callable[[Row], str] | None = None
    """Gives the text from the whole row, in place of all that."""

    def text(self, row: Row) -> str:
        """The text of this column in a row."""
        if self.follow:
            return self.follow(row)
        text = row.get(self.field, "")
        return text if text or self.join is None else self.joined(self.join.row(row.get(self.join.by, "")))


def resolve(company: CompanyData, described: ObjectDef, name: str) -> Path | None:
    """Follow a plain or dotted name; None if it leads nowhere."""
    return _resolve(company, described, name, visited=())


def resolve_all(company: CompanyData, described: ObjectDef, names: Iterable[str]) -> dict[str, Path | None]:
    """Follow several names, each once."""
    return {name: _resolve(company, described, name, visited=()) for name in dict.fromkeys(names)}


def _resolve(company: CompanyData, described: ObjectDef, name: str, *, visited: tuple[str, ...]) -> Path | None:
    definition = described.get(name)
    if definition is None:
        return _follow_relation(company, described, name, visited=visited)
    return Path(definition.name, (), definition, _joined(company, described, definition.name, visited=visited))


def _joined(company: CompanyData, described: ObjectDef, name: str, *, visited: tuple[str, ...]) -> Path | None:
    """The path that an own dotted field shows; None if the relation names its record by that record's own name.

    Such a relation (PARENT of VENDTYPE, by NAME) would lead from each record to itself.
    """
    relation = described.relation(name.partition(".")[0]) if "." in name else None
    if relation is None or (relation.object == described.name and relation.by == keys(described).natural):
        return None
    return _follow_relation(company, described, name, visited=visited)


def _follow_relation(company: CompanyData, described: ObjectDef, name: str, *, visited: tuple[str, ...]) -> Path | None:
    first, dot, rest = name.partition(".")
    relation = described.relation(first) if dot else None
    if relation is None or relation.object not in company.catalog:
        return None
    if relation.object == described.name and described.name in visited:
        return None
    target = company.catalog[relation.object]
    onward = visited + ((described.name,) if relation.object == described.name else ())
    path = _resolve(company, target, rest, visited=onward)
    if path is None:
        return None
    step = (relation, target.name, linked_key(described, relation, target))
    return Path(f"{relation.path}.{path.name}", (step, *path.steps), path.field, path.joined)


def linked_key(described: ObjectDef, relation: Relation, target: ObjectDef) -> str:
    """The field of the target that holds the key by which the relation names it."""
    ours = relation.by.rpartition(".")[2]
    by_number = ours.endswith(("KEY", "#", "BY")) or described.kind_of(relation.by) is Kind.INTEGER
    target_keys = keys(target)
    return target_keys.record if by_number or not target_keys.natural else target_keys.natural


def columns(company: CompanyData, paths: Iterable[Path]) -> list[Column]:
    """The columns of a page, in order and each once."""
    return [_column(company, path) for path in dict.fromkeys(paths)]


def _column(company: CompanyData, path: Path) -> Column:
    field_name = "" if path.steps else path.field.name
    reached = path if path.steps else path.joined
    if reached is None:
        return Column(path.name, path.field.kind, field_name)
    (relation, target, key), *others = reached.steps
    joined = follower(company, replace(reached, steps=tuple(others)))
    return Column(path.name, path.field.kind, field_name, Join(relation.by, target, key, company), joined)


def follower(company: CompanyData, path: Path) -> Callable[[Row], str]:
    """A function from a row of the first object to the text at the end of the path; empty if a link is missing."""
    name = path.field.name
    beyond = follower(company, path.joined) if path.joined else None

    def follow(row: Row) -> str:
        for relation, target, key in path.steps:
            row = linked(company, target, key, row.get(relation.by, ""))
        return row.get(name, "") or (beyond(row) if beyond else "")

    return follow


def linked(company: CompanyData, target: str, key: str, text: str) -> Row:
    """The row of an object whose key field holds this text; an empty row when there is none."""
    if not text:
        return {}
    cache_key = (target, key, text)
    version = company.store.version(target)
    cached = company.related.recall(cache_key)
    if cached is not None and cached[0] == version:
        row: Row = cached[1]
        return row
    table = company.table(target)
    numbers = table.find(key, text)
    row = (table.get(numbers[0]) if numbers else None) or {}
    company.related.put(cache_key, (version, row))
    return row

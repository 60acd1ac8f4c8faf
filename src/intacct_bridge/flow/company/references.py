"""Names in an input become records of the company: by id first, else by name, all of a load at once.

One query an object and 500 values; nothing is asked twice. A name that fits nothing, fits two records or fits an
inactive one is a finding on the record that used it, with the nearest names there are, and never an empty field.

References that say by what they name a record: `RECORDNO=36`, `EXTERNALID=CRM-9`, `NAME=Acme`.

Without such a word a text is an id, else a name; a number alone never means a record number, for an id with a slip in
it could then be another record's. All of a load is asked for together: a query for record numbers and names, and for
external ids, which no query knows, `get` functions, a hundred to a request.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from itertools import islice

import msgspec

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.client.reading.legacy import get
from intacct_bridge.errors import IntacctError, InvalidRequestError, NotPermittedError, RecordError, RefusedError
from intacct_bridge.flow.records.values import comparable
from intacct_bridge.flow.records.write import Finding, RecordLine, Write
from intacct_bridge.model.batched import batched
from intacct_bridge.model.keys import natural_key
from intacct_bridge.model.legacy.objects import legacy_object
from intacct_bridge.model.query.query import MAX_PAGE, Query, any_of
from intacct_bridge.model.query.query import field as field_named
from intacct_bridge.model.suggestions import closest, suggestion
from intacct_bridge.wire.envelope import SUCCESS, Result
from intacct_bridge.wire.values import Value, parse_value

RECORDNO, EXTERNALID, NAME = "RECORDNO", "EXTERNALID", "NAME"
_WAYS = (RECORDNO, EXTERNALID, NAME)
_QUERIED, _GOT = 500, 100


def way_of(text: str) -> tuple[str, str]:
    """By what a text names a record, and the rest of it; two empty texts where it does not say."""
    way, equals, value = text.partition("=")
    return (way.upper(), value.strip()) if equals and way.upper() in _WAYS and value.strip() else ("", "")


def ids_said(company: Gateway, target: str, texts: Iterable[str], *, key: str, name: str) -> dict[str, list[str]]:
    """The ids that such texts mean: none, one, or several of a name.

    InvalidRequestError where the object cannot be looked for that way.
    """
    by: dict[str, dict[str, list[str]]] = {}
    for text in texts:
        way, value = way_of(text)
        by.setdefault(way, {}).setdefault(value, []).append(text)
    found: dict[str, list[str]] = {}
    for way, values in by.items():
        for value, record in (
            _outside(company, target, sorted(values))
            if way == EXTERNALID
            else _queried(company, target, sorted(values), by=name if way == NAME else way, key=key)
        ):
            for text in values.get(value, ()):
                found.setdefault(text, []).append(record)
    return found


def _queried(company: Gateway, target: str, values: Sequence[str], *, by: str, key: str) -> Iterable[tuple[str, str]]:
    if not by or (by == RECORDNO and company.connection.is_legacy):
        raise InvalidRequestError(f"{target} cannot be found by its {by or 'name'} here", fix=f"use its {key}")
    described = company.describe(target)
    for some in batched(values, _QUERIED):
        where = field_named(by).is_in([parse_value(described.kind_of(by), one) for one in some])
        for row in company.query(Query(target, tuple(dict.fromkeys((key, by))), where=where, show_private=True)):
            yield comparable(row.get(by)), comparable(row.get(key))


def _outside(company: Gateway, target: str, keys: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Ids by the external ids that other systems gave to records."""
    one = legacy_object(target)
    if not one.single:
        raise InvalidRequestError(f"{target} cannot be found by an external id", fix="use its id")
    for some in batched(keys, _GOT):
        asked = [get(one.name, key, external=True) for key in some]
        for key, result in zip(some, company.call(*asked, read=True), strict=True):
            yield from ((key, record) for record in _keys_in(result, one.answer_names(one.key)))


def _keys_in(result: Result, names: Sequence[str]) -> Iterable[str]:
    if result.status == SUCCESS and result.data is not None:
        yield from (next((text for name in names if (text := record.findtext(name))), "") for record in result.data)


_AT_ONCE = 500
_EXACT = ("GLBATCH", "GLENTRY")
"""Objects whose own table is complete; statistical entries name accounts of another kind there."""


class Target(msgspec.Struct, frozen=True):
    """An object that others refer to."""

    id: str
    word: str
    """What a person calls such a record."""
    name: str = ""
    also: tuple[str, ...] = ()
    """Fields that the rules need of it."""
    whole: bool = False
    """Read all of it: it is small, and the rules need its tree."""
    others: tuple[str, ...] = ()
    """Objects where what is not found in this one may be: statistical accounts and journals, charge cards."""


class _Table(msgspec.Struct, frozen=True):
    targets: dict[str, Target]
    fields: dict[str, dict[str, str]]
    everywhere: dict[str, str]
    """What a field of this name refers to in any object but the one that it is the key of."""


@cache
def _table() -> _Table:
    text = files("intacct_bridge.data").joinpath("references.json").read_bytes()
    return msgspec.json.decode(text, type=_Table)


@cache
def referred(object_name: str) -> Mapping[str, str]:
    """The object that each referring field of this object names."""
    table, key = _table(), natural_key(object_name)
    if object_name in _EXACT:
        return table.fields[object_name]
    common = {name: target for name, target in table.everywhere.items() if name != key}
    return common | table.fields.get(object_name, {})


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """One record that may be referred to."""

    id: str
    name: str
    status: str
    row: Row
    object: str = ""
    """Where it was found."""


@dataclass(slots=True)
class References:
    """What is known of the company's records; filled by `learn`, asked by `find`."""

    company: Gateway
    unchecked: dict[str, str] = field(default_factory=dict)
    """Objects that could not be read, with the reason: references to them pass unchecked, and the plan says so."""
    _ids: dict[str, dict[str, KnownRecord]] = field(default_factory=dict)
    _names: dict[str, dict[str, list[KnownRecord]]] = field(default_factory=dict)
    _asked: dict[str, set[str]] = field(default_factory=dict)
    _said: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """Ids by the texts that say by what they name a record."""
    _coming: dict[str, set[str]] = field(default_factory=dict)

    def learn(self, writes: Iterable[Write]) -> None:
        """Ask for every record that these writes refer to and that is not known yet.

        What they make themselves may be referred to: a parent and its child come in one file.
        """
        wanted: dict[str, set[str]] = {}
        for write in writes:
            if write.object in _table().targets:
                self._coming.setdefault(write.object, set()).add(own_id(write))
            for _, target, text in _mentions(write):
                wanted.setdefault(target, set()).add(text)
        for target, texts in wanted.items():
            new = texts - self._asked.setdefault(target, set())
            if new and target not in self.unchecked:
                self._asked[target] |= new
                plain = sorted({*self._ask_said(target, new), *(text for text in new if not way_of(text)[0])})
                self._ask(target, plain)
                self._ask_others(target, plain)

    def known(self, target: str) -> Mapping[str, KnownRecord]:
        """Every record of an object that is known, by id."""
        return self._ids.get(target, {})

    def find(self, target: str, text: str) -> KnownRecord | None:
        """The record that a text means; None where it could not be checked. RecordError where it means none or two."""
        if target in self.unchecked:
            return None
        if way_of(text)[0]:
            return self._one_said(target, text)
        found = self._ids.get(target, {}).get(text)
        named = self._names.get(target, {}).get(text, [])
        word = _table().targets[target].word
        if found is None and len(named) > 1:
            ids = ", ".join(one.id for one in named)
            raise RecordError(f"{text!r} is the name of more than one {word} ({ids})", fix="use the id")
        if found is None and not named and text in self._coming.get(target, ()):
            return None
        if found is None and not named:
            raise RecordError(f"the company has no {word} {text!r}", fix=self._nearest(target, text))
        return self._active(found or named[0], word, text)

    def _one_said(self, target: str, text: str) -> KnownRecord:
        """The record of a text that says by what it names one."""
        word, ids = _table().targets[target].word, self._said.get(target, {}).get(text, [])
        if len(ids) > 1:
            raise RecordError(f"{text!r} is more than one {word} ({', '.join(ids)})", fix="use the id")
        found = self._ids.get(target, {}).get(ids[0]) if ids else None
        if found is None:
            raise RecordError(f"the company has no {word} with {text!r}", fix="check it, or use the id")
        return self._active(found, word, text)

    def _active(self, found: KnownRecord, word: str, text: str) -> KnownRecord:
        if found.status.startswith("inactive"):
            raise RecordError(f"the {word} {text!r} is inactive", fix="use another, or make it active in Intacct")
        return found

    def _ask_said(self, target: str, texts: Iterable[str]) -> list[str]:
        """The ids that texts like `EXTERNALID=9` mean; they are then asked for like any other."""
        said, table = [text for text in texts if way_of(text)[0]], _table().targets[target]
        try:
            found = ids_said(self.company, target, said, key=table.id, name=table.name) if said else {}
        except (NotPermittedError, RefusedError, InvalidRequestError) as error:
            self.unchecked[target] = error.message
            return []
        self._said.setdefault(target, {}).update(found)
        return [one for ids in found.values() for one in ids]

    def _ask(self, target: str, texts: list[str]) -> None:
        table = _table().targets[target]
        try:
            select = self._select(target, table)
            if table.whole:
                self._take(target, table, self.company.query(Query(target, select, show_private=True)))
                return
            for some in batched(texts, _AT_ONCE):
                names = [name for name in (table.id, table.name) if name]
                where = any_of(field_named(name).is_in(some) for name in names)
                self._take(target, table, self.company.query(Query(target, select, where=where, show_private=True)))
        except (NotPermittedError, RefusedError, InvalidRequestError) as error:
            self.unchecked[target] = error.message

    def _ask_others(self, target: str, texts: list[str]) -> None:
        """Look elsewhere for what the object itself has not."""
        ids, names = self._ids.setdefault(target, {}), self._names.setdefault(target, {})
        table = _table().targets[target]
        for other in table.others if target not in self.unchecked else ():
            left = [text for text in texts if text not in ids and text not in names]
            try:
                own = msgspec.structs.replace(table, id=natural_key(other) or table.id)
                for some in batched(left, _AT_ONCE):
                    where = any_of(field_named(name).is_in(some) for name in (own.id, own.name) if name)
                    query = Query(other, self._select(other, own), where=where, show_private=True)
                    self._take(target, own, self.company.query(query), other)
            except (NotPermittedError, RefusedError, InvalidRequestError):
                continue  # a company without statistics has none of these

    def _select(self, target: str, table: Target) -> tuple[str, ...]:
        described = self.company.describe(target)
        names = (table.id, table.name, "STATUS", *table.also)
        return tuple(name for name in names if name and described.get(name) is not None)

    def _take(self, target: str, table: Target, rows: Iterator[Row], source: str = "") -> None:
        ids, names = self._ids.setdefault(target, {}), self._names.setdefault(target, {})
        for row in rows:
            known, name, status = (comparable(row.get(field)) for field in (table.id, table.name, "STATUS"))
            one = KnownRecord(known, name, status, row, source or target)
            if one.id not in ids:
                ids[one.id] = one
                names.setdefault(one.name, []).append(one)

    def _nearest(self, target: str, text: str) -> str:
        """The nearest ids and names there are, from one page of them."""
        table = _table().targets[target]
        select = (table.id, table.name) if table.name else (table.id,)
        if "" not in self._asked[target] and not table.whole:
            self._asked[target].add("")
            try:
                self._take(
                    target, table, islice(self.company.query(Query(target, select, show_private=True)), MAX_PAGE)
                )
            except IntacctError:
                return "check its spelling"
        labels = {name.casefold(): known for known in self._ids[target].values() for name in (known.id, known.name)}
        wanted = text.casefold()
        close = closest(wanted, labels, 8)
        close.sort(key=lambda name: -_shared(name, wanted))  # of accounts, those of the same kind first
        known = list(dict.fromkeys(f"{labels[name].id} ({labels[name].name})".replace(" ()", "") for name in close))
        return suggestion(known[:3]) if known else f"check its spelling; no {table.word} is like it"


def _shared(one: str, other: str) -> int:
    """How many characters two names begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def resolve(write: Write, references: References) -> tuple[Write, tuple[Finding, ...]]:
    """The write with its references as ids, and a finding for each that names no active record."""
    resolver = _Resolver(write, references)
    fields = resolver.fields(write.object, write.fields, write.position)
    lines = {
        wrapper: tuple(
            replace(line, fields=resolver.fields(line.object, line.fields, line.position)) for line in members
        )
        for wrapper, members in write.lines.items()
    }
    return replace(write, fields=fields, lines=lines), tuple(resolver.findings)


class _Resolver:
    """Resolves the references of one write and collects what is wrong with them."""

    def __init__(self, write: Write, references: References) -> None:
        self._write = write
        self._references = references
        self.findings: list[Finding] = []

    def fields(self, object_name: str, fields: Mapping[str, Value], position: str) -> Mapping[str, Value]:
        changed: dict[str, Value] = {}
        for name, target in referred(object_name).items():
            text = comparable(fields.get(name))
            if not text:
                continue
            try:
                known = self._references.find(target, text)
            except RecordError as error:
                column = self._write.column(name)
                self.findings.append(Finding("reference", error.message, error.fix, column, position))
            else:
                if known is not None and known.id != text:
                    changed[name] = known.id
        return {**fields, **changed} if changed else fields


def own_id(write: Write) -> str:
    """The id by which others refer to a record; empty where nobody does."""
    target = _table().targets.get(write.object)
    return comparable(write.fields.get(target.id)) if target is not None else ""


def mentions(write: Write) -> Iterator[tuple[str, str]]:
    """The object and the text of everything that a write refers to."""
    return ((target, text) for _, target, text in _mentions(write))


def _mentions(write: Write) -> Iterator[tuple[str, str, str]]:
    """Every (field, target, text) of a write that refers to a record."""
    owned: Iterable[RecordLine] = write.all_lines
    for object_name, fields in ((write.object, write.fields), *((line.object, line.fields) for line in owned)):
        for name, target in referred(object_name).items():
            text = comparable(fields.get(name))
            if text:
                yield name, target, text

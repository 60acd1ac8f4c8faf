"""References: names in an input become ids of the company's records, all of a load read together.

A text is an id, else a name. One query serves an object and 500 values; nothing is read twice. A name that fits no
record, two records or an inactive one is a finding on the record that uses it, with the nearest names, and never an
empty field.

A text may also say which field it gives: `RECORDNO=36`, `EXTERNALID=CRM-9`, `NAME=Acme`. A number alone is never a
record number, because a mistyped id could then be another record's. Record numbers and names are found by queries.
External ids, which queries do not know, are found by legacy `get` functions, a hundred to a request.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice

import msgspec

from intacct_bridge.client.protocol import Gateway, Row
from intacct_bridge.client.reading.legacy import get
from intacct_bridge.load.records.values import comparable, equal_form
from intacct_bridge.load.records.write import Finding, RecordLine, Write
from intacct_protocol.errors import IntacctError, InvalidRequestError, NotPermittedError, RecordError, RefusedError
from intacct_protocol.model.batched import batched
from intacct_protocol.model.keys import natural_key
from intacct_protocol.model.legacy.objects import legacy_object
from intacct_protocol.model.query.query import MAX_PAGE, Query, any_of
from intacct_protocol.model.query.query import field as field_named
from intacct_protocol.model.suggestions import closest, suggestion
from intacct_protocol.model.text_forms import nfc, with_forms
from intacct_protocol.xml.envelope import SUCCESS, Result
from intacct_protocol.xml.values import Value, parse_value

RECORDNO, EXTERNALID, NAME = "RECORDNO", "EXTERNALID", "NAME"
_KEYWORDS = (RECORDNO, EXTERNALID, NAME)
_QUERY_BATCH, _GET_BATCH = 500, 100
_OWN_TABLE = ("GLBATCH", "GLENTRY")
"""Objects whose own table is complete; statistical entries name accounts of another kind there."""


class Target(msgspec.Struct, frozen=True):
    """An object that others refer to."""

    id: str
    word: str
    """The word for such a record in messages."""
    name: str = ""
    also: tuple[str, ...] = ()
    """Fields that the rules need of it."""
    whole: bool = False
    """Read all of its records: they are few, and the rules need their tree."""
    others: tuple[str, ...] = ()
    """Objects that may have the records that this one lacks: statistical accounts and journals, charge cards."""


class _Table(msgspec.Struct, frozen=True):
    targets: dict[str, Target]
    fields: dict[str, dict[str, str]]
    everywhere: dict[str, str]
    """The object that a field of this name refers to, except in the object whose key it is."""


@cache
def _table() -> _Table:
    text = files("intacct_bridge.data").joinpath("references.json").read_bytes()
    return msgspec.json.decode(text, type=_Table)


@cache
def referred(object_name: str) -> Mapping[str, str]:
    """The target of each field of this object that refers to one."""
    table, key = _table(), natural_key(object_name)
    if object_name in _OWN_TABLE:
        return table.fields[object_name]
    common = {name: target for name, target in table.everywhere.items() if name != key}
    return common | table.fields.get(object_name, {})


@lru_cache(4096)
def _referring(object_name: str, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The fields that refer to other objects, with their targets. Cached, since many records have the same fields."""
    return tuple((name, target) for name, target in referred(object_name).items() if name in names)


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """One record that may be referred to."""

    id: str
    name: str
    status: str
    row: Row
    object: str = ""
    """The object in which it was found."""


Names = Mapping[str, Mapping[str, str]]
"""Names of records by object and id."""


@dataclass(frozen=True, slots=True)
class ReferenceQuery:
    """A query for the records of an object that texts name."""

    target: str
    texts: Sequence[str]
    query: Query


@dataclass(slots=True)
class References:
    """The company's records that a load refers to: `learn` reads them, `find` gives them."""

    company: Gateway
    unchecked: dict[str, str] = field(default_factory=dict)
    """Objects that could not be read, with the reason; references to them are not checked, and the plan says so."""
    _ids: dict[str, dict[str, KnownRecord]] = field(default_factory=dict)
    _forms: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """Ids by their strings in NFC: a company may hold the other form, or both."""
    _names: dict[str, dict[str, list[KnownRecord]]] = field(default_factory=dict)
    """By the text in NFC."""
    _texts_read: dict[str, set[str]] = field(default_factory=dict)
    _by_keyword: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """Ids by the strings that give a keyword, such as `NAME=Acme`."""
    _in_load: dict[str, set[str]] = field(default_factory=dict)
    """Ids of records that the load itself creates."""
    _sure: dict[tuple[str, str], KnownRecord] = field(default_factory=dict)
    """Records by what named them, since many rows name the same ones."""
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    """The names of the records that were found, by object and id; a record whose name is its id has none."""

    def learn(self, writes: Iterable[Write]) -> None:
        """Read every record that these writes refer to and that is not known yet."""
        queries = self.queries(writes)
        rows, _ = self.company.read_together([each.query for each in queries])
        self.add(zip(queries, rows, strict=True))

    def queries(self, writes: Iterable[Write]) -> list["ReferenceQuery"]:
        """The queries for every record that these writes refer to and that is not known yet; `add` takes their rows.

        Records that the load creates may be referred to as well: a parent and its child come in one file.
        """
        self._sure.clear()
        texts_by_target: dict[str, set[str]] = {}
        for write in writes:
            if write.object in _table().targets:
                self._in_load.setdefault(write.object, set()).add(own_id(write))
            for target, text in mentions(write):
                texts_by_target.setdefault(target, set()).add(text)
        new_texts = {
            target: new
            for target, texts in texts_by_target.items()
            if target not in self.unchecked and (new := texts - self._texts_read.setdefault(target, set()))
        }
        refused: dict[str, RefusedError] = {}
        self.company.describe_many(new_texts, refused)
        self.unchecked |= {target: error.message for target, error in refused.items()}
        queries: list[ReferenceQuery] = []
        for target, new in new_texts.items():
            if target in refused:
                continue
            self._texts_read[target] |= new
            keyed = sorted(text for text in new if _keyword(text)[0])
            queries += self._queries(target, sorted({*self._ids_of(target, keyed), *(new - set(keyed))}))
        return queries

    def add(self, answers: Iterable[tuple["ReferenceQuery", Iterator[Row]]]) -> None:
        """Take the rows of queries; what an object lacks is looked for in the others that may have it."""
        for query, rows in answers:
            try:
                self._add_rows(query.target, _table().targets[query.target], rows)
            except (NotPermittedError, RefusedError, InvalidRequestError) as error:
                self.unchecked[query.target] = error.message
            self._read_others(query.target, query.texts)

    def for_next_plan(self) -> "References":
        """References for another plan of the same company: with the records that these have found.

        What was not found is asked for again, and no record counts as created by the load.
        """
        unchecked = dict(self.unchecked)
        references = References(self.company, unchecked, self._ids, self._forms, self._names, {}, self._by_keyword)
        for target, texts in self._texts_read.items():
            ids, names = self._forms.get(target, {}), self._names.get(target, {})
            keyed = self._by_keyword.get(target, {})
            references._texts_read[target] = {
                text for text in texts if nfc(text) in ids or nfc(text) in names or text in keyed
            }
            if _table().targets[target].whole:
                references._texts_read[target] |= ids.keys() | names.keys()
        return references

    def forget(self, object_name: str) -> None:
        """Forget the records of an object, and what refers to it or to it among others."""
        self._sure.clear()
        for target, table in _table().targets.items():
            if object_name == target or object_name in table.others:
                for cache in (self._ids, self._forms, self._names, self._texts_read, self._by_keyword):
                    cache.pop(target, None)

    def records(self, target: str) -> Mapping[str, KnownRecord]:
        """Every record of an object that is known, by id."""
        return self._ids.get(target, {})

    def find(self, target: str, text: str) -> KnownRecord | None:
        """The record that a text names; None if it cannot be checked. RecordError if it names none or several."""
        if target in self.unchecked:
            return None
        record = self._sure.get((target, text)) or self._find(target, text)
        if record is not None:
            self._sure[target, text] = record
            if record.name not in ("", record.id):
                self.names.setdefault(target, {})[record.id] = record.name
        return record

    def _find(self, target: str, text: str) -> KnownRecord | None:
        if _keyword(text)[0]:
            return self._find_by_keyword(target, text)
        records, form = self.records(target), nfc(text)
        same = self._forms.get(target, {}).get(form, [])
        record = records[same[0]] if same else None
        named = self._names.get(target, {}).get(form, [])
        word = _table().targets[target].word
        if len(same) > 1:
            problem = f"{text!r} is the id of more than one {word}, with accents in different forms"
            raise RecordError(problem, fix="rename one of them, or refer to it by its record number: RECORDNO=...")
        if record is None and len(named) > 1:
            ids = ", ".join(one.id for one in named)
            raise RecordError(f"{text!r} is the name of more than one {word} ({ids})", fix="use the id")
        if record is None and not named and form in self._in_load.get(target, ()):
            return None
        if record is None and not named:
            raise RecordError(f"the company has no {word} {text!r}", fix=self._nearest(target, text))
        return _active(record or named[0], word, text)

    def _find_by_keyword(self, target: str, text: str) -> KnownRecord:
        word, ids = _table().targets[target].word, self._by_keyword.get(target, {}).get(text, [])
        if len(ids) > 1:
            raise RecordError(f"{text!r} is more than one {word} ({', '.join(ids)})", fix="use the id")
        record = self._ids.get(target, {}).get(ids[0]) if ids else None
        if record is None:
            raise RecordError(f"the company has no {word} with {text!r}", fix="check it, or use the id")
        return _active(record, word, text)

    def _ids_of(self, target: str, keyed: Sequence[str]) -> list[str]:
        """The ids that strings such as `EXTERNALID=9` stand for; their records are then read like any others."""
        table = _table().targets[target]
        try:
            ids_by_text = ids_by_keyword(self.company, target, keyed, key=table.id, name=table.name) if keyed else {}
        except (NotPermittedError, RefusedError, InvalidRequestError) as error:
            self.unchecked[target] = error.message
            return []
        self._by_keyword.setdefault(target, {}).update(ids_by_text)
        return [one for ids in ids_by_text.values() for one in ids]

    def _queries(self, target: str, texts: Sequence[str]) -> Iterator["ReferenceQuery"]:
        table = _table().targets[target]
        every = Query(target, self._select(target, table), show_private=True)
        if table.whole:
            yield ReferenceQuery(target, texts, every)
            return
        for batch in batched(texts, _QUERY_BATCH):
            names = [name for name in (table.id, table.name) if name]
            where = any_of(field_named(name).is_in(with_forms(batch)) for name in names)
            yield ReferenceQuery(target, batch, replace(every, where=where))

    def _read_others(self, target: str, texts: Sequence[str]) -> None:
        """Read from other objects the records that the object itself does not have."""
        forms, names = self._forms.setdefault(target, {}), self._names.setdefault(target, {})
        table = _table().targets[target]
        for other in table.others if target not in self.unchecked else ():
            left = [text for text in texts if nfc(text) not in forms and nfc(text) not in names]
            try:
                other_table = msgspec.structs.replace(table, id=natural_key(other) or table.id)
                for batch in batched(left, _QUERY_BATCH):
                    forms_asked = with_forms(batch)
                    where = any_of(
                        field_named(name).is_in(forms_asked) for name in (other_table.id, other_table.name) if name
                    )
                    query = Query(other, self._select(other, other_table), where=where, show_private=True)
                    self._add_rows(target, other_table, self.company.query(query), other)
            except (NotPermittedError, RefusedError, InvalidRequestError):
                continue  # a company without statistics has none of these

    def _select(self, target: str, table: Target) -> tuple[str, ...]:
        described = self.company.describe(target)
        names = (table.id, table.name, "STATUS", *table.also)
        return tuple(name for name in names if name and described.get(name) is not None)

    def _add_rows(self, target: str, table: Target, rows: Iterator[Row], source: str = "") -> None:
        ids, names = self._ids.setdefault(target, {}), self._names.setdefault(target, {})
        forms = self._forms.setdefault(target, {})
        for row in rows:
            record_id, name, status = (comparable(row.get(field)) for field in (table.id, table.name, "STATUS"))
            record = KnownRecord(record_id, name, status, row, source or target)
            if record.id not in ids:
                ids[record.id] = record
                forms.setdefault(nfc(record.id), []).append(record.id)
                names.setdefault(nfc(record.name), []).append(record)

    def _nearest(self, target: str, text: str) -> str:
        """The nearest ids and names, from one page of them."""
        table = _table().targets[target]
        select = (table.id, table.name) if table.name else (table.id,)
        if "" not in self._texts_read[target] and not table.whole:
            self._texts_read[target].add("")
            try:
                rows = self.company.query(Query(target, select, show_private=True))
                self._add_rows(target, table, islice(rows, MAX_PAGE))
            except IntacctError:
                return "check its spelling"
        labels = {name.casefold(): known for known in self._ids[target].values() for name in (known.id, known.name)}
        folded = text.casefold()
        close = closest(folded, labels, 8)
        if " " not in folded:
            close.sort(key=lambda name: -_shared(name, folded))  # of account numbers, those of the same kind first
        suggestions = list(
            dict.fromkeys(f"{labels[name].id} ({labels[name].name})".replace(" ()", "") for name in close)
        )
        return suggestion(suggestions[:3]) if suggestions else f"check its spelling; no {table.word} is like it"


def _active(record: KnownRecord, word: str, text: str) -> KnownRecord:
    if record.status.startswith("inactive"):
        raise RecordError(f"the {word} {text!r} is inactive", fix="use another, or make it active in Intacct")
    return record


def _shared(name: str, other_name: str) -> int:
    """The number of characters with which two names begin alike."""
    return next(
        (at for at, (a, b) in enumerate(zip(name, other_name, strict=False)) if a != b), min(len(name), len(other_name))
    )


# --- strings that give a keyword


def ids_by_keyword(company: Gateway, target: str, texts: Iterable[str], *, key: str, name: str) -> dict[str, list[str]]:
    """The ids that strings such as `NAME=Acme` stand for: none, one, or several of a name.

    InvalidRequestError if the object cannot be found by that field.
    """
    by_keyword: dict[str, dict[str, list[str]]] = {}
    for text in texts:
        keyword, value = _keyword(text)
        by_keyword.setdefault(keyword, {}).setdefault(nfc(value), []).append(text)
    ids: dict[str, list[str]] = {}
    for keyword, values in by_keyword.items():
        for value, record in (
            _by_external_id(company, target, sorted(values))
            if keyword == EXTERNALID
            else _by_query(company, target, sorted(values), by=name if keyword == NAME else keyword, key=key)
        ):
            for text in values.get(value, ()):
                if record not in ids.setdefault(text, []):
                    ids[text].append(record)
    return ids


def _keyword(text: str) -> tuple[str, str]:
    """The keyword and the value of a text such as `NAME=Acme`; two empty strings if it has none."""
    keyword, equals, value = text.partition("=")
    has_keyword = equals and keyword.upper() in _KEYWORDS and value.strip()
    return (keyword.upper(), value.strip()) if has_keyword else ("", "")


def _by_query(company: Gateway, target: str, values: Sequence[str], *, by: str, key: str) -> Iterable[tuple[str, str]]:
    if not by or (by == RECORDNO and company.connection.is_legacy):
        raise InvalidRequestError(f"{target} cannot be found by its {by or 'name'} here", fix=f"use its {key}")
    described = company.describe(target)
    for batch in batched(values, _QUERY_BATCH):
        where = field_named(by).is_in([parse_value(described.kind_of(by), one) for one in with_forms(batch)])
        for row in company.query(Query(target, tuple(dict.fromkeys((key, by))), where=where, show_private=True)):
            yield equal_form(row.get(by)), comparable(row.get(key))


def _by_external_id(company: Gateway, target: str, keys: Sequence[str]) -> Iterable[tuple[str, str]]:
    legacy = legacy_object(target)
    if not legacy.single:
        raise InvalidRequestError(f"{target} cannot be found by an external id", fix="use its id")
    for batch in batched(with_forms(keys), _GET_BATCH):
        functions = [get(legacy.name, key, external=True) for key in batch]
        for key, result in zip(batch, company.call(*functions, read=True), strict=True):
            yield from ((nfc(key), record) for record in _keys_in(result, legacy.answer_names(legacy.key)))


def _keys_in(result: Result, names: Sequence[str]) -> Iterable[str]:
    if result.status == SUCCESS and result.data is not None:
        yield from (next((text for name in names if (text := record.findtext(name))), "") for record in result.data)


# --- the references of a write


def resolve(write: Write, references: References) -> tuple[Write, tuple[Finding, ...]]:
    """The write with its references as ids, and a finding for each that names no active record."""
    findings: list[Finding] = []

    def resolved(place: Write | RecordLine) -> Mapping[str, Value]:
        changed: dict[str, Value] = {}
        fields = place.fields
        for name, target in _referring(place.object, tuple(fields)):
            text = comparable(fields[name])
            if not text:
                continue
            try:
                record = references.find(target, text)
            except RecordError as error:
                findings.append(Finding("reference", error.message, error.fix, write.column(name), place.position))
            else:
                if record is not None and record.id != text:
                    changed[name] = record.id
        return {**fields, **changed} if changed else fields

    def resolved_line(line: RecordLine) -> RecordLine:
        resolved_fields = resolved(line)
        return line if resolved_fields is line.fields else msgspec.structs.replace(line, fields=resolved_fields)

    fields = resolved(write)
    lines = {wrapper: tuple(map(resolved_line, members)) for wrapper, members in write.lines.items()}
    changed = fields is not write.fields or any(
        after.fields is not before.fields
        for wrapper, members in lines.items()
        for before, after in zip(write.lines[wrapper], members, strict=True)
    )
    if not changed:
        return write, tuple(findings)
    return replace(write, fields=fields, lines=lines, input_content=write.content), tuple(findings)


def own_id(write: Write) -> str:
    """The id by which others refer to a record; empty if its object is not referred to."""
    target = _table().targets.get(write.object)
    return equal_form(write.fields.get(target.id)) if target is not None else ""


def mentions(write: Write) -> Iterator[tuple[str, str]]:
    """The object and the text of everything that a write refers to."""
    for object_name, fields in (
        (write.object, write.fields),
        *((line.object, line.fields) for line in write.all_lines),
    ):
        for name, target in _referring(object_name, tuple(fields)):
            text = comparable(fields[name])
            if text:
                yield target, text

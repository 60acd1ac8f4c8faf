"""The mapping language: the columns of an input and the fields of an object, as TOML.

    object = "APBILL"
    group_by = ["Invoice No"]            # rows with one value here are one record
    ignore = ["Comment"]

    [fields]                             # Intacct field = column, or a rule
    RECORDID = "Invoice No"
    WHENCREATED = { from = "Date", as = "date", format = "DD.MM.YYYY" }
    VENDORID = { from = "Supplier", lookup = { object = "VENDOR", by = "NAME" } }

    [[lines]]
    object = "APBILLITEM"                # without `from`: every row of the record is a line
    [lines.fields]
    TRX_AMOUNT = { from = "Net", as = "number", required = true }
    ACCOUNTNO = ["Account", { from = "Category", map = { Travel = "6100", Rent = "6400" } }]

`state` names the columns that say whether a record is live, a draft or void in its source, and `[total]` the one that
its lines must add up to. `[fields]` applies in both directions if a rule can be reversed; `[write]` (to Intacct) and
`[read]` (a column from Intacct fields) add rules for one direction. Of a list of rules, the first that finds a value
applies. This module reads and checks the language, `rules` applies one rule, `unify` a whole map. The shipped unified
schemas are files in the same language.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import Any, Literal

import msgspec

from intacct_bridge.mapping.paths import column
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.day_formats import check_format
from intacct_protocol.model.keys import natural_key, owner
from intacct_protocol.model.nesting import refusing_depth
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.text_forms import nfc

Scalar = str | int | bool
Type = Literal["text", "number", "integer", "boolean", "date", "time"]
VERSIONS = ("v1", "v2")
OR = "|"
"""Between fields of a lookup's condition of which one has the value."""
UP = "^"
"""In a line: read from the record that holds the line."""


class Lookup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lookup: the record of `object` whose `by` has the value gives its field `give`."""

    object: str
    by: str | tuple[str, ...]
    """The field, or several: the record of which one of them has the value."""
    give: str = ""
    """Default: the object's natural key."""
    where: dict[str, Scalar] = {}
    """Further conditions, such as `STATUS = "active"`."""
    also: dict[str, str] = {}
    """Further conditions by other columns that have a value: `VENDORID = "vendorId"`. `VENDORID|VENDORNAME` stands for
    either field."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of which one has the value."""
        return (self.by,) if isinstance(self.by, str) else self.by


class RuleText(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule as a mapping spells it."""

    from_: str | tuple[str, ...] = msgspec.field(default="", name="from")
    """A column or path, or several: the first that has a value."""
    join: tuple[str, ...] = ()
    with_: str = msgspec.field(default=" ", name="with")
    split: str = ""
    part: int = 1
    """The piece of a split, counted from 1; negative numbers count from the end."""
    constant: Scalar | None = None
    default: Scalar | None = None
    as_: Type | None = msgspec.field(default=None, name="as")
    format: str = ""
    """The format of a day or time: YYYY YY MMMM MMM MM M DD D HH mm ss."""
    map: dict[str, Scalar] = {}
    otherwise: Literal["refuse", "keep", "skip"] = "refuse"
    """The treatment of a value that `map` does not list."""
    absolute: bool = False
    negate: bool = False
    skip_zero: bool = False
    """Treat zero as no value."""
    lookup: Lookup | tuple[Lookup, ...] | None = None
    """A lookup, or several: the first that finds a record applies."""
    reference: str = ""
    """`vendor` stands for the columns vendorNumber, vendorId (a RECORDNO) and vendorName of the unified schemas."""
    object: str = ""
    """The object of a `reference`."""
    name: str = "NAME"
    """The field of that object for a `reference` by name."""
    single: bool = False
    """Refuse a record in which several of the columns have a value."""
    agree: bool = False
    """Refuse a record in which another of the columns, or a later rule of the list, finds another value."""
    when: str = ""
    """Apply the rule only if this column has a value other than zero or false, or (`type=mobile`) this value."""
    required: bool = False


class Rule(RuleText, frozen=True):
    """A checked rule, with the values that its text implies."""

    paths: tuple[str, ...] = ()
    """The columns or paths; the first that has a value is used."""
    sources: tuple[str, ...] = ()
    """Every column or path that the rule reads."""
    read_columns: frozenset[str] = frozenset()
    """The record's own columns in which these start; a column with the name of a path is one."""
    condition: tuple[str, bool, str] = ("", False, "")
    """The parts of `when`, as `condition_parts` gives them."""
    plain: bool = False
    """Strings stay unchanged."""
    lookups: tuple[Lookup, ...] = ()
    """The lookups, each with the field that it gives."""
    copied: str = ""
    """The column whose text is the value as it is, if the rule does nothing else; else empty."""
    alone: str = ""
    """The column of the record itself from which alone the rule takes its value, as most rules do; else empty."""


def condition_parts(condition: str) -> tuple[str, bool, str]:
    """The parts of a `when`: the path, whether it names a value, and the value. An `=` in brackets is in the path."""
    path, equals, value = condition.rpartition("=")
    return (path.strip(), True, value.strip()) if equals and "]" not in value else (condition, False, "")


Rules = tuple[Rule, ...]
_Written = str | RuleText | list[str | RuleText]


class ObjectRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The object of each record, if a column says it, as the type of a bank account does."""

    from_: str = msgspec.field(name="from")
    map: dict[str, str]
    """The object for each value, without regard to case; an empty cell means the object of the mapping."""


class Custom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A list of custom fields by name, such as `[{name = "COLOUR", value = "red"}]`."""

    from_: str = msgspec.field(name="from")
    name: str = "name"
    value: str = "value"


class TotalRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The total that a record states, which its lines must add up to, with the parts that it may hold beside them."""

    from_: str = msgspec.field(name="from")
    add: tuple[str, ...] = ()
    """Columns of the record that the total includes: tax, freight."""
    subtract: tuple[str, ...] = ()
    """Columns of the record that the total is less by: a discount."""
    line_add: tuple[str, ...] = ()
    """The same in each line."""
    line_subtract: tuple[str, ...] = ()

    @property
    def of_record(self) -> tuple[str, ...]:
        """Every column of the record that the check reads."""
        return (self.from_, *self.add, *self.subtract)

    @property
    def of_lines(self) -> tuple[str, ...]:
        """Every column of the lines that the check reads."""
        return (*self.line_add, *self.line_subtract)


class _Lines(msgspec.Struct, forbid_unknown_fields=True):
    object: str
    wrapper: str = ""
    from_: str | tuple[str, ...] = msgspec.field(default=(), name="from")
    into: str = ""
    fields: dict[str, _Written] = {}
    write: dict[str, _Written] = {}
    read: dict[str, _Written] = {}
    custom: Custom | None = None


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    object: str
    object_by: ObjectRule | None = None
    name: str = ""
    about: str = ""
    aliases: tuple[str, ...] = ()
    read_object: str = ""
    also_reads: tuple[str, ...] = ()
    read_stream: str = ""
    read_only: str = ""
    day_as: Literal["date", "time"] = "date"
    group_by: tuple[str, ...] = ()
    rest: Literal["refuse", "drop", "pass"] = "refuse"
    ignore: tuple[str, ...] = ()
    empty: Literal["skip", "clear"] = "skip"
    fields: dict[str, _Written] = {}
    write: dict[str, _Written] = {}
    read: dict[str, _Written] = {}
    carry: dict[str, str] = {}
    state: _Written = []
    total: TotalRule | None = None
    custom: Custom | None = None
    lines: tuple[_Lines, ...] = ()


class LineMap(msgspec.Struct, frozen=True):
    """The lines of a record."""

    object: str
    wrapper: str
    sources: tuple[str, ...]
    """The lists that hold the lines; none if every row is a line, `.` if the record itself is one."""
    into: str
    """Their list in a unified record; empty if they are not read."""
    write: Mapping[str, Rules]
    read: Mapping[str, Rules]
    custom: Custom | None


class EntityMap(msgspec.Struct, frozen=True):
    """A checked mapping: rules by the field (write) or column (read) that they fill."""

    name: str
    object: str
    about: str
    aliases: tuple[str, ...]
    read_object: str
    """The object whose rows become records: `object`, unless the map names another."""
    also_reads: tuple[str, ...]
    """Other objects with rows of the same form, such as savings accounts beside checking accounts."""
    virtual_stream: str
    """The virtual stream to extract if the records are not rows of an object, such as `trial_balance`."""
    day_as: Literal["date", "time"]
    """The form of a day in a unified record: the date, or its midnight."""
    group_by: tuple[str, ...]
    rest: Literal["refuse", "drop", "pass"]
    ignore: tuple[str, ...]
    empty: Literal["skip", "clear"]
    """Whether a null in the input leaves the field unchanged or clears it."""
    write: Mapping[str, Rules]
    read: Mapping[str, Rules]
    carry: Mapping[str, str]
    """Columns for the loader that no field takes, by the loader's names, such as `attachments`."""
    custom: Custom | None
    lines: tuple[LineMap, ...]
    object_by: ObjectRule | None = None
    read_only: str = ""
    """Why records cannot be written, if they cannot."""
    equivalents: Mapping[str, Mapping[str, frozenset[str]]] = {}
    """By field and value, the company's other values that read as the same: `active non-posting` for `active`."""
    state: Rules = ()
    """The columns that say whether the record is live, a draft, or void in its source; each of them counts."""
    total: TotalRule | None = None
    columns: tuple[str, ...] = ()
    """Every column or path of the input that the map knows: used, carried or ignored."""
    record_columns: frozenset[str] = frozenset()
    """The same columns by the names that a record has."""

    @property
    def objects(self) -> tuple[str, ...]:
        """The objects that records are written to."""
        return tuple(dict.fromkeys((self.object, *(self.object_by.map.values() if self.object_by else ()))))

    def reading(self, object_name: str) -> "EntityMap":
        """The map for records that are read from this object, whose word a column has."""
        if self.object_by is None:
            return self
        word = next((word for word, name in self.object_by.map.items() if name == object_name), "")
        says = {self.object_by.from_: (_complete(RuleText(constant=word)),)} if word else {}
        return msgspec.structs.replace(self, read={**self.read, **says})

    def with_known(self, names: Iterable[str]) -> "EntityMap":
        """The map for inputs whose columns `names` are used elsewhere; a map with `rest = "pass"` passes them on."""
        more = tuple(name for name in names if name not in self.record_columns and self.rest != "pass")
        return msgspec.structs.replace(
            self, columns=(*self.columns, *more), record_columns=self.record_columns.union(more)
        )

    def check_columns(self, columns: tuple[str, ...], source: str) -> None:
        """Compare a table's header with the map; SettingsError for a missing column, or an unused one that is not
        allowed.
        """
        for name in self.columns:
            if name not in columns and column(name) not in columns and name not in self.ignore:
                raise SettingsError(
                    f"{source} has no column {name!r}, which the mapping uses{did_you_mean(name, columns)}",
                    fix=f"its columns are {', '.join(columns)}",
                )
        left = [name for name in columns if name not in self.columns]
        if left and self.rest == "refuse":
            raise SettingsError(
                f"{source} has the column {left[0]!r}, which the mapping does not use",
                fix=f'map it, or write ignore = [{", ".join(map(repr, left))}] or rest = "drop" into the mapping',
            )


def parse_map(text: str, source: str) -> EntityMap:
    """Read a mapping file; the SettingsError names the file and the place in it."""
    try:
        with refusing_depth(source, text):
            return make_map(tomllib.loads(nfc(text)), source)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source} is not TOML: {error}") from None


def make_map(document: Mapping[str, Any], source: str) -> EntityMap:
    """Check a mapping that is read already; the SettingsError names its source and the place in it."""
    try:
        return _checked(msgspec.convert(document, type=_Document), PurePath(source).stem)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source}: {error}", fix="see the mapping language in the documentation") from None
    except SettingsError as error:
        raise SettingsError(f"{source}: {error.message}", fix=error.fix) from None


def unified_map(name: str, version: str | None = None) -> EntityMap:
    """A shipped entity by name or alias, ignoring case; without a version, the first of v1 and v2 that has it."""
    folded = name.casefold()
    versions = VERSIONS if version is None else (version,)
    for schema in versions:
        for entity in unified_maps(schema).values():
            if folded in (entity.name.casefold(), *(alias.casefold() for alias in entity.aliases)):
                return entity
    names = [entity for schema in versions for entity in unified_maps(schema)]
    raise SettingsError(f"there is no unified entity {name}{did_you_mean(name, names)}", fix=f"use {', '.join(names)}")


@cache
def unified_maps(version: str) -> Mapping[str, EntityMap]:
    """The shipped entities of one version of the schema, by name."""
    if version not in VERSIONS:
        raise SettingsError(f"there is no unified schema {version!r}", fix=f"use {' or '.join(VERSIONS)}")
    folder = files("intacct_bridge.data").joinpath("unified", version)
    maps = (parse_map(one.read_text(), one.name) for one in folder.iterdir() if one.name.endswith(".toml"))
    return {one.name: one for one in sorted(maps, key=lambda one: one.name)}


def _checked(document: _Document, stem: str) -> EntityMap:
    write, read = _directions(document.fields, document.write, document.read, "")
    entity = EntityMap(
        name=document.name or stem,
        object=document.object,
        about=document.about,
        aliases=document.aliases,
        read_object=document.read_object or document.object,
        also_reads=document.also_reads,
        virtual_stream=document.read_stream,
        day_as=document.day_as,
        group_by=document.group_by,
        rest=document.rest,
        ignore=document.ignore,
        empty=document.empty,
        write=write,
        read=read,
        carry=document.carry,
        custom=document.custom,
        lines=tuple(_checked_lines(one) for one in document.lines),
        object_by=document.object_by,
        read_only=document.read_only,
        equivalents=_equivalents(write, read),
        state=_rules(document.state, "state"),
        total=document.total,
    )
    entity = entity.reading(entity.object)
    columns = tuple(dict.fromkeys(_columns_read(entity)))
    return msgspec.structs.replace(entity, columns=columns, record_columns=frozenset((*columns, *map(column, columns))))


def _equivalents(write: Mapping[str, Rules], read: Mapping[str, Rules]) -> dict[str, Mapping[str, frozenset[str]]]:
    """For each field whose values a column reads by a map, the values that it reads alike."""
    equivalents: dict[str, Mapping[str, frozenset[str]]] = {}
    for rule in (rules[0] for rules in read.values() if len(rules) == 1 and rules[0].map):
        if len(rule.sources) == 1 and rule.sources[0] in write:
            alike = {
                value: frozenset(one for one in rule.map if rule.map[one] == rule.map[value]) for value in rule.map
            }
            equivalents[rule.sources[0]] = {
                value: others - {value} for value, others in alike.items() if others != {value}
            }
    return {name: values for name, values in equivalents.items() if values}


def _checked_lines(document: _Lines) -> LineMap:
    held = owner(document.object)
    wrapper = document.wrapper or (held.wrapper if held else "")
    if not wrapper:
        raise SettingsError(
            f"lines.{document.object}: unknown lines", fix='name the element around the lines: wrapper = "..."'
        )
    write, read = _directions(document.fields, document.write, document.read, f"lines.{document.object}.")
    sources = (document.from_,) if isinstance(document.from_, str) else document.from_
    into = document.into or (sources[0] if sources and sources[0] != "." else "")
    return LineMap(document.object, wrapper, sources, into, write, read, document.custom)


def _directions(
    fields: Mapping[str, _Written], write: Mapping[str, _Written], read: Mapping[str, _Written], place: str
) -> tuple[dict[str, Rules], dict[str, Rules]]:
    """The rules to Intacct, and the rules from Intacct: those of `[read]`, else the reversed ones of `[fields]`."""
    both = {name: _rules(one, f"{place}fields.{name}") for name, one in fields.items()}
    only = {name: _rules(one, f"{place}write.{name}") for name, one in write.items()}
    back = {path: (rule,) for name, rules in both.items() for path, rule in _reversed(name, rules)}
    reads = {name: _rules(one, f"{place}read.{name}") for name, one in read.items()}
    return both | only, back | reads


def _rules(written: _Written, place: str) -> Rules:
    several = written if isinstance(written, list) else [written]
    return tuple(_checked_rule(RuleText(from_=one) if isinstance(one, str) else one, place) for one in several)


def _checked_rule(rule: RuleText, place: str) -> Rule:
    ways = [bool(rule.from_), bool(rule.join), rule.constant is not None, bool(rule.reference)]
    if sum(ways) != 1:
        raise SettingsError(f"{place}: a rule takes one of from, join, constant and reference")
    if rule.format and rule.as_ not in ("date", "time"):
        raise SettingsError(f'{place}: a format needs as = "date" or as = "time"')
    if rule.format:
        try:
            check_format(rule.format)
        except SettingsError as error:
            raise SettingsError(f"{place}: {error.message}", fix=error.fix) from None
    if (rule.absolute or rule.negate) and rule.as_ not in ("number", "integer"):
        raise SettingsError(f'{place}: absolute and negate need as = "number"')
    if rule.part == 0:
        raise SettingsError(f"{place}: parts are counted from 1, or from the end with -1")
    if rule.reference and not natural_key(rule.object):
        raise SettingsError(f"{place}: a reference needs an object with a natural key")
    return _complete(rule, tuple(_checked_lookup(one, place) for one in _lookups(rule)))


def _lookups(rule: RuleText) -> tuple[Lookup, ...]:
    if rule.lookup is None:
        return ()
    return (rule.lookup,) if isinstance(rule.lookup, Lookup) else rule.lookup


def _checked_lookup(lookup: Lookup, place: str) -> Lookup:
    if not lookup.fields:
        raise SettingsError(f"{place}: name the field of {lookup.object} to look up by", fix='by = "NAME"')
    give = lookup.give or natural_key(lookup.object)
    if not give:
        raise SettingsError(f"{place}: say which field of {lookup.object} the lookup gives", fix='give = "RECORDNO"')
    return msgspec.structs.replace(lookup, give=give)


def _complete(rule: RuleText, lookups: tuple[Lookup, ...] = ()) -> Rule:
    named = (rule.from_,) if isinstance(rule.from_, str) else rule.from_
    if rule.reference:
        named = tuple(f"{rule.reference}{end}" for end in ("Number", "Id", "Name"))
    condition = condition_parts(rule.when)
    also = tuple(path for one in lookups for path in one.also.values())
    sources = tuple(one for one in (*named, *rule.join, condition[0], *also) if one)
    plain = not (rule.split or rule.map or rule.as_)
    special = rule.when or rule.join or rule.skip_zero or rule.constant is not None or len(named) != 1
    alone = "" if special or named[0].startswith(UP) else named[0]
    return Rule(
        **msgspec.structs.asdict(rule),
        paths=named,
        sources=sources,
        read_columns=frozenset(name for path in sources for name in _columns(path)),
        condition=condition,
        plain=plain,
        lookups=lookups,
        copied=alone if plain and not lookups and not rule.reference else "",
        alone=alone,
    )


def _columns(path: str) -> tuple[str, ...]:
    return tuple(name for one in (path, path.removeprefix(UP)) if one for name in (one, column(one)))


def _reversed(name: str, rules: Rules) -> Iterator[tuple[str, Rule]]:
    """The column and rule by which a field is read: the reverse of the first plain renaming among its rules."""
    for rule in rules:
        if rule.reference:
            yield f"{rule.reference}Number", _complete(RuleText(from_=name))
            return
        if rule.lookup or rule.join or rule.split or rule.constant is not None or rule.absolute or rule.when:
            continue
        path = rule.paths[0]
        if not path.startswith(UP):
            back = {str(value): _scalar(key) for key, value in reversed(rule.map.items())}
            unchanged: dict[str, Any] = {"as_": rule.as_, "format": rule.format, "negate": rule.negate}
            yield path, _complete(RuleText(from_=name, map=back, otherwise="keep", **unchanged))
            return


def _scalar(key: str) -> Scalar:
    """A key of a TOML table, which is text, as the value of a reversed map: `true` and `false` become booleans."""
    return {"true": True, "false": False}.get(key.casefold(), key)


def _columns_read(entity: EntityMap) -> Iterator[str]:
    yield from entity.group_by
    if entity.object_by:
        yield entity.object_by.from_
    yield from _mentioned(entity.write, entity.custom, of_rows=True)
    for line in entity.lines:
        yield from _mentioned(line.write, line.custom, of_rows=line.sources in ((), (".",)))
        yield from (path for path in line.sources if path != ".")
        if entity.total and line.sources in ((), (".",)):
            yield from entity.total.of_lines
    yield from entity.carry.values()
    yield from (path for rule in entity.state for path in rule.sources)
    yield from entity.total.of_record if entity.total else ()
    yield from entity.ignore


def _mentioned(write: Mapping[str, Rules], custom: Custom | None, *, of_rows: bool) -> Iterator[str]:
    """The columns of a row that rules mention; the names in a list's items are not columns."""
    for path in (path for rules in write.values() for rule in rules for path in rule.sources):
        if of_rows or path.startswith(UP):
            yield path.removeprefix(UP)
    if of_rows and custom:
        yield custom.from_

"""An object that is to be written: its fields, its line sets, and the function that makes it.

Most objects are made by `create` with fields of their own names. Those that are not (invoices, orders, adjustments)
take what the older function takes, so their names are the union of both.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.errors import IntacctError, InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.records.lookup_keys import EXTERNALID, LookupKeys, lookup_keys_of
from intacct_bridge.model.catalog import FieldDef, ObjectDef, with_lengths
from intacct_bridge.model.keys import RECORDNO, creator, keys_of, lines, owner
from intacct_bridge.model.legacy.functions import WritePlan, day_elements
from intacct_bridge.model.legacy.objects import UNDESCRIBED, LegacyObject, legacy_object, plan_of
from intacct_bridge.model.suggestions import did_you_mean
from intacct_bridge.model.writing.line_parts import header_part, line_part
from intacct_bridge.wire.values import Kind

_SAID_ONLY = ("ACTION",)
"""What `create` and `update` take and no description has, beside what a new record must have."""
WRITTEN_BY_NAME = ("EXCH_RATE_TYPE_ID",)
"""Described as a number on some objects and taken as a name by all."""
_CUSTOM = "CUSTOMFIELDS."
"""Before the name of a custom field where nothing describes them."""


@dataclass(frozen=True, slots=True)
class LineSet:
    """The lines under one wrapper."""

    wrapper: str
    object: str
    described: ObjectDef | None
    extra: Mapping[str, str]
    """What only the older function takes, with its elements."""

    def field(self, name: str) -> FieldDef | None:
        """A field of the lines in whatever case it is written."""
        return _field(name, self.described, self.extra) or line_part(self.object, name)


@dataclass(frozen=True, slots=True)
class Subject:
    """One object, ready to be read from an input and to be checked."""

    described: ObjectDef
    lines: tuple[LineSet, ...]
    lookup: LookupKeys
    plan: WritePlan | None
    """How the older functions write it; None where only the generic ones do."""
    create: str
    """The function that makes it: `create`, another's name, or nothing."""
    legacy: LegacyObject | None = None
    """Set where only the older functions reach it; they are not told record numbers of master data."""

    @property
    def name(self) -> str:
        """The object's name."""
        return self.described.name

    def field(self, name: str) -> FieldDef | None:
        """A field of the header in whatever case it is written."""
        upper = name.upper()
        if self.legacy is not None and upper.startswith(_CUSTOM):
            return FieldDef(upper.removeprefix(_CUSTOM), Kind.TEXT, custom=True)
        if self.legacy is not None and upper == RECORDNO != self.legacy.key:
            return None
        found = _field(name, self.described, self.plan.fields if self.plan else {})
        found = found or header_part(self.name, name)
        if found is None and upper in self.lookup.required and self.line_set(upper) is None:
            return FieldDef(upper, Kind.DATE if upper.endswith("DATE") else Kind.TEXT)
        return found

    def line_set(self, name: str) -> LineSet | None:
        """The line set by its wrapper's or its lines' name."""
        wanted = name.upper()
        return next((one for one in self.lines if wanted in (one.wrapper, one.object)), None)

    def names(self) -> Iterator[str]:
        """Every name that a column may have."""
        yield from self.described.fields
        for one in self.lines:
            yield one.wrapper
            yield from (f"{one.object}.{name}" for name in (one.described.fields if one.described else one.extra))

    def unknown(self, name: str, source: str) -> InvalidRequestError:
        """The error for a column that the object has no place for."""
        return InvalidRequestError(
            f"{source}: {self.name} has no field {name!r}{did_you_mean(name.upper(), list(self.names()))}",
            fix=f"rename or remove the column, or give a mapping with `map`; fields: intacct describe {self.name}",
        )


def subject_of(company: Gateway, object_name: str) -> Subject:
    """What is known of an object. InvalidRequestError where it does not exist or nothing makes it."""
    described = company.describe(object_name)
    name = described.name
    held = owner(name)
    if held is not None and held.wrapper:
        raise InvalidRequestError(
            f"{name} are lines of {held.header} and are written with it", fix=f"load them as {held.header}"
        )
    by, plan, lookup = creator(name), plan_of(name), lookup_keys_of(name)
    spoken = legacy_object(name) if company.connection.is_legacy or name in UNDESCRIBED else None
    if spoken is not None:
        by = spoken.plan.functions.get("create", "")
        if not spoken.plan.functions:
            raise InvalidRequestError(f"document type 2.1 has no function to write {name}", fix="use a 3.0 connection")
        lookup = _older_trace(lookup, spoken)
    elif lookup.record_key not in described.fields:
        lookup = replace(lookup, record_key=keys_of(described).record or lookup.record_key)
    if by in ("", "create") and (plan is None or EXTERNALID not in plan.fields):
        plan = None
    sets = tuple(_line_sets(company, described, plan, only=by not in ("", "create")))
    return Subject(described, sets, lookup, plan, by, spoken)


def _older_trace(lookup: LookupKeys, spoken: LegacyObject) -> LookupKeys:
    """What is true of the object over its older function: that function asks for less, and may know no drafts."""
    required = spoken.required("create")
    draft = {name: value for name, value in lookup.draft.items() if name in spoken.fields_taken("create")}
    return replace(lookup, required=required, draft=draft)


def _line_sets(company: Gateway, described: ObjectDef, plan: WritePlan | None, *, only: bool) -> Iterator[LineSet]:
    """The line sets; `only` those that the older function takes where that one makes the object."""
    found: set[str] = set()
    for one in lines(described.name):
        if one.wrapper and not (only and plan and one.wrapper not in plan.lines):
            found.add(one.wrapper)
            extra = plan.lines[one.wrapper].fields if plan and one.wrapper in plan.lines else {}
            yield LineSet(one.wrapper, one.line, _described(company, one.line), extra)
    for wrapper, line in (plan.lines if plan else {}).items():
        if wrapper not in found:
            yield LineSet(wrapper, wrapper.removesuffix("S"), None, line.fields)


def _described(company: Gateway, name: str) -> ObjectDef | None:
    try:
        return company.describe(name)
    except (InvalidRequestError, NotPermittedError, RefusedError):
        return None


def _field(name: str, described: ObjectDef | None, extra: Mapping[str, str]) -> FieldDef | None:
    found = described.get(name) if described else None
    if found is not None:
        return replace(found, kind=Kind.TEXT) if found.name in WRITTEN_BY_NAME else found
    upper = name.upper()
    if upper in extra:
        day = extra[upper].rsplit("/", 1)[-1] in day_elements()
        return FieldDef(upper, Kind.DATE if day else Kind.TEXT)
    return FieldDef(upper, Kind.TEXT) if upper in _SAID_ONLY else None


def keys_among(names: Iterable[str], subject: Subject) -> tuple[str, ...]:
    """The first way of finding the object's records for which all of these names are there; its record number first."""
    known = {name.upper() for name in names}
    number = subject.lookup.record_key
    if number.upper() in known:
        return (number,)
    return next((way for way in subject.lookup.keys if known.issuperset(way)), ())


def measured(company: Gateway, subject: Subject, unchecked: list[str]) -> Subject:
    """The subject with the lengths of its texts; where the company does not tell them, that is said."""
    try:
        described = with_lengths(subject.described, company.inspect(subject.name))
        sets = tuple(
            replace(one, described=with_lengths(one.described, company.inspect(one.object))) if one.described else one
            for one in subject.lines
        )
    except IntacctError as error:
        unchecked.append(f"lengths of {subject.name}: {error.message}")
        return subject
    return replace(subject, described=described, lines=sets)

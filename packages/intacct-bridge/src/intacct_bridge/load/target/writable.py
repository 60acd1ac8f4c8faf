"""An object that is to be written: its fields, its line sets, and the function that creates it.

Most objects are created by `create` with fields of their own names. The others (invoices, orders, adjustments) take the
fields of a legacy function, so their names are the union of both.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.records.lookup_keys import EXTERNALID, LookupKeys, lookup_keys_of
from intacct_protocol.errors import IntacctError, InvalidRequestError, NotPermittedError, RefusedError
from intacct_protocol.model.catalog import FieldDef, ObjectDef, with_lengths
from intacct_protocol.model.keys import RECORDNO, UNDESCRIBED, creator, keys_of, lines, owner
from intacct_protocol.model.legacy.functions import WritePlan, day_elements
from intacct_protocol.model.legacy.objects import LegacyObject, legacy_object, plan_of
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.writing.field_names import UNDESCRIBED_FIELDS
from intacct_protocol.model.writing.line_parts import header_part, line_part
from intacct_protocol.xml.values import DEFAULT, Formatting, Kind

WRITTEN_BY_NAME = ("EXCH_RATE_TYPE_ID",)
"""Described as a number on some objects, and taken as a name by all."""
_CUSTOM = "CUSTOMFIELDS."
"""The prefix of a custom field's name if nothing describes custom fields."""


@dataclass(frozen=True, slots=True)
class LineSet:
    """The lines under one wrapper."""

    wrapper: str
    object: str
    described: ObjectDef | None
    extra: Mapping[str, str]
    """Fields that only the legacy function takes, with its elements."""
    _fields_by_name: dict[str, FieldDef | None] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Fields by the names that were asked for; an input asks for each of its columns once a row."""

    def field(self, name: str) -> FieldDef | None:
        """A field of the lines; case does not matter."""
        if name not in self._fields_by_name:
            self._fields_by_name[name] = _field(name, self.described, self.extra) or line_part(self.object, name)
        return self._fields_by_name[name]


@dataclass(frozen=True, slots=True)
class WritableObject:
    """One object, with all that reading an input and checking its records need."""

    described: ObjectDef
    lines: tuple[LineSet, ...]
    lookup: LookupKeys
    legacy_plan: WritePlan | None
    """How the legacy functions write it; None if only the generic ones do."""
    creator: str
    """The function that creates it: `create`, the name of another, or empty."""
    legacy: LegacyObject | None = None
    """Set if only the legacy functions reach it; they do not take record numbers of master data."""
    formatting: Callable[[], Formatting] = field(default=lambda: DEFAULT, repr=False, compare=False)
    """The API user's formatting; requests hold times on that user's clock."""
    statuses: Mapping[str, str] = field(default_factory=dict)
    """What further words for the status of a record in its source mean: a setting of the connection."""
    _fields_by_name: dict[str, FieldDef | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def labels(self) -> frozenset[str]:
        """Fields that are a key of the object in other companies; several records of this one may have the same."""
        labelled = (EXTERNALID,) in lookup_keys_of(self.name).keys and (EXTERNALID,) not in self.lookup.keys
        return frozenset((EXTERNALID,)) if labelled else frozenset()

    @property
    def name(self) -> str:
        """The object's name."""
        return self.described.name

    def field(self, name: str) -> FieldDef | None:
        """A field of the header; case does not matter."""
        if name not in self._fields_by_name:
            self._fields_by_name[name] = self._field(name)
        return self._fields_by_name[name]

    def _field(self, name: str) -> FieldDef | None:
        upper = name.upper()
        if self.legacy is not None and upper.startswith(_CUSTOM):
            return FieldDef(upper.removeprefix(_CUSTOM), Kind.TEXT, custom=True)
        if self.legacy is not None and upper == RECORDNO != self.legacy.key:
            return None
        field_def = _field(name, self.described, self.legacy_plan.fields if self.legacy_plan else {})
        field_def = field_def or header_part(self.name, name)
        if field_def is None and upper in self.lookup.required and self.line_set(upper) is None:
            return FieldDef(upper, Kind.DATE if upper.endswith("DATE") else Kind.TEXT)
        return field_def

    def line_set(self, name: str) -> LineSet | None:
        """The line set by its wrapper's or its lines' name."""
        upper = name.upper()
        for line_set in self.lines:
            if upper in (line_set.wrapper, line_set.object):
                return line_set
        return None

    def names(self) -> Iterator[str]:
        """Every name that a column may have."""
        yield from self.described.fields
        for line_set in self.lines:
            yield line_set.wrapper
            yield from (
                f"{line_set.object}.{name}"
                for name in (line_set.described.fields if line_set.described else line_set.extra)
            )

    def unknown(self, name: str, source: str) -> InvalidRequestError:
        """The error for a column that names no field."""
        return InvalidRequestError(
            f"{source}: {self.name} has no field {name!r}{did_you_mean(name.upper(), list(self.names()))}",
            fix=f"rename or remove the column, or give a mapping with `map`; fields: intacct describe {self.name}",
        )


def writable_object(company: Gateway, object_name: str) -> WritableObject:
    """An object as it is written. InvalidRequestError if it does not exist or no function creates it."""
    described = company.describe(object_name)
    name = described.name
    owned_by = owner(name)
    if owned_by is not None and owned_by.wrapper:
        raise InvalidRequestError(
            f"{name} are lines of {owned_by.header} and are written with it", fix=f"load them as {owned_by.header}"
        )
    function, plan, lookup = creator(name), plan_of(name), lookup_keys_of(name)
    legacy = legacy_object(name) if company.connection.is_legacy or name in UNDESCRIBED else None
    if legacy is not None:
        function = legacy.plan.functions.get("create", "")
        if not legacy.plan.functions:
            raise InvalidRequestError(f"document type 2.1 has no function to write {name}", fix="use a 3.0 connection")
        lookup = _legacy_lookup(lookup, legacy)
    elif lookup.record_key not in described.fields:
        lookup = replace(lookup, record_key=keys_of(described).record or lookup.record_key)
    if company.connection.external_ids == "label":
        lookup = lookup.without(frozenset((EXTERNALID,)))
    if function in ("", "create") and (plan is None or EXTERNALID not in plan.fields):
        plan = None
    sets = tuple(_line_sets(company, described, plan, only_legacy=function not in ("", "create")))
    return WritableObject(
        described, sets, lookup, plan, function, legacy, lambda: company.formatting, company.connection.statuses
    )


def _legacy_lookup(lookup: LookupKeys, legacy: LegacyObject) -> LookupKeys:
    """The lookup keys over the legacy function, which requires fewer fields and may have no drafts."""
    draft = {name: value for name, value in lookup.draft.items() if name in legacy.fields_taken("create")}
    return replace(lookup, required=legacy.required("create"), draft=draft)


def _line_sets(
    company: Gateway, described: ObjectDef, plan: WritePlan | None, *, only_legacy: bool
) -> Iterator[LineSet]:
    """The line sets; with `only_legacy` those that the legacy function takes, because it creates the object."""
    wrappers: set[str] = set()
    for line_set in lines(described.name):
        if line_set.wrapper and not (only_legacy and plan and line_set.wrapper not in plan.lines):
            wrappers.add(line_set.wrapper)
            extra = plan.lines[line_set.wrapper].fields if plan and line_set.wrapper in plan.lines else {}
            yield LineSet(line_set.wrapper, line_set.line, _described(company, line_set.line), extra)
    for wrapper, line in (plan.lines if plan else {}).items():
        if wrapper not in wrappers:
            yield LineSet(wrapper, wrapper.removesuffix("S"), None, line.fields)


def _described(company: Gateway, name: str) -> ObjectDef | None:
    try:
        return company.describe(name)
    except (InvalidRequestError, NotPermittedError, RefusedError):
        return None


def _field(name: str, described: ObjectDef | None, extra: Mapping[str, str]) -> FieldDef | None:
    field_def = described.get(name) if described else None
    if field_def is not None:
        return replace(field_def, kind=Kind.TEXT) if field_def.name in WRITTEN_BY_NAME else field_def
    upper = name.upper()
    if upper in extra:
        is_date = extra[upper].rsplit("/", 1)[-1] in day_elements()
        return FieldDef(upper, Kind.DATE if is_date else Kind.TEXT)
    return FieldDef(upper, Kind.TEXT) if upper in UNDESCRIBED_FIELDS else None


def key_among(names: Iterable[str], writable: WritableObject) -> tuple[str, ...]:
    """The first key whose fields are all among these names: the record number, then the lookup keys."""
    upper_names = {name.upper() for name in names}
    number = writable.lookup.record_key
    if number.upper() in upper_names:
        return (number,)
    return next((key for key in writable.lookup.keys if upper_names.issuperset(key)), ())


def with_text_lengths(company: Gateway, writable: WritableObject, unchecked: list[str]) -> WritableObject:
    """The object with the lengths of its strings; if the company does not give them, `unchecked` gets the reason."""
    try:
        company.inspect_many([writable.name, *(line_set.object for line_set in writable.lines if line_set.described)])
        described = with_lengths(writable.described, company.inspect(writable.name))
        sets = tuple(
            replace(one, described=with_lengths(one.described, company.inspect(one.object))) if one.described else one
            for one in writable.lines
        )
    except IntacctError as error:
        unchecked.append(f"lengths of {writable.name}: {error.message}")
        return writable
    return replace(writable, described=described, lines=sets)

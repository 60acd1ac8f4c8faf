"""The objects of a company: fields, types and relations, as `lookup` and `inspect` describe them.

The connector learns every object at run time, so this module knows no object by name. Names are spelled as the gateway
spells them and found regardless of case; an unknown name raises an error with the nearest known names.
`lookup` gives types, allowed values and relations but no lengths; `inspect` with detail gives lengths but coarser types
and no relations; `with_lengths` joins the two. The module reads descriptions for the client and writes them for the
emulator.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from intacct_protocol.errors import InvalidRequestError, RemoteProtocolError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import Element, element

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class FieldDef:
    """One field of an object."""

    name: str
    """May contain dots (`DISPLAYCONTACT.EMAIL1`), which are part of the name and do not lead to a relation."""
    kind: Kind
    label: str = ""
    description: str = ""
    required: bool = False
    readonly: bool = False
    custom: bool = False
    values: tuple[str, ...] = ()
    """The allowed display values; empty if any text is allowed."""
    max_length: int | None = None
    """Known only after `with_lengths`."""

    @property
    def is_money(self) -> bool:
        """Whether it holds an amount of money, which has at most two decimals."""
        return self.kind is Kind.CURRENCY or self.name.endswith("AMOUNT")


@dataclass(frozen=True, slots=True)
class Relation:
    """A path from one object to another, usable as the first part of a dotted field in `query`."""

    path: str
    object: str
    kind: str = "MANY2ONE"
    by: str = ""
    """The field of this object that holds the other's key."""
    label: str = ""


@dataclass(frozen=True, slots=True)
class ObjectDef:
    """One object: its fields in the gateway's order, and its relations by path."""

    name: str
    fields: Mapping[str, FieldDef]
    relations: Mapping[str, Relation] = field(default_factory=dict)
    document_type: str = ""
    """The transaction definition that the description is for, such as `Sales Order`."""
    label: str = ""

    def find(self, name: str) -> FieldDef:
        """The field, ignoring case; InvalidRequestError with the nearest names otherwise."""
        definition = self.get(name)
        if definition is None:
            raise InvalidRequestError(
                f"{self.name} has no field {name}{did_you_mean(name, self.fields)}",
                fix=f"list its fields with: intacct describe {self.name}",
            )
        return definition

    def get(self, name: str) -> FieldDef | None:
        """The field, ignoring case; None if there is none."""
        return self.fields.get(name) or self.fields.get(name.upper()) or _any_case(name, self.fields)

    def relation(self, path: str) -> Relation | None:
        """The relation by its path, ignoring case; None if there is none."""
        return self.relations.get(path) or self.relations.get(path.upper()) or _any_case(path, self.relations)

    def kind_of(self, name: str) -> Kind:
        """The field's kind; TEXT for an unknown name."""
        definition = self.get(name)
        return Kind.TEXT if definition is None else definition.kind


def object_def(name: str, fields: Iterable[FieldDef], relations: Iterable[Relation] = (), **more: str) -> ObjectDef:
    """An object from its parts in order; of two fields with the same name, the first is kept."""
    by_name: dict[str, FieldDef] = {}
    for definition in fields:
        by_name.setdefault(definition.name, definition)
    return ObjectDef(name, by_name, {relation.path: relation for relation in relations}, **more)


def with_lengths(looked_up: ObjectDef, inspected: ObjectDef) -> ObjectDef:
    """The description from `lookup`, with the lengths that `inspect` adds."""
    lengths = {name.upper(): one.max_length for name, one in inspected.fields.items() if one.max_length}
    fields = {
        name: replace(one, max_length=lengths[name.upper()]) if name.upper() in lengths else one
        for name, one in looked_up.fields.items()
    }
    return replace(looked_up, fields=fields, label=looked_up.label or inspected.label)


class Finder(Protocol):
    """A source of object descriptions by name: a Catalog, or a client that looks up missing ones."""

    def find(self, name: str) -> ObjectDef:
        """The description; InvalidRequestError if there is no such object."""


class Catalog(Mapping[str, ObjectDef]):
    """Object descriptions by name. Immutable: `with_objects` returns another."""

    __slots__ = ("_by_upper", "_objects")

    def __init__(self, objects: Iterable[ObjectDef] = ()) -> None:
        self._objects = {one.name: one for one in objects}
        self._by_upper = {name.upper(): one for name, one in self._objects.items()}

    def __getitem__(self, name: str) -> ObjectDef:
        return self._objects[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def __repr__(self) -> str:
        return f"<Catalog of {len(self)} objects>"

    def find(self, name: str) -> ObjectDef:
        """The object, ignoring case; InvalidRequestError with the nearest names otherwise."""
        described = self._by_upper.get(name.upper())
        if described is None:
            raise unknown_object(name, self)
        return described

    def with_objects(self, *objects: ObjectDef) -> "Catalog":
        """A catalogue with these descriptions added; they replace earlier ones of the same objects."""
        return Catalog((*self._objects.values(), *objects))


def unknown_object(name: str, names: Iterable[str]) -> InvalidRequestError:
    """The error for an unknown object, with the nearest known names."""
    return InvalidRequestError(
        f"there is no object {name}{did_you_mean(name, names)}", fix="list the objects with: intacct objects"
    )


def object_from_lookup(type_element: Element) -> ObjectDef:
    """Read `<Type Name="...">` of a `lookup` answer."""
    name = _type_name(type_element)
    return object_def(
        name,
        (_looked_up_field(one) for one in _children(type_element, "Fields")),
        (_looked_up_relation(one) for one in _children(type_element, "Relationships")),
        document_type=type_element.get("DocumentType"),
    )


def _looked_up_field(described: Element) -> FieldDef:
    values = tuple(value.text for value in _children(described, "VALIDVALUES"))
    return FieldDef(
        name=described.findtext("ID"),
        kind=Kind.of(described.findtext("DATATYPE")),
        label=described.findtext("LABEL"),
        description=described.findtext("DESCRIPTION"),
        required=_is_true(described.findtext("REQUIRED")),
        readonly=_is_true(described.findtext("READONLY")),
        custom=_is_true(described.findtext("ISCUSTOM")),
        values=values,
    )


def _looked_up_relation(described: Element) -> Relation:
    return Relation(
        path=described.findtext("OBJECTPATH"),
        object=described.findtext("OBJECTNAME"),
        kind=described.findtext("RELATIONSHIPTYPE"),
        by=described.findtext("RELATEDBY"),
        label=described.findtext("LABEL"),
    )


def lookup_element(described: ObjectDef) -> Element:
    """Write `<Type Name="...">` of a `lookup` answer."""
    fields = Element("Fields", "", tuple(_lookup_field(one) for one in described.fields.values()))
    relations = Element("Relationships", "", tuple(_lookup_relation(one) for one in described.relations.values()))
    return element("Type", fields, relations, Name=described.name, DocumentType=described.document_type)


def _lookup_field(definition: FieldDef) -> Element:
    parts = [
        element("ID", definition.name),
        element("LABEL", definition.label),
        element("DESCRIPTION", definition.description),
        element("REQUIRED", _flag(definition.required)),
        element("READONLY", _flag(definition.readonly)),
        element("DATATYPE", definition.kind.name),
    ]
    if definition.values:
        parts.append(Element("VALIDVALUES", "", tuple(element("VALIDVALUE", value) for value in definition.values)))
    return Element("Field", "", (*parts, element("ISCUSTOM", _flag(definition.custom))))


def _lookup_relation(relation: Relation) -> Element:
    return element(
        "Relationship",
        element("OBJECTPATH", relation.path),
        element("OBJECTNAME", relation.object),
        element("LABEL", relation.label),
        element("RELATIONSHIPTYPE", relation.kind),
        element("RELATEDBY", relation.by),
    )


_INSPECTED_KINDS = {
    "Pt_FieldInt": Kind.INTEGER,
    "Pt_FieldString": Kind.TEXT,
    "Pt_FieldBoolean": Kind.BOOLEAN,
    "Pt_FieldDouble": Kind.DECIMAL,
    "Pt_FieldDate": Kind.DATE,
    "Pt_FieldDateTime": Kind.TIMESTAMP,
    "integer": Kind.INTEGER,
    "boolean": Kind.BOOLEAN,
    "number": Kind.DECIMAL,
    "date": Kind.DATE,
    "datetime": Kind.TIMESTAMP,
}
_INSPECT_NAMES = {
    Kind.INTEGER: ("Pt_FieldInt", "integer"),
    Kind.BOOLEAN: ("Pt_FieldBoolean", "boolean"),
    Kind.DECIMAL: ("Pt_FieldDouble", "number"),
    Kind.CURRENCY: ("Pt_FieldDouble", "number"),
    Kind.PERCENT: ("Pt_FieldDouble", "number"),
    Kind.DATE: ("Pt_FieldDate", "date"),
    Kind.TIMESTAMP: ("Pt_FieldDateTime", "datetime"),
}


def object_from_inspect(type_element: Element) -> ObjectDef:
    """Read `<Type Name="...">` of an `inspect` answer with detail, which has no relations."""
    attributes = type_element.find("Attributes")
    label = "" if attributes is None else attributes.findtext("SingularName")
    fields = (_inspected_field(one) for one in _children(type_element, "Fields"))
    return object_def(_type_name(type_element), fields, label=label)


def _inspected_field(described: Element) -> FieldDef:
    kind = _INSPECTED_KINDS.get(described.findtext("dataName")) or _INSPECTED_KINDS.get(
        described.findtext("externalDataName")
    )
    length = described.findtext("maxLength").strip()
    return FieldDef(
        name=described.findtext("Name") or described.text,
        kind=kind or Kind.TEXT,
        label=described.findtext("DisplayLabel"),
        description=described.findtext("Description"),
        required=_is_true(described.findtext("isRequired")),
        readonly=_is_true(described.findtext("isReadOnly")),
        max_length=int(length) if length.isdecimal() and int(length) else None,
    )


def inspect_element(described: ObjectDef) -> Element:
    """Write `<Type Name="...">` of an `inspect` answer with detail."""
    attributes = element(
        "Attributes",
        element("SingularName", described.label),
        element("PluralName", described.label),
        element("Description", described.label),
    )
    fields = Element("Fields", "", tuple(_inspect_field(one) for one in described.fields.values()))
    return element("Type", attributes, fields, Name=described.name)


def _inspect_field(definition: FieldDef) -> Element:
    data_name, external_name = _INSPECT_NAMES.get(definition.kind, ("Pt_FieldString", "string"))
    return element(
        "Field",
        element("Name", definition.name),
        element("GroupName", ""),
        element("dataName", data_name),
        element("externalDataName", external_name),
        element("isRequired", _flag(definition.required)),
        element("isReadOnly", _flag(definition.readonly)),
        element("maxLength", str(definition.max_length or "")),
        element("DisplayLabel", definition.label),
        element("Description", definition.description),
        element("id", definition.name),
    )


def objects_from_inspect(data: Element) -> dict[str, str]:
    """Read the list that `inspect` gives for `*`: labels by object name, in the gateway's order."""
    return {one.get("typename"): one.text for one in data.findall("type")}


def type_element(name: str, label: str) -> Element:
    """Write one line of the list that `inspect` gives for `*`."""
    return element("type", label, typename=name)


def _type_name(type_element: Element) -> str:
    name = type_element.get("Name")
    if type_element.tag != "Type" or not name:
        raise RemoteProtocolError(f'expected <Type Name="..."> of an object, found <{type_element.tag}>')
    return name


def _children(parent: Element, tag: str) -> tuple[Element, ...]:
    holder = parent.find(tag)
    return () if holder is None else holder.children


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("true", "t", "1", "yes")


def _flag(value: bool) -> str:  # noqa: FBT001
    return "true" if value else "false"


def _any_case(name: str, by_name: Mapping[str, _T]) -> _T | None:
    """The entry, ignoring case: custom names may be in lower or mixed case, standard ones never are."""
    upper = name.upper()
    return next((value for key, value in by_name.items() if key.upper() == upper), None)

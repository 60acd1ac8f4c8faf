"""A catalogue as a compact JSON document, for the client's cache on disk.

Rows are arrays without the defaults at their end: 260 objects with 10,000 fields take about a megabyte. A document with
another format number, or an unreadable one, raises a SettingsError, and the caller asks the gateway again.
"""

import msgspec

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.catalog import Catalog, FieldDef, ObjectDef, Relation, object_def
from intacct_protocol.xml.values import Kind

FORMAT = 1


class _Field(msgspec.Struct, array_like=True, omit_defaults=True, frozen=True):
    name: str
    kind: str
    label: str = ""
    flags: str = ""
    description: str = ""
    values: tuple[str, ...] = ()
    max_length: int | None = None


class _Relation(msgspec.Struct, array_like=True, omit_defaults=True, frozen=True):
    path: str
    object: str
    by: str = ""
    label: str = ""
    kind: str = "MANY2ONE"


class _Object(msgspec.Struct, omit_defaults=True, frozen=True):
    name: str
    fields: list[_Field]
    relations: list[_Relation] = []
    document_type: str = ""
    label: str = ""


class _Snapshot(msgspec.Struct, frozen=True):
    format: int
    objects: list[_Object]


def snapshot(catalog: Catalog) -> bytes:
    """The catalogue as JSON."""
    return msgspec.json.encode(_Snapshot(FORMAT, [_frozen(one) for one in catalog.values()]))


def catalog_from_snapshot(document: bytes) -> Catalog:
    """The catalogue that `snapshot` wrote; SettingsError for any other document."""
    try:
        snapshot = msgspec.json.decode(document, type=_Snapshot)
    except msgspec.DecodeError as error:
        raise SettingsError(
            f"the stored catalogue cannot be read: {error}", fix="delete it; it is fetched again"
        ) from None
    if snapshot.format != FORMAT:
        raise SettingsError(
            f"the stored catalogue has format {snapshot.format}, this version reads {FORMAT}",
            fix="delete it; it is fetched again",
        )
    return Catalog(_thawed(one) for one in snapshot.objects)


def _frozen(described: ObjectDef) -> _Object:
    fields = [
        _Field(
            field.name,
            str(field.kind),
            field.label,
            "q" * field.required + "r" * field.readonly + "c" * field.custom,
            field.description,
            field.values,
            field.max_length,
        )
        for field in described.fields.values()
    ]
    relations = [
        _Relation(each.path, each.object, each.by, each.label, each.kind) for each in described.relations.values()
    ]
    return _Object(described.name, fields, relations, described.document_type, described.label)


def _thawed(stored: _Object) -> ObjectDef:
    return object_def(
        stored.name,
        (
            FieldDef(
                field.name,
                Kind.of(field.kind),
                field.label,
                field.description,
                required="q" in field.flags,
                readonly="r" in field.flags,
                custom="c" in field.flags,
                values=field.values,
                max_length=field.max_length,
            )
            for field in stored.fields
        ),
        (Relation(each.path, each.object, each.kind, each.by, each.label) for each in stored.relations),
        document_type=stored.document_type,
        label=stored.label,
    )

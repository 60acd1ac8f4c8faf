"""The definitions that a declaration adds to the standard objects: custom fields and objects, dimensions, TD fields."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from intacct_emulator.settings.company_source import CompanyDefinitions, DefinitionField
from intacct_emulator.settings.declaration import CompanyDeclaration, DeclaredDimension, DeclaredField
from intacct_protocol.model.catalog import FieldDef, ObjectDef, Relation, object_def
from intacct_protocol.xml.values import Kind

FIRST_ID = 10001
"""The first record number of custom objects."""
DIMENSION_LINES = (
    "GLENTRY",
    "GLDETAIL",
    "APBILLITEM",
    "APADJUSTMENTITEM",
    "ARINVOICEITEM",
    "ARADJUSTMENTITEM",
    "CCTRANSACTIONENTRY",
    "EEXPENSESITEM",
    "OTHERRECEIPTSENTRY",
    "SODOCUMENTENTRY",
    "PODOCUMENTENTRY",
    "INVDOCUMENTENTRY",
)
"""The objects whose lines have user-defined dimensions: the ledger's own, and those of documents that post to it."""
DOCUMENTS = {"sales": "SODOCUMENT", "purchasing": "PODOCUMENT", "inventory": "INVDOCUMENT"}
"""By the module of a transaction definition, the object of its transactions."""
_KINDS = {
    "text": Kind.TEXT,
    "integer": Kind.INTEGER,
    "decimal": Kind.DECIMAL,
    "currency": Kind.CURRENCY,
    "percent": Kind.PERCENT,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "boolean": Kind.BOOLEAN,
    "list": Kind.ENUM,
    "multilist": Kind.TEXT,
    "sequence": Kind.SEQUENCE,
}


def dimension_field(name: str) -> str:
    """The field by which lines name a record of a user-defined dimension: `GLDIMFUND`."""
    return f"GLDIM{name}"


def declared_definitions(declared: CompanyDeclaration) -> CompanyDefinitions:
    """The definitions of a company."""
    fields = [(one.object, _field(one.definition)) for one in declared.custom_fields]
    relations = [
        (
            one.object,
            Relation(one.definition.name, one.definition.relation, by=one.definition.name, label=one.definition.label),
        )
        for one in declared.custom_fields
        if one.definition.relation
    ]
    for dimension in declared.dimensions:
        by = dimension_field(dimension.name)
        for name in dimension.on or DIMENSION_LINES:
            fields.append((name, FieldDef(by, Kind.TEXT, _label(dimension.label, dimension.name), custom=True)))
            relations.append((name, Relation(dimension.name, dimension.name, by=by)))
        required = FieldDef(f"REQUIRE{by}", Kind.BOOLEAN, f"Require {dimension.label or dimension.name}", custom=True)
        fields += [(name, replace(required, values=("true", "false"))) for name in ("GLACCOUNT", "STATACCOUNT")]
    return CompanyDefinitions(
        fields=tuple(fields),
        relations=tuple(relations),
        objects=(
            *(_object(one.name, one.label, one.fields) for one in declared.custom_objects),
            *(_dimension(one) for one in declared.dimensions),
        ),
        definition_fields=tuple(_definition_fields(declared)),
    )


def _definition_fields(declared: CompanyDeclaration) -> Iterator[DefinitionField]:
    for definition in declared.definitions:
        document = DOCUMENTS[definition.module]
        for name, declared_fields in ((document, definition.fields), (f"{document}ENTRY", definition.line_fields)):
            for each in declared_fields:
                yield DefinitionField(name, definition.name, _field(each))


def _dimension(dimension: DeclaredDimension) -> ObjectDef:
    status = FieldDef("STATUS", Kind.TEXT, "Status", values=("active", "inactive"))
    url = FieldDef("RECORD_URL", Kind.TEXT, "Record URL", readonly=True)
    return _object(dimension.name, dimension.label, dimension.fields, (status, url))


def _object(
    name: str, label: str, declared_fields: Iterable[DeclaredField], more: tuple[FieldDef, ...] = ()
) -> ObjectDef:
    platform = (
        FieldDef("id", Kind.INTEGER, "Record number", readonly=True),
        FieldDef("name", Kind.TEXT, "Name", required=True),
        FieldDef("createdBy", Kind.TEXT, "Created by", readonly=True),
        FieldDef("createdAt", Kind.TIMESTAMP, "Created at", readonly=True),
        FieldDef("updatedBy", Kind.TEXT, "Updated by", readonly=True),
        FieldDef("updatedAt", Kind.TIMESTAMP, "Updated at", readonly=True),
    )
    declared_fields = tuple(declared_fields)
    relations = [Relation(one.name, one.relation, by=one.name) for one in declared_fields if one.relation]
    return object_def(name, (*platform, *map(_field, declared_fields), *more), relations, label=_label(label, name))


def _field(declared: DeclaredField) -> FieldDef:
    values = ("true", "false") if declared.type == "boolean" else declared.values
    kind = Kind.INTEGER if declared.relation and declared.type == "text" else _KINDS[declared.type]
    return FieldDef(
        declared.name,
        kind,
        _label(declared.label, declared.name),
        required=declared.required,
        readonly=declared.readonly,
        custom=True,
        values=values,
    )


def _label(label: str, name: str) -> str:
    """The label, or the name as words: `DELIVERY_WINDOW` is `Delivery window`."""
    return label or name.replace("_", " ").capitalize()

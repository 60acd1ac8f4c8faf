"""A company as lookups see it: the rows of some objects, and the objects that it does not let us query."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from intacct_protocol.errors import NotPermittedError
from intacct_protocol.model.catalog import FieldDef, ObjectDef, object_def
from intacct_protocol.model.query.evaluate import predicate
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.values import Kind, Value, render_value

_STAMPS = [FieldDef("WHENCREATED", Kind.TIMESTAMP), FieldDef("AUWHENCREATED", Kind.TIMESTAMP),
           FieldDef("CREATEDBYLOGINID", Kind.TEXT)]  # fmt: skip
OBJECTS = {
    "GLBATCH": [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("JOURNAL", Kind.TEXT), FieldDef("BATCH_DATE", Kind.DATE),
                FieldDef("BATCH_TITLE", Kind.TEXT), FieldDef("REFERENCENO", Kind.TEXT),
                FieldDef("REVERSEDFROM", Kind.TEXT), FieldDef("STATE", Kind.TEXT), *_STAMPS],
    "GLENTRY": [FieldDef("BATCHNO", Kind.INTEGER), FieldDef("TR_TYPE", Kind.INTEGER),
                FieldDef("TRX_AMOUNT", Kind.CURRENCY)],
    "CLASSGROUP": [FieldDef("RECORDNO", Kind.TEXT), FieldDef("ID", Kind.TEXT)],
    "VENDOR": [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("VENDORID", Kind.TEXT), *_STAMPS],
    "SODOCUMENT": [FieldDef("RECORDNO", Kind.TEXT), FieldDef("DOCID", Kind.TEXT), FieldDef("DOCPARID", Kind.TEXT),
                   FieldDef("DOCNO", Kind.TEXT), *_STAMPS],
    "SODOCUMENTPARAMS": [FieldDef("DOCID", Kind.TEXT), FieldDef("ENABLE_SEQNUM", Kind.BOOLEAN)],
    "APBILL": [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("STATE", Kind.TEXT), *_STAMPS],
    "APBILLITEM": [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("AMOUNT", Kind.CURRENCY)],
    "APPYMT": [FieldDef("RECORDNO", Kind.INTEGER), FieldDef("PAYMENTDATE", Kind.DATE), *_STAMPS],
    "APPYMTDETAIL": [FieldDef("PAYMENTKEY", Kind.INTEGER), FieldDef("RECORDKEY", Kind.INTEGER),
                     FieldDef("TRX_PAYMENTAMOUNT", Kind.CURRENCY), FieldDef("PAYMENTDATE", Kind.DATE)],
    "AUDITHISTORY": [FieldDef("OBJECTTYPE", Kind.TEXT), FieldDef("OBJECTKEY", Kind.TEXT), FieldDef("USERID", Kind.TEXT),
                     FieldDef("ACCESSMODE", Kind.TEXT), FieldDef("ACCESSTIME", Kind.TIMESTAMP)],
}  # fmt: skip


@dataclass
class ShownRecords:
    """The records that a company shows."""

    rows: dict[str, list[dict[str, Value]]] = field(default_factory=dict)
    refused: tuple[str, ...] = ()

    def describe(self, name: str, doc_par_id: str | None = None, /) -> ObjectDef:
        return object_def(name, OBJECTS[name])

    def query(self, query: Query, /) -> Iterator[Mapping[str, Value]]:
        if query.object in self.refused:
            raise NotPermittedError("no permission")
        described = self.describe(query.object)
        keeps = predicate(query.where, described.kind_of) if query.where is not None else (lambda _: True)
        for row in self.rows.get(query.object, []):
            texts = {name: render_value(described.kind_of(name), value) or None for name, value in row.items()}
            if keeps(texts):
                yield {str(name): row.get(str(name)) for name in query.select}

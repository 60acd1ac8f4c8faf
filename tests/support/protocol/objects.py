"""A few objects in the form of the real ones, for tests of the model layer."""

from intacct_protocol.model.catalog import Catalog, FieldDef, ObjectDef, Relation, object_def
from intacct_protocol.xml.values import Kind

STATES = ("Draft", "Submitted", "Posted", "Paid", "Partially Paid")


def bill() -> ObjectDef:
    return object_def(
        "APBILL",
        [
            FieldDef("RECORDNO", Kind.INTEGER, "Record number", readonly=True),
            FieldDef("RECORDID", Kind.TEXT, "Bill number"),
            FieldDef("VENDORID", Kind.TEXT, "Vendor ID", required=True),
            FieldDef("STATE", Kind.TEXT, "State", readonly=True, values=STATES),
            FieldDef("TOTALDUE", Kind.CURRENCY, "Total due", readonly=True),
            FieldDef("WHENCREATED", Kind.DATE, "Date", required=True),
            FieldDef("WHENMODIFIED", Kind.TIMESTAMP, "When modified", readonly=True),
            FieldDef("ONHOLD", Kind.BOOLEAN, "On hold", values=("true", "false")),
            FieldDef("SYSTEMGENERATED", Kind.TEXT, values=("T", "F")),
            FieldDef("PAYTO.TAXID", Kind.TEXT, "Tax ID"),
            FieldDef("VENDOR.ODD", Kind.INTEGER, "A field whose name looks like a path"),
            FieldDef("my_colour", Kind.ENUM, "Colour", custom=True, values=("red", "blue")),
        ],
        [Relation("VENDOR", "VENDOR", by="VENDORID"), Relation("TERM", "APTERM", by="TERMNAME")],
    )


def vendor() -> ObjectDef:
    return object_def(
        "VENDOR",
        [
            FieldDef("RECORDNO", Kind.INTEGER),
            FieldDef("VENDORID", Kind.TEXT),
            FieldDef("NAME", Kind.TEXT),
            FieldDef("CREDITLIMIT", Kind.DECIMAL),
            FieldDef("DISPLAYCONTACT.EMAIL1", Kind.TEXT),
        ],
        [Relation("PARENT", "VENDOR", by="PARENTID"), Relation("DISPLAYCONTACT", "CONTACT", by="DISPLAYCONTACTKEY")],
    )


def contact() -> ObjectDef:
    return object_def("CONTACT", [FieldDef("CONTACTNAME", Kind.TEXT), FieldDef("MAILADDRESS.ZIP", Kind.TEXT)])


def catalog() -> Catalog:
    return Catalog([bill(), vendor(), contact()])

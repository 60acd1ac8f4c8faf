"""References: fields that name a record of another object, and the cells that follow from it.

The named record must exist and, for a new use, be active. If the referring object has fields for the other's name or
record number (`VENDORNAME`, `VENDORDIMKEY`), they are filled from it.
"""

from dataclasses import dataclass

from intacct_emulator.company.company_data import CompanyData
from intacct_emulator.settings.cells import Row
from intacct_emulator.settings.refusals import FunctionRefusedError, closed_dimension, refused
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import natural_key


@dataclass(frozen=True, slots=True)
class Reference:
    """One field that names a record of another object."""

    objects: tuple[str, ...]
    """The objects that the record may belong to; the first one that has it counts."""
    label: str
    fills: tuple[tuple[str, str], ...] = ()
    """Pairs of our field and the other's field."""


def _dimension(name: str, field: str = "NAME") -> Reference:
    label = name.capitalize()
    return Reference(
        (name,),
        label,
        ((f"{name}NAME", field), (f"{name}KEY", "RECORDNO"), (f"{name}DIMKEY", "RECORDNO")),
    )


_ACCOUNT = Reference(
    ("GLACCOUNT", "STATACCOUNT"),
    "GL Account",
    (("ACCOUNTTITLE", "TITLE"), ("ACCOUNTKEY", "RECORDNO"), ("GLACCOUNTTITLE", "TITLE")),
)
_LOCATION = _dimension("LOCATION")
_DEPARTMENT = Reference(
    ("DEPARTMENT",),
    "Department",
    (
        ("DEPARTMENTNAME", "TITLE"),
        ("DEPARTMENTTITLE", "TITLE"),
        ("DEPARTMENTKEY", "RECORDNO"),
        ("DEPTKEY", "RECORDNO"),
    ),
)
REFERENCES: dict[str, Reference] = {
    "LOCATIONID": _LOCATION,
    "LOCATION": _LOCATION,
    "BASELOCATION_NO": Reference(("LOCATION",), "Location", (("BASELOCATION", "RECORDNO"),)),
    "DEPARTMENTID": _DEPARTMENT,
    "DEPARTMENT": _DEPARTMENT,
    "PROJECTID": _dimension("PROJECT"),
    "CUSTOMERID": _dimension("CUSTOMER"),
    "VENDORID": _dimension("VENDOR"),
    "ITEMID": _dimension("ITEM"),
    "CLASSID": _dimension("CLASS"),
    "WAREHOUSEID": _dimension("WAREHOUSE"),
    "EMPLOYEEID": Reference(("EMPLOYEE",), "Employee", (("EMPLOYEEDIMKEY", "RECORDNO"), ("EMPLOYEEKEY", "RECORDNO"))),
    "ACCOUNTNO": _ACCOUNT,
    "GLACCOUNTNO": _ACCOUNT,
    "OFFSETGLACCOUNTNO": Reference(("GLACCOUNT",), "GL Account", (("OFFSETGLACCOUNTTITLE", "TITLE"),)),
    "IEPAYABLE.NUMBER": Reference(("GLACCOUNT",), "GL Account", (("IEPAYABLE.ACCOUNT", "RECORDNO"),)),
    "IERECEIVABLE.NUMBER": Reference(("GLACCOUNT",), "GL Account", (("IERECEIVABLE.ACCOUNT", "RECORDNO"),)),
    "CLOSINGACCOUNTNO": Reference(("GLACCOUNT",), "Closing Account", (("CLOSINGACCOUNTTITLE", "TITLE"),)),
    "JOURNAL": Reference(("GLJOURNAL", "STATJOURNAL", "ADJJOURNAL"), "Journal"),
    "TERMNAME": Reference(("APTERM", "ARTERM"), "Term", (("TERMKEY", "RECORDNO"), ("TERMSKEY", "RECORDNO"))),
    "VENDTYPE": Reference(("VENDTYPE",), "Vendor Type", (("VENDTYPEKEY", "RECORDNO"),)),
    "CUSTTYPE": Reference(("CUSTTYPE",), "Customer Type", (("CUSTTYPEKEY", "RECORDNO"),)),
    "APACCOUNT": Reference(("GLACCOUNT",), "GL Account", (("APACCOUNTTITLE", "TITLE"),)),
    "ARACCOUNT": Reference(("GLACCOUNT",), "GL Account", (("ARACCOUNTTITLE", "TITLE"),)),
    "TASKID": _dimension("TASK"),
    "CONTRACTID": _dimension("CONTRACT"),
    "COSTTYPEID": _dimension("COSTTYPE"),
    "PROJECTTYPE": Reference(("PROJECTTYPE",), "Project Type", (("PROJECTTYPEKEY", "RECORDNO"),)),
    "PROJECTSTATUS": Reference(("PROJECTSTATUS",), "Project Status", (("PROJECTSTATUSKEY", "RECORDNO"),)),
    "MANAGERID": Reference(("EMPLOYEE",), "Employee"),
    "SUPERVISORID": Reference(("EMPLOYEE",), "Employee"),
}
_LISTS = (
    "ACHBANK AISLE BIN CHANGEREQUEST COMPLIANCEDEFINITION COMPLIANCETYPE LABORCLASS LABORSHIFT LABORUNION PJESTIMATE "
    "PRODUCTLINE PROJECTCHANGEORDER PROJECTCONTRACT PROJECTCONTRACTTYPE RATETABLE STANDARDCOSTTYPE STANDARDTASK "
    "TERRITORY ZONE"
)
REFERENCES |= {f"{name}ID": _dimension(name) for name in _LISTS.split()} | {
    "FACEID": Reference(("BINFACE",), "Bin Face"),
    "SIZEID": Reference(("BINSIZE",), "Bin Size"),
    "ROWKEY": Reference(("ICROW",), "Row"),
    "STRUCTURENAME": Reference(("GCOWNERSHIPSTRUCTURE",), "Ownership Structure"),
}
"""Lists whose records are named by their own id."""
_CONSOLIDATED = Reference(("GCBOOK",), "Consolidation Book")
_ENTITY = Reference(("LOCATIONENTITY",), "Entity")
_BETWEEN_ENTITIES = {
    **dict.fromkeys(("ENTITYID", "SOURCEENTITYID", "TARGETENTITYID"), _ENTITY),
    **dict.fromkeys(("IEPAYABLEACCTNO", "IERECEIVABLEACCTNO"), Reference(("GLACCOUNT",), "GL Account")),
}
"""The references of the inter-entity setup."""
_USER_DIMENSION = "GLDIM"
_PARENT_OBJECTS = ("VENDOR", "CUSTOMER", "DEPARTMENT", "LOCATION", "CLASS", "PROJECT", "WAREHOUSE", "TERRITORY")


def reference_of(described: ObjectDef, name: str) -> Reference | None:
    """The reference of a field; None for the object's own key and for plain fields."""
    if name == _reference_field(described.name):
        return None
    if name == "PARENTID" and described.name in _PARENT_OBJECTS:
        title = "TITLE" if described.name == "DEPARTMENT" else "NAME"
        more = ("ENTITY", "ENTITYNAME") if described.name == "LOCATION" else ()
        fills = (("PARENTNAME", title), ("PARENTKEY", "RECORDNO"), *((field, field) for field in more))
        return Reference((described.name,), described.label or "Parent", fills)
    if name == "TERMNAME" and described.name in ("CUSTOMER", "ARINVOICE", "CONTRACT", "PROJECT"):
        return Reference(("ARTERM", "APTERM"), "Term", REFERENCES[name].fills)
    if name == "BOOKID" and described.name.startswith("GCBOOK"):
        return _CONSOLIDATED
    if described.name.startswith("ENTITYACCT"):
        return _BETWEEN_ENTITIES.get(name)
    return REFERENCES.get(name)


def apply_references(company: CompanyData, described: ObjectDef, sent: Row, row: Row) -> None:
    """Check every reference among the sent fields, and fill the cells of `row` that follow from it."""
    for name, text in sent.items():
        refers = reference_of(described, name)
        if refers is None and name.startswith(_USER_DIMENSION):
            _check_user_dimension(company, described, name, text)
        if refers is None:
            continue
        other = find_reference(company, refers, text, field=name) if text else {}
        if text and other.get("STATUS") == "inactive":
            raise invalid_reference(refers, text, "is inactive", field=name)
        for ours, theirs in refers.fills:
            if ours in described.fields and ours not in sent:
                row[ours] = other.get(theirs, "")


def _check_user_dimension(company: CompanyData, described: ObjectDef, name: str, text: str) -> None:
    """Refuse an inactive user-defined dimension, or an unknown or inactive value of one, which is named by its id."""
    relation = next((one for one in described.relations.values() if one.by == name), None)
    if relation is None or not text:
        return
    if relation.object in company.settings.inactive_dimensions:
        raise closed_dimension(relation.object)
    table = company.table(relation.object)
    refers = Reference((relation.object,), relation.label or relation.object.capitalize())
    rows = [table.get(number) or {} for number in table.find(table.plan.key, text)]
    if not rows:
        raise invalid_reference(refers, text, "", field=name)
    if rows[0].get("STATUS") == "inactive":
        raise invalid_reference(refers, text, "is inactive", field=name)


def _reference_field(name: str) -> str:
    """The field that other objects name a record by.

    Tasks and cost types have their id, though it is unique only within a project or a task.
    """
    return f"{name}ID" if name in ("TASK", "COSTTYPE") else natural_key(name) or "RECORDNO"


def find_reference(company: CompanyData, refers: Reference, text: str, *, field: str = "") -> Row:
    """The record that a reference names. Raises FunctionRefusedError if there is none."""
    for name in refers.objects:
        table = company.table(name)
        for number in table.find(_reference_field(name), text):
            return table.get(number) or {}
    raise invalid_reference(refers, text, "", field=field)


def invalid_reference(refers: Reference, text: str, why: str, *, field: str = "") -> FunctionRefusedError:
    """The refusal of a reference: `Invalid Project '10064' specified.`"""
    if why:
        return refused(f"{refers.label} '{text}' {why}.", correction="Choose an active one.", field=field)
    return refused(f"Invalid {refers.label} '{text}' specified.", correction="Provide a valid value.", field=field)

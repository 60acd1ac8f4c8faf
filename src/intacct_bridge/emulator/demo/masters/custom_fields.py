"""Additions of the demo company to the standard objects: custom fields, a user-defined dimension, custom objects."""

from collections.abc import Iterator
from datetime import timedelta

from intacct_bridge.emulator.accounting.posting_rows import TypedRow
from intacct_bridge.emulator.demo.generator.world import World, pick
from intacct_bridge.emulator.demo.masters.reports import REPORTS, VIEWS
from intacct_bridge.emulator.settings.company_source import CompanyDefinitions, DefinitionField
from intacct_bridge.model.catalog import FieldDef, ObjectDef, Relation, object_def
from intacct_bridge.wire.values import Kind

DIMENSION = "GLDIMFUND"
"""The field by which ledger rows and lines name a FUND: its `id`."""
FIRST_ID = 10001
"""The first record number of custom objects."""
_LINES = (
    "GLENTRY",
    "GLDETAIL",
    "APBILLITEM",
    "APADJUSTMENTITEM",
    "ARINVOICEITEM",
    "ARADJUSTMENTITEM",
    "CCTRANSACTIONENTRY",
    "EEXPENSESITEM",
    "OTHERRECEIPTSENTRY",
)


def demo_definitions() -> CompanyDefinitions:
    """The additions of the demo company to the standard objects, reports and views."""

    def custom(name: str, kind: Kind, label: str, *values: str) -> FieldDef:
        return FieldDef(name, kind, label, custom=True, values=values)

    fields = [
        ("CUSTOMER", custom("RENEWAL_DATE", Kind.DATE, "Renewal date")),
        ("CUSTOMER", custom("KEY_ACCOUNT", Kind.BOOLEAN, "Key account", "true", "false")),
        ("VENDOR", custom("RISK_TIER", Kind.ENUM, "Risk tier", "Low", "Medium", "High")),
        ("PROJECT", custom("SITE_ACCESS", Kind.TEXT, "Site access")),
        ("PROJECT", custom("SAFETY_DEPOSIT", Kind.CURRENCY, "Safety deposit")),
    ]
    fields += [(name, custom(DIMENSION, Kind.TEXT, "Fund")) for name in _LINES]
    window = custom("DELIVERY_WINDOW", Kind.TEXT, "Delivery window", "Morning", "Afternoon")
    return CompanyDefinitions(
        fields=tuple(fields),
        relations=tuple((name, Relation("FUND", "FUND", by=DIMENSION)) for name in _LINES),
        objects=(_fund(), _site()),
        definition_fields=(DefinitionField("SODOCUMENT", "Sales Order", window),),
        reports=REPORTS,
        views=VIEWS,
    )


def custom_rows(world: World) -> Iterator[tuple[str, TypedRow]]:
    """The records of the custom objects."""
    created = world.calendar.reading(world.calendar.start, -86400)
    audit: TypedRow = {"createdBy": "admin", "createdAt": created, "updatedBy": "admin", "updatedAt": created}
    for position, (name, active) in enumerate(world.data["funds"]):
        fund: TypedRow = {
            "id": FIRST_ID + position,
            "name": name,
            "FUND_CODE": f"F{position + 1:02}",
            "RESTRICTED": position > 0,
            "EXPIRES": world.calendar.start + timedelta(days=30) if not active else None,
            "STATUS": "active" if active else "inactive",
        }
        yield "FUND", {**fund, **audit}
    rng = world.random("sites")
    for position in range(40):
        customer = pick(rng, world.customers)
        kinds = sorted({pick(rng, ("Flow", "Level", "Pressure", "Water quality")) for _ in range(2)})
        site: TypedRow = {
            "id": FIRST_ID + 100 + position,
            "name": f"{customer.name}, site {position + 1}",
            "RCUSTOMER": customer.key,
            "SERIAL_NO": f"CI-{int(rng.random() * 900000) + 100000}",
            "INSTALLED_ON": world.calendar.start + timedelta(days=int(rng.random() * 600)),
            "UNDER_WARRANTY": rng.random() < 0.4 if position % 4 else None,
            # The gateway joins several choices this way.
            "MEASURES": "#~#".join(kinds),
            "LATITUDE": None,
        }
        yield "EQUIPMENT_SITE", {**site, **audit}


def _platform_fields() -> tuple[FieldDef, ...]:
    return (
        FieldDef("id", Kind.INTEGER, "Record number", readonly=True),
        FieldDef("name", Kind.TEXT, "Name", required=True),
        FieldDef("createdBy", Kind.TEXT, "Created by", readonly=True),
        FieldDef("createdAt", Kind.TIMESTAMP, "Created at", readonly=True),
        FieldDef("updatedBy", Kind.TEXT, "Updated by", readonly=True),
        FieldDef("updatedAt", Kind.TIMESTAMP, "Updated at", readonly=True),
    )


def _fund() -> ObjectDef:
    own = (
        FieldDef("FUND_CODE", Kind.TEXT, "Fund code", custom=True),
        FieldDef("RESTRICTED", Kind.BOOLEAN, "Restricted", custom=True, values=("true", "false")),
        FieldDef("EXPIRES", Kind.DATE, "Expires on", custom=True),
        FieldDef("STATUS", Kind.TEXT, "Status", values=("active", "inactive")),
    )
    return object_def("FUND", (*_platform_fields(), *own), label="Fund")


def _site() -> ObjectDef:
    own = (
        FieldDef("RCUSTOMER", Kind.INTEGER, "Customer", custom=True),
        FieldDef("SERIAL_NO", Kind.TEXT, "Serial number", custom=True),
        FieldDef("INSTALLED_ON", Kind.DATE, "Installed on", custom=True),
        FieldDef("UNDER_WARRANTY", Kind.BOOLEAN, "Under warranty", custom=True, values=("true", "false")),
        FieldDef("MEASURES", Kind.TEXT, "Measures", custom=True),
        FieldDef("LATITUDE", Kind.DECIMAL, "Latitude", custom=True),
    )
    relations = (Relation("RCUSTOMER", "CUSTOMER", by="RCUSTOMER"),)
    return object_def("EQUIPMENT_SITE", (*_platform_fields(), *own), relations, label="Equipment site")

"""The records of the demo company's custom objects, and of its user-defined dimension."""

from collections.abc import Iterator
from datetime import timedelta

from intacct_emulator.demo_company.generator.world import World, pick
from intacct_emulator.ledger.posting_rows import TypedRow
from intacct_emulator.settings.declared.definitions import FIRST_ID

DIMENSION = "GLDIMFUND"
"""The field by which ledger rows and lines name a FUND: its `id`."""


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

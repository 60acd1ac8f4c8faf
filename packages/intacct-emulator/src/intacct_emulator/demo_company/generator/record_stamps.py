"""Record numbers, owners and audit cells of the demo company's rows: who entered them, and when."""

from datetime import date, datetime
from random import Random

from intacct_emulator.demo_company.generator.world import World
from intacct_emulator.ledger.posting_rows import TypedRow

FIRST_NUMBERS = {"PRRECORD": 1001, "PRENTRY": 3001, "GLBATCH": 501, "GLENTRY": 2001, "GLDETAIL": 70001, "DOCHDR": 301}
"""The first number of each series that several objects share, such as bills, payments, invoices and receipts."""


class RecordStamps:
    """Gives out record numbers and time stamps. One instance serves the whole company, in the order of its rows."""

    def __init__(self, world: World) -> None:
        self._calendar = world.calendar
        self._users = [(key, row[0]) for key, row in enumerate(world.data["users"], 1)]
        self._by_login = {login: (key, login) for key, login in self._users}
        self._next = dict(FIRST_NUMBERS)
        self._rng = world.random("clerk")  # the name is part of the seed
        self._contacts: dict[str, int] = {}
        self._imported = world.calendar.reading(world.calendar.start, -86400 * 9)
        entities = world.data["entities"]
        self._owners: dict[str, TypedRow] = {
            entity: {"MEGAENTITYKEY": key, "MEGAENTITYID": entity, "MEGAENTITYNAME": name}
            for key, (entity, name, *_) in enumerate(entities, 1)
        }

    def number(self, series: str) -> int:
        """The next number of a series."""
        number = self._next.get(series, 1)
        self._next[series] = number + 1
        return number

    def peek(self, series: str) -> int:
        """The next number of a series, without taking it."""
        return self._next.get(series, 1)

    def skip(self, series: str) -> int:
        """A number whose record was deleted."""
        return self.number(series)

    def contact(self, name: str) -> int:
        """The record number of a contact; a new name gets the next one."""
        if name not in self._contacts:
            self._contacts[name] = self.number("CONTACT")
        return self._contacts[name]

    def owner(self, entity: str | None) -> TypedRow:
        """The cells of the owning entity; none at top level."""
        return self._owners[entity] if entity else {}

    def imported(self, modified: date | None = None) -> TypedRow:
        """The audit cells of a row from the first import, which took one second, perhaps changed on a later day."""
        return self._audit("WHENCREATED", self._imported, self._reading(modified), login="admin")

    def master(self, created: date, rng: Random) -> TypedRow:
        """The audit cells of a master record; one in three was never modified."""
        when = self._calendar.reading(created, int(rng.random() * 28800))
        modified = None
        if rng.random() > 0.33:
            days = (self._calendar.as_of - created).days
            modified = self._calendar.reading(created, int(rng.random() * max(1, days)) * 86400 + 3600)
        return self._audit("WHENCREATED", when, modified, login="controller" if modified else "admin")

    def document(self, day: date, login: str, modified: date | None = None) -> TypedRow:
        """The audit cells of a transaction's header, whose WHENCREATED is a business date."""
        created = self._calendar.reading(day, self._second())
        return self._audit("AUWHENCREATED", created, self._reading(modified) or created, login=login)

    def line(self, header: TypedRow) -> TypedRow:
        """The audit cells of a line, and of the ledger rows, from the header of their document."""
        return {
            "WHENCREATED": header["AUWHENCREATED"],
            "WHENMODIFIED": header["WHENMODIFIED"],
            "CREATEDBY": header["CREATEDBY"],
            "MODIFIEDBY": header["MODIFIEDBY"],
            "CREATEDBYLOGINID": header["CREATEDBYLOGINID"],
            "MODIFIEDBYLOGINID": header["MODIFIEDBYLOGINID"],
        }

    def posted(self, day: date, login: str) -> TypedRow:
        """The audit cells of a batch without a document."""
        created = self._calendar.reading(day, self._second())
        return self._audit("WHENCREATED", created, created, login=login)

    def _second(self) -> int:
        # Many records share a second, as they do where records are entered in bulk.
        return int(self._rng.random() * 300) * 97

    def _reading(self, day: date | None) -> datetime | None:
        return None if day is None else self._calendar.reading(day, self._second())

    def _audit(self, field: str, created: datetime, modified: datetime | None, *, login: str) -> TypedRow:
        key, name = self._by_login[login]
        row: TypedRow = {
            field: created,
            "WHENMODIFIED": modified,
            "CREATEDBY": key,
            "MODIFIEDBY": key,
            "CREATEDBYLOGINID": name,
            "MODIFIEDBYLOGINID": name,
        }
        return row

"""The demo company's audit history: records created, changed and deleted in the last weeks.

The history reaches back two months, as in a company that clears it. Deletions name record numbers and ids of records
that do not exist.  Keys are those that connectors see: the bare record number for most objects, the record number with
`--REC` for journal entries, the text id for vendors and customers.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from intacct_emulator.demo_company.generator.record_stamps import RecordStamps
from intacct_emulator.demo_company.generator.world import World
from intacct_emulator.ledger.posting_rows import TypedRow

KEYS = {
    "APBILL": "{RECORDNO}",
    "APADJUSTMENT": "{RECORDNO}",
    "APPYMT": "{RECORDNO}",
    "ARINVOICE": "{RECORDNO}",
    "ARPYMT": "{RECORDNO}",
    "GLBATCH": "{RECORDNO}--REC",
    "VENDOR": "{VENDORID}",
    "CUSTOMER": "{CUSTOMERID}",
    "PROJECT": "{PROJECTID}",
}
"""The key by which the history names a record of each audited object."""
DELETED = (("APBILL", "PRRECORD"), ("ARINVOICE", "PRRECORD"), ("GLBATCH", "GLBATCH"), ("CONTACT", "CONTACT"))
"""Objects that had a record deleted, with the series of its record number."""


class AuditHistory:
    """Notes creations and changes as rows pass through, and gives the history at the end."""

    def __init__(self, world: World, stamps: RecordStamps) -> None:
        self._stamps = stamps
        self._world = world
        self._since = world.calendar.reading(world.calendar.open_from, -43200)
        self._events: list[tuple[datetime, str, str, str, str]] = []
        """Time, object, key, access mode and login."""

    def noted(self, rows: Iterator[tuple[str, TypedRow]]) -> Iterator[tuple[str, TypedRow]]:
        """The same rows; those of audited objects are noted."""
        for name, row in rows:
            pattern = KEYS.get(name)
            if pattern is not None:
                self._note(name, pattern, row)
            yield name, row

    def _note(self, name: str, pattern: str, row: TypedRow) -> None:
        created = row.get("AUWHENCREATED") or row.get("WHENCREATED")
        modified = row.get("WHENMODIFIED")
        if isinstance(created, datetime) and created >= self._since:
            self._add(name, pattern.format(**row), "C", created, by=row["CREATEDBYLOGINID"])
        if isinstance(modified, datetime) and modified >= self._since and modified != created:
            self._add(name, pattern.format(**row), "M", modified, by=row["MODIFIEDBYLOGINID"])

    def _add(self, name: str, key: str, mode: str, when: datetime, *, by: object) -> None:
        self._events.append((when, name.lower(), key, mode, str(by)))

    def rows(self) -> Iterator[tuple[str, TypedRow]]:
        """The history, oldest first."""
        rng = self._world.random("deleted")
        days = (self._world.calendar.as_of - self._world.calendar.open_from).days
        for name, series in DELETED * 2:
            key = KEYS.get(name, "{RECORDNO}").format(RECORDNO=self._stamps.skip(series))
            when = self._since + timedelta(days=int(rng.random() * days), seconds=int(rng.random() * 30000) + 43200)
            self._add(name, key, "D", min(when, self._world.calendar.latest), by="controller")
        self._add("VENDOR", "V19999", "D", self._world.calendar.latest - timedelta(days=3), by="ap.clerk")
        self._events.sort(key=lambda event: event[0])
        for number, (when, name, key, mode, login) in enumerate(self._events, 1):
            row: TypedRow = {
                "ID": str(number),
                "OBJECTTYPE": name,
                "OBJECTKEY": key,
                "USERID": login,
                "ACCESSTIME": when,
                "ACCESSMODE": mode,
                "SOURCE": "ui",
                "IPADDRESS": "192.0.2.10",
            }
            yield "AUDITHISTORY", row

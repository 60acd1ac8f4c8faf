"""The check of an outbox in PostgreSQL: it is reached, may be written to, and is kept through a power cut."""

from collections.abc import Iterator

from intacct_bridge.connections.connection import Connection
from intacct_bridge.load.outbox.outbox import open_outbox
from intacct_bridge.setup.doctor.findings import DoctorFinding, Status, from_error, ok
from intacct_bridge.shared_state.place import shared_place
from intacct_protocol.errors import IntacctError, SettingsError

STEP = "shared_state"


def shared_state(connection: Connection) -> Iterator[DoctorFinding]:
    """A finding for the database; none if the outbox is a file."""
    place = shared_place(connection)
    if place is None:
        return
    try:
        with open_outbox(connection) as outbox:
            unsafe = outbox.unsafe_settings()
    except IntacctError as error:
        yield from_error(STEP, error)
        return
    if not unsafe:
        yield ok(STEP, f"the outbox is in {place.name}")
        return
    names = " and ".join(unsafe)
    risk = SettingsError(
        f"{place.name}: {names} off, so a power cut of the server can lose what was posted",
        fix="turn it on in the server's settings",
    )
    yield from_error(STEP, risk, status=Status.WARNING)

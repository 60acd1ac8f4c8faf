"""What every set of a fleet's tables has: its place, its database connection, and times as the rows have them."""

from collections.abc import Callable
from datetime import UTC, datetime

from intacct_bridge.shared_state.database import Clock, TableSet
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_bridge.shared_state.postgres import PostgresDatabase


class FleetTables:
    """Open tables, for several threads. UnreachableError or SettingsError if the database cannot be used."""

    def __init__(self, place: PostgresPlace, tables: TableSet, *, pooled: bool, clock: Clock | None = None) -> None:
        """Open them, or make them. Tables that are `pooled` share the connections of this process."""
        self.place = place
        self._db = PostgresDatabase(place, tables, pooled=pooled, clock=clock)

    def close(self) -> None:
        """Close the connection, which ends what this process holds by it."""
        self._db.close()

    def answer_within(self, seconds: float) -> None:
        """From now on let a call fail about twice these seconds after its begin if the database is away."""
        self._db.answer_within(seconds)

    def check_version(self) -> None:
        """SettingsError if a newer version of the package has changed the tables since they were opened."""
        with self._db.transaction():  # checks it at its beginning
            pass

    def now(self) -> datetime:
        """The time of the database server, in UTC."""
        return self._db.clock().astimezone(UTC)


def time_text(moment: datetime) -> str:
    """A time as rows have it: in UTC, so that texts sort as times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


time_of: Callable[[str], datetime] = datetime.fromisoformat
"""The time that a row has."""

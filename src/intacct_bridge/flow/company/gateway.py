"""What loading needs of a client, no more: questions, descriptions, and functions sent once.

`client.client.Client` is one; a test's stand-in is another.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from intacct_bridge.client.connections.connection import Connection
from intacct_bridge.model.catalog import ObjectDef
from intacct_bridge.model.query.query import Query
from intacct_bridge.wire.envelope import Function, Result
from intacct_bridge.wire.reply import Leaving, unheard
from intacct_bridge.wire.values import Value
from intacct_bridge.wire.xml import Element

Row = Mapping[str, Value]


class Spent(Protocol):
    """The count of billable transactions so far."""

    @property
    def transactions(self) -> int:
        """Billable API transactions."""


class Gateway(Protocol):
    """One company through one connection."""

    @property
    def connection(self) -> Connection:
        """Which company, which user, which entity."""

    @property
    def meter(self) -> Spent:
        """What was spent."""

    @property
    def company_time(self) -> datetime:
        """The gateway's clock."""

    def describe(self, object_name: str, /) -> ObjectDef:
        """An object's fields."""

    def inspect(self, object_name: str, /) -> ObjectDef:
        """An object's fields with the lengths of texts."""

    def query(self, query: Query, /) -> Iterator[Row]:
        """Typed rows."""

    def ask(self, function: Element, /) -> Result:
        """Any function that only reads."""

    def submit(
        self, functions: Sequence[Function], /, *, transaction: bool = False, leaving: Leaving = unheard
    ) -> tuple[Result, ...]:
        """Send writes once, calling `leaving` before the bytes do: results, or an error.

        InDoubtError where it may have been applied; ConnectionCutError(sent=False), RefusedError, TransientError.
        """


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """The texts that say whose books a write goes to."""

    company: str
    entity: str
    environment: str
    user: str

    @classmethod
    def of(cls, connection: Connection) -> "Whereabouts":
        """A console's client is a company of its own. However its id is written, a company is one: else two."""
        client = f"|{connection.client_id}" if connection.client_id else ""
        return cls(
            (connection.company_id + client).casefold(),
            connection.location_id,
            connection.environment,
            connection.user_id,
        )

"""The company, entity, environment and user that a load goes to."""

from dataclasses import dataclass

from intacct_bridge.client.connections.connection import Connection


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

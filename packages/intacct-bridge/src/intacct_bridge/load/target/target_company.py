"""The company, entity, environment and user that a load writes to and as."""

from dataclasses import dataclass

from intacct_bridge.connections.connection import Connection


@dataclass(frozen=True, slots=True)
class TargetCompany:
    """The company that a load writes to, as plans show it and outboxes key it."""

    company: str
    """In one case, however the connection writes it; a console's client is a company of its own."""
    entity: str
    """Empty at the top level."""
    environment: str
    user: str

    @classmethod
    def of(cls, connection: Connection) -> "TargetCompany":
        """The company that a connection signs in to."""
        client = f"|{connection.client_id}" if connection.client_id else ""
        return cls(
            (connection.company_id + client).casefold(),
            connection.location_id,
            connection.environment,
            connection.user_id,
        )

"""A client as the source of an extraction, and its objects as streams."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from intacct_bridge.client.client import Client
from intacct_bridge.errors import InvalidRequestError
from intacct_bridge.flow.partition import Answer
from intacct_bridge.flow.stream import VIEWS, Stream, stream_of
from intacct_bridge.model import keys
from intacct_bridge.model.query import Query


class ClientSource:
    """What an extraction asks of a company, asked through a client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def company(self) -> str:
        """The company, and the entity where the connection is to one: their copies must not be mixed."""
        connection = self._client.connection
        entity = f", entity {connection.location_id}" if connection.location_id else ""
        return f"{connection.company_id}{entity}"

    @property
    def concurrency(self) -> int:
        """How many calls may run at once."""
        return self._client.connection.concurrency

    @property
    def offset_minutes(self) -> int:
        """The API user's offset from UTC."""
        return self._client.formatting.offset_minutes

    @property
    def reads_as(self) -> str:
        """How the gateway takes the times of a filter, where `intacct doctor` has found out: `utc` or `user`."""
        return self._client.line.calibration.reading_of(self.offset_minutes)

    def now(self) -> datetime:
        """The server's clock."""
        return self._client.company_time

    def page(self, query: Query) -> Answer:
        """One page, typed; one billable transaction."""
        head, rows = self._client.batch(query)
        return Answer(rows, head.remaining)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Streams to read, and the headers that their lines need to know of."""

    streams: tuple[Stream, ...]
    headers: Mapping[str, Stream]


def choose(client: Client, names: Iterable[str], select: Mapping[str, Sequence[str]] | None = None) -> Chosen:
    """The streams of these objects, all their definitions asked for in few requests.

    `select` names fields by object; an object that it does not name gives all its fields.
    """
    objects = list(dict.fromkeys(name.upper() for name in names))
    above = {owner.header for owner in map(keys.owner, objects) if owner}
    catalog = client.describe_many([*objects, *sorted(above.difference(objects))])
    wanted = {name.upper(): tuple(fields) for name, fields in (select or {}).items()}
    strange = sorted(set(wanted).difference(objects))
    if strange:
        raise InvalidRequestError(f"fields of {strange[0]} are selected, and {strange[0]} is not among the streams")
    streams = tuple(
        stream_of(catalog.find(name), select=wanted.get(name) or client.queryable(name)) for name in objects
    )
    headers = {}
    for stream in streams:
        if stream.header and stream.header not in objects:
            described = catalog.find(stream.header)
            dates = [view.window for view in VIEWS.values() if described.get(view.window)]
            headers[stream.header] = stream_of(described, select=(stream.refers_to, *dates))
    return Chosen(streams, headers)

"""The options of the Spark data source: those of its own, and the settings of a connection.

Spark passes every option as text and ignores the case of its name. The settings are those of `intacct.toml` and have
the same sources: an option comes first, then `INTACCT_*` variables, then the files of the driver. Connections are
resolved on the driver, so that executors need neither files nor variables. They travel to the executors with the read
itself, as the passwords of Spark's own JDBC source do.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from intacct_bridge.connections.connection import SETTINGS, Connection
from intacct_bridge.connections.demo_company import NAME as DEMO
from intacct_bridge.connections.demo_company import demo_settings, means_demo
from intacct_bridge.connections.sources import load_connection
from intacct_bridge.shared_state.place import is_postgres
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.query.query import Filter
from intacct_protocol.model.query.where import parse_where
from intacct_protocol.model.suggestions import did_you_mean

CONNECTION, CONNECTIONS = "connection", "connections"
_OF_ONE_COMPANY = ("company_id", "client_id", "location_id", "user_id", "user_password")
_SETTINGS = tuple(one for one in SETTINGS if one != "name")
_SHARED_FIX = (
    'keep the outbox of the connection in PostgreSQL (`outbox = "postgresql://..."`), which counts the requests of all'
    " tasks together"
)


def own_options(options: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """The options of the source's own, which are in `names`; SettingsError for an option that nothing knows.

    Connection settings are left to `connections_of`. Values are stripped, and empty ones are left out.
    """
    accepted = (CONNECTION, CONNECTIONS, *names, *_SETTINGS)
    for name in options:
        if name.lower() not in accepted:
            raise SettingsError(
                f"the data source intacct has no option {name!r}{did_you_mean(name.lower(), accepted)}",
                fix=f"its options are {', '.join((CONNECTION, CONNECTIONS, *names))}, and the settings of a connection",
            )
    lowered = {name.lower(): value.strip() for name, value in options.items()}
    return {name: lowered[name] for name in names if lowered.get(name)}


def connection_of(options: Mapping[str, str]) -> Connection:
    """The one connection that the options name or describe; SettingsError if they name several."""
    connections = connections_of(options)
    if len(connections) > 1:
        raise SettingsError(
            "this works with one company only, and `connections` names several", fix="name one connection"
        )
    return connections[0]


def connections_of(options: Mapping[str, str]) -> tuple[Connection, ...]:
    """The connections that the options name or describe. SettingsError names the setting and the fix."""
    lowered = {name.lower(): value for name, value in options.items()}
    settings: dict[str, Any] = {name: lowered[name] for name in _SETTINGS if name in lowered}
    if CONNECTIONS not in lowered:
        return (_connection(lowered.get(CONNECTION) or None, settings),)
    if CONNECTION in lowered:
        raise SettingsError("`connection` and `connections` do not go together", fix="leave one of them out")
    for name in settings:
        if name in _OF_ONE_COMPANY:
            raise SettingsError(
                f"`{name}` belongs to one company, and `connections` names several",
                fix="put it into the tables of the connections in intacct.toml",
                setting=name,
            )
    names = listed(lowered[CONNECTIONS])
    if not names:
        raise SettingsError("`connections` names no connection", fix='name them with commas: "north,south"')
    connections = tuple(_connection(name, settings) for name in names)
    _check_distinct(connections)
    return connections


def _connection(name: str | None, settings: dict[str, Any]) -> Connection:
    if means_demo(name, tuple(settings)):
        name, settings = name or DEMO, demo_settings() | settings
    return load_connection(name, **settings)


def _check_distinct(connections: tuple[Connection, ...]) -> None:
    companies: dict[tuple[str, ...], str] = {}
    for connection in connections:
        place = (
            connection.endpoint,
            connection.company_id.casefold(),
            connection.client_id.casefold(),
            connection.location_id.casefold(),
        )
        if place in companies:
            raise SettingsError(
                f"the connections {companies[place]} and {connection.name} lead to the same company, "
                "so its rows would come twice",
                fix=f"leave {connection.name} out of `connections`",
            )
        companies[place] = connection.name


def listed(text: str) -> tuple[str, ...]:
    """The names in a list with commas."""
    return tuple(one.strip() for one in text.split(",") if one.strip())


def is_shared(connection: Connection) -> bool:
    """Whether all processes that use a connection keep its limits together."""
    return is_postgres(connection.outbox)


# --- reading


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What to read."""

    connections: tuple[Connection, ...]
    object: str
    """The name of a stream, as `intacct extract` takes it."""
    fields: tuple[str, ...] = ()
    """The fields to read, in the order of the columns; none: all."""
    where: Filter | None = None
    partitions: int | None = None
    """Partitions of each company; None: as many as its requests at a time, and one if there are several companies.
    """

    @property
    def several(self) -> bool:
        """Whether rows come from several companies, and so have a column for it."""
        return len(self.connections) > 1


_READING = ("object", "fields", "where", "partitions")


def read_options(options: Mapping[str, str]) -> ReadOptions:
    """The options of `spark.read`; SettingsError and InvalidRequestError name what is wrong, before any call."""
    of_source = own_options(options, _READING)
    read = ReadOptions(
        connections_of(options),
        required_object(of_source),
        listed(of_source.get("fields", "")),
        parse_where(of_source["where"]) if "where" in of_source else None,
        whole_number(of_source, "partitions"),
    )
    for connection in read.connections:
        _check_limit(connection, read.partitions)
    return read


def required_object(of_source: Mapping[str, str]) -> str:
    """The option `object`; SettingsError if it is missing."""
    if "object" not in of_source:
        raise SettingsError(
            "the option `object` is missing",
            fix='name what to read, such as .option("object", "GLDETAIL")',
            setting="object",
        )
    return of_source["object"]


def whole_number(of_source: Mapping[str, str], name: str, *, least: int = 1) -> int | None:
    """An option that is a whole number; None if it is missing."""
    return None if name not in of_source else _parsed(of_source[name], name, int, least)


def seconds(of_source: Mapping[str, str], name: str, default: float) -> float:
    """An option that is a number of seconds."""
    return default if name not in of_source else _parsed(of_source[name], name, float, 0)


def _parsed(text: str, name: str, kind: Callable[[str], Any], least: int) -> Any:
    try:
        number = kind(text)
        if not number >= least:
            raise ValueError
    except ValueError:
        raise SettingsError(f"`{name}` is {text!r}, and must be a number of at least {least}", setting=name) from None
    return number


def _check_limit(connection: Connection, partitions: int | None) -> None:
    """Tasks that do not know of each other may not send more than the company takes at a time."""
    if partitions is not None and partitions > connection.concurrency and not is_shared(connection):
        raise SettingsError(
            f"{partitions} partitions may send {partitions} requests at a time, and the limit of connection"
            f" {connection.name!r} is {connection.concurrency}",
            fix=f"set `partitions` to at most {connection.concurrency}, or {_SHARED_FIX}",
            setting="partitions",
        )

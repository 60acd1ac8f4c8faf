"""Promotion: what one company has that another lacks, before work moves from an implementation company to production.

Compared are the objects, the custom fields of objects that are read and written, and the active records of set-up that
a job relies on: accounts, journals, places, transaction definitions and their kind, by their ids. Nothing is changed.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from intacct_bridge.client.client import Client
from intacct_bridge.connections.sources import load_connection
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError, SettingsError
from intacct_protocol.model.keys import natural_key
from intacct_protocol.model.query.query import Query, field

__all__ = ["Comparison", "Lack", "compare_companies"]

DESCRIBED = (
    *("VENDOR", "CUSTOMER", "ITEM", "PROJECT", "EMPLOYEE", "GLACCOUNT", "CONTRACT"),
    *("APBILL", "APBILLITEM", "ARINVOICE", "ARINVOICEITEM", "GLBATCH", "GLENTRY"),
    *("SODOCUMENT", "SODOCUMENTENTRY", "PODOCUMENT", "PODOCUMENTENTRY"),
)
"""The objects whose custom fields are compared if no others are named."""
SET_UP = (
    *("GLACCOUNT", "STATACCOUNT", "GLJOURNAL", "LOCATIONENTITY", "LOCATION", "DEPARTMENT", "CLASS"),
    *("SODOCUMENTPARAMS", "PODOCUMENTPARAMS", "INVDOCUMENTPARAMS", "APTERM", "ARTERM", "REPORTINGPERIOD"),
    *("CHECKINGACCOUNT", "SAVINGSACCOUNT", "CREDITCARD", "WAREHOUSE", "UOM", "TAXDETAIL", "VENDTYPE", "CUSTTYPE"),
)
"""The objects whose active records are compared by id."""


@dataclass(frozen=True, slots=True)
class Lack:
    """One thing that a company lacks and the other has."""

    company: str
    """The connection of the company that lacks it."""
    kind: str
    """`object`, `custom field`, or the object of a record."""
    name: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two companies lack of each other."""

    first: str
    second: str
    lacks: tuple[Lack, ...]
    compared: tuple[str, ...]
    """The objects whose records were compared."""
    skipped: tuple[tuple[str, str], ...]
    """The objects that were not compared, each with the reason."""


def compare_companies(run: RecordedRun, other: str, objects: Sequence[str] = ()) -> Comparison:
    """Compare the run's company with that of another connection; `objects` are those whose fields a job uses.

    SettingsError if both are the same company, or one has no generic functions.
    """
    connection = load_connection(other)
    run.messages.hide(connection.secrets)
    for each in (run.connection, connection):
        if each.is_legacy:
            raise SettingsError(
                f"{each.name} has document type 2.1, which describes no fields",
                fix="compare 3.0 connections",
                setting="dtd_version",
            )
    if (connection.company_id.casefold(), connection.endpoint) == (
        run.connection.company_id.casefold(),
        run.connection.endpoint,
    ):
        raise SettingsError(f"both connections are of company {connection.company_id}", fix="name another connection")
    described = tuple(dict.fromkeys(name.upper() for name in objects)) or DESCRIBED
    with run.open_client(connection) as second:
        return _compared(run.client, second, run.connection.name, other, described)


def _compared(first: Client, second: Client, first_name: str, second_name: str, described: Sequence[str]) -> Comparison:
    sides = (first_name, second_name)
    objects = [first.objects().keys(), second.objects().keys()]
    lacks = [*_lacking(sides, "object", *objects)]
    shared = objects[0] & objects[1]
    lacks += _lacking(sides, "custom field", *(_custom_fields(client, shared, described) for client in (first, second)))
    compared, skipped = [], []
    for name in SET_UP:
        key = natural_key(name)
        if name not in shared or key is None:
            continue
        try:
            ids = [_ids(client, name, key) for client in (first, second)]
        except (InvalidRequestError, NotPermittedError, RefusedError) as error:
            skipped.append((name, error.message))
            continue
        compared.append(name)
        lacks += _lacking(sides, name, *ids)
    return Comparison(first_name, second_name, tuple(lacks), tuple(compared), tuple(skipped))


def _lacking(sides: tuple[str, str], kind: str, first: Set[str], second: Set[str]) -> Iterator[Lack]:
    yield from (Lack(sides[1], kind, name) for name in sorted({*first} - {*second}))
    yield from (Lack(sides[0], kind, name) for name in sorted({*second} - {*first}))


def _custom_fields(client: Client, shared: Set[str], described: Sequence[str]) -> set[str]:
    refused: dict[str, RefusedError] = {}
    names = [name for name in described if name in shared]
    client.describe_many(names, refused)
    definitions = [client.describe(name) for name in names if name not in refused]
    return {
        f"{definition.name}.{field_definition.name}"
        for definition in definitions
        for field_definition in definition.fields.values()
        if field_definition.custom
    }


def _ids(client: Client, name: str, key: str) -> set[str]:
    active = field("STATUS") == "active" if client.describe(name).get("STATUS") is not None else None
    at_top = not client.connection.location_id
    return {str(row[key]) for row in client.query(Query(name, (key,), where=active, show_private=at_top)) if row[key]}

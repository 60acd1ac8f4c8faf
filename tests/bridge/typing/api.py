"""A program that must type-check: what a user's editor knows about the public names."""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_type

import pyarrow as pa

from intacct_bridge import (
    UNSET,
    Aggregate,
    Client,
    Connection,
    Element,
    InDoubtError,
    IntacctError,
    ObjectDef,
    Order,
    Outcome,
    Page,
    Query,
    RecordError,
    Result,
    connect,
    element,
    field,
    list_connections,
    load_connection,
)
from intacct_protocol.model.query.query import Compare, Filter
from intacct_protocol.xml.values import Value


def reads(client: Client) -> None:
    """Reading gives typed rows, pages and batches."""
    overdue = (field("TOTALDUE") > 0) & field("STATE").is_in(["Posted"])
    assert_type(field("TOTALDUE") > 0, Compare)
    assert_type(overdue, Filter)
    rows = client.query("APBILL", ["RECORDNO", "TOTALDUE"], where=overdue, order=[Order("WHENDUE")], limit=5)
    assert_type(rows, Iterator[dict[str, Value]])
    client.query("APBILL", "RECORDNO, TOTALDUE", where="TOTALDUE > 0", order="WHENDUE desc", show_private=False)
    query = Query("APBILL", (Aggregate("sum", "TOTALDUE"), "VENDORID"))
    assert_type(client.pages(query), Iterator[Page])
    assert_type(client.batches(query), Iterator[pa.RecordBatch])
    assert_type(client.describe("APBILL"), ObjectDef)
    assert_type(client.objects(), dict[str, str])
    assert_type(client.company_time, datetime)


def writes(client: Client) -> list[str]:
    """Writing gives one outcome a record."""
    try:
        outcomes = client.create("VENDOR", [{"NAME": "Ada", "TAXID": None, "COMMENTS": UNSET}])
    except InDoubtError as error:
        return list(error.control_ids)
    except RecordError as error:
        return [error.field]
    assert_type(outcomes, list[Outcome])
    return [outcome.key for outcome in outcomes if outcome.ok]


def calls(connection: Connection) -> Element | None:
    """Any function can be called, in any entity."""
    with Client(connection, max_transactions=10) as client, client.entity("100") as inside:
        assert_type(inside, Client)
        results = inside.call(element("readEntityDetails"), read=True)
        assert_type(results, tuple[Result, ...])
        return results[0].data


def connects() -> None:
    """Connections come by name."""
    names = [listed.name for listed in list_connections()]
    try:
        connection = load_connection(names[0], location_id="100")
        with connect("books", read_only=True) as client:
            assert_type(client.connection, Connection)
    except IntacctError as error:
        print(error.fix, error.exit_status, connection.target)

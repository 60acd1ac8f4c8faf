"""The company's dimensions, and the values of those it made itself, under the names that hotglue's tap gives them.

The seven columns of `dimension_values` are what every such object has; all its fields are in a stream of the object's
own name.
"""

from collections.abc import Iterator, Mapping

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.calls import successful
from intacct_bridge.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_bridge.flow.streams.names import VirtualStream
from intacct_bridge.flow.streams.virtual.reader import FeedPage, Row
from intacct_bridge.model.query.query import Query
from intacct_bridge.wire.values import Kind
from intacct_bridge.wire.xml import Element

OF_A_DIMENSION: Mapping[str, Kind] = {
    "objectName": Kind.TEXT,
    "objectLabel": Kind.TEXT,
    "termLabel": Kind.TEXT,
    "userDefinedDimension": Kind.BOOLEAN,
    "enabledInGL": Kind.BOOLEAN,
}
OF_A_VALUE: Mapping[str, Kind] = {
    "id": Kind.TEXT,
    "name": Kind.TEXT,
    "createdBy": Kind.TEXT,
    "createdAt": Kind.TIMESTAMP,
    "updatedBy": Kind.TEXT,
    "updatedAt": Kind.TIMESTAMP,
    "RECORD_URL": Kind.TEXT,
}
TYPE = "dimensionType"


class DimensionsReader:
    """`getDimensions`."""

    open_ended = True
    certain = True

    def fields(self, client: Client, feed: VirtualStream) -> Mapping[str, Kind]:  # noqa: ARG002
        """What the function is known to tell."""
        return OF_A_DIMENSION

    def identity(self, feed: VirtualStream) -> tuple[str, ...]:  # noqa: ARG002
        """The object's name."""
        return ("objectName",)

    def unchanged(self, client: Client, feed: VirtualStream, since: str) -> bool:  # noqa: ARG002
        """One call tells all there is, so nothing is asked before it."""
        return False

    def price(self, client: Client, feed: VirtualStream) -> int | None:  # noqa: ARG002
        """The call."""
        return 1

    def pages(self, client: Client, feed: VirtualStream) -> Iterator[FeedPage]:  # noqa: ARG002
        """All in one page."""
        yield FeedPage(_dimensions(client))


class DimensionValuesReader:
    """The records of every user-defined dimension."""

    open_ended = False
    certain = True

    def fields(self, client: Client, feed: VirtualStream) -> Mapping[str, Kind]:  # noqa: ARG002
        """What all of them have, and which dimension it is."""
        return {**OF_A_VALUE, TYPE: Kind.TEXT}

    def identity(self, feed: VirtualStream) -> tuple[str, ...]:  # noqa: ARG002
        """Records of different dimensions may have the same id."""
        return ("id", TYPE)

    def unchanged(self, client: Client, feed: VirtualStream, since: str) -> bool:  # noqa: ARG002
        """They are few."""
        return False

    def price(self, client: Client, feed: VirtualStream) -> int | None:
        """Only a run can tell."""

    def pages(self, client: Client, feed: VirtualStream) -> Iterator[FeedPage]:
        """Page by page, one dimension after another. Those that may not be read are named by a NotPermittedError after
        all others: the stream is then not complete, and nothing in its copy counts as gone.
        """
        left_out = {name.strip().upper() for name in feed.get("without").split(",")}
        closed: dict[str, RefusedError] = {}
        for dimension in _dimensions(client):
            name = dimension.get("objectName") or ""
            if dimension.get("userDefinedDimension") != "true" or name.upper() in left_out:
                continue
            try:
                yield from _values(client, name)
            except (NotPermittedError, InvalidRequestError) as error:
                closed[name] = error
        if closed:
            reasons = "; ".join(f"{name} cannot be read: {error.message}" for name, error in closed.items())
            raise NotPermittedError(
                f"{feed.table}: {reasons}",
                fix=f"Let the API user read it, or leave it out: dimension_values?without={','.join(closed)}",
                faults=tuple(fault for error in closed.values() for fault in error.faults),
            )


def _values(client: Client, name: str) -> Iterator[FeedPage]:
    """One dimension's."""
    object_name = _object_of(client, name)
    known = client.describe(object_name).fields
    selected = tuple(field for field in OF_A_VALUE if field in known)
    for page in client.pages(Query(object_name, selected, show_private=not client.connection.location_id)):
        yield FeedPage([{**row, TYPE: name} for row in page.rows], page.head.remaining if page.head else 0)


def _object_of(client: Client, name: str) -> str:
    """The object that holds a dimension's values: of its own name, or the one that ledger lines refer to by it."""
    known = {one.upper(): one for one in client.objects()}
    if name.upper() in known:
        return known[name.upper()]
    guess = known.get(name.upper().removeprefix("GLDIM"), "")
    try:
        relations = client.describe("GLENTRY").relations.values()
    except (NotPermittedError, InvalidRequestError):
        if guess:
            return guess
        raise
    found = next((one.object for one in relations if one.by.upper() == name.upper()), "") or guess
    if not found:
        raise InvalidRequestError("none of the company's objects holds its values")
    return found


def _dimensions(client: Client) -> list[Row]:
    data = successful(client.call(Element("getDimensions"), read=True)[0]).data or Element("data")
    listed = data.find("dimensions") or data
    return [{child.tag: child.text or None for child in one} for one in listed]

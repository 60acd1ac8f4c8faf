"""The company's dimensions, and the values of its user-defined ones, under the names that hotglue's tap gives them.

Every object of a user-defined dimension has the seven columns of `dimension_values`; all its fields are in a stream of
the object's own name.
"""

from collections.abc import Iterator, Mapping

from intacct_bridge.client.gateway.calls import successful
from intacct_bridge.client.protocol import ReadGateway
from intacct_bridge.extract.virtual.reader import Row, VirtualPage
from intacct_bridge.streams.names import VirtualStream
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError
from intacct_protocol.model.query.query import Query
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import Element

DIMENSION_COLUMNS: Mapping[str, Kind] = {
    "objectName": Kind.TEXT,
    "objectLabel": Kind.TEXT,
    "termLabel": Kind.TEXT,
    "userDefinedDimension": Kind.BOOLEAN,
    "enabledInGL": Kind.BOOLEAN,
}
VALUE_COLUMNS: Mapping[str, Kind] = {
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
    """Reads the dimensions with `getDimensions`."""

    open_ended = True
    certain = True

    def fields(self, gateway: ReadGateway, virtual: VirtualStream) -> Mapping[str, Kind]:  # noqa: ARG002
        """The columns that the function is known to give."""
        return DIMENSION_COLUMNS

    def identity(self, virtual: VirtualStream) -> tuple[str, ...]:  # noqa: ARG002
        """The object's name."""
        return ("objectName",)

    def unchanged(self, gateway: ReadGateway, virtual: VirtualStream, since: str) -> bool:  # noqa: ARG002
        """One call gives everything, so no call is made before it."""
        return False

    def cost(self, gateway: ReadGateway, virtual: VirtualStream) -> int | None:  # noqa: ARG002
        """One call."""
        return 1

    def pages(self, gateway: ReadGateway, virtual: VirtualStream) -> Iterator[VirtualPage]:  # noqa: ARG002
        """All in one page."""
        yield VirtualPage(_dimensions(gateway))


class DimensionValuesReader:
    """Reads the records of every user-defined dimension."""

    open_ended = False
    certain = True

    def fields(self, gateway: ReadGateway, virtual: VirtualStream) -> Mapping[str, Kind]:  # noqa: ARG002
        """The columns that all of them have, and the dimension."""
        return {**VALUE_COLUMNS, TYPE: Kind.TEXT}

    def identity(self, virtual: VirtualStream) -> tuple[str, ...]:  # noqa: ARG002
        """Records of different dimensions may have the same id."""
        return ("id", TYPE)

    def unchanged(self, gateway: ReadGateway, virtual: VirtualStream, since: str) -> bool:  # noqa: ARG002
        """Values are few, so they are read."""
        return False

    def cost(self, gateway: ReadGateway, virtual: VirtualStream) -> int | None:
        """Only reading shows the pages."""

    def pages(self, gateway: ReadGateway, virtual: VirtualStream) -> Iterator[VirtualPage]:
        """Pages of one dimension after another. A NotPermittedError after all others names those that may not be read:
        the stream is then not complete, and no row of its copy counts as deleted.
        """
        left_out = {_plain(name) for name in virtual.get("without").split(",")}
        closed: dict[str, RefusedError] = {}
        for dimension in _dimensions(gateway):
            name = dimension.get("objectName") or ""
            if dimension.get("userDefinedDimension") != "true" or _plain(name) in left_out:
                continue
            try:
                yield from _dimension_values(gateway, name)
            except (NotPermittedError, InvalidRequestError) as error:
                closed[name] = error
        if closed:
            reasons = "; ".join(f"{name} cannot be read: {error.message}" for name, error in closed.items())
            raise NotPermittedError(
                f"{virtual.table}: {reasons}",
                fix=f"Let the API user read it, or leave it out: dimension_values?without={','.join(closed)}",
                faults=tuple(fault for error in closed.values() for fault in error.faults),
            )


def _plain(name: str) -> str:
    """A dimension's name without the start of its field: `FUND` for `GLDIMFUND`."""
    return name.strip().upper().removeprefix("GLDIM")


def _dimension_values(gateway: ReadGateway, name: str) -> Iterator[VirtualPage]:
    """The values of one dimension."""
    object_name = _object_of(gateway, name)
    fields = gateway.describe(object_name).fields
    selected = tuple(field for field in VALUE_COLUMNS if field in fields)
    for page in gateway.pages(Query(object_name, selected, show_private=not gateway.connection.location_id)):
        yield VirtualPage([{**row, TYPE: name} for row in page.rows], page.head.remaining if page.head else 0)


def _object_of(gateway: ReadGateway, name: str) -> str:
    """The object that holds a dimension's values: the one of its name, or the one that ledger lines refer to by it."""
    objects = {one.upper(): one for one in gateway.objects()}
    if name.upper() in objects:
        return objects[name.upper()]
    guess = objects.get(name.upper().removeprefix("GLDIM"), "")
    try:
        relations = gateway.describe("GLENTRY").relations.values()
    except (NotPermittedError, InvalidRequestError):
        if guess:
            return guess
        raise
    object_name = next((one.object for one in relations if one.by.upper() == name.upper()), "") or guess
    if not object_name:
        raise InvalidRequestError("no object of the company holds its values")
    return object_name


def _dimensions(gateway: ReadGateway) -> list[Row]:
    data = successful(gateway.call(Element("getDimensions"), read=True)[0]).data or Element("data")
    listed = data.find("dimensions") or data
    return [{child.tag: child.text or None for child in one} for one in listed]

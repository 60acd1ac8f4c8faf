"""The dimensions of a ledger line: one list for journals, documents, stock, reports and the demo company.

A line's location and department have columns of their own. Every other dimension of a line is an id under the name of
its object. A user-defined dimension is a field of GLENTRY that starts with GLDIM, and it holds the record's id.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from intacct_bridge.emulator.settings.cells import Row, Value
from intacct_bridge.emulator.settings.refusals import refused
from intacct_bridge.model.catalog import Catalog


@dataclass(frozen=True, slots=True)
class LedgerDimension:
    """One standard dimension."""

    name: str
    """Its object."""
    title: str = "NAME"
    """The field of its object that lines show beside the id."""

    @property
    def id_field(self) -> str:
        """The field that holds the id, in the object and in lines."""
        return f"{self.name}ID"


DIMENSIONS = (
    LedgerDimension("PROJECT"),
    LedgerDimension("CUSTOMER"),
    LedgerDimension("VENDOR"),
    LedgerDimension("EMPLOYEE", "CONTACT_NAME"),
    LedgerDimension("ITEM"),
    LedgerDimension("CLASS"),
)
"""The standard dimensions. The ledger's table keeps its columns in this order."""
NAMES = tuple(one.name for one in DIMENSIONS)
PLACES = ("DEPARTMENT", "LOCATION")
ALL_NAMES = (*PLACES, *NAMES)
"""The order in which the gateway's functions list them."""
ID_FIELDS = tuple(f"{name}ID" for name in ALL_NAMES)
"""The fields by which the lines of documents name locations, departments and dimensions."""
NOT_IN_LEDGER = ("TASK", "WAREHOUSE")
"""Dimensions that `getDimensions` lists and that only lines of documents carry."""
Named = Mapping[str, tuple[int, str]]
"""Id → record number and name."""
_PREFIX = "GLDIM"
_REQUIRED = {"REQUIREDEPT": "DEPARTMENT", "REQUIRELOC": "LOCATION"} | {
    f"REQUIRE{one.name}": one.id_field for one in DIMENSIONS
}


def user_defined(catalog: Catalog) -> tuple[str, ...]:
    """The fields of a company's user-defined dimensions."""
    return tuple(name for name in catalog["GLENTRY"].fields if name.startswith(_PREFIX))


def dimensions_of(row: Row, own: Iterable[str] = ()) -> dict[str, str]:
    """The dimensions that a line names; `own` are the company's user-defined ones."""
    named = {one.name: row[one.id_field] for one in DIMENSIONS if row.get(one.id_field)}
    return named | {name: row[name] for name in own if row.get(name)}


def dimension_cells(
    dimensions: Iterable[tuple[str, str]], directory: Mapping[str, Named]
) -> Iterator[tuple[str, Value]]:
    """The cells of a line's dimensions: record number, name and id; a user-defined one has a cell of its own."""
    for name, text in dimensions:
        known = directory.get(name)
        if known is None:
            yield name, text
        else:
            key, title = known[text]
            yield f"{name}DIMKEY", key
            yield f"{name}NAME", title
            yield f"{name}ID", text


def check_required(account: Row, values: Row) -> None:
    """Refuse a line without a dimension that its account requires; `values` are cells as GLENTRY names them."""
    for flag, name in _REQUIRED.items():
        if account.get(flag) == "true" and not values.get(name):
            label = name.removesuffix("ID").capitalize()
            text = f"{label} is required for account {account['ACCOUNTNO']}."
            raise refused(text, correction=f"Provide {name}.", field=name)

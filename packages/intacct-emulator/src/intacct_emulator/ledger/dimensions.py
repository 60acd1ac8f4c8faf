"""The dimensions of a ledger line: one list for journals, documents, stock, reports and the demo company.

A line's location and department have columns of their own. Every other dimension of a line is an id under the name of
its object. A user-defined dimension is a field of GLENTRY that starts with GLDIM, and it holds the record's id. The ids
of tasks are unique in their project only, and those of cost types in their task only.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from intacct_emulator.settings.cells import Row, Value
from intacct_emulator.settings.refusals import refused
from intacct_protocol.model.catalog import Catalog


@dataclass(frozen=True, slots=True)
class LedgerDimension:
    """One standard dimension."""

    name: str
    """Its object."""
    title: str = "NAME"
    """The field of its object that lines show beside the id."""
    within: str = ""
    """The dimension that a line must name too, since ids are unique within its values only."""

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
    LedgerDimension("TASK", within="PROJECT"),
    LedgerDimension("CONTRACT"),
    LedgerDimension("WAREHOUSE"),
    LedgerDimension("COSTTYPE", within="TASK"),
)
"""The standard dimensions."""
NAMES = tuple(one.name for one in DIMENSIONS)
PLACES = ("DEPARTMENT", "LOCATION")
ALL_NAMES = (*PLACES, *NAMES)
"""The order in which the gateway's functions list them."""
ID_FIELDS = tuple(f"{name}ID" for name in ALL_NAMES)
"""The fields by which the lines of documents name locations, departments and dimensions."""
Named = Mapping[str, tuple[int, str]]
"""Id → record number and name. An id with its parent's (see `within_parent`) stands for the record under it."""
USER_DEFINED = "GLDIM"
"""The start of the fields of user-defined dimensions."""
_OF = "\x1f"
WITHIN = {one.name: one.within for one in DIMENSIONS if one.within}
"""Dimensions whose ids are unique within another dimension's values only."""
_REQUIRED = {"REQUIREDEPT": "DEPARTMENT", "REQUIRELOC": "LOCATION"} | {
    f"REQUIRE{one.name}": one.id_field for one in DIMENSIONS
}


def user_defined(catalog: Catalog) -> tuple[str, ...]:
    """The fields of a company's user-defined dimensions."""
    return tuple(name for name in catalog["GLENTRY"].fields if name.startswith(USER_DEFINED))


def dimensions_of(row: Row, user_fields: Iterable[str] = ()) -> dict[str, str]:
    """The dimensions that a line names; `own` are the company's user-defined ones."""
    named = {one.name: row[one.id_field] for one in DIMENSIONS if row.get(one.id_field)}
    return named | {name: row[name] for name in user_fields if row.get(name)}


def dimension_cells(dimensions: Mapping[str, str], directory: Mapping[str, Named]) -> Iterator[tuple[str, Value]]:
    """The cells of a line's dimensions: record number, name and id; a user-defined one has a cell of its own."""
    for name, text in dimensions.items():
        records = directory.get(name)
        if records is None:
            yield name, text
        else:
            key, title = records[within_parent(name, dimensions) if name in WITHIN else text]
            of_key, of_title, of_id = _cell_names(name)
            yield of_key, key
            yield of_title, title
            yield of_id, text


@cache
def _cell_names(dimension: str) -> tuple[str, str, str]:
    """The cells with the record number, the name and the id of a line's dimension."""
    return f"{dimension}DIMKEY", f"{dimension}NAME", f"{dimension}ID"


def within_parent(name: str, dimensions: Mapping[str, str]) -> str:
    """The id of a line's dimension, with the ids of the values that it belongs to if it is not unique otherwise."""
    return _OF.join(dimensions.get(one, "") for one in (name, *parents_of(name)))


def parents_of(name: str) -> tuple[str, ...]:
    """The dimensions within which the ids of a dimension are unique, the nearest first."""
    within = WITHIN.get(name)
    return (within, *parents_of(within)) if within else ()


def id_and_parents(text: str) -> tuple[str, list[str]]:
    """The ids that `within_parent` joined: the value's own, and those of its parents."""
    record_id, *parents = text.split(_OF)
    return record_id, parents


def check_required(account: Row, values: Row) -> None:
    """Refuse a line without a dimension that its account requires; `values` are cells as GLENTRY names them."""
    user_flags = {flag: flag.removeprefix("REQUIRE") for flag in account if flag.startswith(f"REQUIRE{USER_DEFINED}")}
    for flag, name in {**_REQUIRED, **user_flags}.items():
        if account.get(flag) == "true" and not values.get(name):
            label = name.removesuffix("ID").capitalize()
            text = f"{label} is required for account {account['ACCOUNTNO']}."
            raise refused(text, correction=f"Provide {name}.", field=name)

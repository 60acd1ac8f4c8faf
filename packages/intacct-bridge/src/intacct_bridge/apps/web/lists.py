"""Lists of pages: searched, sorted, in pages, and whole as JSON and CSV. Every list of every page is one of these.

The address of the page says what of the list is shown: `find`, `sort` (a column, with `-` before it downwards) and
`page`. A page with several lists puts the name of the list and a dot before each. As JSON and CSV a list has all the
rows that match, unless the address names a page.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from intacct_bridge.apps.web.pages import Download, NotFoundError, PageView
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.text_forms import no_formula

if TYPE_CHECKING:
    from intacct_bridge.apps.web.pages import PageRequest

T = TypeVar("T")
Row = Mapping[str, Any]
CSV = "text/csv"
ROWS_ON_PAGE = 100
_LONGEST_NUMBER = 9


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list, as its table shows it."""

    name: str
    """The value of a row by which the list is sorted."""
    label: str
    is_number: bool = False
    is_sorted: bool = True
    """Whether its heading sorts the list."""


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What of a list is asked for."""

    find: str
    sort: str
    page: int
    """From 1; 0: all pages."""


def list_request(request: "PageRequest", *, prefix: str = "") -> ListRequest:
    """What an address asks of a list."""
    query = request.query
    text = query.get(f"{prefix}page", "")
    is_number = text.isascii() and text.isdecimal() and 0 < len(text) <= _LONGEST_NUMBER
    page = max(1, int(text)) if is_number else 0 if request.is_data else 1
    return ListRequest(query.get(f"{prefix}find", "").strip(), query.get(f"{prefix}sort", ""), page)


def listed(
    request: "PageRequest",
    name: str,
    columns: Sequence[Column],
    items: Iterable[T],
    row: Callable[[T], Row],
    *,
    prefix: str = "",
    is_searched: bool = False,
) -> dict[str, Any]:
    """The data of a page with a list: the rows under `name`, and under `lists` what the template shows around them.

    `row` makes a row of an item; without a search and a sort it is called for the rows of the page only.
    `is_searched`: the items are those that match already.
    """
    choice = list_request(request, prefix=prefix)
    chosen: list[Any] = list(items)
    make: Callable[[Any], Row] = row
    if (choice.find and not is_searched) or choice.sort:
        chosen, make = [row(item) for item in chosen], lambda made: made
    if choice.find and not is_searched:
        chosen = [made for made in chosen if _matches(made, choice.find.casefold())]
    if choice.sort:
        column = _sorted_column(columns, choice.sort, f"{prefix}sort")
        empty = [made for made in chosen if made[column.name] in (None, "")]
        chosen = [made for made in chosen if made[column.name] not in (None, "")]
        chosen.sort(key=lambda made: _sort_key(made[column.name]), reverse=choice.sort.startswith("-"))
        chosen += empty
    pages = max(1, -(-len(chosen) // ROWS_ON_PAGE))
    page = min(choice.page, pages)
    rows = [make(item) for item in (chosen[(page - 1) * ROWS_ON_PAGE : page * ROWS_ON_PAGE] if page else chosen)]
    first = (page - 1) * ROWS_ON_PAGE + 1 if page else 1
    return list_data(request, name, columns, rows, choice, page=page, pages=pages, first=first, matching=len(chosen),
                     prefix=prefix)  # fmt: skip


def list_data(
    request: "PageRequest",
    name: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    choice: ListRequest,
    *,
    page: int,
    pages: int,
    first: int,
    matching: int,
    prefix: str = "",
    place: str = "",
) -> dict[str, Any]:
    """The same for rows that were searched, sorted and cut into pages elsewhere; `place` is the path of their page."""
    here = {key: value for key, value in request.query.items() if key not in ("notice", "list")}
    place = place or (request.path.rpartition(".")[0] if request.is_data else request.path)
    base = {key: value for key, value in here.items() if key not in (f"{prefix}page", f"{prefix}sort")}

    def address(path: str = place, **changed: str) -> str:
        query = {key: value for key, value in {**here, **changed}.items() if value}
        return path + (f"?{urlencode(query)}" if query else "")

    def sorted_by(column: Column) -> str:
        direction = "-" if choice.sort == column.name else ""
        return address(**{f"{prefix}page": "", f"{prefix}sort": direction + column.name})

    whole = {f"{prefix}page": "", "list": name if prefix else ""}
    facts = {
        "prefix": prefix,
        "find": choice.find,
        "sort": choice.sort,
        "page": page,
        "pages": pages,
        "first": first if rows else 0,
        "last": first + len(rows) - 1 if rows else 0,
        "matching": matching,
        "columns": [
            {
                "name": column.name,
                "label": column.label,
                "number": column.is_number,
                "sort": sorted_by(column) if column.is_sorted else "",
                "order": {column.name: "ascending", f"-{column.name}": "descending"}.get(choice.sort, ""),
            }
            for column in columns
        ],
        "previous": address(**{f"{prefix}page": str(page - 1)}) if page > 1 else "",
        "next": address(**{f"{prefix}page": str(page + 1)}) if 0 < page < pages else "",
        "csv": address(f"{place}.csv", **whole),
        "json": address(f"{place}.json", **whole),
        "asked": {key: value for key, value in base.items() if key != f"{prefix}find"},
    }
    return {name: rows, "lists": {name: facts}}


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """The data of several lists together."""
    lists = {name: facts for part in parts for name, facts in part["lists"].items()}
    return {key: value for part in parts for key, value in part.items()} | {"lists": lists}


def csv_of(request: "PageRequest", view: PageView) -> Download:
    """A list of a page as CSV: the one that `list` names, or its first. NotFoundError if it has none."""
    parts = [part for part in (view.data, *view.data.values()) if isinstance(part, Mapping) and "lists" in part]
    lists = {name: part[name] for part in parts for name in part["lists"]}
    name = request.query.get("list", "") or next(iter(lists), "")
    if name not in lists:
        raise NotFoundError("There is no list here.", fix="Open the page, and follow the link below its list.")
    rows: Sequence[Row] = lists[name]
    columns = list(dict.fromkeys(key for made in rows for key, value in made.items() if not _is_table(value)))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    writer.writerows([_cell(made.get(key)) for key in columns] for made in rows)
    return Download(f"{name.replace('_', '-')}.csv", out.getvalue().encode(), CSV)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(part, list | tuple) for part in value.values())


def _cell(value: Any) -> str:
    """A value in CSV: text that a spreadsheet would run as a formula has an apostrophe before it."""
    if isinstance(value, str):
        return no_formula(value)
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return no_formula("; ".join(f"{key}: {_cell(part)}" for key, part in value.items()))
    if isinstance(value, list | tuple):
        return no_formula("; ".join(_cell(part) for part in value))
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _matches(row: Row, find: str) -> bool:
    return any(find in _cell(value).casefold() for value in row.values())


def _sorted_column(columns: Sequence[Column], sort: str, parameter: str) -> Column:
    name = sort.removeprefix("-")
    sortable = {column.name: column for column in columns if column.is_sorted}
    if name not in sortable:
        raise SettingsError(
            f"The list is not sorted by {name!r}{did_you_mean(name, sortable)}.",
            fix=f"Sort it by {', '.join(sortable)}.",
            setting=parameter,
        )
    return sortable[name]


def _sort_key(value: Any) -> tuple[int, Any, str]:
    """Numbers and times in their order, then texts in theirs; an amount in a text is a number."""
    if isinstance(value, datetime):
        return 0, Decimal(value.timestamp()), ""
    if isinstance(value, str):
        try:
            number = Decimal(value.replace(",", "").replace("−", "-"))
        except InvalidOperation:
            return 1, 0, value.casefold()
        return (0, number, "") if number.is_finite() else (1, 0, value.casefold())
    return (0, Decimal(value), "") if isinstance(value, int | float | Decimal) else (1, 0, _cell(value).casefold())

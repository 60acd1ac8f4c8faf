"""Browse: the company's objects with fields and relations, and queries with their rows, as command and program."""

import io
from collections.abc import Callable, Mapping, Sequence
from shlex import join
from typing import Any

from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.row_formats import write_rows
from intacct_bridge.apps.web.lists import Column, list_request, listed
from intacct_bridge.apps.web.pages import Download, NotFoundError, Page, PageRequest, PageView, address
from intacct_bridge.operations.connections import listed_connections
from intacct_bridge.operations.query import QueryRequest, Row, list_objects, query
from intacct_bridge.operations.recorded_run import RecordedRun
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.query.where import parse_where
from intacct_protocol.model.query.where_text import typed_text, where_text

Columns = Callable[[], tuple[str, ...]]
CONDITIONS = 3
"""The rows of the form for conditions."""
LIMITS = ("50", "100", "200")
_OBJECTS = (Column("name", "Object"), Column("label", "Label"))
_CELLS = 1000
"""The most cells of a page; an export has all."""
OPERATORS = (
    ("", "choose"), ("=", "is"), ("!=", "is not"), (">", "more than"), (">=", "at least"), ("<", "less than"),
    ("<=", "at most"), ("like", "is like (% is any text)"), ("in", "is one of (a, b)"), ("is null", "is empty"),
    ("is not null", "is not empty"),
)  # fmt: skip
FORMATS = {"csv": "text/csv", "json": "application/json", "jsonl": "application/x-ndjson"}


def show(request: PageRequest) -> PageView:
    """The objects of a company, all or those that match."""
    names, chosen = connections(request)
    pattern = request.query.get("pattern", "").strip()
    objects: list[dict[str, str]] = []
    if chosen:
        with _company(request, chosen, "objects") as run:
            names_and_labels = list_objects(run.client, pattern)
        objects = [
            {"name": name, "label": label, "href": address("browse", name, connection=chosen)}
            for name, label in names_and_labels
        ]
    command = join(["intacct", "objects", *([pattern] if pattern else []), "--connection", chosen]) if chosen else ""
    data = {"names": names, "connection": chosen, "pattern": pattern, "command": command}
    return PageView("browse.html", data | listed(request, "objects", _OBJECTS, objects, dict))


def _company(request: PageRequest, name: str, command: str, *, at_first_call: bool = True) -> RecordedRun:
    """A run on a connection. Pages mostly know the company's objects already: only a asked_query makes it one of the
    history.
    """
    run = RecordedRun(connection=name, command=command, arguments=("console", command), person=request.person)
    run.run_at_first_call = at_first_call
    return run


def connections(request: PageRequest) -> tuple[list[str], str]:
    """The connections, and the chosen one or the first."""
    names = [one.name for one in listed_connections()]
    chosen = request.query.get("connection") or request.app.proposed_connection or (names[0] if names else "")
    if chosen and chosen not in names:
        raise NotFoundError(f"There is no connection {chosen!r}.", fix="Choose one of the list, or add it.")
    return names, chosen


def show_object(request: PageRequest) -> PageView:
    """An object's fields and relations, and the rows of a query."""
    names, chosen = connections(request)
    if not chosen:
        raise NotFoundError("There is no connection to a company.", fix="Add one under Connections.")
    name = request.params["object"].upper()
    with _company(request, chosen, "query") as run:
        definition = run.client.describe(name)
        data: dict[str, Any] = {
            "names": names, "connection": chosen, "object": definition.name, "fields": _fields(definition),
            "relations": [
                {"path": relation.path, "object": relation.object, "kind": relation.kind.lower(), "by": relation.by,
                 "href": address("browse", relation.object, connection=chosen)}
                for relation in definition.relations.values()
            ],
            "field_names": list(definition.fields), "operators": OPERATORS, "limits": [(one, one) for one in LIMITS],
            "form": _form(request), "ran": False, "problem": {}, "columns": [], "rows": [], "hidden": 0,
        }  # fmt: skip
        status = 200
        if request.query.get("run"):
            try:
                data |= _query_result(run, definition, request)
            except InvalidRequestError as error:
                data["problem"], status = described(error), 422
    return PageView("browse_object.html", data, status=status, title=definition.name)


def _fields(definition: ObjectDef) -> list[dict[str, Any]]:
    return [
        {
            "name": field.name,
            "type": field.kind.lower(),
            "required": field.required,
            "readonly": field.readonly,
            "custom": field.custom,
            "label": field.label,
            "values": list(field.values),
        }
        for field in definition.fields.values()
    ]


def _form(request: PageRequest) -> dict[str, Any]:
    """What the person entered."""
    entered = request.query
    return {
        "select": entered.get("select", "*") or "*",
        "where": entered.get("where", ""),
        "order": entered.get("order", ""),
        "limit": entered.get("limit", LIMITS[0]),
        "conditions": [
            {name: entered.get(f"{name}{number}", "") for name in ("field", "op", "value")}
            for number in range(1, CONDITIONS + 1)
        ],
    }


def condition(definition: ObjectDef, field: str, operator: str, value: str) -> str:
    """A row of the form in the filter language. InvalidRequestError for an unknown field or operator."""
    field_definition = definition.find(field)
    if operator in ("is null", "is not null"):
        return f"{field_definition.name} {operator}"
    if operator not in dict(OPERATORS) or not operator:
        raise InvalidRequestError(
            f"no comparison is chosen for {field_definition.name}", fix="Choose one, or empty the field."
        )
    if operator == "in":
        values = ", ".join(typed_text(field_definition.kind, one.strip()) for one in value.split(","))
        return f"{field_definition.name} in ({values})"
    return f"{field_definition.name} {operator} {typed_text(field_definition.kind, value)}"


def _where(definition: ObjectDef, form: Mapping[str, Any]) -> str:
    """The whole filter of the form, in the filter language."""
    rows = [one for one in form["conditions"] if one["field"].strip()]
    parts = [condition(definition, one["field"].strip(), one["op"], one["value"].strip()) for one in rows]
    if form["where"].strip():
        parts.append(f"({form['where'].strip()})" if parts else form["where"].strip())
    return where_text(parse_where(" and ".join(parts))) if parts else ""


def _limit(text: str) -> int:
    if not text.isdecimal() or not 0 < len(text) < 10:
        raise InvalidRequestError(f"{text!r} is not a number of rows", fix="Write a whole number; 0 means all.")
    return int(text)


def _rows(
    run: RecordedRun, definition: ObjectDef, form: Mapping[str, Any], where: str, *, limit: int, offset: int = 0
) -> tuple[list[Row], Columns]:
    """The rows of the form's query, and what their columns are if there are none."""
    asked_query = QueryRequest(definition.name, form["select"], where, form["order"], limit, offset)
    answer = query(run.client, asked_query, run=run.recorder)
    return list(answer.rows), answer.columns


def _query_result(run: RecordedRun, definition: ObjectDef, request: PageRequest) -> dict[str, Any]:
    """The rows of a page, with the command and the program that give the same."""
    form = _form(request)
    if form["limit"] not in LIMITS:
        raise InvalidRequestError("A page shows 50, 100 or 200 rows.", fix="Export more of them to a file.")
    where = _where(definition, form)
    limit, page = int(form["limit"]), max(1, list_request(request).page)
    rows, _ = _rows(run, definition, form, where, limit=limit + 1, offset=(page - 1) * limit)
    is_last, rows = len(rows) <= limit, rows[:limit]
    columns = [one for one in (rows[0] if rows else ()) if any(row.get(one) is not None for row in rows)]
    shown = columns[: max(1, _CELLS // max(1, len(rows)))]
    name = run.connection.name
    parameters = {key: value for key, value in request.query.items() if key not in ("run", "limit", "notice", "page")}
    return {
        "ran": True,
        "where": where,
        "columns": shown,
        "sorted_by": _sorted_by(definition, request, shown),
        "page": page,
        "previous": _changed_query(request, page=str(page - 1)) if page > 1 else "",
        "next": "" if is_last else _changed_query(request, page=str(page + 1)),
        "hidden": len(columns) - len(shown),
        "empty_columns": len(rows[0]) - len(columns) if rows else 0,
        "rows": [[row.get(one) for one in shown] for row in rows],
        "numbers": [at for at, one in enumerate(shown) if _is_number(rows, one)],
        "transactions": run.client.meter.transactions,
        "command": query_command_line(definition.name, name, form, where),
        "program": query_program(definition.name, name, form, where),
        "exports": {
            kind: address(
                "browse", definition.name, f"rows.{kind}", **(parameters | {"connection": name, "limit": "0"})
            )
            for kind in FORMATS
        },
    }


def _sorted_by(definition: ObjectDef, request: PageRequest, columns: Sequence[str]) -> list[dict[str, str]]:
    """By column: the address of the rows in its order, downwards if they are in it already; empty for an aggregate."""
    order = " ".join(request.query.get("order", "").upper().split())
    directions = {"ascending": ("", " ASC"), "descending": (" DESC",)}
    return [
        {
            "href": _changed_query(request, order=f"{column} desc" if order == column else column, page="")
            if column in definition.fields
            else "",
            "order": next(
                (name for name, endings in directions.items() if order in [column + ending for ending in endings]), ""
            ),
        }
        for column in columns
    ]


def _changed_query(request: PageRequest, **changed: str) -> str:
    """The address of the same query with other parameters."""
    parameters = {key: value for key, value in {**request.query, **changed}.items() if value and key != "notice"}
    return address("browse", request.params["object"], **parameters)


def _is_number(rows: Sequence[Mapping[str, Any]], column: str) -> bool:
    from decimal import Decimal

    return any(isinstance(row.get(column), Decimal) for row in rows)


def query_command_line(name: str, connection: str, form: Mapping[str, Any], where: str) -> str:
    """The command that gives the same rows."""
    words = ["intacct", "query", name, "--connection", connection, "--select", form["select"]]
    words += ["--where", where] if where else []
    words += ["--order-by", form["order"]] if form["order"] else []
    return join([*words, "--limit", form["limit"], "--format", "json"])


def query_program(name: str, connection: str, form: Mapping[str, Any], where: str) -> str:
    """The Python program that gives the same rows."""
    options = [repr(name), repr(form["select"])]
    options += [f"where={where!r}"] if where else []
    options += [f"order={form['order']!r}"] if form["order"] else []
    options += [f"limit={form['limit']}"] if form["limit"] != "0" else []
    return (
        "from intacct_bridge import connect\n\n"
        f"with connect({connection!r}) as client:\n"
        f"    for row in client.query({', '.join(options)}):\n"
        "        print(row)\n"
    )


def export(request: PageRequest) -> Download:
    """The rows of a query as a file."""
    kind, name = request.params["kind"], request.params["object"].upper()
    _, chosen = connections(request)
    if kind not in FORMATS:
        raise NotFoundError(f"There is no format {kind!r}.", fix="Choose CSV, JSON or JSON lines.")
    out = io.StringIO()
    with _company(request, chosen, "query", at_first_call=False) as run:
        definition = run.client.describe(name)
        form = _form(request)
        rows, columns = _rows(run, definition, form, _where(definition, form), limit=_limit(form["limit"]))
        write_rows(
            rows,
            Output(out=out, err=io.StringIO()),
            kind=kind,
            spreadsheet_safe=kind == "csv",
            columns=columns,
        )
    return Download(f"{definition.name.lower()}.{kind}", out.getvalue().encode(), FORMATS[kind])


PAGES = (
    Page("/browse", "Browse", show, nav="Browse"),
    Page("/browse/{object}/rows.{kind}", "Rows", export, is_file=True, examples={"object": "VENDOR", "kind": "csv"}),
    Page("/browse/{object}", "Object", show_object, examples={"object": "VENDOR"}),
)

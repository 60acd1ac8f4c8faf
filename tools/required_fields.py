"""The fields that `create` requires, from the documented parameters of each `create`.

The table gives, for each object with a documented `create`, the fields that its page calls required. A dotted name is
inside a group that is required only when the group is sent.
"""

from collections.abc import Container

from recorded_facts import Operation, operations

_EITHER_OR = {("APPYMTDETAIL", "POSADJKEY")}
"""Listed as required, although the page says one of several."""
_GROUPS = ("DISPLAYCONTACT", "PERSONALINFO", "CONTACTINFO")
_WITHOUT_PAGE = {
    "CLASS": ["CLASSID", "NAME"],
    "DEPARTMENT": ["DEPARTMENTID", "TITLE"],
    "CUSTOMER": ["NAME", "DISPLAYCONTACT"],
}


def required_fields(known: Container[str]) -> dict[str, list[str]]:
    """Object to required fields, in the order of the page; only objects that the catalogue knows."""
    made: dict[str, list[str]] = {name: list(fields) for name, fields in _WITHOUT_PAGE.items()}
    creates = [one for one in operations() if one.function == "create"]
    alone = {one.object for one in creates} | {"TAXGROUP"}
    for operation in creates:
        for owner, field in _required(operation, alone):
            if owner in known and field not in made.setdefault(owner, []):
                made[owner].append(field)
    return {name: fields for name, fields in sorted(made.items()) if fields}


def _required(operation: Operation, alone: Container[str]) -> list[tuple[str, str]]:
    found = []
    for owner, rows in operation.tables.items():
        for row in rows:
            if not row.required or (owner, row.name) in _EITHER_OR:
                continue
            if owner in _GROUPS:
                found.append((operation.object, f"{owner}.{row.name}"))
            elif owner == operation.object or owner not in alone:
                found.append((owner, row.name))  # a reference to an object with a page of its own is left out
    return found

"""The model service: which objects, services and workflows there are, and the fields of each."""

import re
from collections.abc import Mapping
from typing import Any

from intacct_emulator.rest.catalogue import RestField, RestObject, catalogue
from intacct_emulator.rest.messages import RestAnswer, RestRequest, invalid_request, not_found, result

_HTTP = {"list": "GET", "get": "GET", "create": "POST", "post_key": "POST", "update": "PATCH", "delete": "DELETE"}


def model(request: RestRequest) -> RestAnswer:
    """The short list of everything, or one description. Raises RestRefusedError."""
    version = request.parameter("version", "v1")
    if version not in ("v1", "ALL"):
        raise invalid_request("Version is not supported")
    name = request.parameter("name")
    if not name:
        return _listed(request)
    rest = catalogue().find(name)
    if rest is not None:
        plain = name.strip("/").removeprefix("objects/")
        return result(_described(rest, plain, schema=request.parameter("schema", "true") != "false"))
    path = f"/{name.strip('/')}"
    if path in catalogue().services:
        return result({"type": "service", "name": name, "httpMethods": ",".join(catalogue().services[path])})
    workflow = catalogue().workflows.get(path)
    if workflow is not None:
        return result(
            {
                "type": "workflow",
                "name": name,
                "httpMethods": "POST",
                "fields": {one: _field(one, field) for one, field in workflow.body.items()},
            }
        )
    raise not_found(f"The resource {name}")


def _listed(request: RestRequest) -> RestAnswer:
    kind_asked, pattern = request.parameter("type").lower(), request.parameter("filter")
    try:
        fits = re.compile(pattern).search
    except re.error:
        raise invalid_request(f"The filter {pattern!r} cannot be read") from None
    rows = []
    for name, rest in catalogue().objects.items():
        kind = "ownedObject" if rest.is_owned else "rootObject"
        rows.append({"apiObject": f"objects/{name}", "type": kind, "httpMethods": _methods(rest), "href": _href(name)})
    for path, methods in catalogue().services.items():
        plain = path.strip("/")
        rows.append({"apiObject": plain, "type": "service", "httpMethods": ",".join(methods), "href": _href(plain)})
    for path in catalogue().workflows:
        plain = path.strip("/")
        rows.append({"apiObject": plain, "type": "workflow", "httpMethods": "POST", "href": _href(plain)})
    rows_found = [
        row
        for row in rows
        if (not kind_asked or kind_asked in ("all", row["type"].lower())) and fits(str(row["apiObject"]))
    ]
    return result(rows_found, meta={"totalCount": len(rows_found), "totalSuccess": len(rows_found), "totalError": 0})


def _href(name: str) -> str:
    return f"/services/core/model?name={name}"


def _methods(rest: RestObject) -> str:
    held = {_HTTP[method] for method in rest.methods}
    return ",".join(["OPTIONS", *(method for method in ("GET", "POST", "DELETE", "PATCH") if method in held)])


def _described(rest: RestObject, name: str, *, schema: bool) -> dict[str, Any]:
    kind = "ownedObject" if rest.is_owned else "rootObject"
    described: dict[str, Any] = {"name": name, "type": kind, "httpMethods": _methods(rest)}
    if not schema:
        return described
    fields = {one: _field(one, field) for one, field in rest.fields.items() if field.is_value and "." not in one}
    groups: dict[str, Any] = {}
    refs: dict[str, Any] = {}
    for field_name, field in rest.fields.items():
        first = field_name.partition(".")[0]
        group = rest.fields.get(first, RestField()).type
        if "." not in field_name or not field.is_value:
            continue
        place = refs if group == "ref" else groups
        holder = place.setdefault(first, {"fields": {}})
        holder["fields"][field_name.partition(".")[2]] = _field(field_name, field)
        if group == "ref":
            holder["apiObject"] = rest.reference(first)
    for owner in rest.owned_by:
        object_name = owner.partition("#")[0]
        for first, holder in refs.items():
            holder["isOwner"] = holder["apiObject"] == object_name or object_name.endswith(f"/{_kebab(first)}")
    lists = {one: {"apiObject": of} for one, of in rest.lists.items()}
    return {
        **described,
        "fields": fields,
        "groups": groups or [],
        "refs": refs,
        "lists": lists,
        "idempotenceSupported": bool({"create", "update"} & {*rest.methods}),
    }


def _field(name: str, field: RestField) -> Mapping[str, Any]:
    """The attributes of a field; `required` is always false, as in every recorded answer."""
    shown: dict[str, Any] = {
        "type": field.type,
        "readOnly": field.read_only,
        "writeOnly": False,
        "nullable": field.nullable or name == "href",
        "required": False,
        "mutable": not (field.read_only or field.immutable),
    }
    if field.format:
        shown["format"] = field.format
    if field.enum:
        shown["enum"] = list(field.enum)
    if field.default:
        shown["default"] = field.default == "true" if field.type == "boolean" else field.default
    if field.deprecated:
        shown["deprecated"] = True
    return shown


def _kebab(text: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()

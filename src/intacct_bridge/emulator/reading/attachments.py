"""Attachments, their folders, and employees' rates: what only functions of their own can reach.

No description of these objects is served, so they are kept beside the rows, under a name each. `get` and `get_list`
give an attachment with its files; a miss is a success without data, which two clients in the field depend on.
"""

import json
from collections.abc import Callable
from typing import Any

from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.emulator.records.legacy_body import day_text, keyed
from intacct_bridge.emulator.settings.refusals import refused
from intacct_bridge.wire.xml import Element, element

Kept = dict[str, Any]
NAMES = {"supdoc": "supdocid", "supdocfolder": "name"}
"""The objects that are read here, and what one is known by."""
_TEXTS = ("supdocname", "supdocfoldername", "supdocdescription")


def _find(call: FunctionCall, kind: str, key: str) -> Kept | None:
    text = call.books.store.fact(f"{kind}:{key}")
    found: Kept | None = json.loads(text) if text else None
    return found


def _keep(call: FunctionCall, kind: str, key: str, kept: Kept | None) -> None:
    call.books.store.keep_fact(f"{kind}:{key}", json.dumps(kept) if kept is not None else "")


def _all(call: FunctionCall, kind: str) -> list[Kept]:
    return [json.loads(text) for text in call.books.store.facts_under(f"{kind}:") if text]


def _there(call: FunctionCall, kind: str, key: str) -> Kept:
    kept = _find(call, kind, key)
    if kept is None:
        raise refused(f"Cannot find {kind} with key '{key}'.", correction="Provide the key of one that is there.")
    return kept


def _new(call: FunctionCall, kind: str, key: str) -> None:
    if not key:
        raise refused(f"Required field for {kind} is missing: its id.", correction="Provide an id.")
    if _find(call, kind, key) is not None:
        raise refused(
            f"Another {kind} with the given value(s) {key} already exists",
            errorno="BL34000061",
            correction="Use a unique value instead.",
        )


# --- attachments


def create_supdoc(call: FunctionCall) -> FunctionAnswer:
    """An attachment with its files, in a folder that is there."""
    key = call.body.findtext("supdocid").strip()
    _new(call, "supdoc", key)
    kept: Kept = {"supdocid": key, "attachments": _files(call.body)}
    return _written(call, key, kept)


def update_supdoc(call: FunctionCall) -> FunctionAnswer:
    """Change an attachment's texts and add files to it; a file cannot be replaced."""
    key = call.body.findtext("supdocid").strip()
    kept = _there(call, "supdoc", key)
    kept["attachments"] += _files(call.body)
    return _written(call, key, kept)


def _written(call: FunctionCall, key: str, kept: Kept) -> FunctionAnswer:
    for name in _TEXTS:
        if call.body.findtext(name).strip():
            kept[name] = call.body.findtext(name).strip()
    folder = kept.get("supdocfoldername", "")
    if folder and _find(call, "supdocfolder", folder) is None:
        raise refused(f"Invalid Attachment Folder '{folder}' specified.", correction="Create the folder first.")
    _keep(call, "supdoc", key, kept)
    return keyed(key)


def _files(body: Element) -> list[dict[str, str]]:
    wrapper = body.find("attachments")
    names = ("attachmentname", "attachmenttype", "attachmentdata")
    return [{name: one.findtext(name) for name in names} for one in (wrapper.children if wrapper is not None else ())]


def delete_supdoc(call: FunctionCall) -> FunctionAnswer:
    """Drop an attachment with its files."""
    return _dropped(call, "supdoc")


def create_folder(call: FunctionCall) -> FunctionAnswer:
    """A folder, perhaps in another."""
    key = call.body.findtext("supdocfoldername").strip()
    _new(call, "supdocfolder", key)
    return _folder(call, key, {"name": key})


def update_folder(call: FunctionCall) -> FunctionAnswer:
    """Change a folder's texts."""
    key = call.body.findtext("supdocfoldername").strip()
    return _folder(call, key, _there(call, "supdocfolder", key))


def _folder(call: FunctionCall, key: str, kept: Kept) -> FunctionAnswer:
    for name, sent in (("description", "supdocfolderdescription"), ("parentfolder", "supdocparentfoldername")):
        text = call.body.findtext(sent).strip()
        if text:
            kept[name] = text
    if kept.get("parentfolder"):
        _there(call, "supdocfolder", kept["parentfolder"])
    _keep(call, "supdocfolder", key, kept)
    return keyed(key)


def delete_folder(call: FunctionCall) -> FunctionAnswer:
    """Drop a folder that holds nothing."""
    key = (call.body.get("key") or "").strip()
    if any(one.get("supdocfoldername") == key for one in _all(call, "supdoc")):
        raise refused(f"Folder {key} is not empty.", correction="Delete its attachments first.")
    return _dropped(call, "supdocfolder")


def _dropped(call: FunctionCall, kind: str) -> FunctionAnswer:
    key = (call.body.get("key") or "").strip()
    _there(call, kind, key)
    _keep(call, kind, key, None)
    return keyed(key)


# --- reading them


def get(call: FunctionCall) -> FunctionAnswer:
    """One attachment or folder by its key; a miss has no data."""
    kind = call.body.get("object")
    kept = _find(call, kind, (call.body.get("key") or "").strip())
    return FunctionAnswer(Element("data", "", (_shown(kind, kept),))) if kept is not None else FunctionAnswer()


def get_list(call: FunctionCall) -> FunctionAnswer:
    """Attachments or folders whose cells the filter's expressions match."""
    kind = call.body.get("object")
    wanted = _expressions(call.body.find("filter"))
    found = [one for one in _all(call, kind) if _matches(one, wanted)]
    start = int(call.body.get("start") or 0)
    page = found[start : start + int(call.body.get("maxitems") or 100)]
    heading = {"start": str(start), "end": str(max(start, start + len(page) - 1)), "total": str(len(found))}
    listed = Element("listtype", kind, (), heading)
    data = Element("data", "", tuple(_shown(kind, one) for one in page)) if page else None
    return FunctionAnswer(data, extra=(listed,))


def _expressions(node: Element | None) -> tuple[bool, list[tuple[str, str]]]:
    """Whether all must hold, and the field and value of each equality."""
    if node is None:
        return True, []
    logical = node.find("logical")
    holder = logical if logical is not None else node
    pairs = [(one.findtext("field"), one.findtext("value")) for one in holder.findall("expression")]
    return holder.get("logical_operator") != "or", pairs


def _matches(kept: Kept, wanted: tuple[bool, list[tuple[str, str]]]) -> bool:
    every, pairs = wanted
    held = [kept.get(field) == value for field, value in pairs]
    return all(held) if every else any(held)


def _shown(kind: str, kept: Kept) -> Element:
    parts = [element(name, str(text)) for name, text in kept.items() if name != "attachments"]
    if "attachments" in kept:
        files = [_shown("attachment", one) for one in kept["attachments"]]
        parts.append(Element("attachments", "", tuple(files)))
    return Element(kind, "", tuple(parts))


# --- employees' rates


def create_rate(call: FunctionCall) -> FunctionAnswer:
    """A rate from a day on; an employee has one for each day."""
    employee = call.body.findtext("employeeid").strip()
    if not call.books.table("EMPLOYEE").find("EMPLOYEEID", employee):
        raise refused(f"Invalid Employee '{employee}' specified.", correction="Provide a valid value.")
    start = call.body.find("ratestartdate")
    day = day_text(call, start) if start is not None else ""
    _new(call, "employeerate", f"{employee}@{day}")
    number = str(len(call.books.store.facts_under("employeerate#")) + 1)
    _keep(call, "employeerate", f"{employee}@{day}", {"key": number})
    kept: Kept = {"employeeid": employee, "ratestartdate": day, **_rates(call.body)}
    call.books.store.keep_fact(f"employeerate#{number}", json.dumps(kept))
    return keyed(number)


def _rates(body: Element) -> Kept:
    return {name: body.findtext(name).strip() for name in ("billingrate", "salaryrate") if body.findtext(name).strip()}


def update_rate(call: FunctionCall) -> FunctionAnswer:
    """Change a rate's amounts."""
    key, kept = _rate(call)
    call.books.store.keep_fact(f"employeerate#{key}", json.dumps(kept | _rates(call.body)))
    return keyed(key)


def delete_rate(call: FunctionCall) -> FunctionAnswer:
    """Drop a rate."""
    key, kept = _rate(call)
    call.books.store.keep_fact(f"employeerate#{key}", "")
    _keep(call, "employeerate", f"{kept['employeeid']}@{kept['ratestartdate']}", None)
    return keyed(key)


def _rate(call: FunctionCall) -> tuple[str, Kept]:
    key = (call.body.get("key") or "").strip()
    text = call.books.store.fact(f"employeerate#{key}")
    if not text:
        raise refused(f"Cannot find employeerate with key '{key}'.", correction="Provide the key of one that is there.")
    return key, json.loads(text)


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "create_supdoc": create_supdoc,
    "update_supdoc": update_supdoc,
    "delete_supdoc": delete_supdoc,
    "create_supdocfolder": create_folder,
    "update_supdocfolder": update_folder,
    "delete_supdocfolder": delete_folder,
    "create_employeerate": create_rate,
    "update_employeerate": update_rate,
    "delete_employeerate": delete_rate,
}

"""Attachments, their folders, and employees' rates: what only functions of their own can reach.

No description of these objects is served, so they are kept beside the rows, under a name each. `get` and `get_list`
give an attachment with its files; a miss is a success without data, which two clients in the field depend on.
"""

from collections.abc import Callable

from intacct_bridge.emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_bridge.emulator.company.side_tables import Attachment, SideTable
from intacct_bridge.emulator.records.legacy_body import day_text, keyed
from intacct_bridge.emulator.settings.cells import Row
from intacct_bridge.emulator.settings.refusals import FunctionRefusedError, refused
from intacct_bridge.wire.xml import Element, element

NAMES = {"supdoc": "supdocid", "supdocfolder": "name"}
"""The objects that are read here, and what one is known by."""
_TEXTS = ("supdocname", "supdocfoldername", "supdocdescription")


def _table(call: FunctionCall, kind: str) -> SideTable[Attachment]:
    side_tables = call.books.side_tables
    return side_tables.attachments if kind == "supdoc" else side_tables.attachment_folders


def _existing(call: FunctionCall, kind: str, key: str) -> Attachment:
    found = _table(call, kind).get(key)
    if found is None:
        raise _not_found(kind, key)
    return found


def _not_found(kind: str, key: str) -> FunctionRefusedError:
    return refused(f"Cannot find {kind} with key '{key}'.", correction="Provide the key of one that is there.")


def _check_new(kind: str, key: str, *, exists: bool) -> None:
    if not key:
        raise refused(f"Required field for {kind} is missing: its id.", correction="Provide an id.")
    if exists:
        raise refused(
            f"Another {kind} with the given value(s) {key} already exists",
            errorno="BL34000061",
            correction="Use a unique value instead.",
        )


# --- attachments


def create_supdoc(call: FunctionCall) -> FunctionAnswer:
    """An attachment with its files, in a folder that is there."""
    key = call.body.findtext("supdocid").strip()
    _check_new("supdoc", key, exists=_table(call, "supdoc").get(key) is not None)
    return _written(call, key, Attachment({"supdocid": key}, _files(call.body)))


def update_supdoc(call: FunctionCall) -> FunctionAnswer:
    """Change an attachment's texts and add files to it; a file cannot be replaced."""
    key = call.body.findtext("supdocid").strip()
    attachment = _existing(call, "supdoc", key)
    files = [*(attachment.files or ()), *_files(call.body)]
    return _written(call, key, Attachment(attachment.texts, files))


def _written(call: FunctionCall, key: str, attachment: Attachment) -> FunctionAnswer:
    for name in _TEXTS:
        if call.body.findtext(name).strip():
            attachment.texts[name] = call.body.findtext(name).strip()
    folder = attachment.texts.get("supdocfoldername", "")
    if folder and _table(call, "supdocfolder").get(folder) is None:
        raise refused(f"Invalid Attachment Folder '{folder}' specified.", correction="Create the folder first.")
    _table(call, "supdoc").put(key, value=attachment)
    return keyed(key)


def _files(body: Element) -> list[dict[str, str]]:
    wrapper = body.find("attachments")
    names = ("attachmentname", "attachmenttype", "attachmentdata")
    return [{name: one.findtext(name) for name in names} for one in (wrapper.children if wrapper is not None else ())]


def delete_supdoc(call: FunctionCall) -> FunctionAnswer:
    """Delete an attachment with its files."""
    return _deleted(call, "supdoc")


def create_folder(call: FunctionCall) -> FunctionAnswer:
    """A folder, perhaps in another."""
    key = call.body.findtext("supdocfoldername").strip()
    _check_new("supdocfolder", key, exists=_table(call, "supdocfolder").get(key) is not None)
    return _folder(call, key, Attachment({"name": key}))


def update_folder(call: FunctionCall) -> FunctionAnswer:
    """Change a folder's texts."""
    key = call.body.findtext("supdocfoldername").strip()
    return _folder(call, key, _existing(call, "supdocfolder", key))


def _folder(call: FunctionCall, key: str, folder: Attachment) -> FunctionAnswer:
    for name, sent in (("description", "supdocfolderdescription"), ("parentfolder", "supdocparentfoldername")):
        text = call.body.findtext(sent).strip()
        if text:
            folder.texts[name] = text
    if folder.texts.get("parentfolder"):
        _existing(call, "supdocfolder", folder.texts["parentfolder"])
    _table(call, "supdocfolder").put(key, value=folder)
    return keyed(key)


def delete_folder(call: FunctionCall) -> FunctionAnswer:
    """Delete an empty folder."""
    key = (call.body.get("key") or "").strip()
    if any(one.texts.get("supdocfoldername") == key for one in _table(call, "supdoc").values()):
        raise refused(f"Folder {key} is not empty.", correction="Delete its attachments first.")
    return _deleted(call, "supdocfolder")


def _deleted(call: FunctionCall, kind: str) -> FunctionAnswer:
    key = (call.body.get("key") or "").strip()
    _existing(call, kind, key)
    _table(call, kind).delete(key)
    return keyed(key)


# --- reading them


def get(call: FunctionCall) -> FunctionAnswer:
    """One attachment or folder by its key; a miss has no data."""
    kind = call.body.get("object")
    found = _table(call, kind).get((call.body.get("key") or "").strip())
    return FunctionAnswer(Element("data", "", (_shown(kind, found),))) if found is not None else FunctionAnswer()


def get_list(call: FunctionCall) -> FunctionAnswer:
    """Attachments or folders whose cells the filter's expressions match."""
    kind = call.body.get("object")
    wanted = _expressions(call.body.find("filter"))
    found = [one for one in _table(call, kind).values() if _matches(one, wanted)]
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


def _matches(one: Attachment, wanted: tuple[bool, list[tuple[str, str]]]) -> bool:
    every, pairs = wanted
    held = [one.texts.get(field) == value for field, value in pairs]
    return all(held) if every else any(held)


def _shown(kind: str, one: Attachment) -> Element:
    parts = [element(name, text) for name, text in one.texts.items()]
    if one.files is not None:
        files = [element("attachment", *(element(*part) for part in file.items())) for file in one.files]
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
    rates, numbers = call.books.side_tables.employee_rates, call.books.side_tables.employee_rate_numbers
    key = f"{employee}@{day}"
    _check_new("employeerate", key, exists=numbers.get(key) is not None)
    number = str(rates.keys_used() + 1)
    numbers.put(key, value=number)
    rates.put(number, value={"employeeid": employee, "ratestartdate": day, **_rates(call.body)})
    return keyed(number)


def _rates(body: Element) -> Row:
    return {name: body.findtext(name).strip() for name in ("billingrate", "salaryrate") if body.findtext(name).strip()}


def update_rate(call: FunctionCall) -> FunctionAnswer:
    """Change a rate's amounts."""
    key, row = _rate(call)
    call.books.side_tables.employee_rates.put(key, value=row | _rates(call.body))
    return keyed(key)


def delete_rate(call: FunctionCall) -> FunctionAnswer:
    """Delete a rate."""
    key, row = _rate(call)
    call.books.side_tables.employee_rates.delete(key)
    call.books.side_tables.employee_rate_numbers.delete(f"{row['employeeid']}@{row['ratestartdate']}")
    return keyed(key)


def _rate(call: FunctionCall) -> tuple[str, Row]:
    key = (call.body.get("key") or "").strip()
    row = call.books.side_tables.employee_rates.get(key)
    if row is None:
        raise _not_found("employeerate", key)
    return key, row


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

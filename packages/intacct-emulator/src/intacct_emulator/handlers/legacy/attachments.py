"""Attachments and their folders: create, update and delete."""

from collections.abc import Callable

from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.company.company_facts import Attachment
from intacct_emulator.reading.attachments import fact_table
from intacct_emulator.records.legacy_body import check_new, key_answer, not_found
from intacct_emulator.settings.refusals import refused
from intacct_protocol.xml.xml import Element

_TEXTS = ("supdocname", "supdocfoldername", "supdocdescription")


def _existing(call: FunctionCall, kind: str, key: str) -> Attachment:
    attachment = fact_table(call, kind).get(key)
    if attachment is None:
        raise not_found(kind, key)
    return attachment


def create_supdoc(call: FunctionCall) -> FunctionAnswer:
    """Create an attachment with its files, in an existing folder."""
    key = call.body.findtext("supdocid").strip()
    check_new("supdoc", key, exists=fact_table(call, "supdoc").get(key) is not None)
    return _write(call, key, Attachment({"supdocid": key}, _files(call.body)))


def update_supdoc(call: FunctionCall) -> FunctionAnswer:
    """Change an attachment's name, description and folder, and add files to it; a file cannot be replaced."""
    key = call.body.findtext("supdocid").strip()
    attachment = _existing(call, "supdoc", key)
    files = [*(attachment.files or ()), *_files(call.body)]
    return _write(call, key, Attachment(attachment.texts, files))


def _write(call: FunctionCall, key: str, attachment: Attachment) -> FunctionAnswer:
    for name in _TEXTS:
        if call.body.findtext(name).strip():
            attachment.texts[name] = call.body.findtext(name).strip()
    folder = attachment.texts.get("supdocfoldername", "")
    if folder and fact_table(call, "supdocfolder").get(folder) is None:
        raise refused(f"Invalid Attachment Folder '{folder}' specified.", correction="Create the folder first.")
    fact_table(call, "supdoc").put(key, value=attachment)
    return key_answer(key)


def _files(body: Element) -> list[dict[str, str]]:
    wrapper = body.find("attachments")
    names = ("attachmentname", "attachmenttype", "attachmentdata")
    return [{name: one.findtext(name) for name in names} for one in (wrapper.children if wrapper is not None else ())]


def delete_supdoc(call: FunctionCall) -> FunctionAnswer:
    """Delete an attachment with its files."""
    return _deleted(call, "supdoc")


def create_folder(call: FunctionCall) -> FunctionAnswer:
    """Create a folder, perhaps in another one."""
    key = call.body.findtext("supdocfoldername").strip()
    check_new("supdocfolder", key, exists=fact_table(call, "supdocfolder").get(key) is not None)
    return _folder(call, key, Attachment({"name": key}))


def update_folder(call: FunctionCall) -> FunctionAnswer:
    """Change a folder's description and its parent folder."""
    key = call.body.findtext("supdocfoldername").strip()
    return _folder(call, key, _existing(call, "supdocfolder", key))


def _folder(call: FunctionCall, key: str, folder: Attachment) -> FunctionAnswer:
    for name, sent in (("description", "supdocfolderdescription"), ("parentfolder", "supdocparentfoldername")):
        text = call.body.findtext(sent).strip()
        if text:
            folder.texts[name] = text
    if folder.texts.get("parentfolder"):
        _existing(call, "supdocfolder", folder.texts["parentfolder"])
    fact_table(call, "supdocfolder").put(key, value=folder)
    return key_answer(key)


def delete_folder(call: FunctionCall) -> FunctionAnswer:
    """Delete an empty folder."""
    key = (call.body.get("key") or "").strip()
    if any(one.texts.get("supdocfoldername") == key for one in fact_table(call, "supdoc").values()):
        raise refused(f"Folder {key} is not empty.", correction="Delete its attachments first.")
    return _deleted(call, "supdocfolder")


def _deleted(call: FunctionCall, kind: str) -> FunctionAnswer:
    key = (call.body.get("key") or "").strip()
    _existing(call, kind, key)
    fact_table(call, kind).delete(key)
    return key_answer(key)


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "create_supdoc": create_supdoc,
    "update_supdoc": update_supdoc,
    "delete_supdoc": delete_supdoc,
    "create_supdocfolder": create_folder,
    "update_supdocfolder": update_folder,
    "delete_supdocfolder": delete_folder,
}

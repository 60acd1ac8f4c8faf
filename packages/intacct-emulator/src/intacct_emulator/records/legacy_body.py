"""Bodies of legacy functions: lower-case names as fields, dates in three elements, custom fields by name.

This reader belongs to the emulator alone. A short table maps names to fields (`name:FIELD`); a name without a colon is
the field of the same spelling. A path such as `payto/contactname` names an element inside another. Values are checked
by the object's fields and returned as the store holds them.
"""

from collections.abc import Mapping
from functools import lru_cache

from intacct_emulator.access.rights import can_change
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.records.drafts import CUSTOM_FIELDS, custom_fields, stored_text
from intacct_emulator.settings.cells import Row, date_text, escaped, sent_value
from intacct_emulator.settings.refusals import FunctionRefusedError, illegal, refused
from intacct_protocol.errors import RecordError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.xml.values import Kind
from intacct_protocol.xml.xml import Element


@lru_cache(maxsize=64)
def field_names(table: str) -> Mapping[str, str]:
    """`vendorid datecreated:WHENCREATED` as a mapping from names or paths to fields."""
    pairs = (word.partition(":") for word in table.split())
    return {name: field or name.upper() for name, _, field in pairs}


def row_of_body(
    call: FunctionCall, described: ObjectDef, body: Element, table: str, *, same_names: bool = False
) -> Row:
    """The fields that a body has; an empty element clears its field.

    With `same_names`, an element that the table does not name is the field of its own name, if the object has one.
    """
    row: Row = _same_named(call, described, body, table) if same_names else {}
    for path, field in field_names(table).items():
        node: Element | None = body
        for step in path.split("/"):
            node = node.find(step) if node is not None else None
        if node is None:
            continue
        text = day_text(call, node) if node.children else node.text.strip()
        definition = described.get(field)
        row[field] = stored_text(call, definition, text) if definition is not None and not node.children else text
    wrapper = body.find(CUSTOM_FIELDS)
    return row if wrapper is None else row | custom_fields(call, described, wrapper)


def _same_named(call: FunctionCall, described: ObjectDef, body: Element, table: str) -> Row:
    row: Row = {}
    mapped = {path.split("/")[0] for path in field_names(table)}
    for child in body.children:
        definition = described.fields.get(child.tag.upper())
        if (
            definition is None
            or definition.readonly
            or child.tag in mapped
            or (child.children and definition.kind is not Kind.DATE)
        ):
            continue
        row[definition.name] = (
            day_text(call, child) if child.children else stored_text(call, definition, child.text.strip())
        )
    return row


def day_text(call: FunctionCall, node: Element) -> str:
    """A date, in three elements or as text, as a cell; empty for an empty one."""
    parts = [node.findtext(name).strip() for name in ("month", "day", "year")]
    text = "/".join(parts) if node.children else node.text.strip()
    if not text or (not any(parts) and node.children):
        return ""
    try:
        value = sent_value(Kind.DATE, text, call.session.user.formatting)
    except RecordError:
        raise illegal(node.tag, text) from None
    return date_text(value) if value is not None else ""  # type: ignore[arg-type]


def find_number(call: FunctionCall, name: str, key: str, *, natural: str = "") -> int:
    """The number of the row that a `key` attribute names, by record number, natural key or external id."""
    table = call.company.table(name)
    numbers: list[int] = []
    if call.body.get("externalkey") == "true":
        numbers = numbers_by_external_id(call, name, key)
    else:
        if natural:
            numbers = table.find(natural, key)
        numbers = numbers or table.find(table.plan.key, key)
    verb = call.name.partition("_")[0]
    if verb in ("update", "delete"):
        described = call.company.find(name)
        numbers = [one for one in numbers if can_change(call, described, table.get(one) or {}, verb)]
    if not numbers:
        raise not_found(name.lower(), key)
    return numbers[0]


def numbers_by_external_id(call: FunctionCall, name: str, text: str) -> list[int]:
    """The numbers of the rows with this external id."""
    table = call.company.table(name)
    return [number for number, row in table.rows("instr(body, ?)", (escaped(text),)) if row.get("EXTERNALID") == text]


def external_id(call: FunctionCall, name: str, body: Element) -> tuple[tuple[str, str], ...]:
    """The external id as a cell, or nothing. Raises FunctionRefusedError for one in use, if they must be unique."""
    text = body.findtext("externalid").strip()
    if not text:
        return ()
    if call.company.behaviour.unique_externalids and numbers_by_external_id(call, name, text):
        raise refused(
            f"Another record of {name.lower()} with the external ID {text} already exists",
            errorno="BL34000061",
            correction="Use a unique value instead.",
        )
    return (("EXTERNALID", text),)


def key_answer(text: str) -> FunctionAnswer:
    """The answer of a legacy write: the key of the record."""
    return FunctionAnswer(key=text)


def not_found(kind: str, key: str) -> FunctionRefusedError:
    """The refusal of a key that no record has."""
    return refused(f"Cannot find {kind} with key '{key}'.", correction="Provide the key of one that is there.")


def check_new(kind: str, key: str, *, exists: bool) -> None:
    """Refuse a record without a key, or with one that another record has."""
    if not key:
        raise refused(f"Required field for {kind} is missing: its id.", correction="Provide an id.")
    if exists:
        raise refused(
            f"Another {kind} with the given value(s) {key} already exists",
            errorno="BL34000061",
            correction="Use a unique value instead.",
        )

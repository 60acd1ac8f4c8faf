"""The records that a function is about: object, keys and fields, read from the function's element.

Generic writes hold several records, `delete` one for each key. Any other function is about one record at most, in any
form: a legacy write, a read with its keys, a query with its selected fields.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from intacct_protocol.model.keys import natural_key, object_of_legacy
from intacct_protocol.xml.xml import Element

GENERIC_WRITES = ("create", "update")
_KEYS = ("RECORDNO", "RECORDID", "EXTERNALID", "ID")
"""Fields that hold a record's key, besides its natural key."""
_LEGACY_KEYS = ("KEY", "RECORDNO", "EXTERNALID", "BILLNO", "INVOICENO", "TRANSACTIONID")
_SELECTING = ("select", "fields")


@dataclass(frozen=True, slots=True)
class FunctionRecord:
    """One record of a function."""

    object: str
    """In upper case: the object, or the legacy name if no object is known for it; empty if none is named."""
    keys: frozenset[str] = frozenset()
    """Every key that the function gives it, in lower case."""
    fields: tuple[tuple[str, str], ...] = ()
    """Its fields as dotted paths in upper case, each with its text. A read has fields without strings."""
    names: frozenset[str] = frozenset()
    """The names of the object in upper case: `APBILL` and `BILL` for `create_bill`."""

    def is_of(self, name: str) -> bool:
        """Whether the record is of the object with this name, ignoring case; an empty name is any object."""
        upper_name = name.upper()
        return upper_name in ("", self.object, *self.names) or object_of_legacy(name.lower()) == self.object

    def has(self, field: str, value: str) -> bool:
        """Whether it has the field, with the value unless that is empty. The end of a dotted path is enough."""
        upper_field = field.upper()
        return any(
            (not upper_field or path == upper_field or path.endswith(f".{upper_field}")) and value in ("", text)
            for path, text in self.fields
        )


def function_records(body: Element) -> tuple[FunctionRecord, ...]:
    """The records of a function in their order; a function that names none has one without an object."""
    if body.tag in GENERIC_WRITES and body.children:
        return tuple(_function_record(record) for record in body.children)
    name = (body.findtext("object") or body.findtext("view") or body.get("object")).strip().upper()
    if body.tag == "delete":
        keys = [key.strip() for key in body.findtext("keys").split(",") if key.strip()]
        return tuple(FunctionRecord(name, frozenset([key.lower()])) for key in keys) or (FunctionRecord(name),)
    if name:
        return (FunctionRecord(name, _read_keys(body), _selected(body), _with_legacy(name)),)
    return (_legacy(body),)


def _function_record(record: Element) -> FunctionRecord:
    name = record.tag.upper()
    fields = tuple(_leaves(record))
    natural = (natural_key(name) or "").upper()
    keys = {text.strip().lower() for path, text in fields if path in (*_KEYS, natural)}
    return FunctionRecord(name, frozenset(keys - {""}), fields)


def _legacy(body: Element) -> FunctionRecord:
    """The record of a function such as `create_bill` or `delete_vendor`."""
    legacy = body.tag.partition("_")[2]
    name = (object_of_legacy(legacy) or legacy).upper()
    fields = tuple(_leaves(body)) + tuple((one.upper(), text) for one, text in body.attributes.items())
    natural = (natural_key(name) or "").upper()
    named = (*_LEGACY_KEYS, natural, f"{legacy}ID".upper())
    keys = {text.strip().lower() for path, text in fields if path in named}
    return FunctionRecord(name, frozenset(keys - {""}), fields, frozenset((legacy.upper(),)))


def _with_legacy(name: str) -> frozenset[str]:
    object_name = object_of_legacy(name.lower())
    return frozenset((object_name,)) if object_name else frozenset()


def _read_keys(body: Element) -> frozenset[str]:
    texts = (*body.findtext("keys").split(","), body.get("key"))
    return frozenset(text.strip().lower() for text in texts if text.strip())


def _selected(body: Element) -> tuple[tuple[str, str], ...]:
    """The fields that a read asks for."""
    names = []
    for part in body:
        if part.tag in _SELECTING:
            names += [one.text for one in part] or part.text.split(",")
    return tuple((text.strip().upper(), "") for text in names if text.strip())


def _leaves(record: Element, path: str = "") -> Iterator[tuple[str, str]]:
    for child in record:
        place = f"{path}.{child.tag}".lstrip(".").upper()
        if child.children:
            yield from _leaves(child, place)
        else:
            yield place, child.text

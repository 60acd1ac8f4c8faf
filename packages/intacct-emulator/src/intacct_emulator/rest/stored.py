"""Records of objects that only the REST interface has: kept as they were sent, with the checks that the model allows.

Required and read-only fields, types, enumerations, references, unique ids and owned lines are checked. Nothing posts,
and no figure is worked out: a read-only amount stays null. Everything is kept beside the company's rows, so that a
transaction that fails, a snapshot and a clone have it too.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from intacct_emulator.company.company_facts import FactTable
from intacct_emulator.rest.catalogue import RestObject, catalogue, pairs
from intacct_emulator.rest.messages import ErrorDetail, RestRefusedError, invalid_payload, not_found
from intacct_emulator.rest.paired import OPERATION, payload_problems
from intacct_emulator.rest.records import flattened, href, nested, row_of_key
from intacct_emulator.rest.values import empty
from intacct_emulator.rest.work import RestWork

_SERIES = "rest:"
_AUDIT = "audit."


class StoredRecord(msgspec.Struct):
    """One record."""

    key: str
    values: dict[str, Any]
    """By dotted name, what was sent or set; lists are in the records of their own objects."""
    owner: str = ""
    """`object:key:list` of the record that owns it; empty for a record of its own."""


class StoredRecords:
    """The records of one object, for one request."""

    def __init__(self, work: RestWork, rest: RestObject) -> None:
        self._work, self.rest = work, rest
        store = work.company.store
        self._table = FactTable(store, f"rest record:{rest.name}:", _encode, _decode)

    # --- reading

    def all(self) -> list[StoredRecord]:
        """The records that the session may see, in the order of their keys."""
        entity = self._work.session.entity
        records = [one for one in self._table.values() if not entity or one.values.get("entity.id") in (None, entity)]
        return sorted(records, key=lambda one: int(one.key))

    def record_of(self, key: str) -> StoredRecord:
        """A record by its key. Raises RestRefusedError."""
        record = self._table.get(key)
        entity = self._work.session.entity
        if record is None or (entity and record.values.get("entity.id") not in (None, entity)):
            raise not_found(f"{self.rest.name} {key}")
        return record

    def may(self, key: str, _method: str, *, private: bool) -> bool:
        """Whether the user may do this with a record. These objects know no rights, only entities."""
        try:
            record = self.record_of(key)
        except RestRefusedError:
            return False
        return private or bool(self._work.session.entity) or not record.values.get("entity.id")

    def read(self, key: str) -> dict[str, Any]:
        """One record with its groups and lines. Raises RestRefusedError."""
        return self._document(self.record_of(key))

    def values(self, record: StoredRecord) -> dict[str, Any]:
        """Every field that holds a value, by dotted name."""
        shown: dict[str, Any] = {}
        for name, definition in self.rest.fields.items():
            if not definition.is_value:
                continue
            value = record.values.get(name, empty(definition))
            reference, _, part = name.rpartition(".")
            if part == "href" and reference and record.values.get(f"{reference}.key"):
                value = href(self.rest.reference(reference) or "unknown", record.values[f"{reference}.key"])
            shown[name] = value
        identity = record.values.get("id") or record.key
        return shown | {"key": record.key, "id": identity, "href": href(self.rest.name, record.key)}

    def _document(self, record: StoredRecord) -> dict[str, Any]:
        values = self.values(record)
        for name, of in self.rest.lists.items():
            lines = self._lines(of)
            owner = self._owner(record, name)
            values[name] = [lines._document(line) for line in lines.owned(owner)] if lines is not None else []
        return nested(values, self.rest.fields)

    def owned(self, owner: str) -> list[StoredRecord]:
        """The records of an owner's list."""
        return [one for one in self.all() if one.owner == owner]

    def _owner(self, record: StoredRecord, name: str) -> str:
        return f"{self.rest.name}:{record.key}:{name}"

    def _lines(self, of: str) -> "StoredRecords | None":
        described = catalogue().objects.get(of)
        return None if described is None or of in pairs() else StoredRecords(self._work, described)

    # --- writing

    def create(self, payload: Mapping[str, Any], owner: str = "", place: str = "") -> dict[str, Any]:
        """Create a record with its lines; its reference. Raises RestRefusedError."""
        flat = flattened(payload, self.rest.fields)
        problems = [*self._problems(flat, new=True, place=place), *self._missing(payload, owner, place)]
        if problems:
            raise invalid_payload(problems)
        key = str(self._next_number())
        record = StoredRecord(key, self._defaults() | self._resolved(flat, place), owner)
        self._check_unique(record, place)
        entity = self._work.session.entity
        if entity and "entity.id" in self.rest.fields:
            record.values["entity.id"] = record.values["entity.key"] = entity
        self._stamp(record, new=True)
        self._table.put(key, value=record)
        self._write_lines(record, flat, place, new=True)
        return self._reference(record)

    def update(self, key: str, payload: Mapping[str, Any], place: str = "") -> dict[str, Any]:
        """Change the sent fields of a record; its reference. Raises RestRefusedError."""
        record = self.record_of(key)
        flat = flattened(payload, self.rest.fields)
        problems = self._problems(flat, new=False, place=place)
        if problems:
            raise invalid_payload(problems)
        record.values |= self._resolved(flat, place)
        self._check_unique(record, place)
        self._stamp(record, new=False)
        self._table.put(key, value=record)
        self._write_lines(record, flat, place, new=False)
        return self._reference(record)

    def delete(self, key: str) -> None:
        """Delete a record with its lines. Raises RestRefusedError."""
        record = self.record_of(key)
        for name, of in self.rest.lists.items():
            lines = self._lines(of)
            for line in lines.owned(self._owner(record, name)) if lines is not None else ():
                lines._table.delete(line.key)  # type: ignore[union-attr]  # there is a list only if it is not None
        self._table.delete(key)

    def _write_lines(self, record: StoredRecord, flat: Mapping[str, Any], place: str, *, new: bool) -> None:
        for name, of in self.rest.lists.items():
            lines = self._lines(of)
            if name not in flat or lines is None:
                continue
            sent = flat[name]
            owner = self._owner(record, name)
            if not isinstance(sent, list) or not all(isinstance(line, Mapping) for line in sent):
                raise invalid_payload([ErrorDetail(f"{name} is not a list of lines", "REST-1043", f"{place}/{name}")])
            if not sent and not new and self._work.behaviour.rest_empty_lines == "cleared":
                for line in lines.owned(owner):
                    lines.delete(line.key)
            for at, line in enumerate(sent):
                lines.write_line(line, owner, f"{place}/{name}/{at}")

    def write_line(self, line: Mapping[str, Any], owner: str, place: str) -> None:
        """Add, change or delete one line of an owner. Raises RestRefusedError."""
        key = str(line.get("key") or "")
        fields = {name: value for name, value in line.items() if name not in ("key", OPERATION)}
        if not key:
            self.create(fields, owner, place)
            return
        if key not in {one.key for one in self.owned(owner)}:
            if self._work.behaviour.rest_unknown_line == "refused":
                raise invalid_payload([ErrorDetail(f"There is no line with the key {key}", "REST-1043", place)])
        elif line.get(OPERATION) == "delete":
            self.delete(key)
        else:
            self.update(key, fields, place)

    # --- checks

    def _problems(self, flat: Mapping[str, Any], *, new: bool, place: str) -> list[ErrorDetail]:
        return list(payload_problems(self.rest.fields, flat, self.rest.readonly_on_update, new=new, place=place))

    def _missing(self, payload: Mapping[str, Any], owner: str, place: str) -> Iterator[ErrorDetail]:
        """The required fields that a new record lacks; what its owner says is not required of a line."""
        if self._work.behaviour.rest_required == "none":
            return
        owning = owner.partition(":")[0].rpartition("/")[2]
        for name in self.rest.required_on_create:
            first = name.partition("[]")[0]
            if "[]." in name:
                missing = [
                    at for at, line in enumerate(payload.get(first) or ()) if not _has(line, name.partition("[].")[2])
                ]
                for at in missing:
                    target = f"{place}/{first}/{at}/{name.partition('[].')[2].replace('.', '/')}"
                    yield ErrorDetail(f"{target} is required", "REST-1043", target)
            elif not _has(payload, first) and not (owner and first.partition(".")[0].endswith(owning)):
                target = f"{place}/{first.replace('.', '/')}"
                yield ErrorDetail(f"{target} is required", "REST-1043", target)

    def _resolved(self, flat: Mapping[str, Any], place: str) -> dict[str, Any]:
        """The values with each reference by key and id, which must exist."""
        values = {name: value for name, value in flat.items() if name not in self.rest.lists}
        for name, definition in self.rest.fields.items():
            if definition.type != "ref" or not {f"{name}.key", f"{name}.id"} & flat.keys():
                continue
            key, identity = flat.get(f"{name}.key"), flat.get(f"{name}.id")
            if not key and not identity:
                values |= {f"{name}.key": None, f"{name}.id": None}
                continue
            target = catalogue().objects.get(self.rest.reference(name))
            reached = None if target is None else self._referred(target, key, identity)
            if target is not None and reached is None:
                message = f"{target.name} {key or identity} does not exist"
                details = [ErrorDetail(message, target=f"{place}/{name}", code="invalidReference")]
                raise RestRefusedError(422, "operationFailed", message, details=details)
            if reached is not None:
                values |= {f"{name}.key": reached[0], f"{name}.id": reached[1]}
        return values

    def _referred(self, target: RestObject, key: Any, identity: Any) -> tuple[str, str] | None:
        """The key and the id of a record that is referred to by one of them."""
        pair = pairs().get(target.name)
        if pair is None:
            for record in StoredRecords(self._work, target).all():
                if str(key or "") == record.key or (not key and record.values.get("id", record.key) == identity):
                    return record.key, record.values.get("id") or record.key
            return None
        if key:
            reached = row_of_key(self._work.company, pair, str(key))
            return None if reached is None else (str(key), reached[1].get(pair.fields.get("id", ""), str(key)))
        table = self._work.company.table(pair.xml)
        for number in table.find(pair.fields.get("id", "RECORDNO"), str(identity)):
            return (table.get(number) or {}).get(pair.fields["key"], ""), str(identity)
        return None

    def _check_unique(self, record: StoredRecord, place: str) -> None:
        identity = record.values.get("id")
        if identity and any(
            other.key != record.key and other.values.get("id") == identity
            for other in self._table.values()
            if other.owner == record.owner
        ):
            message = f"Another {self.rest.name} has the id {identity}"
            details = [ErrorDetail(message, target=f"{place}/id", code="duplicate")]
            raise RestRefusedError(422, "operationFailed", message, details=details)

    # --- parts

    def _defaults(self) -> dict[str, Any]:
        defaults: dict[str, Any] = {}
        for name, definition in self.rest.fields.items():
            if not definition.default or not definition.is_value:
                continue
            if definition.type == "boolean":
                defaults[name] = definition.default == "true"
            elif definition.type == "string":
                defaults[name] = definition.default
        return defaults

    def _stamp(self, record: StoredRecord, *, new: bool) -> None:
        at = datetime.fromtimestamp(int(self._work.now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        user = self._work.session.user.user_id
        set_now = {"modifiedDateTime": at, "modifiedByUser.id": user}
        if new:
            set_now |= {"createdDateTime": at, "createdByUser.id": user}
        record.values |= {
            f"{_AUDIT}{name}": value for name, value in set_now.items() if f"{_AUDIT}{name}" in self.rest.fields
        }

    def _next_number(self) -> int:
        series = self._work.company.facts.number_series
        name = f"{_SERIES}{self.rest.name}"
        number = (series.get(name) or 0) + 1
        series.put(name, value=number)
        return number

    def _reference(self, record: StoredRecord) -> dict[str, Any]:
        return {
            "key": record.key,
            "id": record.values.get("id") or record.key,
            "href": href(self.rest.name, record.key),
        }


def _has(document: Mapping[str, Any], name: str) -> bool:
    """Whether a document has a value at this dotted name; a reference counts by its key as well as by its id."""
    place: Any = document
    *groups, last = name.split(".")
    for group in groups:
        place = place.get(group) if isinstance(place, Mapping) else None
    if not isinstance(place, Mapping):
        return False
    if last == "id" and groups and place.get("key"):
        return True
    return place.get(last) not in (None, "", [], {})


def _encode(record: StoredRecord) -> str:
    return msgspec.json.encode(record).decode()


def _decode(text: str) -> StoredRecord:
    return msgspec.json.decode(text, type=StoredRecord)

"""A write as a function element, and a result as a receipt."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.load.records.lookup_keys import EXTERNALID
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import ACTION_COMMENT, ACTION_DATE, Receipt, Write, WriteOperation
from intacct_bridge.load.target.attachments import check_files, supdoc, supdoc_id, together
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import RECORDNO
from intacct_protocol.model.legacy.functions import WritePlan
from intacct_protocol.model.legacy.objects import legacy_object
from intacct_protocol.model.writing.actions import action_of
from intacct_protocol.model.writing.functions import SPECIFIC_UPDATE, FunctionBuilder
from intacct_protocol.model.writing.generic import as_text
from intacct_protocol.xml.envelope import Result
from intacct_protocol.xml.values import Formatting, Kind, Value, render_value
from intacct_protocol.xml.xml import Element


def receipt_of(result: Result) -> Receipt:
    """The company's keys in a successful result: RECORDNO and the natural key, or a legacy function's key."""
    if result.key is not None:
        return Receipt(result.key, result.key)
    record = result.data.children[0] if result.data is not None and result.data.children else None
    if record is None:
        return Receipt()
    keys = {field.tag.upper(): field.text for field in record}
    number = keys.pop("RECORDNO", "") or keys.get("ID", "")  # custom objects and dimensions have an id
    return Receipt(number, next((text for text in keys.values() if text), ""))


class Functions:
    """Builds function elements for one company."""

    def __init__(self, company: Gateway) -> None:
        self._company = company
        self._is_legacy = company.connection.is_legacy
        self._builder = FunctionBuilder(self._described, is_legacy=self._is_legacy, render=self._text)

    def element(self, write: Write) -> Element:
        """The function of one write. InvalidRequestError if none can express it, naming the field.

        A record with files needs several functions, which are applied together.
        """
        if write.operation.is_action:
            return self._action(write)
        if not write.attachments:
            return self._alone(write)
        if write.operation is not WriteOperation.CREATE:
            raise files_of_existing()
        create = self._alone(replace(write, fields={**write.fields, "SUPDOCID": supdoc_id(write)}))
        return together(supdoc(write, write.folder), create)

    def check(self, write: Write) -> None:
        """Raise what `element` would raise, at less cost: generic functions take any field, and files stay unread."""
        try:
            particular = self._plan(write) is not None
        except InvalidRequestError:
            particular = True
        if particular:
            self.element(write)
        elif write.attachments and write.operation is not WriteOperation.CREATE:
            raise files_of_existing()
        elif write.attachments:
            check_files(write)

    def takes(self, write: Write, field: str, *, wrapper: str = "") -> bool:
        """Whether the function of a write takes a field, or one of the lines under a wrapper."""
        plan = self._plan(write)
        if plan is None:
            return True
        return field in (plan.lines[wrapper].fields if wrapper in plan.lines else plan.fields)

    def _text(self, _object: str, _field: str, value: Value) -> str:
        """A value as a request has it: a moment is on the clock of the API user."""
        if type(value) is str:
            return value
        if isinstance(value, datetime):
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            return render_value(Kind.TEXT, moment, Formatting(offset_minutes=self._company.formatting.offset_minutes))
        return render_value(Kind.TEXT, value)

    def _plan(self, write: Write) -> WritePlan | None:
        special = EXTERNALID if EXTERNALID in write.fields else ""
        return self._builder.plan(write.operation.value, write.object, special=special)

    def _alone(self, write: Write) -> Element:
        operation, fields = write.operation, write.fields
        if operation is WriteOperation.DELETE:
            return self._builder.delete(write.object, as_text("", "", next(iter(fields.values()), None)))
        plan = self._plan(write)
        if plan is None:
            return self._builder.generic(operation.value, write.object, fields, write.lines)
        creates = operation is WriteOperation.CREATE
        return self._builder.specific(
            plan,
            operation.value,
            _filled(fields) if creates else _named(write),
            {wrapper: [_filled(line.fields) if creates else line.fields for line in members]
             for wrapper, members in write.lines.items()},
            key="" if creates else self._key(write),
            objects={line.object for line in write.all_lines},
            undescribed=self._undescribed(write),
        )  # fmt: skip

    def _key(self, write: Write) -> str:
        """The key by which the object's own function names the record to change."""
        if self._is_legacy or write.object not in SPECIFIC_UPDATE:
            return comparable(write.fields.get(RECORDNO))
        name = legacy_object(write.object).key
        key = comparable(write.unchanged.get(name)) or comparable(write.fields.get(name))
        if not key:
            raise InvalidRequestError(
                f"the {name} of {write.object} {comparable(write.fields.get(RECORDNO))} is not known",
                fix=f"name the record by {name}",
            )
        return key

    def _action(self, write: Write) -> Element:
        action = action_of(write.operation.value, write.object, is_legacy=self._is_legacy)
        key, day = write.fields.get(action.key.upper()), write.fields.get(ACTION_DATE)
        comment = comparable(write.fields.get(ACTION_COMMENT))
        return action.element(comparable(key), day=day if isinstance(day, date) else None, comment=comment)

    def _undescribed(self, write: Write) -> frozenset[str]:
        """The custom fields of a company of document type 2.1: those that its functions do not list."""
        described = legacy_object(write.object).described.fields.keys() if self._is_legacy else write.fields.keys()
        return frozenset(write.fields.keys() - described)

    def _described(self, name: str) -> ObjectDef | None:
        try:
            return self._company.describe(name)
        except InvalidRequestError:  # some lines, as those of attachments, are described nowhere
            return None


def files_of_existing() -> InvalidRequestError:
    """The error of files that are to be attached to a record that Intacct has."""
    return InvalidRequestError(
        "files can be attached to new records only", fix="leave the files out, or add them in Intacct"
    )


def _filled(fields: Mapping[str, Value]) -> dict[str, Value]:
    """The fields of a new record, which has no field to clear."""
    return {name: value for name, value in fields.items() if value is not None}


def _named(write: Write) -> dict[str, Value]:
    """The fields of an update without those that name its record, but for what the function takes among its fields."""
    legacy = legacy_object(write.object)
    left_out = {RECORDNO, legacy.key} - (legacy.fields_taken(write.operation.value) - {RECORDNO})
    return {name: value for name, value in write.fields.items() if name not in left_out}

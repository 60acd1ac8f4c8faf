"""How a record becomes the function that writes it: the generic one, or the object-specific one if it is needed.

On document type 3.0 the generic functions write most objects. Some are created by functions of their own alone
(`create_invoice`), three are reached by nothing else (UNDESCRIBED), and document type 2.1 knows only those.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.catalog import ObjectDef
from intacct_protocol.model.keys import UNDESCRIBED, creator
from intacct_protocol.model.legacy.functions import WritePlan, write_element
from intacct_protocol.model.legacy.objects import legacy_object, plan_of
from intacct_protocol.model.writing.generic import Cells, OwnedLine, Render, as_text, generic_delete, generic_function
from intacct_protocol.xml.xml import Element

Describe = Callable[[str], ObjectDef | None]
"""An object's definition by name, or None if there is none."""

_GENERIC = "create"
_GENERIC_DELETE = frozenset(
    {"APADJUSTMENT", "ARADJUSTMENT", "ARINVOICE", "EEXPENSES", "EXPENSEADJUSTMENTS", "INVDOCUMENT", "PODOCUMENT"}
)
"""Objects with an object-specific `create` for which the generic `delete` is documented."""
SPECIFIC_UPDATE = frozenset({"PODOCUMENT", "SODOCUMENT"})
"""Objects that only an `update` of their own changes, which names the record by its natural key. The generic one is not
documented for them."""
_RATE_TYPE = "EXCH_RATE_TYPE_ID"
_NO_LINES: Mapping[str, Sequence[OwnedLine]] = {}


class FunctionBuilder:
    """Builds functions for one connection; `is_legacy` is document type 2.1, which has no generic functions.

    `specific_changes` prefers an object's own `update_...` and `delete_...` if these are documented. Without it they
    are used only if nothing else reaches the object: the generic ones find a record of any object by its RECORDNO.
    """

    def __init__(
        self, describe: Describe, *, is_legacy: bool, specific_changes: bool = False, render: Render = as_text
    ) -> None:
        self._describe = describe
        self._is_legacy = is_legacy
        self._specific_changes = specific_changes
        self._render = render
        self._custom: dict[str, frozenset[str]] = {}

    def plan(self, operation: str, name: str, *, special: str = "") -> WritePlan | None:
        """The object's own functions if one of them is to be used, None for the generic function.

        `special` is a field of a new record that no generic `create` takes: then the object's own function is used
        if it takes the field. InvalidRequestError if there is no function for the operation.
        """
        return self._creating(name, special) if operation == "create" else self._changing(operation, name)

    def _creating(self, name: str, special: str) -> WritePlan | None:
        maker, plan = creator(name), plan_of(name)
        if not maker:
            raise InvalidRequestError(
                f"nothing creates {name}: Intacct makes these records itself",
                fix="Create the transaction or the header that it comes from.",
            )
        if maker == _GENERIC and not self._is_legacy:
            return plan if special and plan is not None and special in plan.fields else None
        return self._with("create", name, plan)

    def _changing(self, operation: str, name: str) -> WritePlan | None:
        plan = plan_of(name)
        if self._is_legacy or name in UNDESCRIBED or (operation == "update" and name in SPECIFIC_UPDATE):
            return self._with(operation, name, plan)
        generic = (_GENERIC,) if operation == "update" else (_GENERIC, "")
        documented = creator(name) not in generic and not (operation == "delete" and name in _GENERIC_DELETE)
        specific = self._specific_changes and documented and plan is not None and operation in plan.functions
        return plan if specific else None

    def _with(self, operation: str, name: str, plan: WritePlan | None) -> WritePlan:
        if plan is None or operation not in plan.functions:
            kind = "document type 2.1" if self._is_legacy else "Intacct"
            fix = "use a connection with dtd_version 3.0" if self._is_legacy else "do it in Intacct"
            raise InvalidRequestError(f"{kind} has no function to {operation} {name}", fix=fix)
        return plan

    def generic(
        self, operation: str, name: str, cells: Cells, owned: Mapping[str, Sequence[OwnedLine]] = _NO_LINES
    ) -> Element:
        """The generic `create` or `update`; an update's cells hold the key."""
        return generic_function(operation, name, cells, owned, render=self._render)

    def specific(
        self,
        plan: WritePlan,
        operation: str,
        cells: Cells,
        owned: Mapping[str, Sequence[Cells]],
        *,
        key: str = "",
        objects: Iterable[str] = (),
        undescribed: Collection[str] = (),
    ) -> Element:
        """The object's own function; `key` names the record to change, in the attribute or the field that it has.

        `objects` are those whose custom fields may be among the cells, `undescribed` are further custom fields.
        """
        values, attributes = dict(cells), {}
        if key:
            held = legacy_object(plan.object)
            attribute = held.attribute(operation)
            attributes = {attribute: key} if attribute else {}
            values |= {} if attribute else {held.key: key}
        values |= _rate(values, plan.fields)
        custom = frozenset(undescribed).union(*map(self._customs, (plan.object, *objects)))
        values = self._with_times(plan.object, values, custom)
        timed = {
            name: [
                self._with_times(plan.object, {**row, **_rate(row, _line_fields(plan, name))}, custom) for row in rows
            ]
            for name, rows in owned.items()
        }
        return write_element(plan, operation, values, lines=timed, custom=custom, attributes=attributes)

    def _with_times(self, name: str, cells: Cells, custom: Collection[str]) -> dict[str, Any]:
        """The cells with the times of custom fields as requests hold them."""
        return {
            field: self._render(name, field, value) if isinstance(value, datetime) and field in custom else value
            for field, value in cells.items()
        }

    def delete(self, name: str, key: str) -> Element:
        """The function that deletes the record with this key: its RECORDNO, or what the object's own function takes."""
        plan = self.plan("delete", name)
        return generic_delete(name, key) if plan is None else self.specific(plan, "delete", {}, {}, key=key)

    def _customs(self, name: str) -> frozenset[str]:
        if name not in self._custom:
            described = self._describe(name)
            fields = () if described is None else described.fields.values()
            self._custom[name] = frozenset(one.name for one in fields if one.custom)
        return self._custom[name]


def _line_fields(plan: WritePlan, wrapper: str) -> Collection[str]:
    """The fields that the lines under a wrapper take."""
    return plan.lines[wrapper].fields if wrapper in plan.lines else ()


def _rate(fields: Mapping[str, Any], names: Collection[str]) -> dict[str, None]:
    """The object-specific functions require a rate with a currency; an empty rate type is the company's daily rate."""
    has_rate = "EXCHANGE_RATE" in fields or _RATE_TYPE in fields
    needs_rate = _RATE_TYPE in names and any(name in fields for name in ("CURRENCY", "EXCH_RATE_DATE"))
    return {_RATE_TYPE: None} if needs_rate and not has_rate else {}

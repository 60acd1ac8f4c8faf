"""Lists: `create_vendor`, `update_class`, `delete_glaccount` and the others, by one rule.

A body becomes a record for the generic functions: names in upper case, `mailaddress` and the contacts as groups, dates
as one text, custom fields by name. A table maps names that differ from their fields. An element that an update leaves
empty changes nothing, unless `set_nulls` is true.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.handlers.generic.verbs import CREATE, DELETE, UPDATE
from intacct_emulator.records import record_store
from intacct_emulator.records.drafts import read_draft
from intacct_emulator.records.legacy_body import day_text, external_id, field_names, find_number, key_answer
from intacct_emulator.settings.refusals import FunctionRefusedError, is_duplicate
from intacct_protocol.model.keys import natural_key
from intacct_protocol.xml.xml import Element, element

OBJECTS = {
    **{name: name.upper() for name in (
        "vendor", "customer", "contact", "employee", "department", "location", "class", "project", "task", "item",
        "glaccount", "apterm", "arterm", "apaccountlabel", "araccountlabel", "territory", "taxdetail", "timetype",
        "earningtype", "expensepaymenttype", "popricelist", "sopricelist", "itemtaxgroup", "checkingaccount",
        "savingsaccount", "allocation", "statjournal", "timesheet", "warehouse", "vendtype", "custtype",
        "customerbankaccount", "customerchargecard", "contacttaxgroup",
    )},
    "statglaccount": "STATACCOUNT",
    "expensetype": "EEACCOUNTLABEL",
    "journal": "GLJOURNAL",
    "achbankconfiguration": "ACHBANK",
}  # fmt: skip
"""By the functions' name, the object."""
_TERM = "dueday:DUEDATE discday:DISCDATE discgracedays:DISCFUDGEDAYS pen_type:PEN_TYPES pengracedays:PENFUDGEDAYS"
_NAMES = {
    "VENDOR": "glaccountno:APACCOUNT paymethod:PAYMETHODKEY primary:CONTACTINFO contactinfo:DISPLAYCONTACT",
    "CUSTOMER": "glaccountno:ARACCOUNT deliveryoptions:DELIVERY_OPTIONS primary:CONTACTINFO contactinfo:DISPLAYCONTACT",
    "GLACCOUNT": "glaccountno:ACCOUNTNO",
    "STATACCOUNT": "glaccountno:ACCOUNTNO",
    "EEACCOUNTLABEL": "expensetype:ACCOUNTLABEL",
    "TASK": "taskname:NAME taskdescription:DESCRIPTION timetype:TIMETYPENAME",
    "ITEM": (
        "base_price:BASEPRICE itaxgroup:TAXGROUP term_period:TERMPERIOD incomeaccount:INCOMEACCTKEY "
        "invaccount:INVACCTKEY expenseaccount:EXPENSEACCTKEY cogsaccount:COGSACCTKEY defrevaccount:DEFERREDREVACCTKEY "
        "offsetoeglaccount:OFFSETOEGLACCOUNTKEY offsetpoglaccount:OFFSETPOGLACCOUNTKEY "
        "inventory_precision:INV_PRECISION purchasing_precision:PO_PRECISION sales_precision:SO_PRECISION "
        "defaultnoofperiods:TOTALPERIODS computepriceforshortterm:COMPUTEFORSHORTTERM revenue_posting:REVPOSTING "
        "cnbillingtemplate:CNBILLINGTEMPLATENAME cnrevenuetemplate:CNREVENUETEMPLATENAME "
        "cnrevenue2template:CNREVENUE2TEMPLATENAME cnexpensetemplate:CNEXPENSETEMPLATENAME "
        "cnexpense2template:CNEXPENSE2TEMPLATENAME standard_unit:UOM.INVUOMDETAIL.UNIT "
        "purchase_unit:UOM.POUOMDETAIL.UNIT purchase_unit_factor:UOM.POUOMDETAIL.CONVFACTOR "
        "sales_unit:UOM.SOUOMDETAIL.UNIT sales_unit_factor:UOM.SOUOMDETAIL.CONVFACTOR"
    ),
    "APTERM": _TERM,
    "ARTERM": _TERM,
    "GLJOURNAL": "bookkey:BOOKID",
    "STATJOURNAL": "bookkey:BOOKID",
    "LOCATION": "primary:CONTACTINFO",
    "EMPLOYEE": "paymethod:PAYMETHODKEY",
    "TAXDETAIL": "glaccountno:GLACCOUNT",
    "TIMESHEET": "timesheetdescription:DESCRIPTION timesheetitems:TIMESHEETENTRIES timesheetitem:TIMESHEETENTRY "
    "timesheetentrydescription:DESCRIPTION",
}
_DEFAULTS = {"GLACCOUNT": {"CLOSINGTYPE": "non-closing account"}, "TASK": {"TASKSTATUS": "Not Started"}}
"""Values of required fields that the functions may leave out."""
_MASKED = ("CARDNUM",)
"""Fields of which only the last four characters are stored."""
_OPENED = ("contact", "due", "discount", "penalty")
"""Elements whose children are fields of the record itself."""
_SKIPPED = ("externalid", "customfields", "contactlist", "visibility")


@dataclass(frozen=True, slots=True)
class MasterFunctions:
    """The functions of one object."""

    object: str

    def created(self, call: FunctionCall) -> FunctionAnswer:
        """`create_`."""
        check_right(call, "CREATE", self.object)
        described = call.company.find(self.object)
        extra_cells = external_id(call, self.object, call.body)
        draft = read_draft(call, described, self._record(call))
        if described.name in ("VENDOR", "CUSTOMER") and "DISPLAYCONTACT" not in draft.groups:
            shown = element("DISPLAYCONTACT", element("PRINTAS", call.body.findtext("name").strip()))
            record = self._record(call)
            draft = read_draft(call, described, Element(record.tag, "", (*record.children, shown)))
        try:
            row = CREATE.get(self.object, record_store.create)(call, draft)
        except FunctionRefusedError as error:
            if call.body.get("ignoreduplicates") == "true" and is_duplicate(error):
                return key_answer(draft.get(natural_key(self.object) or "RECORDNO"))
            raise
        if extra_cells:
            table = call.company.table(self.object)
            table.update(int(row["RECORDNO"]), row | dict(extra_cells))
        return key_answer(row.get(natural_key(self.object) or "RECORDNO") or row["RECORDNO"])

    def updated(self, call: FunctionCall) -> FunctionAnswer:
        """`update_`."""
        check_right(call, "UPDATE", self.object)
        key, number = self._number(call)
        draft = read_draft(call, call.company.find(self.object), self._record(call, new=False))
        UPDATE.get(self.object, record_store.update)(call, draft, number)
        return key_answer(key)

    def deleted(self, call: FunctionCall) -> FunctionAnswer:
        """`delete_`."""
        check_right(call, "DELETE", self.object)
        key, number = self._number(call)
        DELETE.get(self.object, record_store.delete)(call, call.company.find(self.object), number)
        return key_answer(key)

    def _number(self, call: FunctionCall) -> tuple[str, int]:
        named = call.body.attributes.items()
        key = next((text for name, text in named if name not in ("externalkey", "set_nulls")), "")
        return key, find_number(call, self.object, key.strip(), natural=natural_key(self.object) or "")

    def _record(self, call: FunctionCall, *, new: bool = True) -> Element:
        children = list(self._parts(call, call.body))
        if new:
            sent = {one.tag for one in children}
            children += [element(*one) for one in _DEFAULTS.get(self.object, {}).items() if one[0] not in sent]
        if not new and call.body.get("set_nulls") != "true":
            children = [one for one in children if one.children or one.text]
        return Element(self.object, "", tuple(children))

    def _parts(self, call: FunctionCall, node: Element) -> Iterator[Element]:
        table = field_names(_NAMES.get(self.object, ""))
        for child in node.children:
            if child.tag in _SKIPPED:
                continue
            tag = table.get(child.tag, child.tag.upper())
            if child.find("year") is not None:
                yield element(tag, day_text(call, child))
            elif child.tag in _OPENED and child.children:
                yield from self._parts(call, child)
            elif child.children:
                yield Element(tag, "", tuple(self._parts(call, child)))
            else:
                text = child.text.strip()
                yield element(tag, text if tag not in _MASKED else f"{'*' * len(text[:-4])}{text[-4:]}")
        for wrapper in node.findall("customfields"):
            for custom in wrapper.children:
                yield element(custom.findtext("customfieldname").strip(), custom.findtext("customfieldvalue"))


_ONLY_BY_GENERIC_FUNCTIONS = {
    *(f"{verb}_{name}" for verb in ("create", "update", "delete") for name in ("vendtype", "custtype", "warehouse")),
    *("update_statjournal", "update_itemtaxgroup", "update_contacttaxgroup"),
}
"""Functions that the published schema does not have, so that they are refused before they get here."""


def _master_functions() -> dict[str, Callable[[FunctionCall], FunctionAnswer]]:
    handlers: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {}
    for name, object_ in OBJECTS.items():
        listed = MasterFunctions(object_)
        handlers |= {
            f"create_{name}": listed.created,
            f"update_{name}": listed.updated,
            f"delete_{name}": listed.deleted,
        }
    return {name: handler for name, handler in handlers.items() if name not in _ONLY_BY_GENERIC_FUNCTIONS}


FUNCTIONS = _master_functions()

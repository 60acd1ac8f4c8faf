"""Journal entries, statistical ones included."""

from collections.abc import Callable

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.ledger.journals import journal
from intacct_emulator.ledger.posting_function import relabel
from intacct_emulator.records.drafts import Draft
from intacct_emulator.records.effect_check import with_effect_check
from intacct_emulator.records.legacy_body import day_text, external_id, find_number, key_answer, row_of_body
from intacct_emulator.settings.refusals import illegal
from intacct_protocol.xml.xml import Element

_HEAD = "journalid:JOURNAL datecreated:BATCH_DATE description:BATCH_TITLE referenceno sourceentity:BASELOCATION_NO"
_LINE = (
    "glaccountno:ACCOUNTNO document memo:DESCRIPTION locationid:LOCATION departmentid:DEPARTMENT customerid vendorid "
    "employeeid projectid taskid costtypeid itemid classid contractid warehouseid currency exchratedate:EXCH_RATE_DATE "
    "exchratetype:EXCH_RATE_TYPE_ID exchrate:EXCHANGE_RATE "
    "amount:TRX_AMOUNT"
)
_SIDES = {"debit": "1", "credit": "-1", "increase": "1", "decrease": "-1", "1": "1", "-1": "-1"}


def create(call: FunctionCall) -> FunctionAnswer:
    """Create a journal entry."""
    check_right(call, "CREATE", "GLBATCH")
    described = call.company.find("GLBATCH")
    extra_cells = external_id(call, "GLBATCH", call.body)
    values = row_of_body(call, described, call.body, _HEAD)
    wrapper = call.body.find("gltransactionentries") or call.body.find("statgltransactionentries")
    lines = [_line(call, one) for one in wrapper.children] if wrapper is not None else []
    node = call.body.find("reversedate")
    extra = {"REVERSEDATE": day_text(call, node)} if node is not None else {}
    row = journal.create(call, Draft(described, values, {"GLENTRY": lines}, extra=extra))
    if extra_cells:
        relabel(call.company, int(row["RECORDNO"]), header=dict(extra_cells))
    return key_answer(row["RECORDNO"])


def delete(call: FunctionCall) -> FunctionAnswer:
    """Delete a journal entry."""
    check_right(call, "DELETE", "GLBATCH")
    number = find_number(call, "GLBATCH", (call.body.get("key") or "").strip())
    journal.delete(call, call.company.find("GLBATCH"), number)
    return key_answer(str(number))


def _line(call: FunctionCall, node: Element) -> Draft:
    described = call.company.find("GLENTRY")
    values = row_of_body(call, described, node, _LINE)
    side = _SIDES.get(node.findtext("trtype").strip().lower())
    if side is None:
        raise illegal("trtype", node.findtext("trtype"), correction="Say debit or credit.")
    return Draft(described, {name: text for name, text in values.items() if text} | {"TR_TYPE": side})


FUNCTIONS: dict[str, Callable[[FunctionCall], FunctionAnswer]] = {
    "create_gltransaction": with_effect_check(create, "amount exchrate"),
    "create_statgltransaction": with_effect_check(create, "amount"),
    "delete_gltransaction": delete,
}

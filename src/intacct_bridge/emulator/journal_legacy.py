"""Journal entries, statistical ones and deposits by their own functions."""

from collections.abc import Callable
from decimal import Decimal

from intacct_bridge.emulator import journal
from intacct_bridge.emulator.access import permit
from intacct_bridge.emulator.books import Answer, Call
from intacct_bridge.emulator.cells import Row, decimal_text
from intacct_bridge.emulator.chart import rules
from intacct_bridge.emulator.drafts import Draft
from intacct_bridge.emulator.families import amount, next_number
from intacct_bridge.emulator.legacy_body import day_text, external, keyed, number_of, row_of
from intacct_bridge.emulator.posting import ZERO, Line, transfer
from intacct_bridge.emulator.posting_rows import CASH_MANAGEMENT
from intacct_bridge.emulator.references import Reference, find
from intacct_bridge.emulator.refusals import refused
from intacct_bridge.emulator.stamps import CREATED, note, stamp
from intacct_bridge.emulator.subledger import Voucher, day_of, post
from intacct_bridge.wire.xml import Element

_HEAD = "journalid:JOURNAL datecreated:BATCH_DATE description:BATCH_TITLE referenceno sourceentity:BASELOCATION_NO"
_LINE = (
    "glaccountno:ACCOUNTNO document memo:DESCRIPTION locationid:LOCATION departmentid:DEPARTMENT customerid vendorid "
    "employeeid projectid itemid classid currency exchrate:EXCHANGE_RATE amount:TRX_AMOUNT"
)
_SIDES = {"debit": "1", "credit": "-1", "increase": "1", "decrease": "-1", "1": "1", "-1": "-1"}


def create(call: Call) -> Answer:
    """Enter a journal entry, of either kind."""
    permit(call, "CREATE", "GLBATCH")
    described = call.books.find("GLBATCH")
    more = external(call, "GLBATCH", call.body)
    values = row_of(call, described, call.body, _HEAD)
    wrapper = call.body.find("gltransactionentries") or call.body.find("statgltransactionentries")
    lines = [_line(call, one) for one in wrapper.children] if wrapper is not None else []
    node = call.body.find("reversedate")
    extra = {"REVERSEDATE": day_text(call, node)} if node is not None else {}
    row = journal.create(call, Draft(described, values, {"GLENTRY": lines}, extra=extra))
    if more:
        number = int(row["RECORDNO"])
        table = call.books.table("GLBATCH")
        table.update(number, (table.get(number) or {}) | dict(more))
    return keyed(row["RECORDNO"])


def delete(call: Call) -> Answer:
    """Take an entry out again."""
    permit(call, "DELETE", "GLBATCH")
    number = number_of(call, "GLBATCH", (call.body.get("key") or "").strip())
    journal.delete(call, call.books.find("GLBATCH"), number)
    return keyed(str(number))


def _line(call: Call, node: Element) -> Draft:
    described = call.books.find("GLENTRY")
    values = row_of(call, described, node, _LINE)
    side = _SIDES.get(node.findtext("trtype").strip().lower())
    if side is None:
        raise refused(
            f"Illegal format for trtype: '{node.findtext('trtype')}'",
            errorno="BL03000018",
            correction="Say debit or credit.",
        )
    return Draft(described, {name: text for name, text in values.items() if text} | {"TR_TYPE": side})


def record_deposit(call: Call) -> Answer:
    """Bring receipts from undeposited funds to the bank."""
    permit(call, "CREATE", "DEPOSIT")
    books, body = call.books, call.body
    described = books.find("DEPOSIT")
    table = "bankaccountid:FINANCIALENTITY depositdate:WHENCREATED depositid description supdocid"
    row = row_of(call, described, body, table)
    bank = find(books, Reference(("CHECKINGACCOUNT", "SAVINGSACCOUNT"), "Bank Account"), row["FINANCIALENTITY"])
    receipts = _receipts(call, body.find("receiptkeys") or body.find("receipts"))
    chart = rules(books)
    entity = chart.entity_of.get(bank.get("LOCATIONID", ""), "")
    total = sum((amount(one, "TOTALENTERED") for one in receipts), ZERO)
    row |= {"RECORDNO": str(next_number(books, "PRRECORD")), "RECORDTYPE": "rd", "STATE": "A", "RAWSTATE": "A"}
    row |= {"BASECURR": chart.base_currency[entity], "CURRENCY": chart.base_currency[entity], "CLEARED": "F"}
    row |= {"TOTALENTERED": decimal_text(total), "TRX_TOTALENTERED": decimal_text(total)}
    row["BATCHDATE"] = row["WHENCREATED"]
    stamp(call, described, row, new=True)
    books.table("DEPOSIT").insert(row)
    for one in receipts:
        _banked(call, row, one, bank)
    _post(call, row, receipts, bank=bank, total=total)
    note(call, described, row, CREATED)
    return keyed(row["RECORDNO"])


def _receipts(call: Call, wrapper: Element | None) -> list[Row]:
    found = []
    for one in wrapper.children if wrapper is not None else ():
        number = number_of(call, "ARPYMT", one.text.strip())
        row = call.books.table("ARPYMT").get(number) or {}
        if row.get("FINANCIALENTITY") or call.books.store.fact(f"deposited:{number}"):
            raise refused(f"Receipt {number} is not in undeposited funds.", correction="Name receipts that wait.")
        found.append(row)
    if not found:
        raise refused("Nothing is deposited.", correction="Provide receiptkeys.")
    return found


def _banked(call: Call, deposit: Row, receipt: Row, bank: Row) -> None:
    books, described = call.books, call.books.find("DEPOSITENTRY")
    account = receipt.get("UNDEPOSITEDACCOUNTNO", "")
    found = find(books, Reference(("GLACCOUNT",), "GL Account"), account)
    cells: Row = {
        "RECORDKEY": deposit["RECORDNO"],
        "RECORDTYPE": "rd",
        "ACCOUNTNO": account,
        "ACCOUNTKEY": found.get("RECORDNO", ""),
        "ACCOUNTTITLE": found.get("TITLE", ""),
        "AMOUNT": receipt["TOTALENTERED"],
        "TRX_AMOUNT": receipt["TRX_TOTALENTERED"],
        "LOCATIONID": bank.get("LOCATIONID", ""),
        "DESCRIPTION": f"Receipt {receipt.get('RECORDID') or receipt['RECORDNO']}",
        "LINEITEM": "T",
        "CURRENCY": deposit["CURRENCY"],
        "BASECURR": deposit["BASECURR"],
        "STATUS": "active",
    }
    stamp(call, described, cells, new=True)
    books.table("DEPOSITENTRY").insert(cells, next_number(books, "PRENTRY"))
    books.store.keep_fact(f"deposited:{receipt['RECORDNO']}", deposit["RECORDNO"])


def _post(call: Call, row: Row, receipts: list[Row], *, bank: Row, total: Decimal) -> None:
    chart = rules(call.books)
    place = bank.get("LOCATIONID", "")
    waiting = receipts[0].get("UNDEPOSITEDACCOUNTNO", "")
    memo = row.get("DEPOSITID") or row["RECORDNO"]
    into = Line(bank.get("GLACCOUNTNO", ""), place, ZERO, ZERO, row["CURRENCY"], memo=memo)
    out_of = Line(waiting, place, ZERO, ZERO, row["CURRENCY"], memo=memo)
    posting = transfer(total, into=into, out_of=out_of, rules=chart)
    day = day_of(row, "WHENCREATED")
    voucher = Voucher("DEPOSIT", row | {"RECORDID": memo}, "CRJ", CASH_MANAGEMENT, f"Deposit {memo}", day)
    post(call, posting, voucher)


FUNCTIONS: dict[str, Callable[[Call], Answer]] = {
    "create_gltransaction": create,
    "create_statgltransaction": create,
    "delete_gltransaction": delete,
    "record_deposit": record_deposit,
}

"""Many writes with the object-specific functions, to measure a company after them."""

from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import RefusedError
from intacct_protocol.xml.codec import decode_response, encode_request
from intacct_protocol.xml.envelope import Control, Function, Login, Operation, Request
from intacct_protocol.xml.xml import parse

_ENDPOINT = "http://127.0.0.1/ia/xml/xmlgw.phtml"
_LOGIN = Login("demo-user", "demo-company", "demo-user-password")
_DAY = "<{0}><year>2026</year><month>11</month><day>20</day></{0}>"
_LINE = (
    "<lineitem><glaccountno>{0}</glaccountno><amount>10</amount><locationid>110</locationid>"
    "<departmentid>100</departmentid></lineitem>"
)


def write(emulator: Emulator, count: int) -> None:
    """Post `count` records: a bill, an invoice, its receipt and a journal entry, in turn."""
    for number in range(count // 4):
        _send(emulator, _bill(number))
        key = _send(emulator, _invoice(number))
        _send(emulator, _receipt(key))
        _send(emulator, _entry(number))


def _send(emulator: Emulator, function: str) -> str:
    call = Function(parse(function.encode()), "w")
    request = Request(Control("demo-sender", "demo-sender-password"), (Operation(_LOGIN, (call,)),))
    (result,) = decode_response(emulator(_ENDPOINT, encode_request(request)).body).operations[0].results
    if result.status != "success":
        raise RefusedError(f"a write of the benchmark was refused: {result.faults[0].text}")
    return result.key or ""


def _bill(number: int) -> str:
    head = f"<vendorid>V10087</vendorid>{_DAY.format('datecreated')}<termname>N30</termname><billno>B{number}</billno>"
    return f"<create_bill>{head}<billitems>{_LINE.format('60500')}</billitems></create_bill>"


def _invoice(number: int) -> str:
    head = f"<customerid>C20130</customerid>{_DAY.format('datecreated')}{_DAY.format('datedue')}"
    lines = f"<invoiceno>I{number}</invoiceno><invoiceitems>{_LINE.format('41100')}</invoiceitems>"
    return f"<create_invoice>{head}{lines}</create_invoice>"


def _receipt(key: str) -> str:
    head = "<customerid>C20130</customerid><paymentamount>10</paymentamount><bankaccountid>CHK-INS</bankaccountid>"
    applied = f"<arpaymentitem><invoicekey>{key}</invoicekey><amount>10</amount></arpaymentitem>"
    return f"<create_arpayment>{head}{_DAY.format('datereceived')}{applied}</create_arpayment>"


def _entry(number: int) -> str:
    lines = "".join(
        f"<glentry><trtype>{side}</trtype><amount>10</amount><glaccountno>{account}</glaccountno>"
        "<locationid>110</locationid><departmentid>100</departmentid></glentry>"
        for side, account in (("debit", "60500"), ("credit", "10010"))
    )
    head = f"<journalid>GJ</journalid>{_DAY.format('datecreated')}<description>E{number}</description>"
    body = f"{head}<gltransactionentries>{lines}</gltransactionentries>"
    return f"<create_gltransaction>{body}</create_gltransaction>"

"""Sends functions to an emulator as bytes, and decodes its answers."""

from collections.abc import Iterable
from typing import Any

from intacct_protocol.errors import Fault
from intacct_protocol.xml.codec import decode_response, encode_request
from intacct_protocol.xml.envelope import Authentication, Control, Function, Login, Operation, Request, Response, Result
from intacct_protocol.xml.reply import Transport
from intacct_protocol.xml.xml import Element, parse

LOGIN = Login("demo-user", "demo-company", "demo-user-password")
ENDPOINT = "http://127.0.0.1/ia/xml/xmlgw.phtml"


def send(
    emulator: Transport,
    *functions: str,
    authentication: Authentication = LOGIN,
    transaction: bool = False,
    control_ids: Iterable[str] = (),
    **control: Any,
) -> Response:
    request = encoded(
        *functions, authentication=authentication, transaction=transaction, control_ids=control_ids, **control
    )
    return decode_response(emulator(ENDPOINT, request).body)


def encoded(
    *functions: str,
    authentication: Authentication = LOGIN,
    transaction: bool = False,
    control_ids: Iterable[str] = (),
    **control: Any,
) -> bytes:
    """The bytes of a request with these functions."""
    ids = list(control_ids) or [f"c{place}" for place, _ in enumerate(functions)]
    calls = tuple(Function(parse(body.encode()), one) for body, one in zip(functions, ids, strict=True))
    sender = {"sender_id": "demo-sender", "password": "demo-sender-password", **control}
    return encode_request(Request(Control(**sender), (Operation(authentication, calls, transaction),)))


def results(emulator: Transport, *functions: str, **more: Any) -> tuple[Result, ...]:
    response = send(emulator, *functions, **more)
    assert response.operations, response.faults
    assert response.operations[0].results, response.operations[0].faults
    return response.operations[0].results


def one(emulator: Transport, function: str, **more: Any) -> Result:
    (result,) = results(emulator, function, **more)
    return result


def data(emulator: Transport, function: str, **more: Any) -> Element:
    result = one(emulator, function, **more)
    assert result.status == "success", result.faults
    assert result.data is not None
    return result.data


def faults(emulator: Transport, function: str, **more: Any) -> tuple[Fault, ...]:
    result = one(emulator, function, **more)
    assert result.status == "failure"
    return result.faults


def rows(page: Element) -> list[dict[str, str]]:
    return [{cell.tag: cell.text for cell in row} for row in page]


def query(name: str, fields: str, where: str = "", more: str = "") -> str:
    chosen = "".join(f"<field>{field}</field>" for field in fields.split())
    condition = f"<filter>{where}</filter>" if where else ""
    return f"<query><object>{name}</object><select>{chosen}</select>{condition}{more}</query>"


def element(tag: str, **cells: str | int) -> str:
    return f"<{tag}>{''.join(f'<{name}>{text}</{name}>' for name, text in cells.items())}</{tag}>"


def entry(*lines: str, day: str = "11/15/2026", journal: str = "GJ", **cells: str) -> str:
    """A journal entry; each line is `account side amount [FIELD=text ...]`."""
    body = "".join(map(line, lines))
    head = element("GLBATCH", JOURNAL=journal, BATCH_DATE=day, BATCH_TITLE="Test", **cells, ENTRIES=body)
    return f"<create>{head}</create>"


def line(spelled: str) -> str:
    account, side, amount, *more = spelled.split()
    cells = {"LOCATION": "110", **dict(part.split("=") for part in more)}
    return element("GLENTRY", ACCOUNTNO=account, TR_TYPE={"D": 1, "C": -1}[side], TRX_AMOUNT=amount, **cells)


LOGIN_XML = (
    "<authentication><login><userid>demo-user</userid><companyid>demo-company</companyid>"
    "<password>demo-user-password</password></login></authentication>"
)

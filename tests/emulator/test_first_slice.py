"""A session, a query, a lookup and a create, end to end over bytes."""

from intacct_bridge.emulator.gateway import Emulator
from intacct_bridge.wire.codec import decode_response, encode_request
from intacct_bridge.wire.envelope import Authentication, Control, Function, Login, Operation, Request, Response
from intacct_bridge.wire.xml import Element, parse

LOGIN = Login("demo-user", "demo-company", "demo-user-password")


def send(emulator: Emulator, *functions: str, authentication: Authentication = LOGIN, **control: object) -> Response:
    request = Request(
        Control("demo-sender", "demo-sender-password", **control),  # type: ignore[arg-type]
        (
            Operation(
                authentication, tuple(Function(parse(one.encode()), f"c{place}") for place, one in enumerate(functions))
            ),
        ),
    )
    return decode_response(emulator("http://127.0.0.1/ia/xml/xmlgw.phtml", encode_request(request)).body)


def data(response: Response) -> Element:
    found = response.operations[0].results[0].data
    assert found is not None
    return found


def test_a_session_is_opened_at_the_endpoint_it_was_asked_at() -> None:
    api = data(send(Emulator.empty(), "<getAPISession></getAPISession>")).children[0]
    assert api.findtext("endpoint") == "http://127.0.0.1/ia/xml/xmlgw.phtml"
    assert [child.tag for child in api.children] == ["sessionid", "endpoint", "locationid"]


def test_what_is_created_is_found() -> None:
    emulator = Emulator.empty()
    send(emulator, "<create><DEPARTMENT><DEPARTMENTID>100</DEPARTMENTID><TITLE>A &amp; B</TITLE></DEPARTMENT></create>")
    page = data(
        send(emulator, "<query><object>DEPARTMENT</object><select><field>TITLE</field></select></query>"),
    )
    assert page.get("totalcount") == "1"
    assert [row.findtext("TITLE") for row in page] == ["A & B"]

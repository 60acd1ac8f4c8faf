"""No secret survives in a recording, in any position and any escape; names and amounts are masked consistently."""

import html
import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_emulator.recordings.exchanges import Exchange, RecordingFolder, indented
from intacct_emulator.recordings.masks import ExchangeMasks, Mask
from intacct_protocol.xml.xml import Element, element, parse, serialize

KEY = bytes(32)
BOTH = (Mask.NAMES, Mask.AMOUNTS)


def request_of(body: str, sender_password: str = "s-p", authentication: str = "") -> Element:
    control = (
        f"<control><senderid>acme</senderid><password>{sender_password}</password><controlid>c</controlid></control>"
    )
    login = authentication or "<login><userid>u</userid><companyid>Acme</companyid><password>u-p</password></login>"
    return parse(
        f"<request>{control}<operation><authentication>{login}</authentication><content>"
        f'<function controlid="f">{body}</function></content></operation></request>'.encode()
    )


def masked(body: str, answer: str = "", masks: tuple[Mask, ...] = ()) -> tuple[Element, Element | None]:
    tree = parse(answer.encode()) if answer else None
    return ExchangeMasks(masks, KEY).exchange(request_of(body), tree)


def body_of(request: Element) -> Element:
    (function,) = Exchange(1, request).functions
    return function


# --- secrets


def xml_text(minimum: int) -> st.SearchStrategy[str]:
    """What XML can carry, and a tree keeps as it is."""
    signs = st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff")
    return st.text(signs, min_size=minimum, max_size=24).filter(lambda text: text == text.strip())


ESCAPES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "XML": html.escape,
    "XML twice": lambda text: html.escape(html.escape(text)),
    "XML without quotes": lambda text: html.escape(text, quote=False),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in Unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "URL": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "repr": lambda text: repr(text)[1:-1],
    "base64": lambda text: b64encode(text.encode()).decode(),
    "capitals": lambda text: text.upper() if text.isascii() else text,
}


def placed(secret: str, place: str) -> tuple[Element, Element | None]:
    """An exchange in which a secret is at a place where the gateway's clients send or get it."""
    login = element("login", element("userid", "u"), element("companyid", "c"), element("password", secret))
    session = element("sessionid", secret)
    function = element("readMore", element("resultId", "r"))
    answer: Element | None = None
    if place == "result":
        answer = element("response", element("data", element("api", element("sessionid", secret))))
    elif place == "function":
        function = element("create", element("USERINFO", element("LOGINID", "L"), element("PASSWORD", secret)))
    control = element(
        "control", element("senderid", "s"), element("password", secret if place == "sender" else "other")
    )
    block = login if place == "login" else session if place == "session" else element("sessionid", "another-session")
    operation = element(
        "operation", element("authentication", block), element("content", element("function", function))
    )
    return element("request", control, operation), answer


@given(secret=xml_text(8), place=st.sampled_from(["sender", "login", "session", "function", "result"]), data=st.data())
def test_no_secret_survives_in_any_escape(secret: str, place: str, data: st.DataObject) -> None:
    masks = ExchangeMasks(data.draw(st.sampled_from([(), BOTH])), KEY)
    first, answer = masks.exchange(*placed(secret, place))
    form = ESCAPES[data.draw(st.sampled_from(sorted(ESCAPES)))](secret)
    text = data.draw(st.sampled_from(["{}", "Sign-in with '{}' failed", '{{"p": "{}"}}', "https://u:{}@host/"])).format(
        form
    )
    refusal = element("error", element("errorno", text), element("description2", text))
    echo = element("response", element("errormessage", refusal), element("status", text), listtype=text, total=text)
    comments = element("VENDOR", element("COMMENTS", text), element("RECORDNO", text), note=text)
    notes = element("update", comments, element("object", text), element("keys", text), element("query", text))
    second, third = masks.exchange(request_with(notes), echo)
    for tree in (first, answer, second, third):
        for said in texts_of(tree):
            assert secret.casefold() not in said.casefold()
            assert form.rstrip("=").casefold() not in said.casefold()


def request_with(function: Element) -> Element:
    block = element("authentication", element("sessionid", "another-session"))
    return element("request", element("operation", block, element("content", element("function", function))))


def texts_of(tree: Element | None) -> list[str]:
    if tree is None:
        return []
    return [tree.text, *tree.attributes.values(), *(text for child in tree for text in texts_of(child))]


@pytest.mark.parametrize(
    ("body", "absent"),
    [
        ("<create><VENDOR><TAXID>12-3456789</TAXID></VENDOR></create>", "12-3456789"),
        ("<create><EMPLOYEE><SSN>078-05-1120</SSN></EMPLOYEE></create>", "078-05-1120"),
        ("<create><CREDITCARD><CARDNUM>4111111111111111</CARDNUM></CREDITCARD></create>", "4111111111111111"),
        ("<create><VENDOR><ACHACCOUNTNUMBER>000123456</ACHACCOUNTNUMBER></VENDOR></create>", "000123456"),
        ("<create><VENDOR><ACHBANKROUTINGNUMBER>011401533</ACHBANKROUTINGNUMBER></VENDOR></create>", "011401533"),
        ("<create_user><userpassword>geheim!!</userpassword></create_user>", "geheim!!"),
        ("<query><equalto><field>TAXID</field><value>12-3456789</value></equalto></query>", "12-3456789"),
        ("<readByQuery><object>VENDOR</object><query>TAXID = '12-3456789'</query></readByQuery>", "12-3456789"),
        ("<readByQuery><object>EMPLOYEE</object><query>SSN in ('078-05-1120')</query></readByQuery>", "078-05-1120"),
        ("<login><password>geheim!!</password></login>", "geheim!!"),
    ],
)  # fmt: skip
def test_private_fields_are_masked_wherever_a_request_names_them(body: str, absent: str) -> None:
    request, _ = masked(body)
    assert not absent or absent.encode() not in indented(request)


def test_an_attachment_stays_valid_and_says_nothing() -> None:
    attached = b64encode(b"salary list").decode()
    file = f"<attachment><attachmentdata>{attached}</attachmentdata></attachment>"
    request, _ = masked(f"<create_supdoc><attachments>{file}</attachments></create_supdoc>")
    assert attached.encode() not in indented(request)
    assert b"<attachmentdata>Kioq</attachmentdata>" in indented(request)


def test_without_more_masks_the_rest_stays() -> None:
    body = "<create><VENDOR><NAME>Acme</NAME><CREDITLIMIT>5000.00</CREDITLIMIT></VENDOR></create>"
    request, _ = masked(body)
    assert body_of(request) == body_of(request_of(body))


# --- names and amounts


def test_equal_texts_stay_equal_and_the_words_of_the_gateway_stay() -> None:
    body = (
        "<create><VENDOR><VENDORID>V-17</VENDORID><NAME>Acme Ltd</NAME><STATUS>active</STATUS>"
        "<CREDITLIMIT>5000.25</CREDITLIMIT><WHENMODIFIED>10/31/2026</WHENMODIFIED><CURRENCY>EUR</CURRENCY>"
        "<PARENTID>V-17</PARENTID><RECORDNO>57</RECORDNO></VENDOR></create>"
    )
    request, _ = masked(body, masks=BOTH)
    (vendor,) = body_of(request).children
    cells = {cell.tag: cell.text for cell in vendor}
    assert cells["VENDORID"] == cells["PARENTID"] != "V-17"
    assert [cells[name] for name in ("STATUS", "WHENMODIFIED", "CURRENCY", "RECORDNO")] == [
        "active", "10/31/2026", "EUR", "57",
    ]  # fmt: skip
    assert "Acme" not in cells["NAME"]
    assert cells["CREDITLIMIT"] != "5000.25"
    assert len(cells["CREDITLIMIT"]) == 7


@pytest.mark.parametrize(
    ("masks", "name", "amount"), [((Mask.NAMES,), False, True), ((Mask.AMOUNTS,), True, False), (BOTH, False, False)]
)
def test_each_mask_by_itself(masks: tuple[Mask, ...], name: bool, amount: bool) -> None:
    request, _ = masked("<create><BILL><VENDORID>Acme</VENDORID><TOTALDUE>17</TOTALDUE></BILL></create>", masks=masks)
    written = indented(request)
    assert (b"Acme" in written, b">17<" in written) == (name, amount)


@pytest.mark.parametrize(
    "body",
    [
        "<query><object>VENDOR</object><select><sum>TOTALDUE</sum></select><filter><equalto><field>NAME</field>"  # noqa: ISC004
        "<value>Acme</value></equalto></filter><pagesize>100</pagesize></query>",
        "<readByQuery><object>VENDOR</object><fields>*</fields><query>NAME = 'Acme'</query></readByQuery>",
        "<readByName><object>VENDOR</object><keys>Acme,B-2</keys><fields>NAME</fields></readByName>",
        '<get_list object="vendor"><filter><expression><field>name</field><operator>=</operator>'  # noqa: ISC004
        "<value>Acme</value></expression></filter></get_list>",
    ],
)
def test_the_structure_of_a_reading_function_stays(body: str) -> None:
    request, _ = masked(body, masks=BOTH)
    kept = serialize(body_of(request))
    for word in ("VENDOR", "TOTALDUE", "pagesize>100", "NAME", "*", 'object="vendor"', "operator>=<"):
        assert (word in kept) == (word in body)
    assert "Acme" not in kept


def test_the_text_of_an_error_keeps_its_words() -> None:
    answer = (
        "<response><errormessage><error><errorno>BL01001973</errorno><description2>The vendor Acme Ltd has no term "
        "'Net 17' for 120.50; see Vendor list</description2></error></errormessage></response>"
    )
    _, said = masked("<create><VENDOR><NAME>Acme Ltd</NAME></VENDOR></create>", answer, BOTH)
    assert said is not None
    text = said.children[0].children[0].findtext("description2")
    assert text.startswith("The vendor ")
    assert text.endswith("; see Vendor list")
    assert not any(part in text for part in ("Acme", "Net 17", "120.50"))
    assert said.children[0].children[0].findtext("errorno") == "BL01001973"


def test_an_apostrophe_quotes_nothing() -> None:
    text = "The vendor's term isn't known; the customer's is 'Net 17'"
    answer = f"<response><errormessage><error><description2>{text}</description2></error></errormessage></response>"
    _, said = masked("<create><VENDOR/></create>", answer, BOTH)
    assert said is not None
    shown = said.children[0].children[0].findtext("description2")
    assert shown.startswith("The vendor's term isn't known; the customer's is '")
    assert "Net 17" not in shown


@pytest.mark.parametrize(
    ("body", "absent"),
    [
        ("<x><subtotal><total>17.25</total></subtotal></x>", "17.25"),
        ("<x><NOTES>078-05-1120</NOTES></x>", "078-05-1120"),
        ("<readByQuery><query>NAME='Acme'AND CITY=\"Lyon\"</query></readByQuery>", "Acme"),
        ("<readByQuery><query>NAME='O''Brien'</query></readByQuery>", "Brien"),
        ("<create_vendor><vendorid>Acme</vendorid></create_vendor>", "Acme"),
        ('<update_vendor vendorid="Acme"/>', "Acme"),
    ],
)
def test_what_looks_like_structure_is_masked_where_it_is_none(body: str, absent: str) -> None:
    request, _ = masked(body, masks=BOTH)
    assert absent not in serialize(body_of(request))


def test_the_counts_of_a_list_stay() -> None:
    listed = '<data listtype="class" count="3" start="0" end="2" total="17"></data>'
    _, said = masked("<x/>", f"<response>{listed}</response>", BOTH)
    assert said is not None
    assert dict(said.children[0].attributes) == {
        "listtype": "class", "count": "3", "start": "0", "end": "2", "total": "17",
    }  # fmt: skip


def test_a_recording_holds_what_it_was_given(tmp_path: Path) -> None:
    recording = RecordingFolder.make(tmp_path, {"id": "r", "masks": []})
    exchange = Exchange(1, request_of("<readMore><resultId> r </resultId></readMore>"), element("response"), at="2026")
    assert recording.add(exchange) == "000001-readMore"
    assert [*RecordingFolder.open(tmp_path).exchanges()] == [exchange]

"""Every request gets a well-formed response and causes no incident.

`FUZZ=100 pytest tests/emulator/server/test_fuzz.py` tries a hundred times as many examples, and others in each run.
"""

import os
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.schema.functions import functions, parts_of
from intacct_protocol.xml.codec import decode_response
from intacct_protocol.xml.xml import Element, serialize
from support.emulator.calls import ENDPOINT

TIMES = int(os.environ.get("FUZZ", "1"))
TAGS = st.sampled_from(
    ["object", "select", "field", "filter", "and", "equalto", "in", "value", "orderby", "order", "pagesize", "offset",
     "keys", "fields", "query", "resultId", "options", "showprivate", "returnformat", "GLBATCH", "ENTRIES", "GLENTRY",
     "VENDOR", "NAME", "VENDORID", "RECORDNO", "TRX_AMOUNT", "TR_TYPE", "ACCOUNTNO", "startdate", "year", "a.b", "Ω"]
)  # fmt: skip
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
ANY_TEXT = st.text(CHARACTERS, max_size=20)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "VENDOR", "GLDETAIL", "*", "1", "-1", "1,2", "99999999999999999999", "1e999", "NaN", "RECORDNO", "NAME",
         "PARENT.NAME", "13/45/2026", "11/15/2026", "' OR 1=1 --", "RECORDNO > 1", "\u0085\u2028", "true", "json"]
    ),
    ANY_TEXT,
)  # fmt: skip
TREES = st.recursive(
    st.builds(Element, TAGS, TEXTS),
    lambda inner: st.builds(
        Element, TAGS, st.just(""), st.lists(inner, max_size=4).map(tuple), st.dictionaries(st.just("key"), TEXTS)
    ),
    max_leaves=12,
)
NAMES = st.sampled_from(sorted(functions()))
HEAD = (
    "<request><control><senderid>demo-sender</senderid><password>demo-sender-password</password>"
    "<controlid>c</controlid><uniqueid>false</uniqueid></control><operation><authentication><login>"
    "<userid>demo-user</userid><companyid>demo-company</companyid><password>demo-user-password</password></login>"
    "</authentication><content><function controlid='f'>"
)
TAIL = "</function></content></operation></request>"


@pytest.fixture(scope="module")
def busy(grown: Emulator) -> Emulator:
    return grown.clone()


def sent(emulator: Emulator, body: bytes) -> None:
    emulator.incidents.clear()
    reply = emulator(ENDPOINT, body)
    if not reply.headers["content-type"].startswith(("application/json", "text/csv")):
        decode_response(reply.body)
    assert emulator.incidents == []


@settings(max_examples=150 * TIMES, deadline=None, derandomize=TIMES == 1)
@given(body=st.binary(max_size=300))
def test_bytes(busy: Emulator, body: bytes) -> None:
    sent(busy, body)


@settings(max_examples=200 * TIMES, deadline=None, derandomize=TIMES == 1)
@given(name=NAMES, children=st.lists(TREES, max_size=4), attributes=st.dictionaries(TAGS, TEXTS, max_size=2))
def test_trees(busy: Emulator, name: str, children: list[Element], attributes: dict[str, str]) -> None:
    plain = {key: text for key, text in attributes.items() if key.isascii() and "." not in key}
    function = serialize(Element(name, "", tuple(children), plain))
    sent(busy, f"{HEAD}{function}{TAIL}".encode())


FILTERED = (
    "<query><object>{0}</object><select><field>{1}</field></select><filter><{4}><field>{2}</field><value>{3}</value>"
    "</{4}></filter><orderby><order><field>{1}</field><descending/></order></orderby></query>"
)
READS = st.sampled_from(
    [
        FILTERED,
        "<query><object>{0}</object><select><sum>{1}</sum><field>{2}</field></select></query>",
        "<readByQuery><object>{0}</object><query>{1} = '{3}' and {2} is not null</query></readByQuery>",
        "<read><object>{0}</object><keys>{3}</keys><fields>{1}</fields></read>",
        "<readByName><object>{0}</object><keys>{3}</keys></readByName>",
        "<update><{0}><RECORDNO>{3}</RECORDNO><{1}>{3}</{1}></{0}></update>",
        "<create><{0}><{1}>{3}</{1}><{2}>{3}</{2}></{0}></create>",
        "<delete><object>{0}</object><keys>{3}</keys></delete>",
    ]
)
OBJECTS = st.sampled_from(["VENDOR", "GLDETAIL", "GLBATCH", "SODOCUMENT", "AUDITHISTORY", "FUND", "APBILL", "CLASS"])
FIELDS = st.sampled_from(
    ["RECORDNO", "NAME", "WHENMODIFIED", "BATCH_DATE", "TOTALDUE", "STATUS", "ID", "id", "VENDOR.NAME", "STATE", "x"]
)
PLAIN = st.sampled_from(["", "1", "-5", "10/10/2026", "true", "T", "99999999999999999999999", "0.5", "active", "x y"])
OPERATORS = st.sampled_from(["equalto", "notequalto", "greaterthan", "lessthanorequalto", "like", "in", "notin"])


@settings(max_examples=250 * TIMES, deadline=None, derandomize=TIMES == 1)
@given(template=READS, name=OBJECTS, one=FIELDS, other=FIELDS, text=PLAIN, operator=OPERATORS)
def test_values(busy: Emulator, template: str, name: str, one: str, other: str, text: str, operator: str) -> None:
    sent(busy, f"{HEAD}{template.format(name, one, other, text, operator)}{TAIL}".encode())


TOKEN = re.compile(r"[\w#.\-]+|[()|]|[?*+]+")
IDS = st.sampled_from(
    [
        *(
            "1",
            "V10001",
            "C10001",
            "100",
            "110",
            "60100",
            "GJ",
            "APJ",
            "Sales Order",
            "Purchase Order",
            "E10001",
            "USD",
        ),
        *(
            "EUR",
            "10.25",
            "-3",
            "0",
            "true",
            "T",
            "11/15/2026",
            "2026",
            "11",
            "31",
            "debit",
            "credit",
            "Net 30",
            "Draft",
        ),
        *(
            "Submit",
            "active",
            "N",
            "",
            "zzz",
            "999999999999",
            "Sales Order-SO-0001",
            "2026-11-15",
            "\u00e9",
            "NaN",
            "1e5",
        ),
    ]
)
Draw = Callable[..., object]


def content(draw: Draw, model: str, parts: dict[str, str], depth: int) -> list[Element]:
    """Elements that match a content model, sometimes with optional ones, and with plausible values."""
    tokens = TOKEN.findall(model)
    made, rest = _choice(draw, tokens, parts, depth)
    assert not rest
    return made


def _choice(draw: Draw, tokens: list[str], parts: dict[str, str], depth: int) -> tuple[list[Element], list[str]]:
    options = []
    option, tokens = _sequence(draw, tokens, parts, depth)
    options.append(option)
    while tokens and tokens[0] == "|":
        option, tokens = _sequence(draw, tokens[1:], parts, depth)
        options.append(option)
    return options[draw(st.integers(0, len(options) - 1))], tokens  # type: ignore[call-overload]


def _sequence(draw: Draw, tokens: list[str], parts: dict[str, str], depth: int) -> tuple[list[Element], list[str]]:
    made: list[Element] = []
    while tokens and tokens[0] not in ("|", ")"):
        word, *tokens = tokens
        inner: list[Element] = []
        if word == "(":
            inner, tokens = _choice(draw, tokens, parts, depth)
            tokens = tokens[1:]
        elif word != "ANY":
            inner = [_element(draw, word, parts, depth)]
        often = ""
        while tokens and set(tokens[0]) <= set("?*+"):
            often, tokens = often + tokens[0], tokens[1:]
        made += inner if not set(often) & set("?*") or draw(st.booleans()) else []
    return made, tokens


def _element(draw: Draw, name: str, parts: dict[str, str], depth: int) -> Element:
    if name in parts and depth < 5:
        return Element(name, "", tuple(content(draw, parts[name], parts, depth + 1)))
    return Element(name, str(draw(IDS)))


@st.composite
def ordered(draw: Draw) -> str:
    """A function that matches its schema."""
    name = str(draw(NAMES))
    function, told = functions()[name], {}
    for one in function.attributes:
        if one.required or draw(st.booleans()):
            told[one.name] = str(draw(st.sampled_from(one.values) if one.values else IDS))
    return serialize(Element(name, "", tuple(content(draw, function.text, parts_of(name), 0)), told))


@settings(max_examples=250 * TIMES, deadline=None, derandomize=TIMES == 1)
@given(function=ordered(), transaction=st.booleans(), more=st.booleans())
def test_functions_that_the_schema_accepts(busy: Emulator, function: str, *, transaction: bool, more: bool) -> None:
    head = HEAD.replace("<operation>", f"<operation transaction='{str(transaction).lower()}'>")
    if more:
        told = "<includewhitespace>true</includewhitespace><showadditionalerrorinfo>true</showadditionalerrorinfo>"
        head = head.replace("</uniqueid>", f"</uniqueid>{told}")
    sent(busy, f"{head}{function}{TAIL}".encode())


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e999999", "-1E-999999", "one"])
@pytest.mark.parametrize(
    "function",
    [
        "<create_arpayment><customerid>C10001</customerid><paymentamount>{}</paymentamount></create_arpayment>",
        (
            "<create_bill><vendorid>V10001</vendorid><datecreated><year>2026</year><month>11</month><day>2</day>"
            "</datecreated><termname>Net 30</termname><billitems><lineitem><glaccountno>60100</glaccountno><amount>{}"
            "</amount></lineitem></billitems></create_bill>"
        ),
        (
            "<create><GLBATCH><JOURNAL>GJ</JOURNAL><BATCH_DATE>11/02/2026</BATCH_DATE><BATCH_TITLE>T</BATCH_TITLE><ENTRIES>"
            "<GLENTRY><ACCOUNTNO>60100</ACCOUNTNO><TR_TYPE>1</TR_TYPE><TRX_AMOUNT>{0}</TRX_AMOUNT></GLENTRY>"
            "<GLENTRY><ACCOUNTNO>60100</ACCOUNTNO><TR_TYPE>-1</TR_TYPE><TRX_AMOUNT>{0}</TRX_AMOUNT></GLENTRY>"
            "</ENTRIES></GLBATCH></create>"
        ),
    ],
    ids=["receipt", "bill", "entry"],
)
def test_texts_that_are_not_amounts_are_refused(busy: Emulator, function: str, amount: str) -> None:
    # found by fuzzing: an amount that is not a number, and one with a million digits
    busy.incidents.clear()
    response = decode_response(busy(ENDPOINT, f"{HEAD}{function.format(amount)}{TAIL}".encode()).body)
    assert busy.incidents == []
    assert response.operations[0].results[0].status == "failure"

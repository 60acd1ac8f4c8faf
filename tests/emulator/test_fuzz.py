"""Whatever is sent, the answer is a well-formed response, and nothing ends in an incident."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.talk import ENDPOINT
from intacct_bridge.emulator.gateway import Emulator
from intacct_bridge.emulator.grammar import functions
from intacct_bridge.wire.codec import decode_response
from intacct_bridge.wire.xml import Element, serialize

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
    reply = emulator(ENDPOINT, body)
    if not reply.headers["content-type"].startswith(("application/json", "text/csv")):
        decode_response(reply.body)
    assert emulator.incidents == []


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=300))
def test_bytes(busy: Emulator, body: bytes) -> None:
    sent(busy, body)


@settings(max_examples=200, deadline=None)
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


@settings(max_examples=250, deadline=None)
@given(template=READS, name=OBJECTS, one=FIELDS, other=FIELDS, text=PLAIN, operator=OPERATORS)
def test_values(busy: Emulator, template: str, name: str, one: str, other: str, text: str, operator: str) -> None:
    sent(busy, f"{HEAD}{template.format(name, one, other, text, operator)}{TAIL}".encode())

"""`readByQuery` and `readMore`: codes, lower-case rows, and a result that does not change while it is read."""

import pytest

from intacct_emulator.company.codes import _CODES
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.store.catalogue import standard_catalog
from intacct_protocol.xml.envelope import SessionAuth
from intacct_protocol.xml.xml import Element
from support.emulator.calls import data, faults, rows
from support.emulator.refusing_companies import Clock, world


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Emulator:
    emulator = world(clock)
    for number in range(1, 8):
        status = "active" if number % 2 else "inactive"
        emulator.company().table("CLASS").insert(
            {"CLASSID": f"K{number}", "NAME": f"Erin's {number}", "STATUS": status}
        )
    return emulator


def ask(emulator: Emulator, text: str = "", more: str = "", name: str = "CLASS", **others: object) -> Element:
    body = f"<readByQuery><object>{name}</object><query>{text}</query>{more}</readByQuery>"
    return data(emulator, body, **others)


def test_a_single_page_has_no_result_id(emulator: Emulator) -> None:
    # shape: the official PHP SDK's recorded readByQuery
    page = ask(emulator)
    assert dict(page.attributes) == {
        "listtype": "class", "count": "7", "totalcount": "7", "numremaining": "0", "resultId": "",
    }  # fmt: skip
    assert {row.tag for row in page} == {"class"}
    assert page.children[0].find("CLASSID") is not None


def test_statuses_are_compared_by_code_and_shown_by_name(emulator: Emulator) -> None:
    assert ask(emulator, "STATUS = 'T'").get("totalcount") == "4"
    assert ask(emulator, "STATUS = 'active'").get("totalcount") == "0"
    assert {row["STATUS"] for row in rows(ask(emulator, "STATUS in ('F')"))} == {"inactive"}
    assert ask(emulator, r"NAME = 'Erin\'s 3'").get("totalcount") == "1"
    assert ask(emulator, "rownum &lt; 3").get("totalcount") == "2"


def session(emulator: Emulator) -> SessionAuth:
    return SessionAuth(data(emulator, "<getAPISession/>").children[0].findtext("sessionid"))


def test_the_rest_is_read_by_the_result_id(emulator: Emulator) -> None:
    signed_in = session(emulator)
    page = ask(emulator, more="<pagesize>3</pagesize><fields>CLASSID</fields>", authentication=signed_in)
    result_id = page.get("resultId")
    assert result_id
    found = rows(page)
    emulator.company().table("CLASS").insert({"CLASSID": "LATE"})
    while page.get("numremaining") != "0":
        page = data(emulator, f"<readMore><resultId>{result_id}</resultId></readMore>", authentication=signed_in)
        assert page.get("resultId") == result_id
        found += rows(page)
    assert sorted(row["CLASSID"] for row in found) == [f"K{number}" for number in range(1, 8)]
    assert [set(row) for row in found] == [{"CLASSID"}] * 7


def test_the_last_result_of_an_object_can_be_named_by_the_object(emulator: Emulator) -> None:
    signed_in = session(emulator)
    ask(emulator, more="<pagesize>5</pagesize>", authentication=signed_in)
    page = data(emulator, "<readMore><object>CLASS</object></readMore>", authentication=signed_in)
    assert (page.get("count"), page.get("numremaining")) == ("2", "0")


def test_a_result_belongs_to_its_session_and_ends(emulator: Emulator, clock: Clock) -> None:
    signed_in = session(emulator)
    more = "<pagesize>2</pagesize>"
    result_id = ask(emulator, more=more, authentication=signed_in).get("resultId")
    function = f"<readMore><resultId>{result_id}</resultId></readMore>"
    assert faults(emulator, function, authentication=session(emulator))
    assert data(emulator, function, authentication=signed_in).get("count") == "2"
    clock.now += 31 * 60
    assert faults(emulator, function, authentication=signed_in)


@pytest.mark.parametrize("text", ["NOPE = 1", "NAME ORDER BY NAME", "WHENMODIFIED > '2026-01-01'", "PARENT.NAME = 'x'"])
def test_a_syntax_error_is_an_error_of_the_data_layer(emulator: Emulator, text: str) -> None:
    text = text.replace(">", "&gt;")
    (fault, *_) = faults(emulator, f"<readByQuery><object>CLASS</object><query>{text}</query></readByQuery>")
    assert fault.errorno == "DL02000001"


def test_the_order_of_rows_is_not_that_of_the_keys(emulator: Emulator) -> None:
    keys = [row["CLASSID"] for row in rows(ask(emulator))]
    assert keys != sorted(keys)
    assert keys == [row["CLASSID"] for row in rows(ask(emulator))]


def test_audit_history_is_read_in_words(emulator: Emulator) -> None:
    table = emulator.company().table("AUDITHISTORY")
    table.insert({"ID": "1", "OBJECTTYPE": "class", "ACCESSMODE": "D"})
    (row,) = rows(ask(emulator, "ACCESSMODE = 'Delete'", name="AUDITHISTORY"))
    assert row["ACCESSMODE"] == "Delete"


def test_every_code_stands_for_a_listed_value() -> None:
    for (name, field), known in _CODES.items():
        listed = standard_catalog()[name].fields[field].values
        words = set(known.values()) | set(known)
        assert not listed or words & set(listed) in (set(known.values()), set(known)), (name, field)


def test_a_display_value_equals_nothing(emulator: Emulator) -> None:
    def found(text: str) -> str:
        return ask(emulator, text).get("totalcount")

    assert found("STATUS = 'active'") == "0"
    assert found("STATUS not in ('active')") == found("STATUS is not null") == "7"
    assert found("STATUS in ('T', 'active')") == found("STATUS = 'T'") == "4"

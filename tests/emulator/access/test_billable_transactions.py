"""The billable transactions of a company, for every kind of call.

Expected numbers: RKL's page on API limits (records one by one, lines free, a page of a query is one) and Sage's page on
API usage (unsuccessful transactions are shown, rejections are not).
"""

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.faults import ScriptedFault
from intacct_emulator.settings.scenarios import scenario
from intacct_protocol.xml.envelope import Login, SessionAuth
from intacct_protocol.xml.reply import ConnectionCutError
from support.emulator.calls import data, element, one, query, results, send

OTHER = Login("demo-user", "other-company", "demo-user-password")


def company(*faults: ScriptedFault, **behaviour: object) -> Emulator:
    tree = {
        "behaviour": behaviour,
        "company": [
            {"company_id": "other-company", "senders": ["*"]},
            {"company_id": "demo-company", "senders": ["*"]},
        ],
        "sender": [{"sender_id": "partner", "password": "p", "marketplace": True}],
    }
    return Emulator.empty(settings=scenario(tree), faults=faults, sleep=lambda _: None)


def klass(key: str) -> str:
    return element("CLASS", CLASSID=key, NAME=key)


BILL = (
    "<create><APBILL><VENDORID>V</VENDORID><RECORDID>B</RECORDID><APBILLITEMS>"
    + "<APBILLITEM><ACCOUNTNO>1</ACCOUNTNO><TRX_AMOUNT>1</TRX_AMOUNT></APBILLITEM>" * 10
    + "</APBILLITEMS></APBILL></create>"
)
CALLS = {
    "a page of a query": (query("CLASS", "RECORDNO"), 1),
    "a page of readByQuery": ("<readByQuery><object>CLASS</object><query/></readByQuery>", 1),
    "a page of get_list": ('<get_list object="class"/>', 1),
    "one record by get": ('<get object="class" key="A"/>', 1),
    "a read of several keys": ("<read><object>CLASS</object><keys>1,2,3</keys></read>", 1),
    "a description": ("<lookup><object>CLASS</object></lookup>", 1),
    "a session": ("<getAPISession/>", 1),
    "a record created": (f"<create>{klass('N')}</create>", 1),
    "five records created": (f"<create>{''.join(klass(f'N{n}') for n in range(5))}</create>", 5),
    "records of two objects": (f"<create>{klass('N')}{element('DEPARTMENT', DEPARTMENTID=9, TITLE='T')}</create>", 2),
    "a bill with ten lines, refused": (BILL, 1),
    "a record updated": ("<update><CLASS><CLASSID>A</CLASSID><NAME>B</NAME></CLASS></update>", 1),
    "records deleted": ("<delete><object>CLASS</object><keys>1,2, 3,</keys></delete>", 3),
    "a legacy record created": ("<create_class><classid>L</classid><name>L</name></create_class>", 1),
    "a legacy record deleted": ('<delete_class key="A"/>', 1),
    "a function that is refused": ("<describeall/>", 1),
    "a report": ("<readReport><report>Bills due</report></readReport>", 1),
}


@pytest.mark.parametrize(("call", "cost"), CALLS.values(), ids=list(CALLS))
def test_each_kind_of_call_costs(call: str, cost: int) -> None:
    emulator = company()
    emulator.company().table("CLASS").insert({"CLASSID": "A", "NAME": "A"})
    send(emulator, call)
    assert emulator.transactions().total == cost
    assert emulator.received[-1].transactions == cost
    emulator.close()


def test_each_page_costs_one() -> None:
    emulator = company()
    for number in range(5):
        emulator.company().table("CLASS").insert({"CLASSID": f"C{number}", "NAME": "N"})
    api = data(emulator, "<getAPISession/>").children[0]
    session = SessionAuth(api.findtext("sessionid"))
    first = "<readByQuery><object>CLASS</object><query/><pagesize>2</pagesize></readByQuery>"
    result = data(emulator, first, authentication=session).get("resultId")
    for _ in range(2):
        data(emulator, f"<readMore><resultId>{result}</resultId></readMore>", authentication=session)
    for offset in (0, 2, 4):
        data(emulator, query("CLASS", "CLASSID", more=f"<pagesize>2</pagesize><offset>{offset}</offset>"))
    assert emulator.transactions().by_function == {"getAPISession": 1, "readByQuery": 1, "readMore": 2, "query": 3}
    emulator.close()


def test_batching_saves_nothing() -> None:
    emulator = company()
    results(emulator, *(f"<create>{klass(f'C{n}')}{klass(f'D{n}')}</create>" for n in range(10)))
    assert emulator.transactions().total == 20
    assert [request.transactions for request in emulator.received] == [20]
    emulator.close()


def test_failures_count_unless_the_settings_say_otherwise() -> None:
    for behaviour, cost in (({}, 8), ({"billed_failures": False}, 3)):
        emulator = company(**behaviour)
        one(emulator, f"<create>{klass('A')}{klass('A')}{klass('B')}</create>")  # two of three
        one(emulator, "<delete><object>CLASS</object><keys>1,9</keys></delete>")  # one of two
        one(emulator, "<describeall/>")
        results(emulator, f"<create>{klass('C')}</create>", f"<create>{klass('B')}</create>", transaction=True)
        assert emulator.transactions().total == cost
        emulator.close()


def test_what_is_refused_before_it_runs_costs_nothing() -> None:
    faults = (ScriptedFault("cut-before", "create"), ScriptedFault("http", "create", calls=(2,)))
    emulator = company(*faults, window_requests=5)
    with pytest.raises(ConnectionCutError):
        send(emulator, f"<create>{klass('A')}</create>")
    emulator("http://x", emulator.received[0]._body)
    send(emulator, query("CLASS", "RECORDNO"), sender_id="nobody")
    send(emulator, query("CLASS", "RECORDNO"), authentication=Login("demo-user", "demo-company", "wrong"))
    send(emulator, query("CLASS", "RECORDNO"), authentication=SessionAuth("0" * 48))
    send(emulator, "<nonsense/>")
    assert emulator.transactions().total == 0
    send(emulator, query("CLASS", "RECORDNO"))
    send(emulator, query("CLASS", "RECORDNO"))
    assert emulator.received[-1].outcome == "limited"
    assert emulator.transactions().total == 1
    emulator.close()


def test_what_was_done_counts_though_its_answer_is_lost() -> None:
    emulator = company(ScriptedFault("cut-after", "create"))
    with pytest.raises(ConnectionCutError):
        send(emulator, f"<create>{klass('A')}{klass('B')}</create>")
    assert emulator.transactions().total == 2
    emulator.close()


def test_each_company_has_its_own_count_and_partners_are_not_counted() -> None:
    # Marketplace partners' calls are not counted: the REST documentation's page on tiers
    emulator = company()
    send(emulator, f"<create>{klass('A')}</create>", query("CLASS", "RECORDNO"))
    send(emulator, query("CLASS", "RECORDNO"), authentication=OTHER)
    send(emulator, query("CLASS", "RECORDNO"), authentication=OTHER, sender_id="partner", password="p")
    assert emulator.transactions().by_sender == {"demo-sender": 2}
    assert (emulator.transactions().total, emulator.transactions("other-company").total) == (2, 1)
    emulator.restore(emulator.snapshot())
    assert emulator.transactions().total == 0
    emulator.close()

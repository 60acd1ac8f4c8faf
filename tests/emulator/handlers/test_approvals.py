"""Approval policies that a company declares: levels by amount, approvers, lists and histories."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import load_companies
from intacct_protocol.xml.envelope import Login, Result
from intacct_protocol.xml.xml import Element
from support.emulator.calls import element, query, results, rows

COMPANY = """
[[company]]
account = [
  { number = "1000" },
  { number = "2000", kind = "liability" },
  { number = "6000", kind = "expense" },
]
posting_accounts = { payables = "2000" }
user = [{ user_id = "clerk" }, { user_id = "lead" }, { user_id = "boss" }]
definition = [
  { name = "Order", module = "purchasing" },
  { name = "Vendor Invoice", module = "purchasing", kind = "Invoice", account = [{ account = "6000" }] },
]

[[company.approval]]
object = "APBILL"
progressive = true
level = [{ approvers = ["lead", "boss"], above = 100 }, { approvers = ["boss"], above = 1000 }]

[[company.approval]]
object = "PODOCUMENT"
definition = "Vendor Invoice"
level = [{ approvers = ["lead"] }]

[[company.approval]]
object = "VENDOR"
level = [{ approvers = ["boss"] }]

[company.records]
VENDOR = [{ VENDORID = "V1", NAME = "Acme" }]
ITEM = [{ ITEMID = "I1", NAME = "Rope", ITEMTYPE = "Non-Inventory" }]
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    path = tmp_path_factory.mktemp("approvals") / "company.toml"
    path.write_text(COMPANY)
    emulator = Emulator.empty(settings=load_companies(path))
    yield emulator
    emulator.close()


@pytest.fixture
def company(template: Emulator) -> Iterator[Emulator]:
    emulator = template.clone()
    yield emulator
    assert emulator.incidents == []
    emulator.close()


def ask(emulator: Emulator, user: str, function: str) -> Result:
    (result,) = results(emulator, function, authentication=Login(user, "demo-company", "demo-user-password"))
    return result


def done(emulator: Emulator, user: str, function: str) -> Element:
    result = ask(emulator, user, function)
    assert result.status == "success", result.faults
    return result.data or Element("data")


def bill(emulator: Emulator, amount: str) -> str:
    line = element("APBILLITEM", ACCOUNTNO="6000", TRX_AMOUNT=amount)
    head = {"VENDORID": "V1", "WHENCREATED": "10/05/2026", "WHENDUE": "11/05/2026"}
    made = done(emulator, "clerk", f"<create>{element('APBILL', **head, APBILLITEMS=line)}</create>")
    return made.children[0].findtext("RECORDNO")


def state(emulator: Emulator, name: str, key: str, field: str = "RECORDNO") -> str:
    where = f"<equalto><field>{field}</field><value>{key}</value></equalto>"
    (row,) = rows(done(emulator, "clerk", query(name, "STATE", where)))
    return row["STATE"]


def posted(emulator: Emulator) -> Decimal:
    where = "<equalto><field>ACCOUNTNO</field><value>6000</value></equalto>"
    found = rows(done(emulator, "clerk", query("GLDETAIL", "AMOUNT", where)))
    return sum((Decimal(row["AMOUNT"]) for row in found), Decimal(0))


def approve(key: str) -> str:
    return f"<approve>{element('APBILL', RECORDNO=key, COMMENT='fine')}</approve>"


def test_a_bill_below_every_level_posts_at_once(company: Emulator) -> None:
    assert state(company, "APBILL", bill(company, "100")) == "Posted"
    assert posted(company) == 100


def test_a_bill_waits_for_one_level_of_any_of_its_approvers(company: Emulator) -> None:
    key = bill(company, "100.01")
    assert (state(company, "APBILL", key), posted(company)) == ("Submitted", Decimal(0))
    refused = ask(company, "clerk", approve(key))
    assert "'clerk' cannot approve" in refused.faults[0].text
    assert "lead or boss" in refused.faults[0].correction
    done(company, "boss", approve(key))
    assert (state(company, "APBILL", key), posted(company)) == ("Posted", Decimal("100.01"))


def test_a_large_bill_passes_its_levels_in_their_order(company: Emulator) -> None:
    key = bill(company, "1000.01")
    done(company, "lead", approve(key))
    assert (state(company, "APBILL", key), posted(company)) == ("Partially Approved", Decimal(0))
    assert "at level 2" in ask(company, "lead", approve(key)).faults[0].text
    done(company, "boss", approve(key))
    assert (state(company, "APBILL", key), posted(company)) == ("Posted", Decimal("1000.01"))


def test_a_bill_goes_straight_to_the_level_of_its_amount_unless_the_policy_is_progressive(tmp_path: Path) -> None:
    path = tmp_path / "company.toml"
    path.write_text(COMPANY.replace("progressive = true\n", ""))
    company = Emulator.empty(settings=load_companies(path))
    key = bill(company, "1000.01")
    assert "at level 1" in ask(company, "lead", approve(key)).faults[0].text
    done(company, "boss", approve(key))
    assert (state(company, "APBILL", key), posted(company)) == ("Posted", Decimal("1000.01"))
    company.close()


def test_a_declined_bill_does_not_post_and_starts_again_when_it_is_sent_again(company: Emulator) -> None:
    key = bill(company, "5000")
    done(company, "lead", approve(key))
    done(company, "boss", f"<decline>{element('APBILL', RECORDNO=key)}</decline>")
    assert (state(company, "APBILL", key), posted(company)) == ("Declined", Decimal(0))
    assert "does not wait" in ask(company, "boss", approve(key)).faults[0].text
    line = element("APBILLITEM", ACCOUNTNO="6000", TRX_AMOUNT="4000")
    done(company, "clerk", f"<update>{element('APBILL', RECORDNO=key, APBILLITEMS=line)}</update>")
    assert state(company, "APBILL", key) == "Submitted"
    assert "at level 1" in ask(company, "clerk", approve(key)).faults[0].text
    for user in ("lead", "boss"):
        done(company, user, approve(key))
    assert (state(company, "APBILL", key), posted(company)) == ("Posted", Decimal(4000))


def test_an_invoice_of_purchasing_makes_its_bill_when_it_is_approved(company: Emulator) -> None:
    body = (
        "<create_potransaction><transactiontype>{}</transactiontype><datecreated><year>2026</year><month>10</month>"
        "<day>5</day></datecreated><vendorid>V1</vendorid><datedue><year>2026</year><month>11</month><day>5</day>"
        "</datedue><returnto><contactname></contactname></returnto><payto><contactname></contactname></payto>"
        "<potransitems><potransitem><itemid>I1</itemid><quantity>3</quantity><price>7.50</price></potransitem>"
        "</potransitems></create_potransaction>"
    )
    order = ask(company, "clerk", body.format("Order")).key or ""
    assert state(company, "PODOCUMENT", order, "DOCID") == "Pending"  # no policy is for orders
    key = ask(company, "clerk", body.format("Vendor Invoice")).key or ""
    assert (state(company, "PODOCUMENT", key, "DOCID"), posted(company)) == ("Submitted", Decimal(0))
    assert rows(done(company, "clerk", query("APBILL", "RECORDNO"))) == []
    waiting = "<getTransactionsToApprove><module>PO</module></getTransactionsToApprove>"
    listed = [[one.findtext("DOCID") for one in done(company, user, waiting).children[0]] for user in ("lead", "boss")]
    assert listed == [[key], []]
    done(company, "lead", f"<approve>{element('PODOCUMENT', DOCID=key, COMMENT='received')}</approve>")
    assert (state(company, "PODOCUMENT", key, "DOCID"), posted(company)) == ("Closed", Decimal("22.5"))
    asked = f"<getApprovalHistory><module>PO</module><docid>{key}</docid></getApprovalHistory>"
    history = [
        (one.findtext("userid"), one.findtext("state"), one.findtext("comments"))
        for one in done(company, "clerk", asked).children[0]
    ]
    assert history == [("clerk", "Submitted", ""), ("lead", "Approved", "received")]


def test_a_new_vendor_waits_for_its_approver(company: Emulator) -> None:
    new = element("VENDOR", VENDORID="V2", NAME="Bolt", DISPLAYCONTACT="<PRINTAS>Bolt</PRINTAS>")
    key = done(company, "clerk", f"<create>{new}</create>").children[0].findtext("RECORDNO")
    assert state(company, "VENDOR", "V2", "VENDORID") == "S"
    listed = done(company, "boss", "<getVendorsToApprove/>").children[0]
    assert [one.findtext("VENDORID") for one in listed] == ["V2"]
    decide = f"<approveVendor><recordno>{key}</recordno></approveVendor>"
    assert "cannot approve" in ask(company, "lead", decide).faults[0].text
    done(company, "boss", decide)
    assert state(company, "VENDOR", "V2", "VENDORID") == "A"
    asked = f"<getVendorApprovalHistory><recordno>{key}</recordno></getVendorApprovalHistory>"
    assert [one.findtext("userid") for one in done(company, "clerk", asked).children[0]] == ["clerk", "boss"]

"""A company that a TOML file alone declares: five entities in three currencies, a fiscal year from July, a cash book.

A journal entry, a bill, its payment and an order are posted on it over HTTP with requests in the documented shapes. The
expected amounts are worked out by hand. `sageintacctsdk`, unmodified, reads its custom field and its custom object.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sageintacctsdk
import urllib3
from sageintacctsdk.apis.api_base import ApiBase

from intacct_bridge.testing import Company, make_company
from intacct_protocol.xml.codec import decode_response, encode_request
from intacct_protocol.xml.envelope import Control, Function, Login, Operation, Request, Result
from intacct_protocol.xml.xml import Element, parse

HARBOURS = """
[[company]]
company_id = "harbours"
title = "Harbours United"
first_month = 7
books = ["ACCRUAL", "CASH"]
fiscal_years = [2027]
entity = [
  { id = "HAM", name = "Hamburg", currency = "EUR", due_from = "1900", due_to = "2900" },
  { id = "ROT", name = "Rotterdam", currency = "EUR", due_from = "1900", due_to = "2900" },
  { id = "DOV", name = "Dover", currency = "GBP", due_from = "1900", due_to = "2900" },
  { id = "NYC", name = "New York", currency = "USD", due_from = "1900", due_to = "2900" },
  { id = "BOS", name = "Boston", currency = "USD", due_from = "1900", due_to = "2900" },
]
location = [{ id = "QUAY", name = "North quay", parent = "HAM" }]
account = [
  { number = "1000", title = "Bank", kind = "asset" },
  { number = "1100", title = "Receivables", kind = "asset" },
  { number = "1900", title = "Due from entities", kind = "asset" },
  { number = "2000", title = "Payables", kind = "liability" },
  { number = "2900", title = "Due to entities", kind = "liability" },
  { number = "3000", title = "Retained earnings", kind = "equity" },
  { number = "4000", title = "Harbour dues", kind = "income" },
  { number = "6000", title = "Rent", kind = "expense" },
  { number = "6100", title = "Pilots", kind = "expense" },
  { number = "7000", title = "Exchange and rounding", kind = "expense" },
]
journal = [{ symbol = "GJ", title = "General journal" }, { symbol = "CASHJ", book = "CASH" }]
rate = [{ from = "GBP", to = "EUR", on = { 2026-07-01 = 1.16 } }]
dimension = [{ name = "FUND", value = [{ name = "General" }, { name = "Dredging" }] }]
custom_field = [{ object = "VENDOR", name = "RISK", type = "list", values = ["Low", "High"] }]
definition = [
  { name = "Dues Order", module = "sales" },
  { name = "Dues Invoice", module = "sales", kind = "Invoice", account = [{ account = "4000" }] },
]

[company.posting_accounts]
payables = "2000"
receivables = "1100"
exchange = "7000"
rounding = "7000"
retained_earnings = "3000"

[[company.user]]
user_id = "pilot"
password = "pilot-password"

[[company.custom_object]]
name = "BERTH"
field = [{ name = "RCUSTOMER", relation = "CUSTOMER" }, { name = "BUILT", type = "date" }]

[company.records]
CUSTOMER = [{ CUSTOMERID = "C1", NAME = "North Line" }]
VENDOR = [{ VENDORID = "V1", NAME = "Acme", RISK = "High" }]
ITEM = [{ ITEMID = "DUES", NAME = "Harbour dues", ITEMTYPE = "Non-Inventory" }]
BERTH = [{ name = "North 4", RCUSTOMER = 1, BUILT = 1998-05-06 }]

[[company.records.CHECKINGACCOUNT]]
BANKACCOUNTID = "BANK"
BANKNAME = "Harbour Bank"
GLACCOUNTNO = "1000"
LOCATIONID = "HAM"
CURRENCY = "EUR"
"""


@pytest.fixture(scope="module")
def harbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    path = tmp_path_factory.mktemp("harbours") / "harbours.toml"
    path.write_text(HARBOURS)
    company = make_company(company=str(path))
    yield company
    assert company.emulator.incidents == []
    company.close()


def post(company: Company, function: str) -> Result:
    """The result of one function, sent over HTTP."""
    login = Login("pilot", "harbours", "pilot-password")
    operation = Operation(login, (Function(parse(function.encode()), "c1"),))
    request = encode_request(Request(Control("demo-sender", "demo-sender-password"), (operation,)))
    answer = urllib3.request("POST", company.url, body=request, headers={"content-type": "application/xml"})
    (result,) = decode_response(answer.data).operations[0].results
    assert result.status == "success", result.faults
    return result


def key_of(result: Result) -> str:
    assert result.data is not None
    return result.data.children[0].findtext("RECORDNO")


def rows(company: Company, name: str, fields: str, equal: tuple[str, str]) -> list[tuple[str, ...]]:
    chosen = "".join(f"<field>{field}</field>" for field in fields.split())
    where = f"<equalto><field>{equal[0]}</field><value>{equal[1]}</value></equalto>"
    asked = f"<query><object>{name}</object><select>{chosen}</select><filter>{where}</filter></query>"
    data = post(company, asked).data
    return [tuple(cell.text for cell in row) for row in data or ()]


def detail(company: Company, batch: str) -> set[tuple[str, ...]]:
    """The rows of GLDETAIL of a batch: book, account, location, amount."""
    return set(rows(company, "GLDETAIL", "BOOKID ACCOUNTNO LOCATIONID AMOUNT", ("BATCHKEY", batch)))


def test_a_journal_entry_between_two_entities(harbours: Company) -> None:
    # 100 euros of rent in Rotterdam, paid by Hamburg: each entity balances with an account due to or from the other
    entry = (
        "<create><GLBATCH><JOURNAL>GJ</JOURNAL><BATCH_DATE>07/15/2026</BATCH_DATE><BATCH_TITLE>Rent</BATCH_TITLE>"
        "<BASELOCATION_NO>HAM</BASELOCATION_NO><ENTRIES>"
        "<GLENTRY><ACCOUNTNO>6000</ACCOUNTNO><TR_TYPE>1</TR_TYPE><TRX_AMOUNT>100.00</TRX_AMOUNT><LOCATION>ROT</LOCATION>"
        "<GLDIMFUND>10002</GLDIMFUND></GLENTRY>"
        "<GLENTRY><ACCOUNTNO>1000</ACCOUNTNO><TR_TYPE>-1</TR_TYPE><TRX_AMOUNT>100.00</TRX_AMOUNT>"
        "<LOCATION>HAM</LOCATION></GLENTRY></ENTRIES></GLBATCH></create>"
    )
    batch = key_of(post(harbours, entry))
    lines = {("6000", "ROT", "100"), ("2900", "ROT", "-100"), ("1900", "HAM", "100"), ("1000", "HAM", "-100")}
    assert detail(harbours, batch) == {(book, *line) for book in ("ACCRUAL", "CASH") for line in lines}
    funds = rows(harbours, "GLENTRY", "ACCOUNTNO GLDIMFUND BASECURR", ("BATCHNO", batch))
    assert ("6000", "10002", "EUR") in funds


def test_an_entry_of_the_cash_journal_is_in_the_cash_book_only(harbours: Company) -> None:
    lines = "".join(
        f"<GLENTRY><ACCOUNTNO>{account}</ACCOUNTNO><TR_TYPE>{side}</TR_TYPE><TRX_AMOUNT>7.77</TRX_AMOUNT>"
        "<LOCATION>DOV</LOCATION></GLENTRY>"
        for account, side in (("6000", 1), ("1000", -1))
    )
    head = "<JOURNAL>CASHJ</JOURNAL><BATCH_DATE>07/16/2026</BATCH_DATE><BATCH_TITLE>Cash only</BATCH_TITLE>"
    batch = key_of(post(harbours, f"<create><GLBATCH>{head}<ENTRIES>{lines}</ENTRIES></GLBATCH></create>"))
    assert detail(harbours, batch) == {("CASH", "6000", "DOV", "7.77"), ("CASH", "1000", "DOV", "-7.77")}


def test_a_bill_in_another_currency_and_its_payment(harbours: Company) -> None:
    # 200 pounds at 1.16 are 232 euros; the cash book has the rent on the day of the payment only
    bill = (
        "<create><APBILL><VENDORID>V1</VENDORID><WHENCREATED>07/20/2026</WHENCREATED><WHENDUE>08/20/2026</WHENDUE>"
        "<RECORDID>B-1</RECORDID><CURRENCY>GBP</CURRENCY><APBILLITEMS><APBILLITEM><ACCOUNTNO>6100</ACCOUNTNO>"
        "<TRX_AMOUNT>200</TRX_AMOUNT><LOCATIONID>HAM</LOCATIONID></APBILLITEM></APBILLITEMS></APBILL></create>"
    )
    key = key_of(post(harbours, bill))
    ((total, trx_total, base),) = rows(harbours, "APBILL", "TOTALENTERED TRX_TOTALENTERED BASECURR", ("RECORDNO", key))
    assert (Decimal(total), Decimal(trx_total), base) == (Decimal(232), Decimal(200), "EUR")
    posted = rows(harbours, "GLDETAIL", "BOOKID ACCOUNTNO AMOUNT", ("RECORDID", "B-1"))
    assert sorted(posted) == [("ACCRUAL", "2000", "-232"), ("ACCRUAL", "6100", "232")]
    payment = (
        "<create><APPYMT><FINANCIALENTITY>BANK</FINANCIALENTITY><PAYMENTMETHOD>EFT</PAYMENTMETHOD>"
        "<VENDORID>V1</VENDORID><PAYMENTDATE>08/10/2026</PAYMENTDATE><CURRENCY>GBP</CURRENCY>"
        f"<APPYMTDETAILS><APPYMTDETAIL><RECORDKEY>{key}</RECORDKEY><TRX_PAYMENTAMOUNT>200</TRX_PAYMENTAMOUNT>"
        "</APPYMTDETAIL></APPYMTDETAILS></APPYMT></create>"
    )
    post(harbours, payment)
    ((state, due),) = rows(harbours, "APBILL", "STATE TOTALDUE", ("RECORDNO", key))
    assert (state, Decimal(due)) == ("Paid", Decimal(0))
    cash = rows(harbours, "GLDETAIL", "BOOKID AMOUNT BATCH_DATE", ("ACCOUNTNO", "6100"))
    assert sorted(cash) == [("ACCRUAL", "232", "07/20/2026"), ("CASH", "232", "08/10/2026")]
    bank = rows(harbours, "GLDETAIL", "BOOKID AMOUNT", ("BATCH_DATE", "08/10/2026"))
    assert ("ACCRUAL", "-232") in bank


def test_an_order_becomes_an_invoice_on_the_account_of_its_definition(harbours: Company) -> None:
    # two ships of 75 dollars in Boston
    order = (
        "<create_sotransaction><transactiontype>{kind}</transactiontype><datecreated><year>2026</year><month>07</month>"
        "<day>21</day></datecreated>{source}<customerid>C1</customerid><datedue><year>2026</year><month>08</month>"
        "<day>21</day></datedue><sotransitems><sotransitem><itemid>DUES</itemid><quantity>2</quantity>"
        "<unit>Each</unit><price>75</price><locationid>BOS</locationid></sotransitem></sotransitems>"
        "</create_sotransaction>"
    )
    ordered = post(harbours, order.format(kind="Dues Order", source="")).key
    source = f"<createdfrom>{ordered}</createdfrom>"
    invoiced = post(harbours, order.format(kind="Dues Invoice", source=source)).key
    assert rows(harbours, "SODOCUMENT", "STATE", ("DOCID", str(ordered))) == [("Converted",)]
    ((key, currency, total),) = rows(harbours, "SODOCUMENT", "PRRECORDKEY BASECURR TOTAL", ("DOCID", str(invoiced)))
    assert (currency, Decimal(total)) == ("USD", Decimal(150))
    ((number,),) = rows(harbours, "ARINVOICE", "RECORDID", ("RECORDNO", key))
    posted = rows(harbours, "GLDETAIL", "BOOKID ACCOUNTNO LOCATIONID AMOUNT", ("RECORDID", number))
    assert sorted(posted) == [("ACCRUAL", "1100", "BOS", "150"), ("ACCRUAL", "4000", "BOS", "-150")]


def test_every_entity_balances_in_the_trial_balance(harbours: Company) -> None:
    for entity in ("HAM", "ROT", "DOV", "NYC", "BOS"):
        for book in ("ACCRUAL", "CASH"):
            asked = (
                "<get_trialbalance><startdate><year>2026</year><month>7</month><day>1</day></startdate><enddate>"
                "<year>2027</year><month>6</month><day>30</day></enddate>"
                f"<reportingbook>{book}</reportingbook><locationid>{entity}</locationid></get_trialbalance>"
            )
            data = post(harbours, asked).data or Element("data")
            assert sum(Decimal(one.findtext("endbalance")) for one in data) == 0


def test_a_foreign_client_reads_custom_field_and_object(harbours: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    original = ApiBase.__init__

    def pointed(self: Any, *positional: Any, **named: Any) -> None:
        original(self, *positional, **named)
        self._ApiBase__api_url = harbours.url

    monkeypatch.setattr(ApiBase, "__init__", pointed)
    sdk = sageintacctsdk.SageIntacctSDK(**harbours.credentials, show_private=True)
    found = sdk.vendors.get(field="VENDORID", value="V1", fields=["VENDORID", "NAME", "RISK"])
    (vendor,) = found["VENDOR"]
    assert dict(vendor) == {"VENDORID": "V1", "NAME": "Acme", "RISK": "High"}
    asked = {"query": {"object": "BERTH", "select": {"field": ["name", "RCUSTOMER.NAME", "BUILT"]}}}
    berth = sdk.vendors.format_and_send_request(asked)["data"]["BERTH"]
    assert dict(berth) == {"name": "North 4", "RCUSTOMER.NAME": "North Line", "BUILT": "05/06/1998"}

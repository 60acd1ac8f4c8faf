"""The currency of documents: decided by the plan, shown, sent, read back. Over the emulator, in three companies.

The order is the record's own, the paid document's, the party's, the entity's base. Rates and sums are worked out by
hand. Which currency the gateway takes for a document that names none is not documented, so each rule holds under all
settings of the emulator.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.rules.accounting import UNUSUAL_RATE
from intacct_bridge.results.loads import Plan, Receipts
from intacct_bridge.testing import Company
from intacct_emulator.settings.behaviour import Behaviour
from support.emulator.own_company import OwnCompany

DAILY = "Intacct Daily Rate"
RATES = {
    DAILY: (
        ("CAD", "USD", "2026-01-01", "0.75"),
        ("EUR", "USD", "2026-01-01", "1.10"),
        ("EUR", "CAD", "2026-01-01", "1.50"),
    )
}
NORTH = OwnCompany(entities={"US": "USD", "CA": "CAD"}, rate_types=RATES)
"""Two base currencies."""
HOUSE = OwnCompany(entities={"US": "USD"}, rate_types=RATES)
"""One base currency, and documents in others."""
ALONE = OwnCompany(entities={"US": "USD"})
"""One currency."""


class Books:
    """A company of a test, with what a person would do to it."""

    def __init__(self, own: OwnCompany, parties: Mapping[str, str], **settings: Any) -> None:
        unnamed = settings.pop("unnamed_currency", "party")
        behaviour = replace(Behaviour(), unnamed_currency=unnamed)
        self.company = Company(replace(own, behaviour=behaviour).emulator())
        for name, key in (("VENDOR", "VENDORID"), ("CUSTOMER", "CUSTOMERID")):
            table = self.table(name)
            for number, row in list(table.rows()):
                if row[key] in parties:
                    table.update(number, row | {"CURRENCY": parties[row[key]]})
        self.client = self.company.client(**settings)

    def table(self, name: str) -> Any:
        return self.company.emulator.company().table(name)

    def held(self, name: str = "APBILL", field: str = "CURRENCY") -> list[str]:
        """What the company holds, in the order of its record numbers."""
        return [row[field] for _, row in sorted(self.table(name).rows())]

    def plan(self, rows: Any, layout: str = "bills", **options: Any) -> Plan:
        return self.client.plan(rows, layout=layout, **options)

    def load(self, rows: Any, layout: str = "bills", **options: Any) -> Receipts:
        return self.plan(rows, layout, **options).apply(refused="skip", check=False)


@pytest.fixture
def opened() -> Iterator[list[Books]]:
    books: list[Books] = []
    yield books
    for each in books:
        each.client.close()
        each.company.close()


def bill(number: str = "B-1", amount: str = "900.00", *, location: str = "US", **cells: Any) -> dict[str, Any]:
    usual = {"vendor": "V1", "bill no": number, "date": "2026-11-10", "due date": "2026-12-10"}
    return {**usual, "account": "6000", "amount": amount, "location": location, **cells}


def said(plan: Plan) -> list[tuple[str, bool]]:
    return [(one.rule, one.refuses) for record in plan.records for one in record.findings]


EUR = {"currency": "EUR"}
CASES = [
    # company, party, the row's cells, settings -> decided, rule of its finding, what the company holds
    (NORTH, "", {}, {}, "USD", "", "USD"),
    (NORTH, "", {"location": "CA"}, {}, "CAD", "", "CAD"),
    (NORTH, "CAD", {}, {}, "CAD", "party currency", "CAD"),
    (NORTH, "CAD", {"location": "CA"}, {}, "CAD", "", "CAD"),
    (NORTH, "CAD", EUR, {}, "EUR", "", "EUR"),
    (NORTH, "CAD", {"currency": "usd"}, {}, "USD", "", "USD"),
    (NORTH, "CAD", {}, {"party_currency": "refuse"}, "CAD", "party currency", None),
    (NORTH, "USD", {}, {"party_currency": "refuse"}, "USD", "", "USD"),
    (NORTH, "CAD", EUR, {"party_currency": "refuse"}, "EUR", "", "EUR"),
    (NORTH, "CAD", {"amount": "US$900.00"}, {}, "CAD", "party currency", None),
    (NORTH, "CAD", {"amount": "USD 900.00"}, {}, "CAD", "party currency", None),
    (NORTH, "CAD", {"amount": "900.00 CAD"}, {}, "CAD", "party currency", "CAD"),
    (NORTH, "CAD", {"amount": "$900.00"}, {}, "CAD", "party currency", "CAD"),
    (NORTH, "", {"amount": "US$900.00"}, {}, "USD", "", "USD"),
    (NORTH, "", {"amount": "US$900.00", "location": "CA"}, {}, "CAD", "currency", None),
    (NORTH, "", {"amount": "US$900.00", "location": "CA", "currency": "USD"}, {}, "USD", "", "USD"),
    (HOUSE, "", {}, {}, "USD", "", "USD"),
    (HOUSE, "EUR", {}, {}, "EUR", "party currency", "EUR"),
    (HOUSE, "EUR", {"amount": "EUR 900.00"}, {}, "EUR", "party currency", "EUR"),
    (ALONE, "", {}, {}, "USD", "", "USD"),
    (ALONE, "", {"amount": "€900.00"}, {}, "USD", "currency", None),
    (ALONE, "", {}, {"send_currency": "always"}, "USD", "", "USD"),
]


@pytest.mark.parametrize("unnamed", ["party", "base", "refused"])
@pytest.mark.parametrize(("own", "party", "cells", "settings", "decided", "rule", "held"), CASES)
def test_the_company_holds_the_currency_that_the_plan_showed(
    opened: list[Books], own: OwnCompany, party: str, cells: dict[str, Any], settings: dict[str, str], decided: str,
    rule: str, held: str | None, unnamed: str,
) -> None:  # fmt: skip
    books = Books(own, {"V1": party} if party else {}, unnamed_currency=unnamed)
    opened.append(books)
    plan = books.plan([bill(**cells)], **settings)
    (record,) = plan.records
    assert [total.currency for total in plan.totals] == ([decided] if held else [])
    assert plan.to_dict()["records"][0]["currency"] == decided
    assert rule in [one.rule for one in record.findings] or not rule
    receipts = plan.apply(refused="skip")
    assert books.held() == ([held] if held else [])
    assert receipts.complete is (held is not None)


@pytest.mark.parametrize(("unnamed", "conflict"), [("party", False), ("base", True)])
def test_a_document_that_is_sent_without_its_currency_is_read_back(
    opened: list[Books], unnamed: str, conflict: bool
) -> None:
    """With `never` the gateway chooses; another currency than the plan's is an error, now and in every later load."""
    books = Books(NORTH, {"V1": "CAD"}, unnamed_currency=unnamed, send_currency="never")
    opened.append(books)
    receipts = books.load([bill()])
    (outcome,) = receipts
    assert books.held() == ["USD" if conflict else "CAD"]
    assert outcome.status is (RecordStatus.CONFLICT if conflict else RecordStatus.APPLIED)
    assert ("Intacct has it in USD, and the plan in CAD" in outcome.reason) is conflict
    assert receipts.complete is not conflict
    again = books.plan([bill()])
    (record,) = again.records
    assert record.verdict.value == ("refused" if conflict else "unchanged")
    assert said(again) == ([("currency", True)] if conflict else [])
    assert len(books.held()) == 1


def test_a_payment_has_the_currency_of_the_bill_that_it_pays(opened: list[Books]) -> None:
    books = Books(NORTH, {"V1": "CAD"})
    opened.append(books)
    assert books.load([bill("B-1"), bill("B-2", currency="USD")]).complete
    keys = books.held("APBILL", "RECORDNO")
    for number, key in zip(("B-1", "B-2"), keys, strict=True):
        native = {"FINANCIALENTITY": "BANK-US", "VENDORID": "V1", "PAYMENTMETHOD": "EFT", "PAYMENTDATE": "2026-11-20",
                  "APPYMTDETAILS": [{"RECORDKEY": key, "TRX_PAYMENTAMOUNT": Decimal(100)}]}  # fmt: skip
        assert books.load([native], "APPYMT", name=number).complete, number
    assert books.held("APPYMT") == ["CAD", "USD"]
    both = {"FINANCIALENTITY": "BANK-US", "VENDORID": "V1", "PAYMENTMETHOD": "EFT", "PAYMENTDATE": "2026-11-21",
            "APPYMTDETAILS": [{"RECORDKEY": key, "TRX_PAYMENTAMOUNT": Decimal(1)} for key in keys]}  # fmt: skip
    plan = books.plan([both], "APPYMT")
    assert "it pays documents in CAD and USD" in str(plan.records[0].reasons[0])
    assert len(books.held("APPYMT")) == 2


@pytest.mark.parametrize("layout", ["payments", "receipts"])
def test_a_file_of_payments_has_the_currency_of_what_is_paid(opened: list[Books], layout: str) -> None:
    """The currency in which the signs of its amounts are checked is the one in which Intacct has the payment."""
    books = Books(NORTH, {"V1": "CAD", "C1": "CAD"}, unnamed_currency="base")
    opened.append(books)
    party, document, name = {
        "payments": ("vendor", "bill", "APPYMT"), "receipts": ("customer", "invoice", "ARPYMT")
    }[layout]  # fmt: skip
    invoice = {"customer": "C1", "invoice no": "I-1", "date": "2026-11-10", "due date": "2026-12-10",
               "account": "4000", "amount": "900.00", "location": "US"}  # fmt: skip
    assert books.load([bill("I-1") if party == "vendor" else invoice], f"{document}s").complete

    def payment(amount: str, number: str, **more: str) -> dict[str, str]:
        day = "payment date" if party == "vendor" else "receipt date"
        head = {party: "V1" if party == "vendor" else "C1", f"{document} no": "I-1", "amount": amount}
        bank = {day: "2026-11-20", "payment method": "EFT", "bank account": "BANK-US", "payment no": number}
        return {**head, **bank, **more}

    signed = books.plan([payment("US$10.00", "1")], layout)
    assert "the amount has the sign US$, and the record is in CAD" in str(signed.records[0].reasons[0])
    plan = books.plan([payment("CAD 10.00", "2")], layout)
    assert [(total.currency, total.amount) for total in plan.totals] == [("CAD", Decimal(10))]
    assert plan.apply().complete
    assert (books.held(name), books.held(name, "TRX_TOTALENTERED")) == (["CAD"], ["10"])
    other = books.plan([payment("10.00", "3", currency="USD")], layout)
    assert said(other) == [("currency", False)]
    assert "it is in USD, and pays documents in CAD" in str(other.records[0].findings[0])
    assert not other.apply(refused="skip", check=False).complete, "the emulator refuses it"
    assert books.held(name) == ["CAD"]


def test_the_lines_of_a_journal_entry_have_the_currency_of_their_entity(opened: list[Books]) -> None:
    books = Books(NORTH, {})
    opened.append(books)

    def rows(title: str, location: str, **cells: str) -> list[dict[str, str]]:
        head = {"journal": "GJ", "date": "2026-11-10", "title": title, "location": location, **cells}
        return [{**head, "account": "6000", "debit": "10"}, {**head, "account": "1000", "credit": "10"}]

    ten = Decimal(10)
    entries = [*rows("A", "US"), *rows("B", "CA"), *rows("C", "CA", currency="EUR")]
    plan = books.plan(entries, "journal-entries")
    assert [one["currency"] for one in plan.to_dict()["records"]] == ["USD", "CAD", "EUR"]
    assert [(one.currency, one.debit, one.credit) for one in plan.totals] == [
        ("CAD", ten, ten), ("EUR", ten, ten), ("USD", ten, ten),
    ]  # fmt: skip
    assert plan.apply().complete
    assert books.held("GLENTRY") == ["USD", "USD", "CAD", "CAD", "EUR", "EUR"]
    assert [one.verdict.value for one in books.plan(entries, "journal-entries").records] == ["unchanged"] * 3


def test_amounts_of_different_currencies_are_never_added(opened: list[Books]) -> None:
    books = Books(NORTH, {"V1": "CAD"})
    opened.append(books)
    rows = [bill("B-1", "900.00"), bill("B-2", "100.00", vendor="V2"), bill("B-3", "1.00", currency="EUR")]
    plan = books.plan(rows)
    expected = [("CAD", Decimal("900.00")), ("EUR", Decimal("1.00")), ("USD", Decimal("100.00"))]
    assert [(one.currency, one.amount) for one in plan.totals] == expected
    plan.apply()
    entries = books.client.outbox.entries()
    assert sorted((one.currency, one.amount) for entry in entries for one in entry.totals) == expected


def test_a_decided_currency_does_not_change_what_a_record_is_known_by(opened: list[Books]) -> None:
    books = Books(NORTH, {"V1": "CAD"})
    opened.append(books)
    for mode in ("never", "always", "auto"):
        assert books.load([bill()], send_currency=mode).complete
    table = books.table("VENDOR")
    ((number, row), *_) = table.rows()
    table.update(number, row | {"CURRENCY": "USD"})
    (again,) = books.plan([bill()]).records
    assert (again.verdict.value, again.write.currency) == ("unchanged", "CAD")
    assert books.held() == ["CAD"]


def test_a_saved_plan_is_refused_if_its_currency_would_be_another(opened: list[Books], tmp_path: Any) -> None:
    books = Books(NORTH, {"V1": "CAD"})
    opened.append(books)
    plan = books.plan([bill()])
    file = plan.save(tmp_path / "bills.plan")
    reopened = books.client.open_plan(file)
    assert [one.currency for one in reopened.totals] == ["CAD"]
    table = books.table("VENDOR")
    ((number, row), *_) = table.rows()
    table.update(number, row | {"CURRENCY": "USD"})
    books.company.client().close()
    with pytest.raises(Exception, match="the currency is CAD in the plan, and USD now"):
        reopened.apply()
    assert books.held() == []


def test_a_saved_plan_is_applied_as_it_was_shown(opened: list[Books], tmp_path: Any) -> None:
    books = Books(NORTH, {"V1": "CAD"})
    opened.append(books)
    rate = {"currency": "EUR", "exchange rate": "2000000"}
    plan = books.plan([bill("B-1"), bill("B-2", **rate)], unusual_rates="use")
    assert (UNUSUAL_RATE, False) in said(plan)
    file = plan.save(tmp_path / "bills.plan")
    assert books.client.open_plan(file).apply().complete
    assert books.held() == ["CAD", "EUR"]


def test_the_financial_setup_is_asked_once_and_parties_come_with_the_references(opened: list[Books]) -> None:
    books = Books(NORTH, {"V1": "CAD"})
    opened.append(books)
    books.plan([bill()])
    first = books.client.meter.transactions
    asked = books.company.received("getFinancialSetup")
    assert len(asked) == 1
    books.plan([bill("B-9")])
    assert len(books.company.received("getFinancialSetup")) == 1
    assert books.client.meter.transactions - first <= first


MAPPING = """
object = "APBILL"

[fields]
VENDORID = "Supplier"
RECORDID = "Number"
WHENCREATED = { from = "Day", as = "date" }
WHENDUE = { from = "Day", as = "date" }

[[lines]]
object = "APBILLITEM"

[lines.fields]
ACCOUNTNO = "Account"
TRX_AMOUNT = { from = "Sum", as = "number" }
LOCATIONID = "Place"
"""
NATIVE_LINE = {"ACCOUNTNO": "6000", "TRX_AMOUNT": Decimal(900), "LOCATIONID": "US"}
NATIVE = {"VENDORID": "V1", "RECORDID": "B-1", "WHENCREATED": "2026-11-10", "WHENDUE": "2026-12-10"}
UNIFIED = {"billNumber": "B-1", "issueDate": "2026-11-10", "createdAt": "2026-11-10", "dueDate": "2026-12-10"}
WAYS = [
    ("bills", bill()),
    ("APBILL", {**NATIVE, "APBILLITEMS": [NATIVE_LINE]}),
    ("APBILL", {**NATIVE, "EXTERNALID": "X-1", "APBILLITEMS": [NATIVE_LINE]}),
    ("mapped", {"Supplier": "V1", "Number": "B-1", "Day": "2026-11-10", "Account": "6000", "Sum": "900",
                "Place": "US"}),
    ("v1:Bills", {**UNIFIED, "vendorId": "V1",
                  "lineItems": [{"accountNumber": "6000", "amount": 900, "locationId": "US"}]}),
    ("v2:Bill", {**UNIFIED, "vendorName": "Vendor 1",
                 "lineItems": [{"accountName": "Rent", "amount": 900, "locationName": "US"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("layout", "row"), WAYS)
def test_every_way_to_read_rows_has_the_decided_currency(
    opened: list[Books], layout: str, row: dict[str, Any], tmp_path: Any
) -> None:
    books = Books(NORTH, {"V1": "CAD"}, unnamed_currency="base")
    opened.append(books)
    options: dict[str, Any] = {"layout": layout}
    if layout == "mapped":
        (tmp_path / "bills.toml").write_text(MAPPING)
        options = {"mapping": tmp_path / "bills.toml"}
    plan = books.client.plan([row], **options)
    assert [(one.currency, one.amount) for one in plan.totals] == [("CAD", Decimal(900))], plan.refusals
    assert plan.apply().complete
    assert books.held() == ["CAD"]


CUSTOMERS = [
    ("invoices", "ARINVOICE", {"customer": "C1", "invoice no": "I-1", "date": "2026-11-10", "due date": "2026-12-10",
                               "account": "4000", "amount": "50", "location": "US"}),
    ("ARADJUSTMENT", "ARADJUSTMENT", {"CUSTOMERID": "C1", "WHENCREATED": "2026-11-10", "RECORDID": "A-1",
        "ARADJUSTMENTITEMS": [{"ACCOUNTNO": "4000", "TRX_AMOUNT": Decimal(-50), "LOCATIONID": "US"}]}),
    ("APADJUSTMENT", "APADJUSTMENT", {"VENDORID": "V1", "WHENCREATED": "2026-11-10", "RECORDID": "A-1",
        "APADJUSTMENTITEMS": [{"ACCOUNTNO": "6000", "TRX_AMOUNT": Decimal(-50), "LOCATIONID": "US"}]}),
    ("EEXPENSES", "EEXPENSES", {"EMPLOYEEID": "E1", "WHENCREATED": "2026-11-10", "RECORDID": "X-1",
        "EEXPENSESITEMS": [{"ACCOUNTNO": "6100", "AMOUNT": Decimal(50), "ENTRY_DATE": "2026-11-10",
                            "LOCATIONID": "US"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("layout", "name", "row"), CUSTOMERS)
def test_functions_of_their_own_name_the_currency_with_a_rate(
    opened: list[Books], layout: str, name: str, row: dict[str, Any]
) -> None:
    """Their grammar demands a rate or a rate type beside a currency: an empty type is the daily rate."""
    books = Books(NORTH, {"C1": "CAD", "V1": "CAD"}, unnamed_currency="base")
    opened.append(books)
    plan = books.plan([row], layout)
    expected = "USD" if name == "EEXPENSES" else "CAD"
    assert [one["currency"] for one in plan.to_dict()["records"]] == [expected], plan.refusals
    assert plan.apply().complete
    assert books.held(name) == [expected]
    sent = books.company.received()[-1]
    assert sent is not None
    rates = [Decimal(text) for text in books.held(name, "EXCHANGE_RATE")] if name != "EEXPENSES" else []
    assert rates == ([Decimal("0.75")] if rates else [])


def test_without_the_financial_setup_the_plan_goes_by_entities_and_parties(opened: list[Books]) -> None:
    for own, party, expected in ((NORTH, "", "USD"), (HOUSE, "EUR", "EUR")):
        books = Books(own, {"V1": party} if party else {}, unnamed_currency="base")
        opened.append(books)
        books.company.inject(
            "fault", function="getFinancialSetup", calls=(), errorno="BL03000002", text="You do not have permission"
        )
        plan = books.plan([bill()])
        assert [one.currency for one in plan.totals] == [expected]
        assert plan.apply().complete
        assert books.held() == [expected]


def test_a_party_that_may_not_be_read_decides_nothing(opened: list[Books]) -> None:
    books = Books(NORTH, {"V1": "CAD"})
    opened.append(books)
    books.company.inject(
        "fault", function="query", object="VENDOR", calls=(), errorno="BL03000002", text="No permission"
    )
    plan = books.plan([bill()])
    assert [one.currency for one in plan.totals] == [""]
    assert any("VENDOR" in text for text in plan.unchecked)
    assert plan.apply().complete
    assert books.held() == ["CAD"]  # as the gateway chose


def test_orders_have_the_currency_of_their_customer(opened: list[Books]) -> None:
    definition = {"RECORDNO": 1, "DOCID": "Sales Order", "DOCCLASS": "Order", "UPDATES_GL": "N", "STATUS": "active"}
    books = Books(replace(NORTH, records={"SODOCUMENTPARAMS": [definition]}), {"C1": "CAD"}, unnamed_currency="base")
    opened.append(books)
    line = {"ITEMID": "I1", "WAREHOUSE.LOCATION_NO": "W1", "QUANTITY": 2, "PRICE": 10, "LOCATIONID": "US"}
    order = {"DOCPARID": "Sales Order", "CUSTVENDID": "C1", "WHENCREATED": "2026-11-10", "DOCNO": "S-1",
             "TERM.NAME": "N30", "SODOCUMENTENTRIES": [line]}  # fmt: skip
    plan = books.plan([order], "SODOCUMENT")
    assert [one["currency"] for one in plan.to_dict()["records"]] == ["CAD"], plan.refusals
    assert plan.apply().complete
    assert books.held("SODOCUMENT") == ["CAD"]


@pytest.mark.parametrize(("mode", "queries"), [("auto", 0), ("never", 1)])
def test_a_later_load_asks_for_the_lines_of_entries_that_were_sent_without_currency(
    opened: list[Books], mode: str, queries: int
) -> None:
    books = Books(NORTH, {}, send_currency=mode)
    opened.append(books)
    head = {"journal": "GJ", "date": "2026-11-10", "title": "Rent", "location": "CA"}
    rows = [{**head, "account": "6000", "debit": "10"}, {**head, "account": "1000", "credit": "10"}]
    assert books.load(rows, "journal-entries").complete
    before = len(books.company.received("query"))
    (again,) = books.plan(rows, "journal-entries").records
    asked = [one for one in books.company.received("query")[before:] if one.findtext("object") == "GLENTRY"]
    assert (again.verdict.value, again.write.currency, len(asked)) == ("unchanged", "CAD", queries)
    table = books.table("GLENTRY")
    for number, row in list(table.rows()):
        table.update(number, row | {"CURRENCY": "USD"})
    (moved,) = books.plan(rows, "journal-entries").records
    assert moved.verdict.value == ("refused" if mode == "never" else "unchanged")


@pytest.mark.parametrize(("own", "sent"), [(NORTH, ["CAD", "CAD"]), (ALONE, [])])
def test_lines_that_an_update_replaces_have_the_decided_currency_too(
    opened: list[Books], own: OwnCompany, sent: list[str]
) -> None:
    """No page says which currency the gateway takes for a line that names none."""
    books = Books(own, {})
    opened.append(books)
    location = "CA" if own is NORTH else "US"

    def rows(amount: str) -> list[dict[str, str]]:
        head = {"JOURNAL": "GJ", "BATCH_DATE": "2026-11-10", "BATCH_TITLE": "Rent", "REFERENCENO": "R-1"}
        sides = (("6000", "1"), ("1000", "-1"))
        lines = [
            {"ACCOUNTNO": account, "TR_TYPE": side, "TRX_AMOUNT": amount, "LOCATION": location}
            for account, side in sides
        ]
        return [{**head, **line} for line in lines]

    assert books.load(rows("5"), "GLBATCH").complete
    plan = books.plan(rows("6"), "GLBATCH", mode="upsert", key=("REFERENCENO",))
    (record,) = plan.records
    assert record.verdict.value == "update"
    named = [str(line.fields["CURRENCY"]) for line in record.write.all_lines if "CURRENCY" in line.fields]
    assert named == sent
    assert plan.apply().complete
    lines = [row for _, row in books.table("GLENTRY").rows()]
    assert {(row["TRX_AMOUNT"], row["CURRENCY"]) for row in lines} == {("6", "CAD" if sent else "USD")}

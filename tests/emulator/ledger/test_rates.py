"""Exchange rates by rate type and rate date, in journal entries, documents, payments and orders. Sums by hand."""

from typing import Any

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.behaviour import Behaviour
from support.emulator.calls import data, faults, one, query, rows
from support.emulator.own_company import OwnCompany
from support.emulator.own_records import bill, day_of, detail, invoice, journal, key_of, payment

RATES = {
    "Spot": (("EUR", "USD", "2026-01-01", "1.10"), ("EUR", "USD", "2026-11-01", "1.20")),
    "Budget": (("EUR", "USD", "2026-01-01", "1.05"),),
    "Intacct Daily Rate": (("EUR", "USD", "2026-01-01", "1.15"),),
}
COMPANY = OwnCompany(rate_types=RATES)


@pytest.fixture
def own() -> Emulator:
    return COMPANY.emulator()


CHOICES = [
    ({}, "115"),
    ({"EXCH_RATE_TYPE_ID": "Intacct Daily Rate"}, "115"),
    ({"EXCH_RATE_TYPE_ID": "Spot"}, "120"),
    ({"EXCH_RATE_TYPE_ID": "1"}, "120"),
    ({"EXCH_RATE_TYPE_ID": "2"}, "105"),
    ({"EXCH_RATE_TYPE_ID": "Spot", "EXCH_RATE_DATE": "10/31/2026"}, "110"),
    ({"EXCHANGE_RATE": "1.3"}, "130"),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_a_bill_has_the_rate_of_its_type_and_day(own: Emulator, choice: dict[str, str], expected: str) -> None:
    key_of(own, bill("100", CURRENCY="EUR", **choice))
    assert detail(own) == [["6000", expected], ["2000", f"-{expected}"]]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_a_journal_line_has_the_rate_of_its_type_and_day(own: Emulator, choice: dict[str, str], expected: str) -> None:
    more = "".join(f" {name}={text}" for name, text in choice.items() if " " not in text)
    if any(" " in text for text in choice.values()):
        return
    key_of(own, journal(f"6000 D 100 CURRENCY=EUR{more}", f"1000 C 100 CURRENCY=EUR{more}"))
    assert detail(own) == [["6000", expected], ["1000", f"-{expected}"]]
    stored = rows(data(own, query("GLENTRY", "EXCHANGE_RATE EXCH_RATE_DATE")))
    assert stored[0]["EXCHANGE_RATE"].rstrip("0") == str(int(expected) / 100).rstrip("0")
    assert stored[0]["EXCH_RATE_DATE"] == choice.get("EXCH_RATE_DATE", "11/10/2026")


@pytest.mark.parametrize(("kind", "expected"), [("Spot", "120"), ("1", "120"), ("Budget", "105"), ("", "115")])
def test_a_legacy_invoice_has_the_rate_of_its_type(own: Emulator, kind: str, expected: str) -> None:
    more = f"<currency>EUR</currency><exchratetype>{kind}</exchratetype>"
    key_of(own, invoice("100", more=more))
    assert detail(own) == [["4000", f"-{expected}"], ["1100", expected]]


def test_a_payment_has_the_rate_of_its_type_and_the_gain_is_posted(own: Emulator) -> None:
    """100 euros are owed at 1.20 and paid at 1.10 (the spot rate of 31 October): a gain of 10."""
    key = key_of(own, bill("100", CURRENCY="EUR", EXCH_RATE_TYPE_ID="Spot"))
    key_of(own, payment(key, "100", CURRENCY="EUR", EXCH_RATE_DATE="10/31/2026", EXCH_RATE_TYPE_ID="Spot"))
    assert detail(own)[2:] == [["2000", "120"], ["1000", "-110"], ["7190", "-10"]]


def test_another_type_in_an_update_looks_the_rate_up_again(own: Emulator) -> None:
    key = key_of(own, bill("100", CURRENCY="EUR", EXCH_RATE_TYPE_ID="Spot"))
    body = f"<APBILL><RECORDNO>{key}</RECORDNO><EXCH_RATE_TYPE_ID>Budget</EXCH_RATE_TYPE_ID></APBILL>"
    assert one(own, f"<update>{body}</update>").status == "success"
    assert detail(own) == [["6000", "105"], ["2000", "-105"]]
    (row,) = rows(data(own, query("APBILL", "EXCHANGE_RATE EXCH_RATE_TYPE_ID TOTALENTERED TRX_TOTALENTERED")))
    assert list(row.values()) == ["1.05", "2", "105", "100"]


@pytest.mark.parametrize(
    ("setting", "accepted", "refused"), [("name", "Spot", "1"), ("number", "1", "Spot"), ("both", "Spot", "Spto")]
)
def test_types_are_named_as_the_setting_says(setting: Any, accepted: str, refused: str) -> None:
    emulator = OwnCompany(rate_types=RATES, behaviour=Behaviour(rate_types=setting)).emulator()
    assert one(emulator, bill("100", CURRENCY="EUR", EXCH_RATE_TYPE_ID=accepted)).status == "success"
    refusal = faults(emulator, bill("100", CURRENCY="EUR", EXCH_RATE_TYPE_ID=refused))[0]
    assert refusal.description2 == f"Invalid Exchange Rate Type '{refused}' specified."


def test_a_missing_rate_names_its_type_and_day(own: Emulator) -> None:
    function = bill("100", CURRENCY="EUR", EXCH_RATE_TYPE_ID="Spot", EXCH_RATE_DATE="12/31/2025")
    assert faults(own, function)[0].description2 == (
        "There is no exchange rate of the type 'Spot' from EUR to USD for 12/31/2025."
    )


@pytest.mark.parametrize(("reciprocal", "expected"), [("", "125"), ("1.24", "124")])
def test_a_pair_listed_the_other_way_is_converted_at_its_reciprocal_rate(reciprocal: str, expected: str) -> None:
    """0.8 euros for a dollar are 1.25 dollars for a euro, unless the list says 1.24."""
    emulator = OwnCompany(rate_types={"Spot": (("USD", "EUR", "2026-01-01", "0.8"),)}).emulator()
    if reciprocal:
        table = emulator.company().table("EXCHANGERATEENTRY")
        ((number, row),) = list(table.rows())
        table.update(number, row | {"RECIPROCAL_RATE": reciprocal})
    key_of(emulator, bill("100", CURRENCY="EUR", EXCH_RATE_TYPE_ID="Spot"))
    assert detail(emulator) == [["6000", expected], ["2000", f"-{expected}"]]


def test_an_order_passes_its_rate_to_its_invoice() -> None:
    definition = {"RECORDNO": 1, "DOCID": "Sales Invoice", "DOCCLASS": "Invoice", "UPDATES_GL": "A", "STATUS": "active"}
    emulator = OwnCompany(rate_types=RATES, records={"SODOCUMENTPARAMS": [definition]}).emulator()
    item = "<itemid>I1</itemid><warehouseid>W1</warehouseid><quantity>10</quantity><price>10</price>"
    line = f"<sotransitem>{item}<locationid>US</locationid></sotransitem>"
    head = f"<transactiontype>Sales Invoice</transactiontype>{day_of('datecreated', '2026-11-10')}"
    head += "<customerid>C1</customerid><documentno>S1</documentno><termname>N30</termname><currency>EUR</currency>"
    head += f"{day_of('exchratedate', '2026-10-31')}<exchratetype>Spot</exchratetype>"
    key_of(emulator, f"<create_sotransaction>{head}<sotransitems>{line}</sotransitems></create_sotransaction>")
    assert detail(emulator) == [["4000", "-110"], ["1100", "110"]]
    assert detail(emulator, "WAREHOUSEID ITEMID")[0] == ["W1", "I1"]


@pytest.mark.parametrize(
    ("setting", "expected"), [("party", "EUR"), ("base", "USD"), ("refused", "Currency is required.")]
)
def test_a_document_without_currency_follows_the_setting(setting: Any, expected: str) -> None:
    emulator = OwnCompany(rate_types=RATES, behaviour=Behaviour(unnamed_currency=setting)).emulator()
    table = emulator.company().table("VENDOR")
    ((number, row), *_) = table.rows()
    table.update(number, row | {"CURRENCY": "EUR"})
    result = one(emulator, bill("100"))
    if result.faults:
        assert expected in result.faults[0].description2
    else:
        assert [row["CURRENCY"] for row in rows(data(emulator, query("APBILL", "CURRENCY")))] == [expected]
    assert one(emulator, bill("100", CURRENCY="USD")).status == "success"


@pytest.mark.parametrize(
    ("own_company", "several"),
    [
        (OwnCompany(), "false"),
        (OwnCompany(rate_types=RATES), "true"),
        (OwnCompany(entities={"US": "USD", "CA": "CAD"}), "true"),
    ],
)
def test_a_company_with_rates_or_several_base_currencies_is_multi_currency(
    own_company: OwnCompany, several: str
) -> None:
    (setup,) = data(own_company.emulator(), "<getFinancialSetup/>")
    assert setup.findtext("multiCurrency") == several

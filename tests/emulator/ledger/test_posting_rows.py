"""Postings as rows: entries merged by sub-ledger, detail line by line, drafts without detail."""

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal

from intacct_emulator.ledger.posting import ACCRUAL, CASH, Posting, PostingLine, PostingRules, reverse
from intacct_emulator.ledger.posting_rows import LEDGER, PAYABLES, Batch, Directory, TypedRow, batch_rows

D = Decimal
RULES = PostingRules(
    entity_of={"A": "A", "A1": "A"},
    base_currency={"A": "USD"},
    due_from={},
    due_to={},
    payables="2000",
    receivables="1100",
    employee_payables="2030",
    undeposited_funds="1090",
    exchange="7190",
    rounding_account="7195",
)
DIRECTORY = Directory(
    accounts={"6000": (1, "Rent"), "2000": (2, "Payables")},
    departments={"10": (7, "Office")},
    locations={"A": (3, "Entity"), "A1": (4, "House")},
    dimensions={"VENDOR": {"V1": (9, "Landlord & Sons")}},
    rules=RULES,
)
STAMP = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUDIT: TypedRow = {"WHENCREATED": STAMP, "WHENMODIFIED": None, "CREATEDBY": 5, "CREATEDBYLOGINID": "clerk"}


def line(account: str, amount: str, memo: str | None = None, *, location: str = "A1") -> PostingLine:
    department = "10" if account == "6000" else None
    dimensions = {"VENDOR": "V1", "GLDIMFUND": "10001"}
    return PostingLine(account, location, D(amount), D(amount), "USD", department, memo, dimensions)


BILL = Posting((line("6000", "10.00", "May"), line("6000", "5.00", "June"), line("2000", "-15.00", location="A")))


def rows(posting: Posting, *, module: str = PAYABLES, **more: object) -> dict[str, list[TypedRow]]:
    counts: Counter[str] = Counter()

    def number(series: str) -> int:
        counts[series] += 1
        return counts[series]

    batch = Batch("APJ", date(2026, 3, 1), "Rent", module=module, audit=AUDIT, **more)  # type: ignore[arg-type]
    found: dict[str, list[TypedRow]] = {"GLBATCH": [], "GLENTRY": [], "GLDETAIL": []}
    for name, row in batch_rows(posting, batch, DIRECTORY, number):
        found[name].append(row)
    return found


def test_like_lines_of_a_sub_ledger_are_one_entry_and_separate_in_the_detail() -> None:
    found = rows(BILL)
    assert [row["AMOUNT"] for row in found["GLENTRY"]] == [D("15.00"), D("15.00")]
    assert [row["TR_TYPE"] for row in found["GLENTRY"]] == [1, -1]
    assert [row["DESCRIPTION"] for row in found["GLENTRY"]] == ["Rent", None]
    assert [row["AMOUNT"] for row in found["GLDETAIL"]] == [D("10.00"), D("5.00"), D("-15.00")]
    assert [row["GLENTRYKEY"] for row in found["GLDETAIL"]] == [1, 1, 2]
    assert [row["CREDITAMOUNT"] for row in found["GLDETAIL"]] == [0, 0, D("15.00")]


def test_the_lines_of_a_journal_entry_stay_as_entered() -> None:
    found = rows(BILL, module=LEDGER)
    assert [row["LINE_NO"] for row in found["GLENTRY"]] == [1, 2, 3]
    assert [row["DESCRIPTION"] for row in found["GLENTRY"]] == ["May", "June", None]


def test_rows_repeat_names_and_keys() -> None:
    entry, detail = rows(BILL)["GLENTRY"][0], rows(BILL)["GLDETAIL"][0]
    assert (entry["ACCOUNTKEY"], entry["DEPARTMENTKEY"], entry["LOCATIONKEY"]) == (1, 7, 4)
    assert (entry["LOCATION"], entry["DEPARTMENT"]) == (detail["LOCATIONID"], detail["DEPARTMENTID"])
    for row in (entry, detail):
        assert (row["ACCOUNTTITLE"], row["DEPARTMENTTITLE"], row["LOCATIONNAME"]) == ("Rent", "Office", "House")
        assert (row["VENDORDIMKEY"], row["VENDORID"], row["VENDORNAME"]) == (9, "V1", "Landlord & Sons")
        assert row["GLDIMFUND"] == "10001"
        assert row["BASECURR"] == "USD"


def test_a_draft_has_no_detail() -> None:
    found = rows(BILL, state="Draft")
    assert len(found["GLENTRY"]) == 2
    assert found["GLDETAIL"] == []


def test_a_line_has_the_same_key_in_both_books() -> None:
    found = rows(BILL, books=(ACCRUAL, CASH))["GLDETAIL"]
    assert [(row["RECORDNO"], row["BOOKID"]) for row in found][:2] == [("1", ACCRUAL), ("1", CASH)]
    assert len(found) == 6


def test_a_reversal_takes_the_other_side_with_the_same_amounts() -> None:
    there, back = rows(BILL)["GLENTRY"], rows(reverse(BILL))["GLENTRY"]
    assert [row["AMOUNT"] for row in there] == [row["AMOUNT"] for row in back]
    assert [row["TR_TYPE"] for row in back] == [-1, 1]


def test_an_exchange_rate_other_than_1_is_kept() -> None:
    assert "EXCHANGE_RATE" not in rows(BILL)["GLENTRY"][0]
    assert rows(BILL, rate=D("1.35"))["GLENTRY"][0]["EXCHANGE_RATE"] == D("1.35")

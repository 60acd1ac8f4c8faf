"""Any object from a file into the emulated company: created, compared, changed, deleted, each exactly once."""

from collections import Counter
from decimal import Decimal

import pytest

from intacct_bridge.load.plan.plan import Verdict
from intacct_bridge.load.records.status import RecordStatus
from intacct_protocol.xml.codec import decode_request
from intacct_protocol.xml.reply import Reply
from support.journeys.objects import BILLS, VENDORS, LoadScenario, reasons


def test_vendors_are_made_once_and_a_second_run_changes_nothing(desk: LoadScenario) -> None:
    assert [one.status for one in desk.load(VENDORS, "VENDOR")] == [RecordStatus.APPLIED, RecordStatus.APPLIED]
    assert [one.status for one in desk.load(VENDORS, "VENDOR")] == [RecordStatus.UNCHANGED, RecordStatus.UNCHANGED]
    assert sorted(row["VENDORID"] for row in desk.rows("VENDOR")) == ["V-1", "V-2"]


def test_flat_rows_with_repeated_headers_are_bills_with_their_lines(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    plan = desk.plan(BILLS, "APBILL")
    assert [(one.write.label, one.verdict, len(list(one.write.all_lines))) for one in plan.records] == [
        ("APBILL V-1 INV-1", Verdict.CREATE, 2),
        ("APBILL V-2 INV-2", Verdict.CREATE, 1),
    ], reasons(plan)
    assert {one.status for one in desk.load(BILLS, "APBILL")} == {RecordStatus.APPLIED}
    amounts = sorted(Decimal(row["TRX_AMOUNT"]) for row in desk.rows("APBILLITEM"))
    assert amounts == [Decimal("0.20"), Decimal("15"), Decimal("100.10")]


def flat(rows: str) -> str:
    """Lines of bills of V-1, each as `number:amount`; `-` as the number leaves the header empty."""
    text = "VENDORID,RECORDID,WHENCREATED,WHENDUE,CURRENCY,BASECURR,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID\n"
    for row in rows.split():
        number, _, amount = row.partition(":")
        head = ",,,,," if number == "-" else f"V-1,{number},2026-11-03,2026-12-03,USD,USD"
        text += f"{head},60100,{amount},100,100\n"
    return text


@pytest.mark.parametrize(
    ("rows", "posted", "at"),
    [
        (":10 :10", [], ":3: "),
        (":10 I-2:20 :10", ["20"], ":4: "),
        ("I-1:10 :10 I-2:20", ["20"], ":3: "),
        ("I-1:10 I-1:10 I-2:5", ["10", "10", "5"], ""),
        ("I-1:10 -:10 I-2:5", ["10", "10", "5"], ""),
        (":10 -:10", ["10", "10"], ""),
    ],
)
def test_rows_that_may_be_one_bill_or_two_are_refused(
    desk: LoadScenario, rows: str, posted: list[str], at: str
) -> None:
    desk.load(VENDORS, "VENDOR")
    refused = desk.plan(flat(rows), "APBILL").of(Verdict.REFUSED)
    assert len(refused) == bool(at)
    for finding in (finding for record in refused for finding in record.reasons):
        assert at in str(finding)
        assert "VENDORID and RECORDID" in finding.fix and "`key`" in finding.fix
    desk.load(flat(rows), "APBILL")
    assert [row["TRX_AMOUNT"] for row in desk.rows("APBILLITEM")] == posted


def test_nested_records_are_the_same_bills(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    desk.load(BILLS, "APBILL")
    nested = (
        '{"VENDORID": "V-2", "RECORDID": "INV-2", "WHENCREATED": "2026-11-03", "WHENDUE": "2026-12-03", '
        '"CURRENCY": "USD", "BASECURR": "USD", '
        '"APBILLITEMS": [{"ACCOUNTNO": "60100", "TRX_AMOUNT": 15.00, "LOCATIONID": "100", '
        '"DEPARTMENTID": "100"}]}\n'
    )
    (one,) = desk.load(nested, "APBILL", name="bills.jsonl")
    assert one.status is RecordStatus.UNCHANGED, "the same content has the same digest"


def test_an_update_says_what_it_changes_and_sends_only_that(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    changed = VENDORS.replace("Bolt Ltd,", "Bolt GmbH,")
    plan = desk.plan(changed, "VENDOR", "update")
    assert [one.verdict for one in plan.records] == [Verdict.UNCHANGED, Verdict.UPDATE], reasons(plan)
    assert [str(change) for change in plan.records[1].changes] == ["NAME: Bolt Ltd -> Bolt GmbH"]
    assert set(plan.records[1].write.fields) == {"RECORDNO", "NAME"}
    assert plan.transactions == 1
    assert [one.status for one in desk.load(changed, "VENDOR", "update")] == [
        RecordStatus.UNCHANGED,
        RecordStatus.APPLIED,
    ]
    assert [one.status for one in desk.load(changed, "VENDOR", "update")] == [
        RecordStatus.UNCHANGED,
        RecordStatus.UNCHANGED,
    ]
    back = desk.load(VENDORS, "VENDOR", "update")
    assert [one.status for one in back] == [RecordStatus.UNCHANGED, RecordStatus.APPLIED], (
        "the company decides, not the memory"
    )
    assert sorted(row["NAME"] for row in desk.rows("VENDOR")) == ["Acme Paper", "Bolt Ltd"]


def test_an_upsert_updates_what_is_there_and_creates_what_is_not(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    mixed = VENDORS.replace("Acme Paper,Acme", "Acme Stationery,Acme") + "V-3,Cog,Cog\n"
    plan = desk.plan(mixed, "VENDOR", "upsert")
    assert [one.verdict for one in plan.records] == [Verdict.UPDATE, Verdict.UNCHANGED, Verdict.CREATE], reasons(plan)
    endings = [one.status for one in desk.load(mixed, "VENDOR", "upsert")]
    assert sorted(endings) == [RecordStatus.APPLIED, RecordStatus.APPLIED, RecordStatus.UNCHANGED]
    assert [row["NAME"] for row in desk.rows("VENDOR")] == ["Acme Stationery", "Bolt Ltd", "Cog"]


def test_a_delete_finds_its_records_and_a_second_one_has_nothing_to_do(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    gone = "VENDORID\nV-2\nV-9\n"
    plan = desk.plan(gone, "VENDOR", "delete")
    assert [one.verdict for one in plan.records] == [Verdict.DELETE, Verdict.REFUSED]
    assert reasons(plan) == [("missing", "VENDORID", "input.csv:3")]
    desk.load(gone, "VENDOR", "delete")
    assert [row["VENDORID"] for row in desk.rows("VENDOR")] == ["V-1"]
    assert [one.verdict for one in desk.plan(gone, "VENDOR", "delete").records] == [Verdict.UNCHANGED, Verdict.REFUSED]


@pytest.mark.parametrize("mode", ["update", "upsert", "delete"])
def test_a_record_that_two_rows_name_by_different_keys_is_changed_by_one_of_them(desk: LoadScenario, mode: str) -> None:
    desk.load(VENDORS, "VENDOR")
    twice = "RECORDNO,VENDORID,NAME\n,V-1,First\n1,,Second\n,V-2,Other\n"
    plan = desk.plan(twice, "VENDOR", mode)
    assert [one.verdict is Verdict.REFUSED for one in plan.records] == [False, True, False]
    (reason,) = plan.records[1].reasons
    assert reason.message == "VENDOR 1 (row 3) is VENDOR 1, and so is the record at input.csv:2"
    desk.load(twice, "VENDOR", mode)
    assert {row["NAME"] for row in desk.rows("VENDOR")} == (set() if mode == "delete" else {"First", "Other"})


def test_a_line_set_is_replaced_as_a_whole_or_left_alone(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    desk.load(BILLS, "APBILL")
    more = BILLS.replace("0.20", "0.30")
    plan = desk.plan(more, "APBILL", "update")
    assert [one.verdict for one in plan.records] == [Verdict.UPDATE, Verdict.UNCHANGED], reasons(plan)
    assert [str(change) for change in plan.records[0].changes] == [
        "APBILLITEMS: 2 lines of 100.30 -> 2 lines of 100.40"
    ]
    desk.load(more, "APBILL", "update")
    amounts = sorted(Decimal(row["TRX_AMOUNT"]) for row in desk.rows("APBILLITEM"))
    assert amounts == [Decimal("0.30"), Decimal("15"), Decimal("100.10")]


def test_what_the_description_forbids_is_refused_in_the_inputs_own_words(desk: LoadScenario) -> None:
    rows = """VENDORID,NAME,STATUS,CREDITLIMIT,WHENMODIFIED,DISPLAYCONTACT.PRINTAS
V-1,,active,5,,One
V-2,Two,asleep,5,,Two
V-3,Three,active,many,,Three
V-4,Four,active,5,2026-01-01,Four
"""
    plan = desk.plan(rows, "VENDOR")
    assert reasons(plan) == [
        ("required", "NAME", "input.csv:2"),
        ("listed", "STATUS", "input.csv:3"),
        ("amount", "CREDITLIMIT", "input.csv:4"),
        ("readonly", "WHENMODIFIED", "input.csv:5"),
    ]


def test_what_an_account_requires_is_asked_of_the_lines_of_a_bill(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    plan = desk.plan(BILLS.replace("15,100,100", "15,100,"), "APBILL")
    assert reasons(plan) == [("dimension", "DEPARTMENTID", "input.csv:4")]


def test_names_are_resolved_and_an_unknown_one_is_refused(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    by_name = BILLS.replace("V-1,", "Acme Paper,").replace("V-2,", "Nobody,")
    plan = desk.plan(by_name, "APBILL")
    assert [one.verdict for one in plan.records] == [Verdict.CREATE, Verdict.REFUSED]
    assert reasons(plan) == [("reference", "VENDORID", "input.csv:4")]
    assert plan.records[0].write.fields["VENDORID"] == "V-1"


def test_a_field_that_a_record_cannot_be_without_is_not_cleared(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    plan = desk.plan("VENDORID,NAME\nV-1,\n", "VENDOR", "update", clear=True)
    assert reasons(plan) == [("required", "NAME", "input.csv:2")]


def test_an_empty_cell_says_nothing_unless_it_is_to_clear(desk: LoadScenario) -> None:
    desk.load(VENDORS.replace("PRINTAS", "PRINTAS,COMMENTS").replace("Paper\n", "Paper,hello\n"), "VENDOR")
    blank = "VENDORID,COMMENTS\nV-1,\n"
    assert [one.verdict for one in desk.plan(blank, "VENDOR", "update").records] == [Verdict.UNCHANGED]
    (one,) = desk.plan(blank, "VENDOR", "update", clear=True).records
    assert [str(change) for change in one.changes] == ["COMMENTS: hello -> (empty)"]
    (null,) = desk.plan('{"VENDORID": "V-1", "COMMENTS": null}', "VENDOR", "update", name="v.jsonl").records
    assert null.changes == one.changes


def test_a_mapping_file_looks_names_up_in_bulk(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    mapping = desk.file(
        """
object = "APBILL"
group_by = ["Invoice"]
[fields]
RECORDID = "Invoice"
WHENCREATED = { from = "Date", as = "date", format = "DD.MM.YYYY" }
WHENDUE = { from = "Date", as = "date", format = "DD.MM.YYYY" }
VENDORID = { from = "Supplier", lookup = { object = "VENDOR", by = "NAME" } }
CURRENCY = { constant = "USD" }
BASECURR = { constant = "USD" }
[[lines]]
object = "APBILLITEM"
[lines.fields]
TRX_AMOUNT = { from = "Net", as = "number", required = true }
ACCOUNTNO = { constant = "60100" }
LOCATIONID = { constant = "100" }
DEPARTMENTID = { constant = "100" }
""",
        "map.toml",
    )
    rows = "Invoice,Date,Supplier,Net\nA,02.11.2026,Acme Paper,1.10\nA,02.11.2026,Acme Paper,2\nB,03.11.2026,Nobody,3\n"
    plan = desk.plan(rows, "APBILL", map_file=mapping)
    assert [one.verdict for one in plan.records] == [Verdict.CREATE, Verdict.REFUSED], reasons(plan)
    assert reasons(plan)[0] == ("mapping", "Supplier", "input.csv:4")
    assert [one.status for one in desk.load(rows, "APBILL", map_file=mapping)] == [RecordStatus.APPLIED]


@pytest.mark.parametrize("mapped", [False, True])
def test_beside_points_between_thousands_a_point_is_no_decimal_sign(desk: LoadScenario, mapped: bool) -> None:
    fields = ["VENDORID", "NAME", "DISPLAYCONTACT.PRINTAS"]
    rules = [f'"{name}" = "{name}"' for name in fields] + ['CREDITLIMIT = { from = "CREDITLIMIT", as = "number" }']
    mapping = desk.file("\n".join(['object = "VENDOR"', "[fields]", *rules]), "map.toml") if mapped else None

    def verdicts(other: str) -> list[Verdict]:
        rows = f'{",".join(fields)},CREDITLIMIT\nV-1,A,A,"{other}"\nV-2,B,B,1.000\n'
        return [one.verdict for one in desk.plan(rows, "VENDOR", map_file=mapping).records]

    assert verdicts("1,000.50") == [Verdict.CREATE] * 2
    assert verdicts("1.234,50") == [Verdict.REFUSED] * 2


def test_a_unified_entity_is_a_mapping_that_we_ship(desk: LoadScenario) -> None:
    rows = '{"vendorNumber": "V-7", "vendorName": "Seven", "email": "a@b.example"}\n'
    assert [one.status for one in desk.load(rows, "v2:Vendor", name="v.jsonl")] == [RecordStatus.APPLIED]
    assert [row["NAME"] for row in desk.rows("VENDOR")] == ["Seven"]


@pytest.mark.slow
def test_a_thousand_bills_take_ten_requests_for_the_creates_and_thirty_for_all_else(desk: LoadScenario) -> None:
    desk.load(VENDORS, "VENDOR")
    titles = [row["TITLE"] for row in desk.rows("DEPARTMENT") if row["STATUS"] == "active"][:4]
    places = [row["NAME"] for row in desk.rows("LOCATION") if row["LOCATIONID"] == "100"]
    head = "VENDORID,RECORDID,WHENCREATED,WHENDUE,CURRENCY,BASECURR,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID"
    rows = [
        f"{('Bolt Ltd', 'Acme Paper')[number % 2]},N-{number},2026-11-02,2026-12-02,USD,USD,60100,0.{line + 1},"
        f"{places[0]},{titles[number % len(titles)]}"
        for number in range(1000)
        for line in range(5)
    ]
    counts: Counter[str] = Counter()

    def counted(endpoint: str, body: bytes) -> Reply:
        counts[decode_request(body).operations[0].functions[0].name] += 1
        return desk.emulator(endpoint, body)

    desk.transport = counted
    outcomes = desk.load("\n".join([head, *rows]) + "\n", "APBILL")
    assert Counter(one.status for one in outcomes) == {RecordStatus.APPLIED: 1000}
    assert counts.pop("create") <= 10
    assert sum(counts.values()) <= 30, counts

"""A copy is made, kept current and compared with the ledger, which shows when it was altered."""

import json
import re
from contextlib import chdir, closing
from pathlib import Path

import duckdb
import pytest

from intacct_bridge.apps.views.extract import summary
from intacct_bridge.client.attachments import AttachedFile, Attachments
from intacct_bridge.client.client import Client
from intacct_bridge.connections.embedded_demo import demo_connection
from intacct_bridge.extract.attachments import fetch_attachments
from intacct_bridge.operations.extract import ExtractResult
from intacct_bridge.streams.stream import StreamOutcome
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError
from support.apps.command_line import Intacct, streams_in

LEDGER = ("GLACCOUNT", "GLBATCH", "GLDETAIL")
SIGN_IN = 1
URI = "duckdb:copy.duckdb"
LINES = 'SELECT "BATCHKEY", count(*) FROM "GLDETAIL" GROUP BY 1'


def test_a_copy_equals_the_ledger_and_an_altered_one_does_not(demo: Intacct, home: Path) -> None:
    first = demo("extract", *LEDGER, "--to", URI, "--json")
    rows = {one["stream"]: one["rows"] for one in json.loads(first.out)["streams"]}
    assert first.status == 0
    assert rows["GLDETAIL"] > 3_000
    tied = demo("reconcile", "--copy", URI)
    assert tied.status == 0
    assert "The copy matches the company" in tied.out
    assert demo("reconcile", "--copy", URI, "--quiet").said == ""
    with duckdb.connect(str(home / "work" / "copy.duckdb")) as copy:
        debits = 'SELECT "BATCH_DATE", "RECORDNO" FROM "GLDETAIL" WHERE "DEBITAMOUNT" > 0 LIMIT 1'
        ((day, record),) = copy.execute(debits).fetchall()
        copy.execute('UPDATE "GLDETAIL" SET "DEBITAMOUNT" = "DEBITAMOUNT" + 0.01 WHERE "RECORDNO" = ?', [record])
    touched = demo("reconcile", "--copy", URI, "--period", f"{day:%Y-%m}", "--json")
    found = json.loads(touched.out)
    assert touched.status == 1
    assert [(one["record"], one["kind"]) for one in found["records"]] == [(record, "altered")]
    (balance,) = found["ledger"]["differences"]
    assert [(one["side"], one["difference"]) for one in balance["sides"]] == [("debits", 0.01)]
    shown = demo("reconcile", "--copy", URI, "--period", f"{day:%Y-%m}")
    assert f"GLDETAIL {record} of GLBATCH " in shown.out
    assert "DEBITAMOUNT is" in shown.out
    assert "0.01" in shown.out


def test_a_report_says_what_was_compared_and_whether_the_copy_is_still_the_same(demo: Intacct, home: Path) -> None:
    demo("extract", "CLASS", "DEPARTMENT", "--to", URI)
    written = demo("reconcile", "--copy", URI, "--report", "proof.html", "--json")
    assert written.status == 0, written.said
    page = (home / "work" / "proof.html").read_text()
    inside = json.loads(page.partition('id="reconciliation">')[2].partition("</script>")[0])
    assert {one: inside[one] for one in ("equal", "company", "tables")} == {
        one: json.loads(written.out)[one] for one in ("equal", "company", "tables")
    }
    assert [(one["table"], len(one["sha256"])) for one in inside["digests"]] == [("CLASS", 64), ("DEPARTMENT", 64)]
    assert "<td>DEPARTMENT</td>" in page
    same = demo("reconcile", "--copy", URI, "--verify", "proof.html")
    assert (same.status, same.out.count("2 tables unchanged")) == (0, 1)
    with duckdb.connect(str(home / "work" / "copy.duckdb")) as copy:
        copy.execute('UPDATE "CLASS" SET "NAME" = \'<b>\' WHERE "RECORDNO" = (SELECT min("RECORDNO") FROM "CLASS")')
    other = demo("reconcile", "--copy", URI, "--verify", "proof.html")
    assert (other.status, "CLASS" in other.out, "DEPARTMENT" in other.out) == (1, True, False)
    assert demo("reconcile", "--copy", URI, "--report", "other.html").status == 1
    assert "is &#x27;" in (home / "work" / "other.html").read_text()
    assert "<b>" not in (home / "work" / "other.html").read_text()
    assert demo("reconcile", "--copy", URI, "--verify", "copy.duckdb").status == 2
    assert demo("reconcile", "--copy", URI, "--report", "no/folder.html").status == 2


@pytest.mark.slow
def test_an_unexplained_difference_of_a_sub_ledger_fails_only_if_asked(demo: Intacct, home: Path) -> None:
    documents = ("ARINVOICE", "ARINVOICEITEM", "ARPYMTDETAIL", "ARPYMT")
    demo("extract", "GLDETAIL", "GLACCOUNT", *documents, "LOCATION", "LOCATIONENTITY", "--to", URI)
    with duckdb.connect(str(home / "work" / "copy.duckdb")) as copy:
        copy.execute(
            "UPDATE ARINVOICE SET TOTALENTERED = TOTALENTERED + 5, TRX_TOTALENTERED = TRX_TOTALENTERED + 5 "
            "WHERE RECORDNO = (SELECT max(RECORDNO) FROM ARINVOICE WHERE CURRENCY = BASECURR)"
        )
    words = ("reconcile", "--copy", URI, "--ignore", "ARINVOICE.TOTALENTERED,ARINVOICE.TRX_TOTALENTERED")
    allowed = demo(*words, "--quiet")
    assert (allowed.status, allowed.said) == (0, "")
    strict = demo(*words, "--strict-tie-out")
    assert (strict.status, strict.out.count("The copy matches the company"), strict.out.count("do not tie")) == (
        1,
        1,
        1,
    )


def test_a_second_run_reads_only_what_changed(demo: Intacct) -> None:
    demo("extract", "VENDOR", "CLASS", "--to", URI)
    demo("create", "CLASS", "CLASSID=C-1", "NAME=New")
    again = {one["stream"]: one for one in streams_in(demo("extract", "VENDOR", "CLASS", "--to", URI, "--json"))}
    assert again["CLASS"]["rows"] == 1
    assert again["VENDOR"]["rows"] == 0


def test_selected_fields_only(demo: Intacct, home: Path) -> None:
    ran = demo("extract", "VENDOR", "--to", "csv:vendors", "--select", "VENDOR.NAME", "-q")
    assert (ran.status, ran.err) == (0, "")
    (file,) = (home / "work" / "vendors").rglob("*.csv")
    header = file.read_text("utf-8").splitlines()[0]
    assert "NAME" in header
    assert "TOTALDUE" not in header


def test_a_stream_with_a_start_date_does_not_delete_older_rows_of_the_consumer(demo: Intacct) -> None:
    whole, some = (demo("extract", "VENDOR", "--to", "-", *since) for since in ([], ["--since", "2026-06-01"]))
    kinds = [{json.loads(line)["type"] for line in ran.out.splitlines()} for ran in (whole, some)]
    assert [whole.status, some.status] == [0, 0]
    assert kinds == [{"SCHEMA", "RECORD", "ACTIVATE_VERSION", "STATE"}, {"SCHEMA", "RECORD", "STATE"}]


@pytest.mark.parametrize("uri", [URI, "parquet:copy"])
def test_a_start_date_holds_for_the_ledger_too_and_a_complete_copy_stays_complete(
    demo: Intacct, home: Path, uri: str
) -> None:
    def entries() -> dict[int, int]:
        with duckdb.connect() as con, chdir(home / "work"):
            if uri == URI:
                con.execute("ATTACH 'copy.duckdb' AS copy (READ_ONLY); USE copy")
            else:
                with chdir("copy"):
                    return dict(con.execute(f"{Path('latest.sql').read_text()}; {LINES}").fetchall())
            return dict(con.execute(LINES).fetchall())

    def run(*options: str) -> tuple[int, int]:
        (told,) = (one for one in streams_in(demo("extract", "GLDETAIL", "--to", uri, "--json", *options))
                   if one["stream"] == "GLDETAIL")  # fmt: skip
        return told["rows"], told["transactions"]

    since = ("--since", "2026-11-15")
    estimate = run(*since, "--estimate")
    assert run(*since) == estimate
    assert 0 < estimate[0] < 1_000
    some = entries()
    assert run(*since)[0] == 0
    rows, transactions = run(*since, "--full")
    # deletes are followed once a second has passed since the last run, which costs a count
    assert (rows, transactions - estimate[1] in (0, 1)) == (estimate[0], True)
    assert run("--full")[0] > 3_000
    every = entries()
    assert len(every) > len(some)
    assert some.items() <= every.items()  # with all their lines
    assert run(*since, "--full")[0] > 3_000
    assert entries() == every


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("extract", "VENDRO", "--to", URI), 2, "did you mean VENDOR"),
        (("extract", "VENDOR", "--to", "teletype:x"), 2, "Unsupported destination"),
        (("extract", "VENDOR", "--to", URI, "--select", "NAME"), 2, "STREAM.FIELD"),
        (("extract", "VENDOR", "--to", URI, "--select", "VENDOR.NAM"), 2, "did you mean NAME"),
        (("extract", "VENDOR", "--all", "--to", URI), 2, "--all"),
        (("extract", "--unified", "v1", "--entity-column", "owner", "--to", URI), 2, "--entity-column"),
        (("extract", "Bils", "--unified", "v1", "--to", URI), 2, "did you mean Bills"),
        (("extract", "tria_balance", "--to", URI), 2, "did you mean trial_balance"),
        (("extract", "SODOCUMENT:Sales Ordre", "--to", URI), 2, "did you mean Sales Order"),
        (("extract", "VENDOR", "--to", URI, "--full-every", "VENDOR=daily"), 2, "is not a number of hours"),
        (("extract", "VENDOR", "--to", URI, "--full-every", "VENDOR=inf"), 2, "is not a number of hours"),
        (("extract", "VENDOR", "--to", URI, "--full-every", "VENDRO=24"), 2, "VENDRO is not among the streams"),
        (("extract", "SODOCUMENT:*", "--to", URI, "--full-every", "SO=24"), 2, "SO is not among the streams"),
        (("extract", "Bills", "--unified", "v1", "--to", URI, "--full-every", "Bill=24"), 2, "BILL is not among"),
        (("extract", "Bills", "--unified", "v1", "--to", URI, "--select", "Bil.id"), 2, "BIL is not among"),
        (("extract", "report", "--to", URI), 2, "report:NAME"),
        (("extract", "VENDOR", "Reports?a=b", "--to", URI), 2, "report:NAME"),
        (("extract", "VENDTYPE,CUSTTYPE", "--to", URI), 2, "Put spaces between them: VENDTYPE CUSTTYPE"),
        (("extract", "Bills, Vendors", "--unified", "v1", "--to", URI), 2, "spaces between them: Bills Vendors"),
        (("extract", "VENDTYPE", "--to", "csv:copy", "--hard-deletes"), 2, "csv:copy is not one"),
        (("extract", "VENDTYPE", "--to", "-", "--hard-deletes"), 2, "hard_delete"),
        (("extract", "VENDTYPE", "--to", "csv:copy", "--estimate", "--compact"), 2, "--estimate and --compact"),
        (("extract", "VENDTYPE", "--to", URI, "--entity-column", "_run"), 2, "already has a field _run"),
        (("extract", "VENDTYPE", "dimensions?as=vendtype", "--to", URI), 2, "dimensions?as=vendtype&as=NAME"),
        (("reconcile", "--copy", "duckdb:none.duckdb"), 2, "none.duckdb"),
        (("reconcile",), 2, "--copy"),
    ],
)
def test_a_mistake_is_explained(demo: Intacct, words: tuple[str, ...], status: int, says: str) -> None:
    ran = demo(*words)
    assert ran.status == status, ran.said
    assert says in ran.err
    assert "Traceback" not in ran.said


@pytest.mark.parametrize(
    ("streams", "often"),
    [
        (("VENDTYPE",), "vendtype=0"),
        (("Classes", "--unified", "v1"), "Classes=0"),
        (("SODOCUMENT:*",), "SODOCUMENT_SALES_ORDER=0"),
    ],
)
def test_full_refreshes_are_as_frequent_as_the_option_says(demo: Intacct, streams: tuple[str, ...], often: str) -> None:
    demo("extract", *streams, "--to", URI)
    ran = demo("extract", *streams, "--to", URI, "--full-every", often, "--json")
    told = {one["stream"].upper(): one["read"] for one in streams_in(ran)}
    assert (ran.status, told[often.partition("=")[0].upper()]) == (0, "full")


def test_wide_rows_are_replaced_within_the_memory_limit_of_a_copy(demo: Intacct) -> None:
    # VENDOR has some 160 columns: merging a handful of them once took more than a copy's 128 MB.
    assert demo("extract", "VENDOR", "--to", URI).status == 0
    assert demo("extract", "VENDOR", "--to", URI, "--full").status == 0


def test_a_cap_stops_the_run_and_keeps_finished_streams(demo: Intacct) -> None:
    ran = demo("extract", "VENDOR", "APBILL", "--to", URI, "--max-transactions", "5")
    assert ran.status != 0
    assert "--max-transactions" in ran.said
    assert demo("extract", "VENDOR", "APBILL", "--to", URI).status == 0


def test_streams_that_did_not_begin_because_of_a_cap_cost_no_more_the_next_time(demo: Intacct) -> None:
    streams = ("VENDTYPE", "CUSTTYPE", "CLASS", "DEPARTMENT", "LOCATION", "APTERM", "ARTERM", "UOM", "ITEM")
    demo("extract", *streams, "--to", URI, "--estimate")  # which takes the lookups
    capped = demo("extract", *streams, "--to", URI, "--max-transactions", "3")
    assert capped.status == 1
    assert " more: the next request" in capped.err.replace("\n", " ")
    assert capped.err.count("Raise the cap") <= 2  # a lookup of the catalogue may stop the deletes
    told = streams_in(demo("extract", *streams, "--to", URI, "--json"))
    whole = [one for one in told if one["read"] == "full"]
    assert len(whole) >= 6
    assert {one["transactions"] for one in whole} == {1}


def test_attached_files_are_saved_once_and_a_lost_one_costs_no_other(
    company_file: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: Attachments, supdoc_id: str) -> list[AttachedFile]:
        if supdoc_id == "S-2":
            raise InvalidRequestError("there is no supdoc S-2", by_gateway=True)
        return [AttachedFile("../bill", "pdf", b"%PDF")]

    monkeypatch.setattr(Attachments, "read", read)
    with (
        closing(Emulator.demo(company_file)) as company,
        closing(company.clone()) as emulator,
        Client(demo_connection(home=home), transport=emulator, keep=False) as client,
    ):
        client.attachments.create_folder("Bills")
        bills = list(client.query("APBILL", ["RECORDNO"], where="STATE = 'Posted'", limit=2))
        for name, bill in zip(("S-1", "S-2"), bills, strict=True):
            client.attachments.create(name, [AttachedFile("a", "pdf", b"")], folder="Bills")
            client.update("APBILL", [{"RECORDNO": bill["RECORDNO"], "SUPDOCID": name}])
        first = {
            one: (count, bool(why))
            for one, count, why in fetch_attachments(client, ["VENDOR", "APBILL"], home / "files")
        }
        again = [one for one, *_ in fetch_attachments(client, ["APBILL"], home / "files")]
    assert first == {"S-1": (1, False), "S-2": (0, True)}
    assert again == ["S-2"]
    (saved,) = (home / "files" / "S-1").iterdir()
    assert saved.read_bytes() == b"%PDF"


def test_an_estimate_reads_nothing_and_says_what_a_run_would_cost(demo: Intacct) -> None:
    ran = demo("extract", "VENDOR", "CLASS", "--to", URI, "--estimate", "--json")
    told = {one["stream"]: one for one in json.loads(ran.out)}
    assert (ran.status, told["VENDOR"]["read"], told["VENDOR"]["transactions"]) == (0, "full", 1)
    done = {one["stream"]: one for one in streams_in(demo("extract", "VENDOR", "CLASS", "--to", URI, "--json"))}
    assert done["VENDOR"]["rows"] == told["VENDOR"]["rows"] > 0


@pytest.mark.parametrize(
    "words",
    [
        ("--unified", "v1", "Bills", "JournalEntries"),
        ("APBILLITEM", "GLENTRY", "--entity-column", "OWNER"),
        ("trial_balance", "dimensions"),
    ],
)
def test_an_estimate_counts_lookups_besides_the_pages(demo: Intacct, words: tuple[str, ...]) -> None:
    told = json.loads(demo("extract", *words, "--to", URI, "--estimate", "--json").out)
    estimated = sum(one["transactions"] for one in told)
    spent = int(re.findall(r"([\d,]+) API transactions", demo("extract", *words, "--to", URI).err)[-1])
    assert estimated * 0.9 <= spent - SIGN_IN <= estimated * 1.1


def test_a_run_prints_all_transactions_that_it_used_and_agrees_with_its_cap(demo: Intacct) -> None:
    demo("extract", "VENDOR", "CLASS", "--to", URI)
    capped = demo("extract", "VENDOR", "CLASS", "--to", URI, "--max-transactions", "2")
    assert "2 of the 2 allowed are used" in " ".join(capped.err.split())
    assert ", 2 API transactions" in capped.err.splitlines()[-1]


@pytest.mark.parametrize("uri", [URI, "parquet:copy"])
@pytest.mark.parametrize(
    "more", [("--select", "VENDOR.NAME,VENDOR.STATUS"), ("--select", "VENDOR.NAME", "--entity-column", "OWNER")]
)
def test_an_estimate_includes_a_full_refresh_for_columns_that_are_selected_later(
    demo: Intacct, uri: str, more: tuple[str, ...]
) -> None:
    def told(*words: str) -> tuple[str, int, int]:
        (said,) = streams_in(demo("extract", "VENDOR", "--to", uri, *words, "--json"))[:1]
        return said["read"], said["rows"], said["transactions"]

    narrow = ("--select", "VENDOR.NAME")
    whole = told(*narrow)
    assert whole[0] == "full"
    told(*narrow)
    assert told(*narrow, "--estimate")[0] == "incremental"
    assert told(*more, "--estimate") == told(*more) == whole
    assert told(*narrow)[0] == told(*narrow, "--estimate")[0] == "incremental"
    assert told(*more, "--estimate") == whole


def test_an_estimate_of_lines_without_their_header_includes_the_query_for_it(demo: Intacct) -> None:
    demo("extract", "APBILLITEM", "--to", URI)
    (told,) = json.loads(demo("extract", "APBILLITEM", "--to", URI, "--estimate", "--json").out)
    done = streams_in(demo("extract", "APBILLITEM", "--to", URI, "--json"))[0]
    assert told["transactions"] == done["transactions"] == 2


def test_change_files_can_be_compacted_afterwards(demo: Intacct) -> None:
    for _ in range(2):
        assert demo("extract", "CLASS", "--to", "parquet:classes", "--full").status == 0
    ran = demo("extract", "CLASS", "--to", "parquet:classes", "--compact")
    assert ran.status == 0
    assert demo("extract", "VENDOR", "--to", URI, "--compact").status == 2


def test_a_stream_that_failed_does_not_count_as_read() -> None:
    done, failed = StreamOutcome("VENDOR", rows=3), StreamOutcome("APBILL", rows=5, error="refused")
    assert (
        summary(ExtractResult(URI, (done, failed), 1.0, 4))
        == "8 rows in 1 of 2 streams (1 failed), 1.0 s, 4 API transactions"
    )
    assert summary(ExtractResult(URI, (done,), 1.0, 4)) == "3 rows in 1 of 1 stream, 1.0 s, 4 API transactions"

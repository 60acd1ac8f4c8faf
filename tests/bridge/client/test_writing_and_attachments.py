"""Upserts, attachments, reports and tables: the requests and their outcomes."""

import base64
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.client.attachments import AttachedFile
from intacct_protocol.errors import (
    InvalidRequestError,
    RecordError,
    RemoteProtocolError,
    SettingsError,
    TransientError,
)
from intacct_protocol.xml.envelope import Function, Request
from intacct_protocol.xml.xml import escape, serialize
from support.client.company import Company, vendors
from support.client.gateway import result


def company(**answers: Callable[[Function], str]) -> Company:
    """A company with these answers for named functions; their requests are kept in `written`."""
    made = Company(VENDOR=vendors(3))
    usual = made.gateway.handler

    def handler(function: Function, request: Request) -> str:
        answer = answers.get(function.name)
        if answer is None:
            return usual(function, request)
        made.written.append(function)
        return answer(function)

    made.gateway.handler = handler
    return made


def sent(made: Company) -> list[str]:
    return [serialize(function.body) for function in made.written]


def done(function: Function) -> str:
    return result(function, '<data listtype="objects" count="1"><vendor><RECORDNO>9</RECORDNO></vendor></data>')


# --- amounts


@pytest.mark.parametrize("amount", [Decimal("10.105"), "10.105", Decimal("-0.001"), "1e-3"])
@pytest.mark.parametrize("operation", ["create", "update", "upsert"])
def test_an_amount_that_intacct_would_round_is_not_sent(operation: str, amount: Decimal | str) -> None:
    with (made := company(create=done, update=done)).client() as client:
        row = {"VENDORID": "V1", "NAME": "Acme", "TOTALDUE": amount}
        with pytest.raises(RecordError, match=r"TOTALDUE: .* has more than two decimals") as refused:
            getattr(client, operation)("VENDOR", [row])
    assert "Round it" in refused.value.fix
    assert sent(made) == []


@pytest.mark.parametrize("amount", [Decimal("10.10"), Decimal("10.1000"), "10.1", 10, Decimal("1e3"), None])
def test_an_amount_in_cents_is_sent_as_it_is(amount: Decimal | str | int | None) -> None:
    with (made := company(create=done)).client() as client:
        assert client.create("VENDOR", [{"VENDORID": "V1", "NAME": "Acme", "TOTALDUE": amount}])[0].ok
    assert len(sent(made)) == 1


# --- one where several are expected


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.delete("VENDOR", "17"),
        lambda client: client.read("VENDOR", "17"),
        lambda client: client.read_by_name("VENDOR", "V1"),
        lambda client: client.create("VENDOR", {"VENDORID": "V9"}),
        lambda client: client.update("VENDOR", {"VENDORID": "V9"}),
        lambda client: client.upsert("VENDOR", {"VENDORID": "V9"}),
    ],
)
def test_one_key_or_record_outside_a_list_is_refused(call: Callable[[Any], object]) -> None:
    """The text "17" has the parts "1" and "7", and other records may have these keys."""
    made = company(delete=done, read=done, readByName=done, create=done, update=done)
    with pytest.raises(InvalidRequestError, match="are a list, and") as caught:
        call(made.client())
    assert (caught.value.fix, made.written) == ("put it in a list", [])


# --- upsert


def test_existing_records_are_updated_by_number_and_others_created() -> None:
    made = company(create=done, update=done)
    outcomes = made.client().upsert("VENDOR", [{"VENDORID": "NEW", "NAME": "a"}, {"VENDORID": "V2", "NAME": "b"}])
    assert [each.ok for each in outcomes] == [True, True]
    assert sent(made) == [
        "<create><VENDOR><VENDORID>NEW</VENDORID><NAME>a</NAME></VENDOR></create>",
        "<update><VENDOR><RECORDNO>6</RECORDNO><VENDORID>V2</VENDORID><NAME>b</NAME></VENDOR></update>",
    ]
    assert [each.name for each in made.asked].count("query") == 1


def test_another_key_may_be_named() -> None:
    made = company(create=done, update=done)
    made.client().upsert("VENDOR", [{"NAME": "Vendor & 3", "TOTALDUE": 1}], key="name")
    assert sent(made) == [
        "<update><VENDOR><RECORDNO>9</RECORDNO><NAME>Vendor &amp; 3</NAME><TOTALDUE>1</TOTALDUE></VENDOR></update>"
    ]


def test_ambiguous_keys_are_refused_before_anything_is_sent() -> None:
    made = company(create=done, update=done)
    client = made.client()
    with pytest.raises(RecordError, match=r"two rows have the VENDOR\.VENDORID 'V1'"):
        client.upsert("VENDOR", [{"VENDORID": "V1"}, {"VENDORID": "V1"}])
    with pytest.raises(RecordError, match="row 2 has no VENDORID"):
        client.upsert("VENDOR", [{"VENDORID": "V1"}, {"NAME": "x"}])
    with pytest.raises(RecordError, match="has the RECORDNO 3, and the row has 2"):
        client.upsert("VENDOR", [{"VENDORID": "V1", "recordno": 2}])
    made.tables["VENDOR"].append({"RECORDNO": "99", "VENDORID": "V1"})
    with pytest.raises(InvalidRequestError, match="two VENDOR have the VENDORID 'V1'"):
        client.upsert("VENDOR", [{"VENDORID": "V1"}])
    assert sent(made) == []


def test_a_key_in_another_form_is_the_same_key() -> None:
    """An accented letter is one character or two, and an amount has zeros at its end or none."""
    made = company(create=done, update=done)
    made.tables["VENDOR"].append({"RECORDNO": "99", "VENDORID": "Cafe\u0301", "NAME": "C", "TOTALDUE": "1500.50"})
    client = made.client()
    client.upsert("VENDOR", [{"vendorid": "Caf\u00e9", "NAME": "d"}])
    for due in ("1500.5", "1500.500", Decimal("1500.50")):
        client.upsert("VENDOR", [{"TOTALDUE": due, "NAME": "e"}], key="TOTALDUE")
    by_name, *by_amount = sent(made)
    assert by_name == (
        "<update><VENDOR><RECORDNO>99</RECORDNO><vendorid>Cafe\u0301</vendorid><NAME>d</NAME></VENDOR></update>"
    )
    assert [one.partition("<TOTALDUE>")[0] for one in by_amount] == ["<update><VENDOR><RECORDNO>99</RECORDNO>"] * 3
    with pytest.raises(RecordError, match=r"two rows have the VENDOR\.VENDORID 'Caf\u00e9'"):
        client.upsert("VENDOR", [{"VENDORID": "Caf\u00e9"}, {"VENDORID": "Cafe\u0301"}])


def test_a_record_number_that_no_record_has_creates_nothing() -> None:
    made = company(create=done, update=done)
    with pytest.raises(RecordError, match="there is no VENDOR with the RECORDNO 4711"):
        made.client().upsert("VENDOR", [{"RECORDNO": 4711, "NAME": "x"}], key="RECORDNO")
    assert sent(made) == []


# --- tables


def test_batches_are_joined_and_widened_if_one_of_them_is() -> None:
    made = company()
    made.tables["VENDOR"] = [*vendors(4), {"RECORDNO": "100", "TOTALDUE": "1"}]
    table = made.client().table("VENDOR", "RECORDNO, TOTALDUE", page_size=2)
    assert table.num_rows == 5
    assert table.column("TOTALDUE").to_pylist()[-1] == Decimal(1)
    assert made.client().table("VENDOR", "RECORDNO", where="RECORDNO = 12345").num_rows == 0


def test_batches_take_a_query_in_the_words_of_a_table() -> None:
    made = company()
    made.tables["VENDOR"] = vendors(5)
    found = list(made.client().batches("VENDOR", "RECORDNO", where="RECORDNO > 1", page_size=2, limit=3))
    assert [batch.num_rows for batch in found] == [2, 1]
    assert [batch.schema.names for batch in found] == [["RECORDNO"]] * 2


def test_without_arrow_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(SettingsError) as caught:
        company().client().table("VENDOR")
    assert "intacct-bridge[data]" in caught.value.fix


# --- attachments


def supdoc(*files: tuple[str, str, bytes]) -> Callable[[Function], str]:
    """Shape: a supdoc as `get` gives it."""
    written = "".join(
        f"<attachment><attachmentname>{escape(name)}</attachmentname><attachmenttype>{kind}</attachmenttype>"
        f"<attachmentdata>{base64.b64encode(content).decode()}</attachmentdata></attachment>"
        for name, kind, content in files
    )
    return lambda function: result(
        function, f"<data><supdoc><supdocid>D1</supdocid><attachments>{written}</attachments></supdoc></data>"
    )


def test_files_are_saved_inside_their_directory(tmp_path: Path) -> None:
    made = company(
        get=supdoc(("../../evil", "sh", b"1"), ("a/b", "", b"2"), ("bill", "pdf", b"3"), ("bill.pdf", "pdf", b"4"))
    )
    saved = made.client().attachments.save("D1", tmp_path / "out")
    assert [path.name for path in saved] == ["_.._evil.sh", "a_b", "bill.pdf", "bill-2.pdf"]
    assert all(path.parent == tmp_path / "out" for path in saved)
    assert [path.read_bytes() for path in saved] == [b"1", b"2", b"3", b"4"]
    assert sent(made) == ['<get object="supdoc" key="D1"></get>']


def test_a_file_that_another_process_makes_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, opened = tmp_path / "bill.pdf", Path.open

    def made_meanwhile(self: Path, *args: Any, **named: Any) -> Any:
        if self == taken and not taken.exists():
            with opened(taken, "wb") as file:
                file.write(b"theirs")
        return opened(self, *args, **named)

    made = company(get=supdoc(("bill", "pdf", b"ours")))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", made_meanwhile)
        (saved,) = made.client().attachments.save("D1", tmp_path)
    assert (saved.name, saved.read_bytes(), taken.read_bytes()) == ("bill-2.pdf", b"ours", b"theirs")


@given(st.text(max_size=40), st.text(max_size=10))
def test_no_name_leads_out_of_a_directory(name: str, kind: str) -> None:
    path = Path("/place") / AttachedFile(name, kind, b"").file_name
    assert path.parent == Path("/place")
    assert path.name not in ("", ".", "..")
    assert path.resolve() == path


def test_files_are_attached_from_disk_and_from_memory(tmp_path: Path) -> None:
    """Shape: create_supdoc of the documentation."""
    made = company(
        create_supdoc=lambda function: result(function, key="D1"),
        update_supdoc=lambda function: result(function, key="D1"),
        delete_supdoc=result,
        create_supdocfolder=lambda function: result(function, key="F"),
    )
    attachments = made.client().attachments
    (tmp_path / "bill.pdf").write_bytes(b"%PDF")
    assert attachments.create_folder("F", parent="G").key == "F"
    assert attachments.create("D1", [tmp_path / "bill.pdf"], folder="F", text="the bill").key == "D1"
    assert attachments.add("D1", [AttachedFile("note", "txt", b"hello")]).ok
    assert attachments.delete("D1").ok
    file = (
        "<attachmentname>bill</attachmentname><attachmenttype>pdf</attachmenttype>"
        "<attachmentdata>JVBERg==</attachmentdata>"
    )
    assert sent(made) == [
        (
            "<create_supdocfolder><supdocfoldername>F</supdocfoldername>"
            "<supdocparentfoldername>G</supdocparentfoldername></create_supdocfolder>"
        ),
        (
            "<create_supdoc><supdocid>D1</supdocid><supdocname>D1</supdocname><supdocfoldername>F</supdocfoldername>"
            f"<supdocdescription>the bill</supdocdescription><attachments><attachment>{file}</attachment></attachments>"
            "</create_supdoc>"
        ),
        (
            "<update_supdoc><supdocid>D1</supdocid><attachments><attachment><attachmentname>note</attachmentname>"
            "<attachmenttype>txt</attachmenttype><attachmentdata>aGVsbG8=</attachmentdata></attachment></attachments>"
            "</update_supdoc>"
        ),
        '<delete_supdoc key="D1"></delete_supdoc>',
    ]
    with pytest.raises(RecordError, match="cannot be read"):
        attachments.add("D1", [tmp_path / "none"])


def test_invalid_base64_is_an_error_and_not_a_file(tmp_path: Path) -> None:
    file = "<attachmentname>a</attachmentname><attachmentdata>*</attachmentdata>"
    bad = f"<data><supdoc><attachment>{file}</attachment></supdoc></data>"
    with pytest.raises(RemoteProtocolError, match="not base64"):
        company(get=lambda function: result(function, bad)).client().attachments.read("D1")


# --- reports

PENDING = "<data><report_results><REPORTID>r-7</REPORTID><STATUS>PENDING</STATUS></report_results></data>"


def page(count: int, total: int, remaining: int) -> str:
    """Shape: a page of a report (SDK tests)."""
    rows = "".join(f"<data><A>{n}</A><B></B></data>" for n in range(count))
    return (
        f'<data listtype="report" count="{count}" totalcount="{total}" numremaining="{remaining}"'
        f' resultId="r-7">{rows}</data>'
    )


def reporting(first: str, *more: str) -> Company:
    waiting = list(more)
    return company(
        readReport=lambda function: result(function, first),
        readMore=lambda function: result(function, waiting.pop(0)),
    )


def test_the_client_waits_for_a_report_and_reads_all_its_pages() -> None:
    made = reporting(PENDING, PENDING, page(2, 3, 1), page(1, 3, 0))
    arguments: dict[str, Any] = {"APBILL.WHENDUE": (date(2026, 1, 1), date(2026, 1, 31)), "APBILL.STATE": "Posted"}
    rows = list(made.client().reports.run("Bills due", arguments))
    assert rows == [{"A": "0", "B": None}, {"A": "1", "B": None}, {"A": "0", "B": None}]
    more = "<readMore><reportId>r-7</reportId></readMore>"
    assert sent(made) == [
        (
            "<readReport><report>Bills due</report><pagesize>1000</pagesize><arguments>"
            "<APBILL.WHENDUE><FROM_DATE>01/01/2026</FROM_DATE><TO_DATE>01/31/2026</TO_DATE></APBILL.WHENDUE>"
            "<APBILL.STATE>Posted</APBILL.STATE></arguments><waitTime>30</waitTime></readReport>"
        ),
        more,
        more,
        more,
    ]
    assert made.time.slept == [1.0, 2.0]


def test_a_ready_or_empty_report_needs_no_second_call() -> None:
    assert len(list(reporting(page(2, 2, 0)).client().reports.run("x"))) == 2
    assert list(reporting('<data listtype="report" count="0" totalcount="0"></data>').client().reports.run("x")) == []


@pytest.mark.parametrize(
    ("answers", "kind", "said"),
    [
        ([PENDING] * 60, TransientError, "not ready after 100 s"),
        ([PENDING.replace("PENDING", "FAILED")], InvalidRequestError, "ended with the status FAILED"),
        (["<data></data>"], RemoteProtocolError, "neither rows nor a report id"),
        ([page(2, 5, 3), page(1, 5, 0)], TransientError, "a page of the report 'x' was lost"),
        ([page(2, 5, 3), page(0, 5, 3)], RemoteProtocolError, "gave no rows, though it counts 3 more rows"),
    ],
)
def test_an_unreadable_report_raises_with_the_reason(answers: list[str], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        list(reporting(*answers).client().reports.run("x", timeout=100))


def test_the_parameters_of_a_report_are_listed() -> None:
    """Shape: a report definition (documentation of custom reports)."""
    definition = (
        "<data><report_definition><REPORTNAME>x</REPORTNAME><PARAMETERS><PARAMETER><NAME>APBILL.STATE</NAME>"
        "<label>State</label><promptOnRun>1</promptOnRun></PARAMETER></PARAMETERS></report_definition></data>"
    )
    made = reporting(definition)
    assert made.client().reports.parameters("x", interactive=True) == {"APBILL.STATE": "State"}
    assert sent(made) == ['<readReport type="interactive" returnDef="true"><report>x</report></readReport>']

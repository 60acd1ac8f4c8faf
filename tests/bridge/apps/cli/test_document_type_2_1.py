"""Document type 2.1 at the command line: records by number, lines, deposits, journals, and what the doctor says."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct, Ran
from support.apps.http_reader import HttpReader

Legacy = Callable[..., Ran]


@pytest.fixture
def company(two_years: Emulator) -> Iterator[HttpReader]:
    with closing(two_years.clone()) as emulator, serve(emulator) as server:
        yield HttpReader(server.url)


@pytest.fixture
def legacy(intacct: Intacct, company: HttpReader) -> Legacy:
    return lambda *words: intacct(*words, **company.environ, INTACCT_DTD_VERSION="2.1")


def test_get_finds_a_record_by_its_name_and_by_its_number(legacy: Legacy) -> None:
    by_name = legacy("get", "VENDOR", "V10001", "--json")
    for words in (("1", "--by", "recordno"), ("1",)):
        ran = legacy("get", "VENDOR", *words, "--json")
        assert (ran.status, ran.out) == (0, by_name.out), ran.said
    none = legacy("get", "VENDOR", "999999", "--by", "recordno")
    assert (none.status, "no VENDOR with the RECORDNO '999999'" in none.err) == (1, True), none.said


def test_get_shows_a_journal_entry_which_2_1_lists_only(legacy: Legacy, company: HttpReader) -> None:
    (entry, *_) = company.rows("GLBATCH", "RECORDNO", "BATCH_TITLE", JOURNAL="GJ")
    ran = legacy("get", "GLBATCH", entry["RECORDNO"], "--json")
    assert ran.status == 0, ran.said
    (shown,) = json.loads(ran.out)
    assert shown["description"] == entry["BATCH_TITLE"]


def test_a_journal_is_updated_and_a_journal_entry_refused_with_the_reason(legacy: Legacy, company: HttpReader) -> None:
    assert legacy("update", "GLJOURNAL", "GJ", "TITLE=General", "--yes").status == 0
    assert company.rows("GLJOURNAL", "TITLE", SYMBOL="GJ") == [{"TITLE": "General"}]
    refused = legacy("update", "GLBATCH", "501", "BATCH_TITLE=x", "--yes")
    assert (refused.status, "2.1 has no function to update GLBATCH" in refused.err) == (2, True), refused.said


ALLOCATION = """<ALLOCATION><ALLOCATIONID>XMLA</ALLOCATIONID>{TYPE}<ALLOCATIONENTRIES>
<ALLOCATIONENTRY><VALUE>60</VALUE><LOCATIONID>110</LOCATIONID></ALLOCATIONENTRY>
<ALLOCATIONENTRY><VALUE>40</VALUE><LOCATIONID>120</LOCATIONID></ALLOCATIONENTRY></ALLOCATIONENTRIES></ALLOCATION>"""


def test_an_allocation_is_created_over_3_0_and_refused_over_2_1_with_the_reason(
    intacct: Intacct, legacy: Legacy, company: HttpReader
) -> None:
    """The parts of `allocationentry` of document type 2.1 are in no documentation."""
    Path("allocation.xml").write_text(ALLOCATION.format(TYPE=""))
    refused = legacy("create", "ALLOCATION", "--from", "allocation.xml", "--yes")
    assert refused.status == 2
    assert "how create_allocation takes the lines ALLOCATIONENTRIES is not documented" in refused.err
    assert "dtd_version 3.0" in refused.err
    Path("allocation.xml").write_text(ALLOCATION.format(TYPE="<TYPE>Percentage</TYPE>"))
    made = intacct("create", "ALLOCATION", "--from", "allocation.xml", "--yes", **company.environ)
    assert made.status == 0, made.said
    shown = intacct("get", "ALLOCATION", "XMLA", "--format", "xml", **company.environ)
    (record,) = ET.fromstring(shown.out)
    assert [line.findtext("VALUE") for line in record.iterfind("ALLOCATIONENTRIES/ALLOCATIONENTRY")] == ["60", "40"]


def test_a_receipt_is_deposited(legacy: Legacy, company: HttpReader) -> None:
    day = "<year>2026</year><month>11</month><day>12</day>"
    (invoice, *_) = company.rows("ARINVOICE", "RECORDNO", "CUSTOMERID", "TRX_TOTALDUE", STATE="Posted")
    received = company.call(
        f"<create_arpayment><customerid>{invoice['CUSTOMERID']}</customerid><paymentamount>1.00</paymentamount>"
        f"<undepfundsacct>10090</undepfundsacct><datereceived>{day}</datereceived>"
        f"<paymentmethod>Cash</paymentmethod><arpaymentitem><invoicekey>{invoice['RECORDNO']}</invoicekey>"
        f"<amount>1.00</amount></arpaymentitem></create_arpayment>"
    )
    deposit = {"FINANCIALENTITY": "CHK-INS", "WHENCREATED": "2026-11-12", "DEPOSITID": "D-1",
               "RECEIPTKEYS": [{"RECORDNO": received.findtext("key")}]}  # fmt: skip
    Path("deposit.json").write_text(json.dumps(deposit))
    made = legacy("create", "DEPOSIT", "--from", "deposit.json", "--yes")
    assert made.status == 0, made.said
    assert len(company.rows("DEPOSIT", "RECORDNO", DEPOSITID="D-1")) == 1


def test_the_doctor_checks_what_it_can_and_names_what_it_cannot(legacy: Legacy) -> None:
    ran = legacy("doctor", "--json")
    assert ran.status == 0, ran.said
    findings = [(one["step"], one["status"], one["observed"]) for one in json.loads(ran.out)["findings"]]
    assert ("reading", "ok", "13 objects of document type 2.1") in findings
    (rest,) = [observed for step, status, observed in findings if (step, status) == ("rest", "skipped")]
    for check in ("permission to write", "open periods", "privileges", "audit history"):
        assert check in rest

"""The error catalogue: every entry is reached, chains are read innermost first, unknown errors keep their text."""

import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_protocol.diagnosis import ERRORS, ErrorEntry, as_error, catalogue, diagnose, page_fault
from intacct_protocol.errors import (
    Fault,
    InDoubtError,
    InvalidRequestError,
    NotPermittedError,
    RecordError,
    SettingsError,
    SignInError,
    ThrottledError,
    TransientError,
)

RETRY_RULES = {"never", "wait", "reads", "sign_in", "once", "look_up"}
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=80)
faults = st.builds(Fault, texts, texts, texts, texts)


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.id) for entry in catalogue()])
def test_every_entry_is_the_diagnosis_of_its_own_example(entry: ErrorEntry) -> None:
    chain = (entry.example_fault(),) if entry.example else ()
    found = diagnose(chain, (entry.level or ("",))[0], http_status=(entry.http or (0,))[0])
    assert found.entry == entry.id
    assert found.kind in ERRORS
    assert found.retry in RETRY_RULES
    assert "{" not in found.means + found.cause + found.fix
    assert found.means.endswith(".")
    assert found.fix
    assert entry.source.startswith(("confirmed", "observed", "inferred"))


def test_ids_are_unique_and_entries_name_who_can_fix_it() -> None:
    names = [entry.id for entry in catalogue()]
    assert len(names) == len(set(names))
    assert {entry.who for entry in catalogue()} == {
        "you",
        "company administrator",
        "sender's owner",
        "network administrator",
        "accounting",
        "Sage",
    }


# The texts below are those of the gateway notes, each with its class and words of its message.
@pytest.mark.parametrize(
    ("errorno", "text", "level", "kind", "says"),
    [
        ("XL03000006", "Incorrect Intacct XML Partner ID or password.", "control", SignInError, "sender"),
        ("XL03000006", "Sign-in information is incorrect", "authentication", SignInError, "which part"),
        ("XL03000006", "nightly is not a valid transport policy.", "control", InvalidRequestError, "nightly"),
        (
            "XL03000006",
            "The following fields cannot be queried as they are not valid: \n [\tARINVOICE: [INVOICENO, DATEDUE] ]",
            "function",
            InvalidRequestError,
            "INVOICENO, DATEDUE",
        ),
        (
            "PL04000005",
            "You do not have permission for API operation QUERY on objects of type apbill",
            "function",
            NotPermittedError,
            "apbill",
        ),
        ("", "You do not have permission to view audit history.", "function", NotPermittedError, "deleted records"),
        ("", "Account allocation module is not subscribed", "function", NotPermittedError, "Account allocation"),
        ("Query Failed", "Object definition BADOBJECT not found", "function", InvalidRequestError, "BADOBJECT"),
        ("Invalid fields list FOO", "", "function", InvalidRequestError, "FOO"),
        ("Cannot update non-existing CLASS with CLASSID=UT99.", "", "function", RecordError, "CLASSID UT99"),
        ("BL01001973", "Cannot find CLASS with key 'C9' to delete.", "function", RecordError, "key C9"),
        ("BL01001973", "Invalid Project '10064' specified.", "function", RecordError, "Project 10064"),
        (
            "BL34000061",
            "Another Class with the given value(s) C1 already exists",
            "function",
            RecordError,
            "Class with the value C1",
        ),
        ("GW-0010", "", "gateway", ThrottledError, "slow down"),
        ("", "The Service is Temporarily Off-line", "function", TransientError, "maintenance"),
        ("GW-0011", "Invalid Request", "gateway", SignInError, "before reading"),
    ],
)
def test_the_documented_texts(errorno: str, text: str, level: str, kind: type, says: str) -> None:
    error = as_error((Fault(errorno, "", text),), level)
    assert type(error) is kind
    assert says in error.message
    assert error.fix


def test_a_chain_is_read_innermost_first() -> None:
    chain = (
        Fault("BL01001973", "", "Invalid Project '10064' specified."),
        Fault("BL01001973", "", "Could not create Document record!"),
        Fault("XL03000009", "", "The entire transaction in this operation has been rolled back due to an error."),
    )
    error = as_error(chain, "function", record="je.csv:12")
    assert isinstance(error, RecordError)
    assert (error.field, error.record) == ("Project", "je.csv:12")
    assert error.diagnosis is not None
    assert error.diagnosis.fault is chain[0]
    assert error.faults == chain


def test_a_specific_fault_comes_before_a_general_sentence() -> None:
    general, telling = Fault("BL01001973", "", "Could not create APBILL record!"), Fault("", "", "Vendor ID is missing")
    assert diagnose((general, telling)).entry == diagnose((telling, general)).entry == "id-missing"
    assert diagnose((general,)).entry == "could-not-create"


def test_the_field_that_the_gateway_names_is_preferred() -> None:
    assert diagnose((Fault("BL03000018", "", "Missing unit", field="UNIT"),)).field == "UNIT"


def test_an_unknown_error_keeps_its_own_text() -> None:
    fault = Fault("ZZ99", "", "The frobnicator is askew", "Straighten it.", support_id="abc~1")
    error = as_error((fault,), "function")
    assert isinstance(error, RecordError)
    assert error.message == "ZZ99: The frobnicator is askew"
    assert error.fix == "Straighten it."
    assert error.diagnosis is not None
    assert error.diagnosis.fault.support_id == "abc~1"


def test_a_write_behind_a_524_is_in_doubt() -> None:
    assert isinstance(as_error((), http_status=524), InDoubtError)
    assert diagnose((), http_status=502).retry == "reads"


CLOUDFLARE = b"""<!DOCTYPE html>
<html><head><title>Attention Required! | Cloudflare</title></head>
<body><h1>Sorry, you have been blocked</h1>
<span>Cloudflare Ray ID: <strong class="x">8f1d2c3b4a5e6f70</strong></span></body></html>"""


def test_a_blocking_page_is_recognised_and_its_ray_id_kept() -> None:
    fault = page_fault(CLOUDFLARE)
    assert fault is not None
    assert fault.support_id == "8f1d2c3b4a5e6f70"
    error = as_error((fault,), "gateway", http_status=403)
    assert isinstance(error, SettingsError)
    assert "Attention Required! | Cloudflare" in error.message


def test_a_maintenance_page_is_transient_and_another_page_is_not() -> None:
    down = page_fault(b"<html><head><title>503 Service Temporarily Unavailable</title></head></html>")
    foreign = page_fault(b"<html><body><h1>Welcome to nginx!</h1></body></html>")
    assert down is not None
    assert foreign is not None
    assert diagnose((down,), http_status=503).kind == "transient"
    assert diagnose((foreign,), http_status=200).entry == "page-other"


@pytest.mark.parametrize("body", [b"", b"<?xml version='1.0'?><response/>", b"plain words", b'{"a": 1}'])
def test_other_bodies_are_not_pages(body: bytes) -> None:
    assert page_fault(body) is None


@given(st.lists(faults, max_size=4), st.sampled_from(["", "gateway", "control", "authentication", "function"]))
def test_every_chain_gets_a_diagnosis_that_has_a_message_and_pickles(chain: list[Fault], level: str) -> None:
    error = as_error(tuple(chain), level, http_status=200)
    assert error.message
    assert pickle.loads(pickle.dumps(error)).diagnosis == error.diagnosis


def test_the_traceback_of_an_error_shows_its_fix_as_it_is_last() -> None:
    error = SettingsError("no company", fix="Set `company_id`.")
    error.add_note("A note of a program.")
    error.fix = "Pass company_id."
    for one in (error, pickle.loads(pickle.dumps(error))):
        shown = "".join(traceback.format_exception(one)).splitlines()
        assert shown[-3:] == [
            "intacct_protocol.errors.SettingsError: no company",
            "A note of a program.",
            "Fix: Pass company_id.",
        ]
    error.fix = ""
    assert error.__notes__ == ["A note of a program."]


@given(st.binary(max_size=300))
def test_any_body_is_a_page_or_not(body: bytes) -> None:
    assert page_fault(b"<html>" + body) is not None

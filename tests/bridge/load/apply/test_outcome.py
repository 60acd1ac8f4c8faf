"""The outcome of a record as a person reads it."""

import pytest

from intacct_bridge.load.apply.outcome import RecordOutcome
from intacct_bridge.load.records.status import RecordStatus
from intacct_bridge.load.records.write import Identity, Write, WriteOperation
from intacct_protocol.errors import Fault

WRITE = Write(WriteOperation.CREATE, "APBILL", {}, Identity("k", "key"), "d", "bill", ())


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ((), "the note"),
        ((Fault("XX99", "", "It is closed"),), "It is closed"),
        ((Fault("XX99", "", "It is closed", "Open it"),), "It is closed. Open it"),
        ((Fault("XX99", "", "It is closed.", "Open it"),), "It is closed. Open it"),
        ((Fault("XX99", "", "Is it closed?", " Open it "),), "Is it closed? Open it"),
        ((Fault("XX99", "", "It is closed: Open it", "Open it"),), "It is closed: Open it"),
    ],
)
def test_a_reason_has_the_companys_correction_once(faults: tuple[Fault, ...], reason: str) -> None:
    told = RecordOutcome(WRITE, RecordStatus.REJECTED, None, faults, "the note").reason
    assert told.endswith(reason)
    assert told.count("Open it") == ("Open it" in reason)


@pytest.mark.parametrize("status", RecordStatus)
def test_a_record_is_good_if_the_company_is_as_its_source(status: RecordStatus) -> None:
    has = (RecordStatus.APPLIED, RecordStatus.SETTLED, RecordStatus.UNCHANGED, RecordStatus.SKIPPED)
    assert RecordOutcome(WRITE, status).good == (status in has)

"""Fields that the gateway refused, read from its faults."""

import pytest

from intacct_protocol.diagnosis import catalogue
from intacct_protocol.errors import Fault
from intacct_protocol.model.query.refused_fields import is_about_fields, refused_fields, unqueryable_fields

UNQUERYABLE = "The following fields cannot be queried in this company : [VENDOR: [NAME,\n\tAGENCY] ]"


def test_fields_that_exist_and_cannot_be_queried_are_listed_once() -> None:
    assert unqueryable_fields([Fault(description2=UNQUERYABLE), Fault(description=UNQUERYABLE)]) == ("NAME", "AGENCY")
    assert unqueryable_fields([Fault("XL03000010", description2="Field requested is not valid: vendor.COLOUR")]) == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (UNQUERYABLE, ("Name",)),
        ("Field requested is not valid: vendor.NAME", ("Name",)),
        ("Invalid fields list NAME, COLOUR", ("Name",)),
        ("The filter is not valid.", ()),
    ],
)
def test_refused_fields_are_those_that_were_asked_for(text: str, names: tuple[str, ...]) -> None:
    assert refused_fields([Fault(description2=text)], ["RECORDNO", "Name"]) == names


def test_a_refusal_may_be_about_fields_without_naming_them() -> None:
    assert is_about_fields([Fault(description2="some fields of the query are not valid")])
    assert not is_about_fields([Fault(description2="The session has expired.")])


def test_the_catalogue_of_errors_reads_the_same_shape() -> None:
    entry = next(one for one in catalogue() if one.id == "fields-not-queryable")
    assert unqueryable_fields([entry.example_fault()]) == ("INVOICENO", "DATEPOSTED")

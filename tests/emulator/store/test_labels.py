"""Labels of objects."""

import pytest

from intacct_emulator.store.catalogue import label_of, standard_catalog


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("APACCOUNTLABEL", "AP account label"),
        ("CONTRACTITEMPRCLSTENTYTIER", "Contract item price list entry tier"),
        ("CONTRACTEXPENSE2SCHEDULE", "Contract expense 2 schedule"),
        ("POSITIONSKILL", "Position skill"),
        ("GLBATCH", "Journal entry"),
        ("MY_OWN_object", "My own object"),
        ("QWXYZ", "Qwxyz"),
    ],
)
def test_a_name_is_split_into_its_words(name: str, label: str) -> None:
    assert label_of(name) == label


def test_every_label_of_a_standard_object_has_words() -> None:
    longest = {name: max(map(len, one.label.split())) for name, one in standard_catalog().items()}
    assert {name for name, length in longest.items() if length > len("reconciliation")} == set()

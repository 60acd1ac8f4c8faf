"""The registry of functions and the published schema agree."""

import pytest

from intacct_emulator.handlers.registry import HANDLERS, NOT_EMULATED
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.schema.functions import functions
from support.emulator.calls import one, send


def test_every_published_function_is_answered_or_refused_with_a_sentence() -> None:
    assert sorted(functions().keys() - HANDLERS.keys()) == sorted(NOT_EMULATED)
    assert [name for name, sentence in NOT_EMULATED.items() if not sentence.endswith(".")] == []


def test_no_handler_is_unreachable() -> None:
    assert sorted(HANDLERS.keys() - functions().keys()) == []


UNPUBLISHED = [
    *(f"{verb}_{name}" for verb in ("create", "update", "delete") for name in ("vendtype", "custtype", "warehouse")),
    *("update_statjournal", "update_itemtaxgroup", "update_contacttaxgroup", "delete_cctransaction"),
    *(f"reverse_{name}" for name in ("apadjustment", "aradjustment", "expenseadjustmentreport", "otherreceipt")),
]
"""Functions that similar ones suggest, but that neither the schema nor the emulator has."""


@pytest.mark.parametrize("name", UNPUBLISHED)
def test_an_unpublished_function_is_refused_by_the_schema(name: str) -> None:
    assert name not in functions()
    (fault, *_) = send(Emulator.empty(), f"<{name}/>").faults
    assert f"Element '{name}': This element is not expected" in fault.text


def test_a_function_that_is_not_emulated_is_refused_with_its_sentence() -> None:
    (fault,) = one(Emulator.empty(), "<describeall/>").faults
    assert fault.errorno == "EMULATOR-0001"
    assert fault.text == "The function describeall is not emulated. Use lookup or inspect."

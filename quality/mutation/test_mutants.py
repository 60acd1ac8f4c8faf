"""Mutants are real changes, they are applied to the code that runs, and the argued ones still exist."""

import inspect
from decimal import Decimal

import pytest

from intacct_bridge.load.plan import changes
from intacct_bridge.load.records import values
from intacct_bridge.load.tables import cells
from intacct_bridge.reconcile.ledger_copy import Amounts
from mutation.mutants import Mutant, mutants_of, path_of
from mutation.mutate import MODULES, argued, drawn
from mutation.plugin import apply


def test_the_argued_mutants_exist_and_each_has_a_reason_of_its_own() -> None:
    known = argued()
    modules = {name.partition(":")[0] for name in known}
    assert modules <= set(MODULES)
    assert known.keys() <= {one.name for module in modules for one in mutants_of(module)}
    assert all(len(why) > 20 for why in known.values())


def test_every_module_of_the_list_has_mutants() -> None:
    assert all(path_of(module).exists() for module in MODULES)
    some = mutants_of("intacct_bridge.load.records.values")
    assert len({one.name for one in some}) == len(some) > 30
    assert drawn(["intacct_bridge.load.records.values"], 5, 1) == drawn(["intacct_bridge.load.records.values"], 5, 1)


def _one(module: str, function: str, change: str) -> Mutant:
    return next(one for one in mutants_of(module) if one.function == function and one.change == change)


def test_a_mutant_changes_the_function_wherever_it_is_imported() -> None:
    code = values.comparable.__code__
    try:
        apply(_one("intacct_bridge.load.records.values", "comparable", "'true' if value else 'false' -> 'false'"))
        assert vars(changes)["comparable"](True) == "false"
    finally:
        values.comparable.__code__ = code
    assert vars(changes)["comparable"](True) == "true"


def test_a_mutant_changes_a_property_and_a_value_of_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    one = _one(
        "intacct_bridge.reconcile.ledger_copy",
        "Amounts.balance",
        "self.debits - self.credits -> self.debits + self.credits",
    )
    getter = inspect.getattr_static(Amounts, "balance").fget
    code = getter.__code__
    try:
        apply(one)
        assert Amounts(Decimal(3), Decimal(1)).balance == 4
    finally:
        getter.__code__ = code
    monkeypatch.setattr(cells, "_WHOLE_DIGITS", cells._WHOLE_DIGITS)
    apply(_one("intacct_bridge.load.tables.cells", "", "11 -> 12"))
    assert cells._WHOLE_DIGITS == 12


def test_texts_for_people_are_left_alone() -> None:
    """A mutant of a text is one of a text without spaces, such as a field's name."""
    constants = [one.change.partition(" -> ")[0] for one in mutants_of("intacct_bridge.load.apply.readback")]
    assert [one for one in constants if one.startswith("'")] == [
        "'STATE'",
        "'MODIFIEDBYLOGINID'",
        "'WHENMODIFIED'",
    ]  # of the twelve texts of the module

"""Objects with their owners, and documents of one definition: the same in every destination, and correct."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.journeys.agreeing import (
    Scene,
    all_agree,
    hard_deletes_leave_what_is_there,
    later_columns_are_filled,
    played,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with played(tmp_path, postgres, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("kind", ["owners", "definitions"])
def test_all_destinations_agree_with_each_other_and_with_the_company(scene: Scene, tmp_path: Path, kind: str) -> None:
    all_agree(scene, tmp_path, kind)


def test_hard_deletes_leave_the_live_rows(scene: Scene) -> None:
    hard_deletes_leave_what_is_there(scene, "owners")


def test_an_entity_column_that_is_added_later_is_filled(scene: Scene, tmp_path: Path) -> None:
    later_columns_are_filled(
        scene, tmp_path, ("APBILLITEM", "VENDOR"), ("APBILLITEM", "VENDOR", "--entity-column", "owner")
    )

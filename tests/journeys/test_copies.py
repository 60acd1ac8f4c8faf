"""Every kind of stream is the same in every destination, and correct.

The kinds: objects with their owners, documents of one definition, unified streams, virtual streams, and lists of
document type 2.1.
"""

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


@pytest.mark.parametrize("kind", ["owners", "definitions", "v1", "v2", "feeds", "2.1"])
def test_all_destinations_agree_with_each_other_and_with_the_company(scene: Scene, tmp_path: Path, kind: str) -> None:
    all_agree(scene, tmp_path, kind)


@pytest.mark.parametrize("kind", ["owners", "v1", "2.1"])
def test_hard_deletes_leave_the_live_rows(scene: Scene, kind: str) -> None:
    hard_deletes_leave_what_is_there(scene, kind)


V2 = ("--unified", "v2", "Bill")


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (("APBILLITEM", "VENDOR"), ("APBILLITEM", "VENDOR", "--entity-column", "owner")),
        ((*V2, "--select", "Bill.billNumber"), V2),
    ],
    ids=["an entity column", "selected columns"],
)
def test_columns_that_are_added_later_are_filled(
    scene: Scene, tmp_path: Path, first: tuple[str, ...], later: tuple[str, ...]
) -> None:
    later_columns_are_filled(scene, tmp_path, first, later)

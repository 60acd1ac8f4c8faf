"""Virtual streams and lists of document type 2.1: the same in every destination, and correct."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.journeys.agreeing import Scene, all_agree, hard_deletes_leave_what_is_there, played

pytestmark = pytest.mark.slow


@pytest.fixture
def scene(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with played(tmp_path, postgres, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("kind", ["feeds", "2.1"])
def test_all_destinations_agree_with_each_other_and_with_the_company(scene: Scene, tmp_path: Path, kind: str) -> None:
    all_agree(scene, tmp_path, kind)


def test_hard_deletes_leave_the_live_rows(scene: Scene) -> None:
    hard_deletes_leave_what_is_there(scene, "2.1")

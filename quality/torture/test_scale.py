"""A short torture of loaders that share a database, in every run of the suite; `make torture-scale` is the long one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.postgres_server import RunningPostgres, running_postgres
from support.torture.tally import Tally
from torture.scale import FAULTS, Round

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[RunningPostgres]:
    """A server of its own: it is killed."""
    with running_postgres() as made:
        yield made


def test_loaders_on_one_database_post_once_whatever_is_killed_or_cut(server: RunningPostgres, tmp_path: Path) -> None:
    tally = Tally()
    Round(6, tmp_path, server, tally).run()
    Round(7, tmp_path, server, tally, ("server killed before", "server killed after")).run()
    assert tally.failures == []
    assert sum(tally.counts[kind] for kind in FAULTS[1:]) > 1


def test_a_loader_that_takes_a_lost_commit_for_done_is_caught(server: RunningPostgres, tmp_path: Path) -> None:
    """This proves that the torture finds what the rules are about. Not every lost commit is that of an outcome."""
    assert any(_doubles_a_record(seed, server, tmp_path) for seed in range(1, 13))


def _doubles_a_record(seed: int, server: RunningPostgres, folder: Path) -> bool:
    """Whether a round with careless loaders leaves a record that the outbox would post again."""
    tally = Tally()
    one = Round(seed, folder, server, tally, ("commit lost",))
    one.job = replace(one.job, careless=True)
    one.run()
    return any("is in the ledger, and the outbox says planned" in failure for failure in tally.failures)

"""Companies and postings drawn at random: the laws of a ledger hold in each of them.

`make ledgers` runs 200 companies of 500 postings; the tests run a few small ones.
"""

import os
from random import Random

import pytest

from support.emulator.random_company import RandomPoster, random_company
from support.emulator.true_ledger import assert_true_ledger

COMPANIES, STEPS = (int(one) for one in os.environ.get("RANDOM_COMPANIES", "6x60").split("x"))
FIRST_SEED = int(os.environ.get("RANDOM_SEED", "1"))


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + COMPANIES))
def test_a_random_company_keeps_true_books(seed: int) -> None:
    rng = Random(seed)
    company = random_company(rng)
    emulator = company.emulator()
    poster = RandomPoster(company, emulator, rng)
    for place in range(1, STEPS + 1):
        poster.step()
        if place % 250 == 0:
            assert_true_ledger(company, emulator, rng)
    assert_true_ledger(company, emulator, rng)
    assert emulator.incidents == []
    accepted = sum(count for (_, done), count in poster.outcomes.items() if done)
    assert accepted * 4 >= STEPS, poster.refusals.most_common(10)
    emulator.close()

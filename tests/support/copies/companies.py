"""The companies that views are tested on, beside the demo company."""

from random import Random

from support.emulator.own_company import OwnCompany
from support.emulator.random_company import DECIMALS, RandomPoster, random_rates
from support.small_company import Clock

ONE = OwnCompany(entities={}, dimensions=(), decimals=DECIMALS, rate_types=random_rates(Random(1)))
"""One location, one currency, no entities."""
FIVE = OwnCompany(
    entities={"US": "USD", "UK": "GBP", "DE": "EUR", "FR": "EUR", "TX": "USD"},
    books=("ACCRUAL", "CASH"),
    adjustment_books=("GAAP",),
    journals={"GJ": "", "GAJ": "GAAP", "CJ": "CASH"},
    decimals=DECIMALS,
    rate_types=random_rates(Random(5)),
    fiscal=dict.fromkeys(("US", "UK", "DE", "FR", "TX"), "7"),
)
"""Five entities with three base currencies, fiscal years from July, a cash book and a book of adjustments."""

MIXED = OwnCompany(
    entities={"US": "USD", "JP": "JPY", "KW": "KWD", "DE": "EUR"},
    books=("ACCRUAL", "CASH"),
    journals={"GJ": "", "CJ": "CASH"},
    decimals=DECIMALS,
    rate_types=random_rates(Random(6)),
    fiscal={"US": "1", "JP": "4", "KW": "7", "DE": "10"},
)
"""Four entities with base currencies of two, no and three decimals, each with a fiscal year of its own."""


class Scene:
    """A company that posts at random, with a clock that a test moves."""

    def __init__(self, company: OwnCompany, seed: int) -> None:
        self.clock = Clock()
        made = company.emulator()
        self.emulator = made.clone(clock=self.clock)
        made.close()
        self.poster = RandomPoster(company, self.emulator, Random(seed))

    def post(self, steps: int) -> None:
        """Post, then wait until the next morning."""
        for _ in range(steps):
            self.poster.step()
        self.clock.forward(days=1)

"""What the rounds of a torture add up to."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What happened, and what is wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in sorted(self.counts.items()))

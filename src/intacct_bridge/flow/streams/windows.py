"""Cutting a long read by date. Pure: no calls, no clock.

A view over the whole ledger may not answer before the gateway gives up, so it is read some weeks or months at a time.
The first and the last window have open ends: whatever is dated outside of what we knew is still read once.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from intacct_bridge.model.query.query import Compare, Filter, Op


@dataclass(frozen=True, slots=True)
class Days:
    """Days from one to another, both included; an open end has no day."""

    first: date | None = None
    last: date | None = None

    def filter(self, field: str) -> tuple[Filter, ...]:
        """The filter that keeps a date within these days."""
        if self.first and self.last:
            return (Compare(field, Op.BETWEEN, (self.first, self.last)),)
        low = (Compare(field, Op.GREATERTHANOREQUALTO, (self.first,)),) if self.first else ()
        high = (Compare(field, Op.LESSTHANOREQUALTO, (self.last,)),) if self.last else ()
        return (*low, *high)

    def halves(self) -> tuple["Days", "Days"] | None:
        """Two windows in place of one; None where there is only a day, or an end is open."""
        if not self.first or not self.last or self.first >= self.last:
            return None
        middle = self.first + (self.last - self.first) // 2
        return Days(self.first, middle), Days(middle + timedelta(days=1), self.last)

    def __str__(self) -> str:
        return f"{self.first or ''}/{self.last or ''}"

    @classmethod
    def read(cls, text: str) -> "Days":
        """Read what `str` wrote."""
        first, _, last = text.partition("/")
        return cls(date.fromisoformat(first) if first else None, date.fromisoformat(last) if last else None)


def spread(first: date, last: date, parts: int) -> tuple[Days, ...]:
    """As many windows of about the same length, together everything: before `first` and after `last` too."""
    total = (last - first).days + 1
    parts = max(1, min(parts, total))
    starts = [first + timedelta(days=total * index // parts) for index in range(1, parts)]
    ends = [start - timedelta(days=1) for start in starts]
    return tuple(Days(low, high) for low, high in zip((None, *starts), (*ends, None), strict=True))

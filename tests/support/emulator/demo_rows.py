"""The demo company's rows by object, made once for all tests that read them."""

from collections import defaultdict
from datetime import date
from functools import cache

from intacct_emulator.demo_company.company import demo_company
from intacct_emulator.ledger.posting_rows import TypedRow

AS_OF = date(2026, 3, 17)


@cache
def demo_rows(seed: int = 1, as_of: date = AS_OF, *, cash_book: bool = False) -> dict[str, list[TypedRow]]:
    """Rows by object, in order."""
    found: dict[str, list[TypedRow]] = defaultdict(list)
    for name, row in demo_company(seed, as_of=as_of, cash_book=cash_book):
        found[name].append(row)
    return found

"""The billable API transactions of each company, as Sage's page on API usage and partners' pages describe them.

Each top-level record that is created, updated or deleted is one, its lines included, however the records are batched.
Each page of a query, readByQuery, readMore or get_list is one. Sage's page shows unsuccessful transactions too, but no
rejections such as too many requests. It is not published what other functions and signing in cost: each counts as one
here. So does a function that fails, unless the settings say otherwise. A request that was refused before its user was
signed in costs nothing.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from intacct_emulator.company.company_data import FunctionAnswer
from intacct_emulator.settings.function_records import function_records
from intacct_protocol.xml.envelope import SUCCESS, Function


@dataclass(frozen=True, slots=True)
class CompanyTransactions:
    """The count of one company since the emulator started."""

    total: int = 0
    by_function: dict[str, int] = field(default_factory=dict)
    by_sender: dict[str, int] = field(default_factory=dict)


def transactions_of(function: Function) -> int:
    """The billable transactions of one function, whether or not it succeeds."""
    return len(function_records(function.body))


class TransactionCount:
    """The counts of one emulator's companies, without those of the senders in `uncounted`: Marketplace partners'."""

    def __init__(self, *, failures: bool, uncounted: Sequence[str] = ()) -> None:
        self._failures = failures
        self._uncounted = frozenset(uncounted)
        self._counted: dict[str, tuple[Counter[str], Counter[str]]] = {}

    def add(self, company_id: str, sender_id: str, function: Function, status: str, answer: FunctionAnswer) -> int:
        """Count one function of an operation that signed in; gives its transactions."""
        if sender_id in self._uncounted:
            return 0
        cost = transactions_of(function)
        if not self._failures and status != SUCCESS:
            cost = answer.written or 0
        by_function, by_sender = self._counted.setdefault(company_id, (Counter(), Counter()))
        by_function[function.name] += cost
        by_sender[sender_id] += cost
        return cost

    def of(self, company_id: str) -> CompanyTransactions:
        """The count of one company."""
        by_function, by_sender = self._counted.get(company_id, (Counter(), Counter()))
        return CompanyTransactions(by_function.total(), dict(by_function), dict(by_sender))

    def clear(self) -> None:
        """Start again from zero."""
        self._counted.clear()

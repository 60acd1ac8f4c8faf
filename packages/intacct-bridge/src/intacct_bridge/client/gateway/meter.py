"""The cost of a run: HTTP calls, functions, and billable API transactions, with a cap that is never exceeded.

The rule, from what partners publish about Sage's tiers (RKL, "what counts as an API transaction"): each top-level
record created, updated or deleted is one transaction; its lines are free, and batching saves nothing. Each page of a
query, readByQuery or readMore is one. The cost of other functions and of signing in is not published, so each of them
counts as one. A function that fails counts: Sage's page on API usage shows unsuccessful transactions too. A request
that was refused before any function ran (too fast, a wrong sender, a lost session), or that never left, costs nothing.
A request without an answer counts, though it may never have arrived.

The month's count by company and connection is kept in a small JSON file, which several processes may add to. It is an
estimate of Sage's count by this rule and from this machine only; the tier's own figure is on Intacct's usage dashboard.
The file is changed under a lock and replaced in one step, so a killed process leaves it readable.
"""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from intacct_bridge.machine.locks import locked
from intacct_bridge.machine.replaced_file import replaced
from intacct_protocol.errors import CapError
from intacct_protocol.xml.envelope import Function
from intacct_protocol.xml.xml import Element


@dataclass(frozen=True, slots=True)
class Cost:
    """Functions and transactions of one kind."""

    functions: int = 0
    transactions: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """The use so far."""

    calls: int
    functions: int
    transactions: int
    by_function: dict[str, Cost]
    by_object: dict[str, Cost]
    """By object name in the gateway's spelling; without the functions that name no object."""


def transactions_of(body: Element) -> int:
    """The billable transactions of one function, by the rule above."""
    if body.tag in ("create", "update"):
        return max(1, len(body.children))
    if body.tag == "delete":
        return max(1, len([key for key in body.findtext("keys").split(",") if key.strip()]))
    return 1


def objects_of(body: Element) -> tuple[str, ...]:
    """The objects that a function names, in upper case, one for each record that it writes."""
    if body.tag in ("create", "update"):
        return tuple(record.tag.upper() for record in body)
    named = body.findtext("object") or body.get("object")
    if not named and "_" in body.tag:
        named = body.tag.partition("_")[2]
    return (named.upper(),) if named else ()


class Meter:
    """Counts for one client and the clients of entities derived from it; threads may share it."""

    def __init__(self, *, cap: int | None = None) -> None:
        self.cap = cap
        """The maximum of transactions that this meter allows; None for no limit."""
        self.before_first: Callable[[], object] | None = None
        """Called once, before the first request leaves."""
        self.before_each: Callable[[], object] | None = None
        """Called before each request leaves; it may raise an error, and then nothing leaves."""
        self._lock = threading.Lock()
        self._calls = 0
        self._spent = 0
        self._counted: Counter[tuple[str, str, str]] = Counter()

    @property
    def calls(self) -> int:
        """HTTP requests, including refused ones."""
        return self._calls

    @property
    def functions(self) -> int:
        """Functions executed, as far as is known."""
        return self.usage().functions

    @property
    def transactions(self) -> int:
        """Billable transactions by the rule above."""
        return self._spent

    def usage(self) -> Usage:
        """All counts at one moment."""
        with self._lock:
            counted, calls = Counter(self._counted), self._calls
        by_function = _costs(counted, "function")
        total = Cost(sum(c.functions for c in by_function.values()), sum(c.transactions for c in by_function.values()))
        return Usage(calls, total.functions, total.transactions, by_function, _costs(counted, "object"))

    def begin(self, functions: Sequence[Function]) -> None:
        """Count a request that is about to leave; CapError, and no count, if it would exceed the cap."""
        if self.before_each is not None:
            self.before_each()
        first, self.before_first = self.before_first, None
        if first is not None:
            first()
        with self._lock:
            cost = sum(transactions_of(function.body) for function in functions)
            if self.cap is not None and self._spent + cost > self.cap:
                names = ", ".join(dict.fromkeys(function.name for function in functions))
                raise CapError(
                    f"the next request ({names}) costs {cost:,} API transactions; {self._spent:,} of the"
                    f" {self.cap:,} allowed are used",
                    fix="Raise `max_transactions`, or continue later; completed work is kept.",
                    setting="max_transactions",
                )
            self._calls += 1
            self._add(functions, 1)

    def undo(self, functions: Sequence[Function]) -> None:
        """Take back the count of `begin`: the request was refused before anything ran, or never left."""
        with self._lock:
            self._add(functions, -1)

    def _add(self, functions: Sequence[Function], sign: int) -> None:
        for function in functions:
            name, cost = function.name, transactions_of(function.body)
            self._spent += sign * cost
            self._counted["function", name, "functions"] += sign
            self._counted["function", name, "transactions"] += sign * cost
            named = objects_of(function.body)
            each = cost // len(named) if named else 0
            for position, object_name in enumerate(named):
                self._counted["object", object_name, "functions"] += sign * (position == 0)
                self._counted["object", object_name, "transactions"] += sign * each


def _costs(counted: Counter[tuple[str, str, str]], group: str) -> dict[str, Cost]:
    names = sorted({name for kind, name, _ in counted if kind == group})
    costs = {name: Cost(counted[group, name, "functions"], counted[group, name, "transactions"]) for name in names}
    return {name: cost for name, cost in costs.items() if cost.functions or cost.transactions}


_KEPT_MONTHS = 24
_EVERY = 25
"""Transactions between two writes to disk; a killed process loses at most these."""


class MonthlyUsage:
    """One company's file in a directory."""

    def __init__(self, directory: Path, *, company: str, connection: str) -> None:
        self._path = directory / "usage" / f"{re.sub(r'[^A-Za-z0-9._-]', '_', company) or '_'}.json"
        self._connection = connection

    def add(self, month: str, transactions: int) -> None:
        """Add to the count of a month, written `2026-11`."""
        if transactions <= 0:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self._path.with_suffix(".lock")):
            counted = self._read()
            of_month = counted.setdefault(month, {})
            of_month[self._connection] = of_month.get(self._connection, 0) + transactions
            months = dict(sorted(counted.items())[-_KEPT_MONTHS:])
            with replaced(self._path) as fresh:
                fresh.write_text(json.dumps(months, indent=1), encoding="utf-8")

    def month_to_date(self, month: str) -> int:
        """The company's transactions in that month, over all connections."""
        return sum(self._read().get(month, {}).values())

    def _read(self) -> dict[str, dict[str, int]]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(month): {str(name): int(n) for name, n in counts.items()} for month, counts in document.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            # No file yet, or a damaged one: a run does not fail for an estimate.
            return {}


class MonthlyCounter:
    """Adds a meter's count to the month's, several transactions at a time; threads may share it."""

    def __init__(self, usage: MonthlyUsage) -> None:
        self.usage = usage
        self._lock = threading.Lock()
        self._written = 0
        self._noted = 0
        self._month = ""

    def note(self, transactions: int, now: datetime | None) -> None:
        """Note the meter's count at this time of the gateway's clock.

        It is written to disk when enough has been added, and at the turn of the month.
        """
        month = f"{now:%Y-%m}" if now is not None else self._month
        if self._month and month != self._month:
            self.flush()
        with self._lock:
            self._month = month
            self._noted = max(self._noted, transactions)
            due = self._noted - self._written >= _EVERY
        if due:
            self.flush()

    def flush(self) -> None:
        """Write the noted count that is not on disk yet. A disk error is ignored: it costs the estimate only."""
        with self._lock:
            added, self._written = self._noted - self._written, self._noted
        if self._month:
            with suppress(OSError):
                self.usage.add(self._month, added)

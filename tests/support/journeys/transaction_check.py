"""Holds the client's meter against the emulator's count of billable transactions, function by function.

Everything in this process is watched: what a meter counts, and what an emulator counts, by the control id of the
function. Control ids of other programs have no meter here and are left out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import pytest

from intacct_bridge.client.gateway.exchange import Exchange
from intacct_bridge.client.gateway.meter import Meter, transactions_of
from intacct_emulator.access.billable_transactions import TransactionCount
from intacct_protocol.xml.envelope import Function


@dataclass
class TransactionCheck:
    """What was counted on both sides."""

    metered: Counter[str] = field(default_factory=Counter)
    billed: Counter[str] = field(default_factory=Counter)
    unanswered: set[str] = field(default_factory=set)
    """Functions of requests that had no answer, so that nobody knows whether they ran."""
    running: Counter[str] = field(default_factory=Counter)
    """Functions of requests that are under way, as those of a run that was left."""
    _lock: Any = field(default_factory=Lock)

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Watch every meter and every emulator of this process."""
        meter_add, count_add, once = Meter._add, TransactionCount.add, Exchange.once

        def metered(meter: Meter, functions: Sequence[Function], sign: int) -> None:
            before = meter._spent
            meter_add(meter, functions, sign)
            with self._lock:
                for function in functions:
                    self.metered[function.control_id] += sign * transactions_of(function.body)
                assert meter._spent - before == sign * sum(transactions_of(one.body) for one in functions)

        def counted(count: TransactionCount, company: str, sender: str, function: Function, *more: Any) -> int:
            cost = count_add(count, company, sender, function, *more)
            with self._lock:
                self.billed[function.control_id] += cost
            return cost

        def sent(exchange: Exchange, call: Any, *more: Any) -> Any:
            with self._lock:
                self.running.update(call.control_ids)
            try:
                answer = once(exchange, call, *more)
            except BaseException:
                with self._lock:
                    self.unanswered |= set(call.control_ids)
                raise
            with self._lock:
                self.running.subtract(call.control_ids)
            return answer

        patch.setattr(Meter, "_add", metered)
        patch.setattr(TransactionCount, "add", counted)
        patch.setattr(Exchange, "once", sent)

    def check(self) -> None:
        """Assert that both counts are equal; a function without an answer may be billed or not.

        A test without an emulator in this process has nothing to compare: its gateway is another process or a fake.
        """
        if not self.billed:
            return
        with self._lock:
            wrong = {
                one: (metered, self.billed[one])
                for one, metered in self.metered.items()
                if metered != self.billed[one] and not (self._open(one) and 0 <= self.billed[one] <= metered)
            }
        assert not wrong, f"metered and billed, by control id: {wrong}"

    def _open(self, control_id: str) -> bool:
        return control_id in self.unanswered or self.running[control_id] > 0

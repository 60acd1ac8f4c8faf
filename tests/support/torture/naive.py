"""The loader that most connectors have: it sends again on an error, and remembers the records that were confirmed.

It proves that the faults are real: with the same faults and seeds it posts records twice, reports posted records as
failed, and cannot know that it does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from intacct_bridge.load.records.write import Write
from intacct_bridge.load.target.functions import Functions
from intacct_protocol.errors import IntacctError
from intacct_protocol.xml.envelope import SUCCESS, Function

TRIES = 5


@dataclass
class Naive:
    """Outlives its processes, and keeps the records that were confirmed."""

    done: set[str] = field(default_factory=set)
    _ids: Iterable[int] = field(default_factory=count)

    def load(self, client: Any, writes: Sequence[tuple[str, Write]], batch_size: int) -> None:
        """Send all records that were not confirmed, several times where errors come back."""
        functions = Functions(client)
        left = [(mark, functions.element(write)) for mark, write in writes if mark not in self.done]
        for start in range(0, len(left), batch_size):
            batch = left[start : start + batch_size]
            for _ in range(TRIES):
                wanted = [(mark, element) for mark, element in batch if mark not in self.done]
                if not wanted:
                    break
                try:
                    results = client.submit(
                        [Function(element, f"naive-{next(iter(self._ids))}") for _, element in wanted]
                    )
                except IntacctError:
                    continue
                answered = zip(wanted, results, strict=False)
                self.done |= {mark for (mark, _), result in answered if result.status == SUCCESS}

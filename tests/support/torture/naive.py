"""The loader that most connectors have: on an error it sends again, and it remembers what it was told has succeeded.

It is kept as proof that the weather is real: in the same world with the same seeds it writes records twice, says of
records that are there that they failed, and cannot know that it does.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from intacct_bridge.errors import IntacctError
from intacct_bridge.flow.company.functions import Functions
from intacct_bridge.flow.company.legacy import LegacyGateway
from intacct_bridge.flow.records.write import Write
from intacct_bridge.wire.envelope import SUCCESS, Function

TRIES = 5


@dataclass
class Naive:
    """Outlives its processes: what it was told stays."""

    done: set[str] = field(default_factory=set)
    _ids: Iterable[int] = field(default_factory=count)

    def load(self, client: Any, writes: Sequence[tuple[str, Write]], batch_size: int) -> None:
        """Send everything that was not told to have succeeded, again and again where an error comes back."""
        functions = Functions(LegacyGateway(client))
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
                told = zip(wanted, results, strict=False)
                self.done |= {mark for (mark, _), result in told if result.status == SUCCESS}

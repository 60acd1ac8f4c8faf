"""The emulator's demo company over HTTP in a process of its own, which tells what it has done.

`python -m bench.served [LATENCY_MS [RUNNING [WRITES]]]` makes so many legacy writes and prints its URL; for every line
on its standard input it prints its CPU seconds, the requests and the functions it was sent so far, and it serves until
that input ends.
"""

import sys
import time
from datetime import date

from bench.legacy import write
from intacct_bridge.emulator.gateway.gateway import Emulator
from intacct_bridge.emulator.gateway.server import serve
from intacct_bridge.emulator.settings.behaviour import Behaviour
from intacct_bridge.emulator.settings.world import EmulatorSettings
from intacct_bridge.wire.reply import Reply

AS_OF = date(2026, 11, 21)


class Counting(Emulator):
    """Counts what arrives."""

    requests = 0
    functions = 0

    def paced(self, endpoint: str, body: bytes) -> Reply:
        """Count and answer."""
        self.requests += 1
        self.functions += body.count(b"<function ")
        return super().paced(endpoint, body)


def main() -> None:
    """Serve until standard input ends."""
    latency, running, writes = (*map(int, sys.argv[1:]), 0, 0, 0)[:3]
    settings = EmulatorSettings(behaviour=Behaviour(latency_ms=latency, concurrency=running))
    emulator = Counting.demo(as_of=AS_OF, settings=settings)
    assert isinstance(emulator, Counting)
    write(emulator, writes)
    with serve(emulator) as server:
        print(server.url, flush=True)
        for _ in sys.stdin:
            print(time.process_time(), emulator.requests, emulator.functions, flush=True)
    emulator.close()


if __name__ == "__main__":
    main()

"""The emulator's demo company over HTTP in its own process, with counts of its work.

`python -m bench.demo_server [LATENCY_MS [RUNNING [WRITES [SCALE]]]]` posts WRITES legacy records and prints its URL.
For every line of its input it prints its CPU seconds, requests and functions until then. It serves until its input
ends.
"""

import sys
import time
from datetime import date

from bench.legacy_writes import write
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_protocol.xml.reply import Reply

AS_OF = date(2026, 11, 21)


class Counting(Emulator):
    """Counts requests and functions."""

    requests = 0
    functions = 0

    def paced(self, endpoint: str, body: bytes) -> Reply:
        """Count and answer."""
        self.requests += 1
        self.functions += body.count(b"<function ")
        return super().paced(endpoint, body)


def main() -> None:
    """Serve until standard input ends."""
    given = [int(argument) for argument in sys.argv[1:]]
    latency, running, writes, scale = (*given, *(0, 0, 0, 1)[len(given) :])
    settings = EmulatorSettings(behaviour=Behaviour(latency_ms=latency, concurrency=running))
    emulator = Counting.demo(as_of=AS_OF, scale=scale, settings=settings)
    assert isinstance(emulator, Counting)
    write(emulator, writes)
    with serve(emulator) as server:
        print(server.url, flush=True)
        for _ in sys.stdin:
            print(time.process_time(), emulator.requests, emulator.functions, flush=True)
    emulator.close()


if __name__ == "__main__":
    main()

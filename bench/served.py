"""The emulator's demo company over HTTP in a process of its own, which tells what CPU time it has used.

`python -m bench.served` prints its URL; for every line on its standard input it prints its CPU seconds so far, and it
serves until that input ends.
"""

import sys
import time
from datetime import date

from intacct_bridge.emulator.gateway import Emulator
from intacct_bridge.emulator.server import serve

AS_OF = date(2026, 11, 21)


def main() -> None:
    """Serve until standard input ends."""
    emulator = Emulator.demo(as_of=AS_OF)
    with serve(emulator) as running:
        print(running.url, flush=True)
        for _ in sys.stdin:
            print(time.process_time(), flush=True)
    emulator.close()


if __name__ == "__main__":
    main()

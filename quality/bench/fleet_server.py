"""Many emulated companies over HTTP, for the benchmark of fleets: `COMPANIES`; it answers questions on its input.

`hang N` lets the first N companies hang with each request, for 90 seconds, and `counts` prints what each company
received.
"""

import json
import sys
from datetime import date

from intacct_bridge.testing import emulated_company
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import FaultPlan, ScriptedFault

_HANGS = 90.0


def main(companies: int) -> None:
    """Serve until the input ends."""
    with emulated_company("demo", as_of=date(2026, 10, 31), months=3) as model:
        names = [one.company_id for one in model.share(companies)]
        emulator = model.emulator
        with serve(emulator) as server:
            print(server.url, flush=True)
            for line in sys.stdin:
                command, _, number = line.strip().partition(" ")
                if command == "hang":
                    hanging = names[: int(number)]
                    emulator.fault_plan = FaultPlan(
                        tuple(ScriptedFault("slow", company=one, calls=(), seconds=_HANGS) for one in hanging)
                    )
                    print("{}", flush=True)
                    continue
                counts = {name: emulator.request_count(name) for name in names}
                print(
                    json.dumps(
                        {
                            name: [one.requests, one.most_at_once, emulator.transactions(name).total]
                            for name, one in counts.items()
                        }
                    ),
                    flush=True,
                )


if __name__ == "__main__":
    main(int(sys.argv[1]))

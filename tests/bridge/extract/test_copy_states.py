"""A copy in DuckDB and one in files, of a company that is edited between any two calls: any order of runs and faults.

Runs are incremental or full, fail at any request, or are killed at any operation of the disk. Columns are selected and
left out. After each run that succeeds without edits beside it, the copy has exactly the rows of the company.
"""

import tempfile
from collections import deque
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from intacct_bridge.copies.destinations.open import open_destination
from intacct_bridge.extract.options import ExtractOptions
from intacct_bridge.extract.pipeline import ReadRequest, prepare
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import IntacctError
from intacct_protocol.xml.reply import ConnectionCutError, Reply
from support.journeys.editor import Editor
from support.shared_files import roomy_folder
from support.simulate.copy_check import differences
from support.simulate.definitions import knowing, known_definitions
from support.simulate.history import History
from support.simulate.machine import Death, Machine
from support.simulate.one_thread import one_thread
from support.simulate.sqlite_files import unavailable
from support.small_company import Clock, client, company
from support.state_machines import machine_settings

STREAMS = {
    "VENDOR": ("RECORDNO", "VENDORID", "NAME"),
    "APBILL": ("RECORDNO", "WHENDUE", "TRX_TOTALENTERED"),
    "APBILLITEM": ("RECORDNO", "RECORDKEY", "TRX_AMOUNT"),
}
MORE = {"VENDOR": "COMMENTS", "APBILL": "WHENCREATED", "APBILLITEM": "ACCOUNTNO"}
"""Columns that are selected in some runs only."""
ENDS = st.sampled_from(("good", "good", "edited", "cut", "killed", "power cut"))


@cache
def _company() -> Emulator:
    return company(Clock())


class Copies(RuleBasedStateMachine):
    """An editor, and a user who extracts into two copies."""

    @initialize(seed=st.integers(0, 10**6))
    def begin(self, seed: int) -> None:
        self.around = ExitStack()
        folder = self.around.enter_context(tempfile.TemporaryDirectory(dir=roomy_folder()))
        self.history = History()
        self.machine = Machine(Path(folder), Random(seed), self.history)
        files, inspected = known_definitions(_company())
        self.around.enter_context(one_thread(Random(seed)))
        self.around.enter_context(knowing(inspected))
        self.around.enter_context(self.machine.running(files))
        self.clock = Clock()
        self.emulator = _company().clone(clock=self.clock)
        self.person = self.around.enter_context(client(self.emulator))
        self.editor = Editor(self.person, seed)
        self.uris = {"duckdb": f"duckdb:///{folder}/copy.duckdb", "files": f"jsonl:{folder}/files"}
        self.selected: dict[str, set[str]] = {name: set() for name in self.uris}

    def teardown(self) -> None:
        self.around.close()
        assert self.emulator.incidents == []
        self.emulator.close()

    @rule(times=st.integers(1, 5))
    def people_edit(self, times: int) -> None:
        for _ in range(times):
            self.clock.forward(seconds=1)
            self.editor.work()
        self.clock.forward(seconds=1)

    @rule(minutes=st.sampled_from((5, 200, 2000)))
    def time_passes(self, minutes: int) -> None:
        self.clock.forward(minutes=minutes)

    @rule(
        which=st.sampled_from(("duckdb", "files", "files")),
        full=st.booleans(),
        more=st.sets(st.sampled_from(sorted(MORE)), max_size=1),
        end=ENDS,
        at=st.integers(1, 30),
    )
    def extract(self, which: str, full: bool, more: set[str], end: str, at: int) -> None:
        """A run, which fails or is killed at this request or operation."""
        fields = {name: (*some, *((MORE[name],) if name in more else ())) for name, some in STREAMS.items()}
        left = at

        def transport(endpoint: str, body: bytes) -> Reply:
            nonlocal left
            left -= 1
            if end == "cut" and left == 0:
                raise ConnectionCutError("cut", sent=True)
            if end == "edited" and left % 2:
                self.people_edit(1)
            return self.emulator(endpoint, body)

        def run() -> None:
            with client(transport) as gateway, closing(open_destination(self.uris[which])) as destination:
                prepared = prepare(gateway, ReadRequest(tuple(fields), {name: fields[name][1:] for name in fields}))
                extraction = prepared.into(destination, ExtractOptions(full=full, page_size=3))
                deque(extraction, 0)
                failed = [one for one in extraction.outcomes if one.error]
                if failed:
                    raise IntacctError(failed[0].error)

        killed = Death("disk", at, power=end == "power cut") if end in ("killed", "power cut") else None
        ended = self.machine.run(run, killed)
        assert self.history.failures == []
        assert ended.good or end != "good", ended.error
        if ended.good and end != "edited":
            assert differences(self.emulator, self.uris[which], fields) == []


TestCopies = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "available")(Copies.TestCase)
TestCopies = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")(TestCopies)
"""A killed process closes no files."""
TestCopies.settings = machine_settings(examples=5, steps=10)

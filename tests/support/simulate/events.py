"""The events that must happen in a run over many seeds, so that no fault is in the program only by name."""

from support.simulate.network import READ_FAULTS
from support.torture.world import WITH_PAGES

NETWORK = tuple(dict.fromkeys(f"network: {kind}" for kind in (*WITH_PAGES, *READ_FAULTS)))
MACHINE = (
    "process killed",
    "power cut",
    "unsynced bytes lost",
    "ended at a step",
    "ended at a request",
    "ended at a disk",
    "disk full",
    "a full disk stopped a process",
    "two loaders at once",
    "one of two loaders killed",
)
WORK = (
    "records loaded",
    "records corrected through the outbox",
    "records deleted by us",
    "records undone",
    "an undo refused",
    "a record of ours corrected by another person",
    "a record of ours deleted by another person",
    "a person resolved: posted as",
    "a person resolved: not posted",
    "an incremental extract",
    "a full refresh",
    "records edited during an extract",
    "a stream failed",
    "copies compared",
)
OUTCOMES = ("records in the company in the end", "records in doubt in the end")
EVENTS = (*NETWORK, *MACHINE, *WORK, *OUTCOMES)
SHOWN = (*WORK, "faults", *MACHINE, *OUTCOMES)
"""The events in a run's report."""

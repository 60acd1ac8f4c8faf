"""What must hold after a demo of a fleet: runs, postings, copies and meters, compared with the emulated companies."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from intacct_bridge.apps.demo.fleet_demo import STREAMS, FleetDemo, seen_by_emulator
from intacct_bridge.operations.copies import open_copy
from intacct_bridge.operations.fleets import FleetKey, QueuedRun
from intacct_bridge.operations.runs import RunEnd
from intacct_protocol.model.wording import counted, listed

_NAMED = 5
_COLUMNS = {"CLASS": ("RECORDNO", "CLASSID"), "VENDOR": ("RECORDNO", "VENDORID"), "DEPARTMENT": ("RECORDNO", "TITLE")}


@dataclass(frozen=True, slots=True)
class FleetDemoCheck:
    """One thing that must hold."""

    what: str
    """A sentence that is true if it holds."""
    wrong: tuple[str, ...] = ()
    """What contradicts it."""

    def __str__(self) -> str:
        if not self.wrong:
            return f"ok      {self.what}"
        more = f" and {len(self.wrong) - _NAMED:,} more" if len(self.wrong) > _NAMED else ""
        return f"FAILED  {self.what}: {'; '.join(self.wrong[:_NAMED])}{more}"


def checks(demo: FleetDemo) -> Iterator[FleetDemoCheck]:
    """Every check, in the order of the report."""
    yield _every_run_done(demo)
    yield _bad_ones_apart(demo)
    yield _taken_over(demo)
    yield _posted_once(demo)
    yield _copies_equal(demo)
    yield _meters_equal(demo)
    yield _within_limit(demo)
    yield _keys_replaced(demo)


def _waiting(demo: FleetDemo) -> set[str]:
    """The tenants whose load was killed: if it was sending, the next load waits until that request must be over."""
    return {one.tenant for one in demo.killed if one.flow == "post"}


def _well(demo: FleetDemo, run: QueuedRun) -> bool:
    waits = run.flow == "post" and run.tenant in _waiting(demo)
    cut = any(_overlaps(run, begins, ends) for begins, ends in demo.outages)
    return run.outcome == RunEnd.DONE or ((waits or cut) and run.outcome == RunEnd.TRANSIENT)


def _every_run_done(demo: FleetDemo) -> FleetDemoCheck:
    runs = [one for one in demo.runs if one.tenant in demo.well and one.ended_at is not None]
    wrong = [f"{one.tenant} {one.flow}: {one.outcome}, {one.detail}" for one in runs if not _well(demo, one)]
    both = Counter((one.tenant, one.flow) for one in runs)
    wrong += [f"{name} {flow} never ran" for name in demo.well for flow in ("copy", "post") if not both[name, flow]]
    what = f"{counted(len(runs), 'run')} of {counted(len(demo.well), 'company', 'companies')} ended well"
    return FleetDemoCheck(what, tuple(wrong))


def _bad_ones_apart(demo: FleetDemo) -> FleetDemoCheck:
    bad = (demo.wrong, demo.hangs)
    wrong = [f"{one.tenant}: {one.outcome}" for one in demo.runs if one.tenant in bad and one.outcome == RunEnd.DONE]
    refused = [one for one in demo.runs if one.tenant == demo.wrong]
    wrong += [f"{one.tenant}: {one.outcome}" for one in refused if one.outcome != RunEnd.REFUSED]
    tried = [run for run in refused if "was refused before" not in run.detail]
    if not 1 <= len(tried) <= 2:  # Intacct locks a user out after a few
        wrong.append(f"{counted(len(tried), 'run')} tried the wrong password")
    what = f"{demo.wrong} was refused for its password, {demo.hangs} hung, and no other company noticed"
    return FleetDemoCheck(what, tuple(wrong))


def _taken_over(demo: FleetDemo) -> FleetDemoCheck:
    ends = {(one.tenant, one.flow, one.due_at): one for one in demo.runs}
    wrong = [
        f"{one.tenant} {one.flow}: {found.outcome or 'not ended'}"
        for one in demo.killed
        for found in (ends[one.tenant, one.flow, one.due_at],)
        if one.tenant in demo.well and not _well(demo, found)
    ]
    what = f"the other workers finished {counted(len(demo.killed), 'run')} of the one that was killed"
    return FleetDemoCheck(what, tuple(wrong))


def _posted_once(demo: FleetDemo) -> FleetDemoCheck:
    wrong = []
    for name in demo.tenants:
        rows = demo.emulator.company(name).table("GLBATCH").rows()
        counts = Counter(row.get("REFERENCENO", "") for _, row in rows)
        for reference in (f"NIGHT-{name}-1", f"NIGHT-{name}-2"):
            if counts[reference] > 1 or (name in demo.well and not counts[reference] and name not in _waiting(demo)):
                wrong.append(f"{reference} is there {counted(counts[reference], 'time')}")
    return FleetDemoCheck("every journal entry was posted once, and none twice", tuple(wrong))


def _copies_equal(demo: FleetDemo) -> FleetDemoCheck:
    wrong = [f"{name}: {stream}" for name in demo.well for stream in _different(demo, name)]
    return FleetDemoCheck(f"the copies of {listed(STREAMS)} match the companies", tuple(wrong))


def _different(demo: FleetDemo, name: str) -> Iterator[str]:
    company, path = demo.emulator.company(name), demo.folder / f"{name}.duckdb"
    if not path.exists():
        yield "there is no copy"
        return
    with open_copy(f"duckdb:///{path}").open() as copy:
        copied = {table.name.upper(): table for table in copy.tables.values()}
        for stream in STREAMS:
            columns = _COLUMNS[stream]
            here = {tuple(row.get(column, "") for column in columns) for _, row in company.table(stream).rows()}
            if stream not in copied:
                yield f"{stream} is missing"
                continue
            there = {
                tuple(str(row[column]) for column in columns)
                for batch in copied[stream].batches()
                for row in batch.select(list(columns)).to_pylist()
            }
            if here != there:
                yield f"{stream} differs in {counted(len(here ^ there), 'record')}"


def _meters_equal(demo: FleetDemo) -> FleetDemoCheck:
    usage = demo.fleet.usage()
    wrong = []
    for name in demo.tenants:
        ours, theirs = usage.get(name, 0), seen_by_emulator(demo, name)
        if not theirs <= ours <= theirs + demo.spare[name]:
            wrong.append(f"{name}: {ours:,} by our meter, {theirs:,} by the emulator")
    return FleetDemoCheck(
        f"our meter and the emulator's agree: {counted(sum(usage.values()), 'API transaction')}", tuple(wrong)
    )


def _within_limit(demo: FleetDemo) -> FleetDemoCheck:
    wrong = []
    for name in demo.tenants:
        most = demo.concurrency + (name in demo.edited)  # the editor's request comes on top
        most_at_once = demo.emulator.request_count(name).most_at_once
        if most_at_once > most and name != demo.hangs:  # it still works on requests whose clients gave up
            wrong.append(f"{name}: {most_at_once}")
    return FleetDemoCheck(f"no company had more than {demo.concurrency} of our requests at once", tuple(wrong))


def _keys_replaced(demo: FleetDemo) -> FleetDemoCheck:
    new_keys = {FleetKey.of(demo.keys[1]).id}
    key_ids = set(demo.fleet.registry.key_ids())
    wrong = () if key_ids == new_keys else (f"keys in use: {listed(sorted(key_ids))}",)
    return FleetDemoCheck("the new key alone seals the secrets", wrong)


def _overlaps(run: QueuedRun, begins: datetime, ends: datetime) -> bool:
    return run.started_at is not None and run.started_at <= ends and begins <= (run.ended_at or ends)

"""Every documented operation, tried against the demo company.

An operation is sent to the demo company. If a record that it needs is missing, that record is named and created, and
the operation is sent again; then it must succeed. Its effects are undone before the next one.

`PYTHONPATH=src:tests python -m support.emulator.operations.trial` writes the outcomes into the list of operations.
"""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import Fault, IntacctError
from intacct_protocol.model.keys import owner
from intacct_protocol.xml.envelope import Result
from support.emulator.calls import send
from support.emulator.operations.requests import READS, request, shortfall
from support.emulator.operations.world import World

LIST = Path(__file__).parent / "generated" / "operations.tsv"
COLUMNS = ("area", "name", "function", "object", "field", "tier", "needs")
CONSEQUENCES, STORED, ABSENT = "with consequences", "stored", "not emulated"
LEDGER = "GLDETAIL"
OWN_NUMBER = "EMULATOR-"
COMPUTED = frozenset(
    [
        "get_trialbalance",
        "get_accountbalances",
        "get_accountbalancesbydimensions",
        "get_araging",
        "readReport",
        "readMore",
    ]
)
"""Reads whose answer is computed from the ledger and the open items."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One documented operation."""

    area: str
    name: str
    function: str
    object: str
    field: str
    tier: str = ""
    needs: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one operation."""

    needs: str = ""
    """Records that the demo company lacked for it."""
    problem: str = ""
    """The reason of a failure; empty for a success."""
    invalid: bool = False
    """Whether the request was invalid or the emulator failed, so that no missing record can explain it."""
    absent: bool = False
    """Refused as not emulated, with a number of our own."""
    moved: frozenset[str] = frozenset()
    """The objects that it wrote, lines under the name of their header."""


def entries() -> list[Entry]:
    """The list of operations."""
    with LIST.open(encoding="utf-8", newline="") as lines:
        return [Entry(**one) for one in csv.DictReader(lines, delimiter="\t")]


class _Undone(Exception):  # noqa: N818  # a signal to the savepoint, never an error
    pass


@contextmanager
def undone(emulator: Emulator) -> Iterator[None]:
    """Undo the writes inside."""
    company = emulator.company()
    settings = company.settings
    try:
        with company.store.together():
            yield
            raise _Undone
    except _Undone:
        company.settings = settings


def tried(emulator: Emulator, entry: Entry) -> Outcome:
    """The operation's outcome, if necessary after the missing records were created."""
    with undone(emulator):
        world = World(emulator, seeding=False)
        first = _once(world, entry)
    if first.absent or first.invalid or not (first.problem or world.missing):
        return first
    with undone(emulator):
        seeded = World(emulator, seeding=True)
        second = _once(seeded, entry)
    names = [seeded.name_of(one) for one in seeded.missing]
    if second.problem:
        return replace(second, problem=f"{second.problem} (at first: {first.problem})")
    return replace(second, needs=", ".join(dict.fromkeys(names)) if first.problem else "")


def _once(world: World, entry: Entry) -> Outcome:
    company, incidents = world.company, len(world.emulator.incidents)
    try:
        sent = request(world, entry.function, entry.object, entry.name, entry.field)
    except (AssertionError, IntacctError) as error:
        return Outcome(problem=f"cannot ask: {error}", invalid=True)
    before = {name: company.store.version(name) for name in company.store.populated()}
    facts = _facts(world)
    changes = company.store.connection.total_changes
    try:
        response = send(world.emulator, sent, authentication=world.login)
    except IntacctError as error:
        return Outcome(problem=f"cannot send: {sent}: {error}", invalid=True)
    if not response.operations:
        return Outcome(problem=_told(sent, response.faults), invalid=True)
    (result,) = response.operations[0].results
    if len(world.emulator.incidents) > incidents:
        return Outcome(problem=f"an internal error: {sent[:200]} {world.emulator.incidents[-1][-500:]}", invalid=True)
    if result.status != "success":
        absent = any(fault.errorno.startswith(OWN_NUMBER) for fault in result.faults)
        return Outcome(problem="" if absent else _told(sent, result.faults), absent=absent)
    moved = {name for name in company.store.populated() if company.store.version(name) != before.get(name, 0)}
    changed = company.store.connection.total_changes != changes
    problem = "" if entry.function in READS else _lost(world, sent, {name: before.get(name) for name in moved}, facts)
    problem = problem or _wrong(world, entry, sent, result, changed=changed)
    return Outcome(problem=problem, moved=_headers(moved))


def _told(sent: str, faults: tuple[Fault, ...]) -> str:
    return f"{sent[:300]} -> {'; '.join(f'{fault.errorno} {fault.text}' for fault in faults[:2])}"


def _wrong(world: World, entry: Entry, sent: str, result: Result, *, changed: bool) -> str:
    if entry.function not in READS and not changed:
        return f"{sent[:300]} -> success, but nothing was written"
    return shortfall(world, entry.function, entry.object, sent, result)


def _facts(world: World) -> set[str]:
    return {text for (text,) in world.company.store.connection.execute("SELECT value FROM facts")}


def _lost(world: World, sent: str, moved: dict[str, int | None], facts: set[str]) -> str:
    """The new texts of the request that no written record has."""
    store = world.company.store
    written = "".join(_facts(world) - facts)
    for name, version in moved.items():
        numbers = None if version is None else store.changes_since(name, version)
        table = store.table(name)
        rows = (row for _, row in table.rows()) if numbers is None else (table.get(number) or {} for number in numbers)
        written += "".join(f"{row}" for row in rows)
    held = set(re.findall(r"""["'](Trial \d+)["']""", written))
    lost = [text for text in re.findall(r">(Trial \d+)<", sent) if text not in held]
    return f"{sent[:700]} -> success, but nothing holds {', '.join(lost)}" if lost else ""


def _headers(names: set[str]) -> frozenset[str]:
    """Lines count as their header, and the ledger's detail for itself: a journal entry is posted to it."""
    held = {name: owner(name) if name != LEDGER else None for name in names if name != "AUDITHISTORY"}
    return frozenset(one.header if one is not None else name for name, one in held.items())


def tiers(listed: list[Entry], outcomes: list[Outcome]) -> list[str]:
    """The tier of each: a write by the other objects that it changes, a read by whether it reads such objects."""
    reach: set[str] = set()
    for entry, outcome in zip(listed, outcomes, strict=True):
        if entry.function not in READS and len(outcome.moved) > 1:
            reach |= outcome.moved
    found = []
    for entry, outcome in zip(listed, outcomes, strict=True):
        if entry.function in READS:
            far = entry.function in COMPUTED or (entry.function != "lookup" and _header(entry.object) in reach)
        else:
            far = len(outcome.moved) > 1
        found.append(ABSENT if outcome.absent else CONSEQUENCES if far else STORED)
    return found


def _header(name: str) -> str:
    held = owner(name)
    return held.header if held is not None else name.upper()


def main() -> None:
    """Try all operations, write their outcomes, and print the failures."""
    emulator = Emulator.demo(seed=1, as_of=date(2026, 11, 21), clock=lambda: 1_795_258_800.0)
    listed = entries()
    outcomes = [tried(emulator, entry) for entry in listed]
    for entry, outcome in zip(listed, outcomes, strict=True):
        if outcome.problem:
            print(f"{entry.area} / {entry.name} [{entry.function} {entry.object}]: {outcome.problem[:900]}\n")
    found = tiers(listed, outcomes)
    with LIST.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, delimiter="\t", lineterminator="\n")
        table.writerow(COLUMNS)
        for entry, outcome, tier in zip(listed, outcomes, found, strict=True):
            table.writerow((entry.area, entry.name, entry.function, entry.object, entry.field, tier, outcome.needs))
    print(sum(bool(one.problem) for one in outcomes), {one: found.count(one) for one in set(found)})


if __name__ == "__main__":
    main()

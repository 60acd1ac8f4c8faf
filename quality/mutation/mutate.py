"""`make mutate`: small changes to the code that decides on money, each of which some test has to notice.

    python -m mutation.mutate                       500 mutants, drawn by seed 1
    python -m mutation.mutate --module intacct_bridge.load.undo
                                                   all mutants of the modules whose names begin so
    python -m mutation.mutate --count 200 --seed 7
    python -m mutation.mutate --module intacct_bridge.load.plan --count 100
                                                   100 of the mutants of these modules
    python -m mutation.mutate --seed 3 --keep DIR   stopped and called again, it goes on with the mutants that are left

First the tests run once, and the lines that each of them reaches are noted. Then each mutant is tried with the tests
that reach it: those of its own module first, then those that together run the most of the module. A mutant that no test
notices survives. Survivors that cannot be noticed, because the change makes no difference, are argued one by one in
`equivalent.toml`; each needs its own reason.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mutation.mutants import Mutant, mutants_of, statement_lines
from mutation.plugin import JOB, SERVER
from support.postgres_server import running_postgres
from support.repository import python_path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
EQUIVALENT = HERE / "equivalent.toml"
WANTED = 90
"""Per cent of the mutants, without those that are argued to be equivalent, that the tests have to notice."""
MODULES = {
    "intacct_protocol.xml.values": "amounts, dates and times in the gateway's texts",
    "intacct_protocol.model.day_formats": "formats of dates",
    "intacct_bridge.load.tables.cells": "amounts and dates as people write them",
    "intacct_bridge.load.records.values": "when two values are equal",
    "intacct_bridge.load.records.kept_values": "values in files",
    "intacct_bridge.load.records.identity": "identities, digests and control ids",
    "intacct_bridge.load.records.source_states": "what the words for a record's state mean",
    "intacct_bridge.load.layouts.sides": "debits and credits",
    "intacct_bridge.streams.times": "the time from which changes are asked for",
    "intacct_bridge.streams.partition": "the rows of a query",
    "intacct_bridge.streams.bookmark": "how far a copy has come",
    "intacct_bridge.load.plan.changes": "what an update changes",
    "intacct_bridge.load.plan.duplicates": "records that would be written twice",
    "intacct_bridge.load.plan.same_record": "which record of ours a new one is",
    "intacct_bridge.load.plan.number_check": "documents with the same number",
    "intacct_bridge.load.plan.drafts": "drafts that should be live",
    "intacct_bridge.load.plan.void_records": "records that are void in their source",
    "intacct_bridge.load.plan.decide_currency": "the currency of a document",
    "intacct_bridge.load.target.find_by_number": "the documents in Intacct with a number",
    "intacct_bridge.load.plan.match_existing": "the existing record of an input",
    "intacct_bridge.load.plan.known_to_outbox": "records that an earlier run has sent",
    "intacct_bridge.load.plan.receipts": "receipts whose record is no longer there",
    "intacct_bridge.load.plan.actions": "reversals and approvals",
    "intacct_bridge.load.plan.outbox_verdict": "the verdict of the outbox",
    "intacct_bridge.load.rules.facts": "the entities and accounts that rules look at",
    "intacct_bridge.load.rules.characters": "characters of texts",
    "intacct_bridge.load.rules.currencies": "signs and decimals of currencies",
    "intacct_bridge.load.rules.accounting": "balances, periods",
    "intacct_bridge.load.rules.fields": "required fields, lengths, decimals",
    "intacct_bridge.load.rules.relationships": "dimension relationships",
    "intacct_bridge.load.plan.superseded": "retries that are older than what was posted",
    "intacct_bridge.load.approval.digest": "what an approval is of",
    "intacct_bridge.load.approval.admission": "what may be applied, and with whose approval",
    "intacct_bridge.load.approval.approvals": "approvals and their rules",
    "intacct_bridge.load.outbox.outbox": "the states of an entry",
    "intacct_bridge.load.outbox.reader": "whose record is whose",
    "intacct_bridge.load.outbox.storage": "the outbox's file",
    "intacct_bridge.load.outbox.entry": "entries",
    "intacct_bridge.load.outbox.equal_counts": "equal records",
    "intacct_bridge.load.apply.sender": "sending and concluding",
    "intacct_bridge.load.apply.settle": "settling records in doubt",
    "intacct_bridge.load.apply.evidence": "proof that a record was posted",
    "intacct_bridge.load.apply.readback": "proof that an update was done",
    "intacct_bridge.load.apply.currency_readback": "the currency that a posted document has",
    "intacct_bridge.load.apply.draft_readback": "the state that a posted document has",
    "intacct_bridge.load.apply.outcome": "outcomes",
    "intacct_bridge.load.apply.retry": "retries",
    "intacct_bridge.reconcile.trial_balances": "comparing a copy with the ledger",
    "intacct_bridge.reconcile.record_differences": "the records by which a copy differs",
    "intacct_bridge.reconcile.ledger_copy": "the ledger in a copy",
    "intacct_bridge.load.undo.undo": "what an undo takes back",
    "intacct_bridge.load.undo.opposite": "opposite entries",
    "intacct_bridge.load.undo.restore": "earlier values",
}
"""The modules that decide on amounts, signs, dates, identity, plans, the outbox and the books; what each decides."""
TESTS = (
    "tests/protocol/xml", "tests/protocol/model", "tests/bridge/load/records", "tests/bridge/streams",
    "tests/bridge/load/target", "tests/bridge/load/tables", "tests/bridge/load/layouts", "tests/bridge/load/rules",
    "tests/bridge/load/plan", "tests/bridge/load/approval",
    "tests/bridge/load/outbox", "tests/bridge/load/apply", "tests/bridge/reconcile", "tests/bridge/load/undo",
    "tests/bridge/apps/cli/test_undo.py", "tests/bridge/apps/cli/test_undo_changes.py",
    "tests/bridge/apps/cli/test_actions.py", "tests/bridge/apps/cli/test_saved_undo.py",
    "tests/journeys/test_corrections.py", "tests/journeys/test_equal_records.py",
    "tests/journeys/test_numbers_in_company.py", "tests/journeys/test_load_drafts.py",
    "tests/journeys/test_load_void.py", "tests/journeys/test_identities.py",
    "tests/journeys/test_load_contradictions.py", "tests/journeys/test_load_approval.py",
    "tests/journeys/test_approval_by_plan.py", "tests/journeys/test_load_altered_plan.py",
    "tests/bridge/operations/test_plans.py", "tests/bridge/operations/test_plan_summary.py",
)  # fmt: skip
"""The tests near these modules, and the quick journeys of corrections, whose cases are those of one decision each. The
other journeys are left out: a change that only a journey of seconds notices should have a nearer test."""


LONGEST = 12.0
"""CPU seconds of tests for one mutant; those beyond are not run."""
_SHORTEST = 0.005
"""The seconds that a test takes at least, as those that choose the tests count them."""


def argued() -> dict[str, str]:
    """The mutants that make no difference, each with its reason."""
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("equivalent", [])
    return {one["mutant"]: one["why"] for one in entries}


def drawn(modules: Iterable[str], count: int, seed: int) -> list[Mutant]:
    """Some of the mutants of these modules, drawn by a seed; all with a count of 0."""
    every = [mutant for module in modules for mutant in mutants_of(module)]
    if not count or count >= len(every):
        return every
    return random.Random(seed).sample(every, count)


def _pytest(job: dict[str, Any], folder: Path, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    """A process of pytest with the plugin and a job."""
    file = folder / f"{Path(job['out']).stem}.job.json"
    file.write_text(json.dumps(job), encoding="utf-8")
    base = folder / f"{Path(job['out']).stem}.tmp"
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "mutation.plugin",
               "-m", "not foreign and not slow",
               "-p", "no:cacheprovider", "--no-header", f"--basetemp={base}", *arguments]  # fmt: skip
    with (folder / f"{Path(job['out']).stem}.log").open("wb") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": python_path(tests=True), JOB: str(file)},
            stdout=log,
            stderr=log,
        )


def covered(modules: Sequence[str], folder: Path, processes: int) -> dict[str, Any]:
    """Every test with the lines that it runs and the seconds that it takes."""
    outs = [folder / f"cover{number}.json" for number in range(processes)]
    jobs = [
        {"mode": "cover", "modules": list(modules), "out": str(out), "share": [number, processes]}
        for number, out in enumerate(outs)
    ]
    tests = [one for one in TESTS if (ROOT / one).exists()]
    for process in [_pytest(job, folder, tests) for job in jobs]:
        process.wait()
    found: dict[str, Any] = {}
    for out in outs:
        read = json.loads(out.read_text(encoding="utf-8"))
        found |= read["tests"]
        if read["failed"]:
            print(
                f"{len(read['failed'])} tests fail without a mutant, and are not used: {', '.join(read['failed'][:5])}"
            )
    return found


def tests_of(mutant: Mutant, tests: dict[str, Any], lines: Sequence[int]) -> list[str]:
    """The tests that judge a mutant, as many as the time for one mutant allows; those of one file in a row.

    The tests of the module itself come first. Then comes, again and again, the one of those that reach the statement
    that runs the most further statements of the module for its time, until each was run; and so on from the start.
    """
    folder, _, name = mutant.module.removeprefix("intacct_").replace(".", "/").rpartition("/")
    of_module = f"tests/{folder}/test_{name}.py::"
    statement = max((line for line in lines if line <= mutant.line), default=0)
    reached = {
        test: sum(1 << line for line in run["lines"][mutant.module])
        for test, run in sorted(tests.items())
        if (statement in run["lines"].get(mutant.module, ())) or (not mutant.function and mutant.module in run["lines"])
    }
    seconds = {test: max(tests[test]["seconds"], _SHORTEST) for test in reached}
    chosen = sorted((test for test in reached if test.startswith(of_module)), key=lambda test: (seconds[test], test))
    left = [test for test in reached if not test.startswith(of_module)]
    total, done = sum(seconds[test] for test in chosen), 0
    while left and total < LONGEST:
        best = max(left, key=lambda test: (reached[test] & ~done).bit_count() / seconds[test])
        if not reached[best] & ~done and done:
            done = 0
            continue
        done |= reached[best]
        total += seconds[best]
        left.remove(best)
        chosen.append(best)
    files = {file: at for at, file in reversed(list(enumerate(test.partition("::")[0] for test in chosen)))}
    return sorted(chosen, key=lambda test: files[test.partition("::")[0]])


def tried(mutants: Sequence[Mutant], tests: dict[str, Any], folder: Path, processes: int) -> list[dict[str, Any]]:
    """How each mutant ended; those that an earlier call has tried in this folder are not tried again."""
    before = _results(folder)
    known = {one["mutant"] for one in before}
    left = [one for one in mutants if one.name not in known]
    seconds = {name: one["seconds"] for name, one in tests.items()}
    lines = {module: statement_lines(module) for module in {one.module for one in mutants}}
    call = sum(1 for _ in folder.glob("tried*-0.jsonl"))
    outs = [folder / f"tried{call}-{number}.jsonl" for number in range(processes)]
    running = []
    for number, out in enumerate(outs):
        share = [
            {"mutant": asdict(one), "tests": tests_of(one, tests, lines[one.module])} for one in left[number::processes]
        ]
        job = {"mode": "try", "mutants": share, "seconds": seconds, "out": str(out)}
        files = sorted({name.partition("::")[0] for one in share for name in one["tests"]})
        running.append(_pytest(job, folder, files))
    try:
        while any(one.poll() is None for one in running):
            time.sleep(5)
            print(f"\r{len(_results(folder))} of {len(mutants)} mutants tried", end="", file=sys.stderr, flush=True)
    finally:
        for one in running:
            one.terminate()
    print(file=sys.stderr)
    return _results(folder)


def _results(folder: Path) -> list[dict[str, Any]]:
    """The results of all calls. A call that was stopped may have cut its last line."""
    found = {}
    for out in sorted(folder.glob("tried*.jsonl")):
        for line in out.read_text(encoding="utf-8").splitlines(keepends=True):
            if line.endswith("\n"):
                one = json.loads(line)
                found[one["mutant"]] = one
    return list(found.values())


def _same_sample(folder: Path, mutants: Sequence[Mutant]) -> bool:
    """Whether the folder is new, or has the results of these mutants; a change of the code makes other mutants."""
    file = folder / "sample.json"
    names = [f"{one.line} {one.name}" for one in mutants]
    if file.exists():
        return bool(json.loads(file.read_text(encoding="utf-8")) == names)
    file.write_text(json.dumps(names, indent=1), encoding="utf-8")
    return True


def report(results: Sequence[dict[str, Any]], *, seconds: float) -> bool:
    """Print the score and the survivors; whether the score is reached and every survivor is argued."""
    known = argued()
    ended = Counter(one["ended"] for one in results)
    lost = [one for one in results if one["ended"] in ("survived", "no test")]
    left = [one for one in lost if one["mutant"] not in known]
    counted = len(results) - ended["not tried"] - (len(lost) - len(left))
    score = 100 * (ended["killed"] + ended["timeout"]) / max(1, counted)
    for one in sorted(left, key=lambda one: one["mutant"]):
        print(f"survived: {one['mutant']}  (line {one['line']}, {one['tests']} tests)")
    print(
        f"{len(results)} mutants: {ended['killed']} noticed, {ended['timeout']} ran into the time limit, "
        f"{len(lost) - len(left)} equivalent, {len(left)} survived, {ended['stuck']} stuck, "
        f"{ended['not tried']} not tried; {seconds:.0f} seconds."
    )
    print(f"Score: {score:.1f} % of {counted}.")
    return score >= WANTED


def main() -> int:
    """Draw mutants, try them, and report."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the server and the processes end with this one
    parser = argparse.ArgumentParser(
        prog="mutate", description="Change the code, and see which changes no test notices."
    )
    parser.add_argument(
        "--count", type=int, help="how many mutants to draw; 0: all (default: 500, and all with --module)"
    )
    parser.add_argument("--seed", type=int, default=1, help="the seed that draws them (default: 1)")
    parser.add_argument("--module", action="append", default=[], help="the mutants of the modules that begin so")
    parser.add_argument("--processes", type=int, default=2, help="how many processes to use (default: 2)")
    parser.add_argument("--keep", type=Path, help="a folder for the results; a call that was stopped goes on from them")
    args = parser.parse_args()
    modules = [one for one in MODULES if not args.module or one.startswith(tuple(args.module))]
    if not modules:
        parser.error(f"no module begins with {' or '.join(args.module)}; there are {', '.join(MODULES)}")
    count = args.count if args.count is not None else 0 if args.module else 500
    mutants = drawn(modules, count, args.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutate-") as name, running_postgres() as server:
        os.environ[SERVER] = server.uri
        folder = args.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if not _same_sample(folder, mutants):
            parser.error(f"{folder} has the results of other mutants: name another folder")
        kept = folder / "covered.json"
        if kept.exists():
            tests = json.loads(kept.read_text(encoding="utf-8"))
        else:
            tests = covered(list(MODULES), folder, args.processes)
            kept.write_text(json.dumps(tests), encoding="utf-8")
        print(f"{len(tests)} tests reach these modules.", flush=True)
        results = tried(mutants, tests, folder, args.processes)
        (folder / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    return 0 if report(results, seconds=time.monotonic() - began) else 1


if __name__ == "__main__":
    sys.exit(main())

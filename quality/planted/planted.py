"""Planted bugs: each patch of this folder is applied in turn to a copy of the tree, and the tests have to find it.

    python -m planted.planted              every bug
    python -m planted.planted 12 31        the bugs of these numbers
    python -m planted.planted --near       the tests beside the changed modules only

The tests beside the changed module run first, then the journeys and commands, then everything else, then 200 seeds of
the simulation. The first that fails has found the bug, if it passes on the unchanged tree. The result is kept in
`found.toml`, which README.md shows. The program ends with 1 where a bug is not found, and where a patch no longer fits
the source. It still tries the other bugs.

A patch is found by its text. It needs no line numbers and no more than one line of context. It still fits where the
code was indented otherwise, where a line beside it changed, and where its module was renamed or moved.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from support.repository import SOURCES

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FOUND = HERE / "found.toml"
PARTS = ("packages", "tests", "quality", "scripts", "tools", "docs", "facts")
"""The folders that the tests read."""
_FILES = ("pyproject.toml", "Makefile", "mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE",
          "constraints.txt", "constraints-demo.txt", "conftest.py")  # fmt: skip
_HUNK = re.compile(r"^@@.*$", re.MULTILINE)
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+?::.*?)(?: - .*)?$|^ERROR (\S+\.py)", re.MULTILINE)
LONGEST = 1800
"""Seconds for one run of tests."""
SIMULATION = "quality/simulate/run.py"
SEEDS = 200
_FAILED_SEED = re.compile(r"^FAILED seed (\d+)", re.MULTILINE)


class OutdatedPatchError(Exception):
    """A patch does not fit the source any more."""


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """One patch."""

    number: int
    name: str
    what: str
    """The bug as its user would meet it."""
    path: str
    """The changed file."""
    hunks: tuple["Hunk", ...]

    @classmethod
    def read(cls, patch: Path) -> "PlantedBug":
        """The bug of a unified diff; the text above the diff says what it is."""
        number, _, name = patch.stem.partition("-")
        what, _, diff = patch.read_text(encoding="utf-8").partition("\n--- a/")
        first, *hunks = _HUNK.split(diff)
        path = first.splitlines()[0]
        return cls(int(number), name, what.strip(), path, tuple(tuple(hunk.splitlines()[1:]) for hunk in hunks))

    @property
    def key(self) -> str:
        """The name of its patch."""
        return f"{self.number:02}-{self.name}"

    def located(self) -> "PlantedBug":
        """The bug in the file that has its text now: its own, or the only other one of the packages."""
        others = (path for source in SOURCES for path in sorted(Path(source).rglob("*.py")))
        paths = [str(path.relative_to(ROOT)) for path in others]
        own = [self.path] if (ROOT / self.path).exists() else []
        for some in (own, paths):
            fitting = [path for path in some if planted(self.hunks, (ROOT / path).read_text(encoding="utf-8"))]
            if len(fitting) == 1:
                return replace(self, path=fitting[0])
        raise OutdatedPatchError(
            f"{self.key}.patch does not fit {self.path}, nor one other module. Make it again, for the same bug."
        )

    def applied(self, source: str) -> str:
        """The source with the bug."""
        changed = planted(self.hunks, source)
        if changed is None:
            raise OutdatedPatchError(f"{self.key}.patch does not fit {self.path}. Make it again, for the same bug.")
        return changed


Hunk = tuple[str, ...]
"""The lines of a hunk, each with its sign."""


def planted(hunks: Sequence[Hunk], source: str) -> str | None:
    """The source with these changes; None where a text before the change is not there exactly once."""
    lines = source.splitlines(keepends=True)
    for hunk in hunks:
        for variant in _variants(hunk):
            before = [line[1:].strip() for line in variant if line[:1] != "+"]
            size = len(before)
            starts = [
                start
                for start in range(len(lines) - size + 1)
                if before == [line.strip() for line in lines[start : start + size]]
            ]
            if before and len(starts) == 1:
                lines[starts[0] : starts[0] + size] = _changed(variant, lines[starts[0] : starts[0] + size])
                break
        else:
            return None
    return "".join(lines)


def _variants(hunk: Hunk) -> Iterator[Hunk]:
    """The hunk, without its last line of context, without its first, and without both."""
    yield hunk
    first = next(index for index, line in enumerate(hunk) if line[:1] in "+-")
    last = max(index for index, line in enumerate(hunk) if line[:1] in "+-") + 1
    yield from dict.fromkeys((hunk[:last], hunk[first:], hunk[first:last]))


def _changed(hunk: Hunk, lines: Sequence[str]) -> list[str]:
    """The lines after the change, as far to the right as those before it are now."""
    kept = iter(lines)
    shift = _indent(lines[0]) - _indent(next(line[1:] for line in hunk if line[:1] != "+"))
    after = []
    for line in hunk:
        if line[:1] == "+":
            text = line[1:].strip()
            after.append(" " * max(0, _indent(line[1:]) + shift) + text + "\n" if text else "\n")
        else:
            before = next(kept)
            after += [before] if line[:1] != "-" else []
    return after


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def planted_bugs() -> list[PlantedBug]:
    """Every bug, by number."""
    return [PlantedBug.read(patch) for patch in sorted(HERE.glob("*.patch"))]


# --- running the tests


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the tree in which bugs are planted."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Copy":
        """Copy what the tests need."""
        for part in PARTS:
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        for name in _FILES:
            shutil.copy2(ROOT / name, folder / name)
        return cls(folder)

    def replace(self, path: str, source: str) -> None:
        """Write a source file, and forget its compiled form."""
        file = self.folder / path
        file.write_text(source, encoding="utf-8")
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            compiled.unlink()

    def failing_test(self, arguments: Sequence[str], *, log: Path) -> str:
        """The first test that fails; empty where all pass."""
        command = ["pytest", "-x", "-q", "-m", "not foreign and not browser", "-p", "no:cacheprovider"]
        status, text = self._run([*command, *arguments], log)
        if status in (0, 5):  # 5: no tests here
            return ""
        failed = _FAILED.search(text)
        return next(filter(None, failed.groups())) if failed else f"(ended with {status})"

    def failing_seed(self, first: int, seeds: int, *, log: Path) -> int | None:
        """The first of these seeds with which the simulation fails; None where it fails with none."""
        places = ["--from", str(first), "--seeds", str(seeds), "--keep", str(self.folder / "seeds")]
        _, text = self._run(["simulate.run", *places], log)
        return min(map(int, _FAILED_SEED.findall(text)), default=None)

    def _run(self, module: Sequence[str], log: Path) -> tuple[int, str]:
        """Run a module on the copy: its exit status, and what it prints."""
        parts = [Path(source).relative_to(ROOT) for source in SOURCES] + [Path("tests"), Path("quality")]
        paths = os.pathsep.join(str(self.folder / part) for part in parts)
        with log.open("w", encoding="utf-8") as out:
            ended = subprocess.run(
                [sys.executable, "-m", *module],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": paths},
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=LONGEST,
                check=False,
            )
        return ended.returncode, log.read_text(encoding="utf-8")


_ELSEWHERE = {Path("load/undo"): "test_*undo*.py", Path("load/approval"): "test_*approval*.py"}
"""Packages whose tests are commands and journeys."""
_NEAR = ("its own tests", "the tests of its package")


def stages(path: str) -> Iterator[tuple[str, list[str]]]:
    """The tests to run, those nearest to the changed module first."""
    distribution, *inside = Path(path).parts[3:]
    module = Path(*inside)
    tests = Path("tests") / distribution.removeprefix("intacct_") / module.parent
    own = tests / f"test_{module.stem}.py"
    if (ROOT / own).exists():
        yield "its own tests", [str(own)]
    if (ROOT / tests).is_dir():
        yield "the tests of its package", [str(tests)]
    elsewhere = sorted(str(one.relative_to(ROOT)) for one in (ROOT / "tests").rglob(_ELSEWHERE.get(module.parent, "-")))
    if elsewhere:
        yield "the tests of its package", elsewhere
    yield "the tests of its distribution", [f"tests/{distribution.removeprefix('intacct_')}"]
    yield "the journeys", ["tests/journeys"]
    yield "all tests", ["tests", "quality", "-n", "auto", "--dist", "worksteal"]


def finder_of(bug: PlantedBug, copy: Copy, folder: Path, *, near: bool = False) -> str:
    """The test that finds a bug; empty where none does."""
    clean = (copy.folder / bug.path).read_text(encoding="utf-8")
    log = folder / f"{bug.number:02}.log"
    passed: set[str] = set()
    try:
        for name, arguments in stages(bug.path):
            if near and name not in _NEAR:
                return ""
            spread = [] if "-n" in arguments else ["-n", "0"]
            while True:
                copy.replace(bug.path, bug.applied(clean))
                failed = copy.failing_test([*arguments, *spread, *(f"--deselect={one}" for one in passed)], log=log)
                if not failed:
                    break
                copy.replace(bug.path, clean)
                if failed.startswith("(") or not copy.failing_test(["-n", "0", failed], log=folder / "clean.log"):
                    return failed
                passed.add(failed)  # it fails without the bug too, so it says nothing
        copy.replace(bug.path, bug.applied(clean))
        seed = copy.failing_seed(1, SEEDS, log=log)
        copy.replace(bug.path, clean)
        if seed is not None and copy.failing_seed(seed, 1, log=folder / "clean.log") is None:
            return f"{SIMULATION}::seed {seed}"
        return ""
    finally:
        copy.replace(bug.path, clean)


def known_finders() -> dict[str, str]:
    """The test that found each bug when they were last run."""
    return tomllib.loads(FOUND.read_text(encoding="utf-8")) if FOUND.exists() else {}


def keep(found: dict[str, str]) -> None:
    """Write the results down."""
    lines = (f'"{name}" = "{test}"' for name, test in sorted(found.items()))
    head = "# The test that finds each planted bug. `make planted` writes this file.\n"
    FOUND.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


PAGE = HERE.parent / "README.md"
_MARKS = ("<!-- planted -->\n", "<!-- end of planted -->")


def table() -> str:
    """The bugs and their tests as the documentation shows them."""
    found = known_finders()
    rows = [
        f"| {bug.number} | {_text(bug.what)} | `{_shown(bug.path)}` | {_test(found.get(bug.key, ''))} |"
        for bug in planted_bugs()
    ]
    return "\n".join(["| | bug | in | found by |", "|---|---|---|---|", *rows]) + "\n"


def page() -> str:
    """The page of the documentation with the table as it is now."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(_MARKS[0])
    _, end, after = rest.partition(_MARKS[1])
    return before + begin + table() + end + after


def _text(what: str) -> str:
    return escape(what.rstrip("."), quote=False)


def _shown(path: str) -> str:
    return path.partition("/src/")[2].removesuffix(".py")


def _test(name: str) -> str:
    path, _, test = name.partition("::")
    return f"{path.removeprefix('tests/')}: {test.removeprefix('test_').replace('_', ' ')}" if test else ""


def main() -> int:
    """Plant the bugs one after another."""
    parser = argparse.ArgumentParser(prog="planted", description="Plant bugs, and see which test finds each.")
    parser.add_argument("numbers", nargs="*", type=int, help="the bugs to plant (default: all)")
    parser.add_argument("--near", action="store_true", help="run the tests beside the changed modules only")
    args = parser.parse_args()
    wanted = set(args.numbers)
    bugs = [bug for bug in planted_bugs() if not wanted or bug.number in wanted]
    if wanted - {bug.number for bug in bugs}:
        parser.error(f"there is no bug {min(wanted - {bug.number for bug in bugs})}; there are {len(planted_bugs())}")
    missed, outdated = [], 0
    found = known_finders()
    with tempfile.TemporaryDirectory(prefix="planted-") as name:
        copy = Copy.make(Path(name))
        for planned in bugs:
            try:
                bug = planned.located()
            except OutdatedPatchError as error:
                print(error, flush=True)
                outdated += 1
                continue
            test = finder_of(bug, copy, Path(name), near=args.near)
            print(f"{bug.number:02} {bug.name}: {test or 'NOT FOUND'}", flush=True)
            found.pop(bug.key, None)
            if test:
                found[bug.key] = test.partition("[")[0]
            else:
                missed.append(bug)
            keep(found)
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{len(bugs) - len(missed) - outdated} of {len(bugs)} planted bugs found, {outdated} patches do not fit.")
    return 1 if missed or outdated else 0


if __name__ == "__main__":
    sys.exit(main())

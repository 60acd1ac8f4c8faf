"""Print tables of ratios, in about twenty minutes. `--rows 0` skips the million records, `--no-pace` the wall time."""

import argparse
import os
import platform
import sys
from collections.abc import Iterable

from bench import bills, company, emulated, filtered_pages, loading, pace, reader, reports, whole
from bench.measure import Figures
from bench.pages import FIELDS, RECORDS

MEMORY_LIMIT = 300 * 2**20
SCALE, BILLS = 10, 1000
"""The scale of the company whose ledger is read with filters, and the number of bills that are loaded."""


def main() -> int:
    """Measure and print; the exit status is 1 if a goal is missed."""
    options = _options()
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    print(
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores; pages of {RECORDS:,} "
        f"records of {len(FIELDS)} fields, gzipped, over loopback; CPU seconds of a fresh process, best of "
        f"{options.rounds}\n"
    )
    figures = reader.cpu(reader.SMALL, options.rounds, _progress)
    met = _reader_table(figures)
    met &= _emulator_table(emulated.emulator(options.rounds, _progress))
    met &= _writes_table(*emulated.after_writes(options.rounds, _progress))
    met &= _filters_table(filtered_pages.filtered(SCALE))
    met &= _loading_table(*loading.best(options.rounds))
    met &= _bills_table(bills.ways(BILLS))
    met &= _company_table(company.readers(_progress))
    met &= _whole_table(whole.programs(SCALE, options.rounds, _progress))
    met &= _reports_table(reports.answered(options.rounds, _progress))
    if options.pace:
        met &= _pace_table(pace.paces(_progress))
    if options.rows > reader.SMALL:
        met &= _memory_table(
            reader.memory(reader.TINY, _progress), reader.memory(options.rows, _progress), options.rows
        )
    return 0 if met else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="records in the long run that measures peak memory")
    parser.add_argument("--no-pace", dest="pace", action="store_false", help="skip the two minutes of wall time")
    parser.add_argument("--rounds", type=int, default=3, help="number of measurements of each kind")
    return parser.parse_args()


def _reader_table(figures: dict[str, Figures]) -> bool:
    bare, met = figures["bare"], True
    lines = []
    for way in reader.WAYS:
        one = figures[way.name]
        ratio = one.micros / bare.micros
        one_met = way.goal is None or ratio <= way.goal
        met &= one_met
        goal = "" if way.goal is None else f"<= {way.goal:.1f} {'met' if one_met else 'MISSED'}"
        rate = f"{one.rows / one.cpu:,.0f}"
        lines.append((way.title, f"{one.micros:.1f}", rate, f"{ratio:.2f}", goal, _megabytes(one.peak)))
    _table(("way", "CPU us/record", "records/CPU s", "x bare read", "goal", "peak MB"), lines)
    return met


def _reports_table(answers: Iterable[reports.Answered]) -> bool:
    """Views over large copies, in seconds of wall time."""
    lines, met = [], True
    for one in answers:
        one_met = one.seconds <= one.goal
        met &= one_met
        cpu = "" if one.cpu is None else f"{one.cpu:.2f}"
        goal = f"<= {one.goal:.1f} s {'met' if one_met else 'MISSED'}"
        lines.append((f"{one.question} ({one.database})", f"{one.seconds:.2f}", cpu, goal))
    _table(("view", "seconds", "CPU s", "goal"), lines)
    return met


def _emulator_table(walk: emulated.Served) -> bool:
    met = walk.ratio >= 1
    lines = [
        ("emulator serves", f"{walk.serving / walk.rows * 1e6:.1f}", f"{walk.rows / walk.serving:,.0f}", "", ""),
        (
            "our client reads",
            f"{walk.reading / walk.rows * 1e6:.1f}",
            f"{walk.rows / walk.reading:,.0f}",
            f"{walk.ratio:.2f}",
            f">= 1.0 {'met' if met else 'MISSED'}",
        ),
    ]
    head = (f"demo company, {walk.rows:,} rows", "CPU us/row", "rows/CPU s", "served / read", "goal")
    _table(head, lines)
    fewest = -(-walk.rows // RECORDS)
    most = fewest + 1  # two walks that meet in the middle can each end on a partial page
    frugal = walk.transactions <= most
    goal = f"<= {most} {'met' if frugal else 'MISSED'}"
    _table(
        ("API transactions", "used", "full pages", "goal"),
        [(f"reading {walk.rows:,} rows", str(walk.transactions), str(fewest), goal)],
    )
    return met and frugal


def _loading_table(applying: float, encoding: float) -> bool:
    ratio = applying / encoding
    met = ratio <= loading.LIMIT
    lines = [
        ("encoding alone", f"{encoding * 1e6:.0f}", "1.00", ""),
        (
            "through the outbox",
            f"{applying * 1e6:.0f}",
            f"{ratio:.2f}",
            f"<= {loading.LIMIT:.1f} {'met' if met else 'MISSED'}",
        ),
    ]
    _table(("journal entry of six lines", "CPU us/record", "x encoding", "goal"), lines)
    return met


def _filters_table(walks: list[filtered_pages.Walk]) -> bool:
    """Compare the pages of filtered queries with those of the first walk, which has no filter."""
    plain, met = walks[0], True
    lines = []
    for walk in walks:
        ratio = walk.page / plain.page
        met &= ratio <= filtered_pages.LIMIT
        goal = (
            "" if walk is plain else f"<= {filtered_pages.LIMIT} {'met' if ratio <= filtered_pages.LIMIT else 'MISSED'}"
        )
        lines.append((walk.name, f"{walk.first * 1000:.0f}", f"{walk.page * 1000:.1f}", f"{ratio:.2f}", goal))
    head = (f"emulated GLDETAIL at --scale {SCALE}", "first page CPU ms", "others CPU ms", "x no filter", "goal")
    _table(head, lines)
    return met


def _bills_table(loads: dict[str, bills.Loaded]) -> bool:
    """A load of bills beside the floor; a plan decides on at least `bills.PLANNED` records per CPU second."""
    met = True
    lines = []
    for name, one in loads.items():
        rate = one.bills / one.planning if one.planning else 0
        goal = ""
        if rate:
            met = rate >= bills.PLANNED
            goal = f">= {bills.PLANNED:,} planned {'met' if met else 'MISSED'}"
        lines.append(
            (
                bills.TITLES[name],
                f"{rate:,.0f}" if rate else "",
                f"{one.posting / one.bills * 1e6:,.0f}",
                f"{one.posting / loads['floor'].posting:.2f}",
                str(one.requests),
                str(one.functions),
                str(one.transactions),
                _megabytes(one.peak),
                goal,
            )
        )
    head = (
        f"{BILLS:,} bills, {bills.LINES} lines each, a third with files", "planned/CPU s", "posting CPU us/bill",
        "x floor", "requests", "functions", "transactions", "peak MB", "goal",
    )  # fmt: skip
    _table(head, lines)
    return met


def _company_table(reads: dict[str, company.Read]) -> bool:
    """Compare our read of the same objects with other clients; it may cost no more, without lookups and deletes."""
    titles = {
        "bare": "bare read, one object at a time",
        "duckdb": "ours, to DuckDB",
        "singer": "ours, to Singer JSON lines",
        "sageintacctsdk": "sageintacctsdk, get_all",
    }
    lines = [
        (
            titles[name],
            f"{one.rows:,}",
            str(one.functions),
            str(one.requests),
            f"{one.cpu:.2f}",
            f"{one.wall:.1f}",
            _megabytes(one.peak),
        )
        for name, one in reads.items()
    ]
    heads = (
        f"{len(company.OBJECTS)} objects of the demo company, {company.LATENCY_MS} ms a request",
        "rows", "transactions", "calls", "CPU s", "wall s", "peak MB",
    )  # fmt: skip
    _table(heads, lines)
    return reads["duckdb"].functions <= reads["sageintacctsdk"].functions + len(company.OBJECTS) + 2


def _pace_table(found: list[pace.Paced]) -> bool:
    lines = [
        (
            one.what,
            str(one.running),
            str(one.calls),
            f"{one.wall:.1f}",
            f"{one.ratio:.3f}",
            f"<= {pace.LIMIT} {'met' if one.ratio <= pace.LIMIT else 'MISSED'}",
        )
        for one in found
    ]
    heads = (
        f"wall time at {pace.LATENCY_MS} ms a request", "run at once", "calls", "wall s",
        "x calls * latency / at once", "goal",
    )  # fmt: skip
    _table(heads, lines)
    return all(one.ratio <= pace.LIMIT for one in found)


def _whole_table(found: dict[str, whole.Ran]) -> bool:
    """Whole processes that read all fields of the ledger; the figures beside the bare read leave out their start."""
    met, lines = whole.lines(found)
    _table((f"all fields of {whole.OBJECT}, --scale {SCALE}", *whole.HEADS), lines)
    return met


def _writes_table(fresh: emulated.Served, after: emulated.Served) -> bool:
    ratio = after.rows / after.serving * fresh.serving / fresh.rows
    met = ratio >= 0.8
    lines = [
        (name, f"{walk.rows:,}", f"{walk.rows / walk.serving:,.0f}", text, goal)
        for name, walk, text, goal in (
            ("of a fresh company", fresh, "", ""),
            (f"after {emulated.WRITES:,} legacy writes", after, f"{ratio:.2f}", f">= 0.8 {'met' if met else 'MISSED'}"),
        )
    ]
    _table(("ledger and documents served", "rows", "rows/CPU s", "x fresh", "goal"), lines)
    return met


def _memory_table(small: dict[str, Figures], large: dict[str, Figures], rows: int) -> bool:
    met = True
    lines = []
    for way in reader.WAYS:
        if not way.memory:
            continue
        before, after = small[way.name].peak, large[way.name].peak
        one_met = way.growth is None or (after <= before * way.growth and after < MEMORY_LIMIT)
        met &= one_met
        limits = "" if way.growth is None else f"<= {way.growth:.2f} and < {MEMORY_LIMIT >> 20} MB: "
        goal = limits and limits + ("met" if one_met else "MISSED")
        lines.append((way.title, _megabytes(before), _megabytes(after), f"{after / before:.2f}", goal))
    _table(("peak memory", f"MB at {reader.TINY:,}", f"MB at {rows:,}", "ratio", "goal"), lines)
    return met


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.0f}"


def _table(heads: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> None:
    """Print a table with aligned columns: the first on the left, the others on the right."""
    table = [heads, *lines]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        first, *others = (
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join((first, *others)).rstrip())
    print(flush=True)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""The progress of long work: bars on a terminal, plain lines elsewhere.

A bar shows records, rate, time left and the API transactions used so far. A plain line is printed when a step is done,
and every ten seconds in between, so that a log shows activity without filling up.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from intacct_bridge.apps.terminal.output import Output
from intacct_protocol.model.wording import counted

_EVERY = 10.0
"""Seconds between two plain lines about the same thing."""


class Progress(Protocol):
    """A view that long work updates; `name` is a stream, a file or a step."""

    def update(self, name: str, done: int, total: int | None = None) -> None:
        """Report the records done so far; the total may become known later."""

    def finish(self, name: str, done: int, note: str = "") -> None:
        """Report the end."""


@contextmanager
def progress(output: Output, *, spent: Callable[[], int] = lambda: 0, noun: str = "records") -> Iterator[Progress]:
    """A view for the duration of the work; `spent` returns the API transactions used."""
    if output.quiet:
        yield _Silent()
    elif output.is_terminal:
        with _bars(output, spent, noun) as view:
            yield view
    else:
        yield _Lines(output, spent, noun)


class _Silent:
    def update(self, name: str, done: int, total: int | None = None) -> None:
        """Nothing is shown."""

    def finish(self, name: str, done: int, note: str = "") -> None:
        """Nothing is shown."""


class _Lines:
    def __init__(self, output: Output, spent: Callable[[], int], noun: str) -> None:
        self._console = output
        self._spent = spent
        self._noun = noun
        self._what = "stream" if noun == "rows" else "source"
        self._began: dict[str, float] = {}
        self._reported: dict[str, float] = {}

    def update(self, name: str, done: int, total: int | None = None) -> None:
        """Print a line every ten seconds."""
        self._console.progressed(name, done, total, self._noun)
        now = time.monotonic()
        self._began.setdefault(name, now)
        if now - self._reported.setdefault(name, now) < _EVERY:
            return
        self._reported[name] = now
        of = f" of {total:,}" if total else ""
        text = f"{name}: {done:,}{of} {self._noun}, {self._rate(name, done, now)}{self._cost()}"
        self._console.say(text, **{self._what: name})

    def finish(self, name: str, done: int, note: str = "") -> None:
        """One line."""
        now = time.monotonic()
        seconds = now - self._began.get(name, now)
        more = f", {note}" if note else ""
        counts = counted(done, self._noun.removesuffix("s"))
        self._console.say(f"{name}: {counts}, {seconds:.1f} s{more}", **{self._what: name})

    def _rate(self, name: str, done: int, now: float) -> str:
        seconds = now - self._began[name]
        return f"{done / seconds:,.0f}/s" if seconds > 0 else ""

    def _cost(self) -> str:
        spent = self._spent()
        return f", {counted(spent, 'API transaction')}" if spent else ""


class _Bars:
    def __init__(self, bars: Any, overall: Any, spent: Callable[[], int], noun: str) -> None:
        self._bars = bars
        self._overall = overall
        self._spent = spent
        self._noun = noun
        self._tasks: dict[str, Any] = {}
        self._finished: dict[str, int] = {}

    def update(self, name: str, done: int, total: int | None = None) -> None:
        """Move the bar."""
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=total)
        self._bars.update(self._tasks[name], completed=done, total=total)
        if total is not None and done >= total:
            self._bars.remove_task(self._tasks.pop(name))
            self._finished[name] = done
        self._show_total()

    def finish(self, name: str, done: int, note: str = "") -> None:  # noqa: ARG002 - the summary has it
        """Remove the bar; the summary has the result."""
        task = self._tasks.pop(name, None)
        if task is not None:
            self._bars.remove_task(task)
        self._finished[name] = done
        self._show_total()

    def _show_total(self) -> None:
        done, spent = sum(self._finished.values()), counted(self._spent(), "API transaction")
        self._bars.update(self._overall, description=f"{done:,} {self._noun} done, {spent}")


@contextmanager
def _bars(output: Output, spent: Callable[[], int], noun: str) -> Iterator[Progress]:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class _Rate(TextColumn):
        def render(self, task: Any) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f} {noun}/s" if speed else "")

    class _Count(MofNCompleteColumn):
        def render(self, task: Any) -> Text:
            return super().render(task) if task.total is not None else Text("")

    bars = RichProgress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        _Count(),
        _Rate(""),
        TimeRemainingColumn(compact=True),
        console=RichConsole(file=output.err),
        transient=True,
        expand=True,
    )
    with bars:
        overall = bars.add_task("", total=None)
        yield _Bars(bars, overall, spent, noun)

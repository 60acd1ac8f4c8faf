"""Where the bytes of an input are read: in this process, or in a child that is ended once it takes too much."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from intacct_bridge.machine.bounded_process import (
    ChildEndedError,
    Excess,
    ProcessLimits,
    iterate_bounded,
    run_bounded,
)
from intacct_protocol.errors import SettingsError

T = TypeVar("T")
_LIMITS = ProcessLimits(seconds=120, memory_mb=1_024)


class Reading:
    """The functions of a module that read a file, called in this process."""

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """What a function returns."""
        return function(*args)

    def rows(self, function: Callable[..., Iterator[T]], *args: Any) -> Iterator[T]:
        """What a generator function yields."""
        return function(*args)


HERE = Reading()


@dataclass(frozen=True)
class BoundedReading(Reading):
    """The same in a child process, for a file that someone else gives. SettingsError once it takes too much."""

    name: str
    """The file's name, for messages."""
    limits: ProcessLimits = _LIMITS

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """What a function returns."""
        try:
            return run_bounded(function, *args, limits=self.limits)
        except ChildEndedError as error:
            raise self._refusal(error.why) from None

    def rows(self, function: Callable[..., Iterator[T]], *args: Any) -> Iterator[T]:
        """What a generator function yields."""
        try:
            yield from iterate_bounded(function, *args, limits=self.limits)
        except ChildEndedError as error:
            raise self._refusal(error.why) from None

    def _refusal(self, why: Excess) -> SettingsError:
        took = {
            Excess.TIME: f"takes more than {self.limits.seconds:,.0f} seconds",
            Excess.MEMORY: f"takes more than {self.limits.memory_mb:,} MB of memory",
        }.get(why, "ends the program that reads it")
        return SettingsError(
            f"{self.name} cannot be read here: reading it {took}",
            fix="Save its table as CSV, or in several files. The command `intacct load` reads larger ones.",
        )

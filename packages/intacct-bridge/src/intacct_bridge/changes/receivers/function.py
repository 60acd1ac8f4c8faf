"""A Python function as a receiver: `python:module:function` is called with each event."""

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from intacct_bridge.changes.event import ChangeEvent
from intacct_protocol.errors import SettingsError


class FunctionReceiver:
    """Calls a function with one event after another; an exception means that the event was not taken."""

    def __init__(self, function: Callable[[ChangeEvent], object]) -> None:
        self._function = function

    def deliver(self, events: Sequence[ChangeEvent]) -> None:
        """Call the function with each event."""
        for event in events:
            self._function(event)

    def close(self) -> None:
        """Nothing is held."""


def function_named(name: str) -> Callable[[ChangeEvent], object]:
    """The function `module:function`; modules of the working directory are found. SettingsError if there is none."""
    module, colon, attribute = name.partition(":")
    if not colon or not module or not attribute:
        raise SettingsError(f"python:{name} names no function", fix="write python:MODULE:FUNCTION")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        function = getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise SettingsError(
            f"the module {module} cannot be imported: {error}", fix="check its name and place"
        ) from None
    except AttributeError:
        raise SettingsError(f"the module {module} has no function {attribute}") from None
    if not callable(function):
        raise SettingsError(f"{module}:{attribute} is not a function")
    return function  # type: ignore[no-any-return]

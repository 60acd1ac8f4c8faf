"""A stateful emulator of the Sage Intacct gateway: a company with books, for tests and development."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from intacct_emulator.server.gateway import Emulator
    from intacct_emulator.server.server import serve

__version__ = "0.1.0"

__all__ = ["Emulator", "__version__", "serve"]


if not TYPE_CHECKING:  # with `__getattr__`, a type checker would accept any name
    _HOMES = {"Emulator": "intacct_emulator.server.gateway", "serve": "intacct_emulator.server.server"}

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'intacct_emulator' has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)

"""The gateway: from the bytes of a request to the bytes of its answer."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from intacct_emulator.server.gateway import Emulator as Emulator
else:

    def __getattr__(name: str) -> object:
        """Import `Emulator` on first use: this is its documented place."""
        if name != "Emulator":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from intacct_emulator.server.gateway import Emulator

        return Emulator

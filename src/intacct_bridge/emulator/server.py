"""The documented place of `serve`; the server itself is `emulator.gateway.server`."""

from intacct_bridge.emulator.gateway.server import serve

__all__ = ["serve"]

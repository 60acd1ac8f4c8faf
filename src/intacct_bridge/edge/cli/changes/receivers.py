"""The receivers of `intacct watch`: those of the library, with the secret that signs messages read from its place."""

from intacct_bridge.client.connections.secret_refs import resolved
from intacct_bridge.edge.cli.context import CommandContext
from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.changes.delivery import Receiver
from intacct_bridge.flow.changes.receivers.open import open_receiver


def receiver_for(context: CommandContext, address: str, *, secret: str, timeout: float) -> Receiver:
    """The receiver at an address; `secret` is `env:VARIABLE` or `file:PATH`, never the secret itself."""
    key = ""
    if secret:
        kind, colon, place = secret.partition(":")
        if not colon or kind not in ("env", "file", "keyring"):
            raise SettingsError(
                "--secret names the place of a secret, and is not the secret",
                fix="Write env:VARIABLE, file:PATH or keyring:SERVICE/USER.",
            )
        key = str(resolved({kind: place}, where="--secret"))
        context.console.hide([key])
    return open_receiver(address, secret=key, timeout=timeout)

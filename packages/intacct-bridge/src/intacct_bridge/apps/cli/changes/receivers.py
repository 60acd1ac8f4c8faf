"""The receivers of `intacct watch`: those of the library, and another company."""

from collections.abc import Mapping
from typing import Any

from intacct_bridge.apps.cli.context import CommandContext
from intacct_bridge.changes.delivery import Receiver
from intacct_bridge.changes.receivers.open import open_receiver
from intacct_bridge.connections.secret_refs import resolved
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.uri_text import uri_secrets


def receiver_for(context: CommandContext, address: str, given: Mapping[str, Any]) -> Receiver:
    """The receiver at an address, with the command's options; `secret` is the place of a secret, as `env:VARIABLE`."""
    secret, timeout = given["secret"], float(given["timeout"])
    scheme, _, rest = address.partition(":")
    if scheme == "load" and rest:
        from intacct_bridge.apps.cli.changes.load_receiver import LoadOptions, LoadReceiver

        key = tuple(one.strip() for one in given["key"].split(",") if one.strip())
        return LoadReceiver(context, rest, LoadOptions(given["as_name"], given["map_file"], key), yes=given["yes"])
    for name in ("as", "key"):
        if given[{"as": "as_name"}.get(name, name)]:
            raise SettingsError(f"--{name} is for --to load:CONNECTION only", fix="Leave it out.")
    signing = ""
    if secret:
        kind, colon, place = secret.partition(":")
        if not colon or kind not in ("env", "file", "keyring"):
            raise SettingsError(
                "--secret names the place of a secret, and is not the secret",
                fix="Write env:VARIABLE, file:PATH or keyring:SERVICE/USER.",
            )
        signing = str(resolved({kind: place}, where="--secret"))
        context.console.hide([signing])
    context.console.hide(uri_secrets(address))
    show = context.console.say if context.console.as_json else context.console.result  # JSON is a document of its own
    return open_receiver(address, secret=signing, timeout=timeout, show=show)

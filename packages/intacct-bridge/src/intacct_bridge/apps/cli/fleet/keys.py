"""`intacct fleet key | rotate | share | link`: the fleet's keys, the secrets that tenants share, and links."""

from typing import TYPE_CHECKING

import click

from intacct_bridge.apps.cli.command import command
from intacct_bridge.apps.cli.context import CommandContext, shared_options
from intacct_bridge.apps.cli.fleet.fleet_option import with_fleet
from intacct_bridge.apps.terminal.exit_statuses import FLEET_DATABASE
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted

if TYPE_CHECKING:
    from intacct_bridge.operations.fleets import Fleet


@command("key", exits={})
@shared_options(connected=False, prints_table=True)
def key_command(context: CommandContext) -> None:
    """Print a new key for INTACCT_FLEET_KEY. It is kept nowhere: put it into your store of secrets at once.

    \b
    Example:
      export INTACCT_FLEET_KEY=$(intacct fleet key -q)
    """
    from intacct_bridge.operations.fleets import FleetKey

    key = FleetKey.new()
    if context.output.as_json:
        context.output.json({"key": key.text, "id": key.id})
    else:
        context.output.result(key.text)
    context.output.say(
        f"This is the key {key.id}. Keep a second copy apart from the database: if the key is lost, the credentials"
        " that it sealed are lost too."
    )


@command("rotate", exits=FLEET_DATABASE)
@click.option(
    "--give-up-lost", is_flag=True, help="Remove the secrets whose key is lost, instead of refusing to go on."
)
@click.option("--yes", is_flag=True, help="Remove them without confirmation.")
@with_fleet()
def rotate_command(context: CommandContext, fleet: "Fleet", *, give_up_lost: bool, yes: bool) -> None:
    """Seal all secrets with the first key of INTACCT_FLEET_KEY. Workers can keep running.

    On every machine, put the new key first and the earlier one behind it, with a comma between them. Then run this
    command. If it is interrupted, run it again. Afterwards remove the earlier key everywhere.
    """
    if give_up_lost and not yes and not context.output.confirm("Remove the secrets whose key is not given?"):
        raise SettingsError("Nothing was changed.", fix="Pass --yes to remove them without confirmation.")
    done = fleet.rotate(give_up_lost=give_up_lost)
    if context.output.as_json:
        context.output.json({"key": done.key_id, "resealed": done.resealed, "given_up": list(done.given_up)})
    context.output.say(
        f"{counted(done.resealed, 'owner')} of secrets sealed again. The key {done.key_id} now seals all secrets."
    )
    for owner in done.given_up:
        context.output.complain(f"The secrets of {owner} were removed, since their key is lost.")


@command("share", exits=FLEET_DATABASE)
@click.option("--secrets-from", metavar="FILE|-|env", help="Seal these secrets, as in `intacct fleet add`.")
@click.option("--remove-secret", metavar="NAME", multiple=True, help="Remove this secret. Repeatable.")
@with_fleet()
def share_command(
    context: CommandContext, fleet: "Fleet", *, secrets_from: str | None, remove_secret: tuple[str, ...]
) -> None:
    """Seal secrets for all tenants. A tenant's own secret of the same name is used first.

    The sender of the Web Services licence is the same for all customers: give sender_id and sender_password here.
    Without options, the command shows the names of these secrets.

    \b
    Example:
      printf 'sender_id=acme\\nsender_password=%s\\n' "$PASSWORD" | intacct fleet share --secrets-from -
    """
    from intacct_bridge.operations.fleets import read_secrets

    added = read_secrets(secrets_from) if secrets_from else {}
    context.output.hide(map(str, added.values()))
    secrets: dict[str, str | None] = {**added, **dict.fromkeys(remove_secret)}
    if secrets:
        fleet.share_secrets(secrets)
    rows = [(name,) for name in fleet.shared_secret_names()]
    context.output.table(("secret",), rows, empty="The tenants share no secret.")


@command("link", exits=FLEET_DATABASE)
@click.argument("name", metavar="TENANT")
@click.option(
    "--hours",
    metavar="N",
    type=float,
    default=72.0,
    show_default=True,
    help="Let the link expire after this many hours.",
)
@click.option(
    "--address",
    metavar="URL",
    envvar="INTACCT_FLEET_ADDRESS",
    default="",
    help="Begin the link with the address of the fleet's site (default: INTACCT_FLEET_ADDRESS).",
)
@click.option(
    "--end", is_flag=True, help="End all links of the tenant, and the sessions that they started; make no new link."
)
@with_fleet()
def link_command(context: CommandContext, fleet: "Fleet", *, name: str, hours: float, address: str, end: bool) -> None:
    """Print a link with which the tenant's administrator enters credentials.

    The link works once. It cannot be shown again.
    """
    from intacct_bridge.operations.fleets import link_path

    if end:
        ended = fleet.end_links(name)
        if context.output.as_json:
            context.output.json({"tenant": name, "ended": ended})
        context.output.say(f"{counted(ended, 'open link')} ended.")
        return
    token = fleet.link(name, hours=hours)
    link = f"{address.rstrip('/')}{link_path(token)}"
    if context.output.as_json:
        context.output.json({"tenant": name, "link": link, "hours": hours})
    else:
        context.output.result(link)
    if not address:
        context.output.say("Put the address of the fleet's site before it, or pass --address URL.")


COMMANDS = (key_command, rotate_command, share_command, link_command)

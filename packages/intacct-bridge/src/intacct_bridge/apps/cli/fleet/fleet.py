"""The group `intacct fleet`: its commands, by the stage at which an operator needs them."""

from intacct_bridge.apps.cli.command import AUTOMATE, command_group
from intacct_bridge.apps.cli.fleet import demo, keys, serve, status, tenants, work


@command_group(
    "fleet",
    section=AUTOMATE,
    place=4,
    short_help="Serve many companies: tenants, sealed credentials, schedules, limits, usage.",
    no_args_is_help=True,
)
def fleet_command() -> None:
    """Serve many companies, each with a connection, flows, a schedule and limits.

    The fleet is in a PostgreSQL database that INTACCT_FLEET names. Credentials are sealed with the key in
    INTACCT_FLEET_KEY, which is not in the database.

    \b
    Examples:
      intacct fleet key
      intacct fleet add acme --set company_id=acme --set user_id=bridge --secrets-from -
      intacct fleet add --from customers.csv --flows-from flows.toml
      intacct fleet work
      intacct fleet status --attention
    """


for _command in (
    *tenants.COMMANDS, *status.COMMANDS, *keys.COMMANDS, *work.COMMANDS, *serve.COMMANDS, *demo.COMMANDS,
):  # fmt: skip
    fleet_command.add_command(_command)

"""`intacct fleet add | list | show | change | pause | resume | remove`: the tenants of a fleet."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.command import command
from intacct_bridge.apps.cli.context import Command, CommandContext, file_option, number_option
from intacct_bridge.apps.cli.fleet.fleet_option import with_fleet
from intacct_bridge.apps.terminal.exit_statuses import FLEET_DATABASE
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.wording import counted, listed

if TYPE_CHECKING:
    from intacct_bridge.operations.fleets import Fleet, Tenant, TenantParts

_NONE = "The fleet has no tenants. Add one: intacct fleet add NAME --set company_id=ID --secrets-from FILE"


def _parts(command: Command) -> Command:
    """The options that give the parts of a tenant."""
    options: list[Callable[[Command], Command]] = [
        click.option(
            "--set",
            "settings",
            metavar="NAME=VALUE",
            multiple=True,
            help="Set this setting of the connection. Repeatable.",
        ),
        click.option(
            "--secrets-from",
            metavar="FILE|-|env",
            help="Seal these secrets: a file or standard input with lines NAME=VALUE or a JSON object, or the variables"
            " INTACCT_USER_PASSWORD and INTACCT_SENDER_PASSWORD.",
        ),
        file_option("--flows-from", "Take the tables [flows.NAME] and [schedule] of this TOML file."),
        click.option(
            "--schedule",
            metavar="FLOW=TIME",
            multiple=True,
            help='Run a flow at these times: --schedule nightly="15 2 * * *", or "every 15m". Repeatable.',
        ),
        number_option(
            "--concurrency", "Send at most this many requests at a time.", least=1, default=None, show_default=False
        ),
        number_option(
            "--monthly-limit", "Use at most this many API transactions in a month.", default=None, show_default=False
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@command("add", exits=FLEET_DATABASE)
@click.argument("name", metavar="[TENANT]", required=False)
@file_option("--from", "Add the tenants of this CSV or JSON file.")
@click.option("--skip-existing", is_flag=True, help="Skip the tenants that the fleet already has (with --from).")
@click.option("--paused", is_flag=True, help="Add the tenant paused.")
@_parts
@with_fleet(prints_table=False)
def add_command(
    context: CommandContext, fleet: "Fleet", *, name: str | None, skip_existing: bool, paused: bool, **options: Any
) -> None:
    """Add a tenant, or the tenants of a file. Everything is checked before anything is added.

    A CSV file has a column `name`, and columns for settings, user_password, sender_password, concurrency,
    monthly_limit, paused, schedule.FLOW and secret.NAME. A JSON file has a list of objects, which may have `settings`,
    `flows`, `schedule`, `limits` and `secrets` as objects too. The other options apply to every tenant of a file,
    unless the file has another value for it.

    \b
    Examples:
      intacct fleet add acme --set company_id=acme --set user_id=bridge --secrets-from -
      intacct fleet add --from customers.csv --flows-from flows.toml --schedule nightly="every 24h"
    """
    from intacct_bridge.operations.fleets import NewTenant, add_tenants, read_tenants

    source: Path | None = options.pop("from")
    if (name is None) == (source is None):
        raise click.UsageError("Give the name of a tenant, or --from FILE.")
    parts = _parts_of(context, options)
    if source is not None:
        new = read_tenants(source, parts)
    else:
        new = [NewTenant(name or "", parts.settings, parts.flows, parts.schedule, parts.limits, parts.secrets, paused)]
    for tenant in new:
        context.output.hide(map(str, tenant.secrets.values()))
    added = add_tenants(fleet, new, skip_existing=skip_existing)
    skipped = f"; the fleet had {len(new) - added:,} of them" if added < len(new) else ""
    context.output.say(f"Added {counted(added, 'tenant')}{skipped}.")
    if name is not None and (missing := fleet.status_of(name).missing):
        context.output.say(
            f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} not set yet. The company's administrator can"
            f" enter credentials through a link: intacct fleet link {name}"
        )


@command("list", exits=FLEET_DATABASE)
@click.option("--search", metavar="TEXT", default="", help="List only names that contain this.")
@with_fleet()
def list_command(context: CommandContext, fleet: "Fleet", *, search: str) -> None:
    """List the tenants. Secrets are not decrypted."""
    rows = [
        (
            tenant.name,
            tenant.settings.get("company_id", ""),
            tenant.settings.get("environment", "production"),
            len(tenant.flows),
            tenant.paused,
            f"{tenant.added_at:%Y-%m-%d}",
        )
        for tenant in fleet.tenants(like=search)
    ]
    context.output.table(("tenant", "company", "environment", "flows", "paused", "added"), rows, empty=_NONE)


@command("show", exits=FLEET_DATABASE)
@click.argument("name", metavar="TENANT")
@with_fleet()
def show_command(context: CommandContext, fleet: "Fleet", *, name: str) -> None:
    """Show a tenant: its settings, flows, times, limits and state. Of secrets only the names are shown."""
    status = fleet.status_of(name)
    tenant = status.tenant
    facts = {
        "tenant": tenant.name,
        "paused": tenant.paused,
        "added": f"{tenant.added_at:%Y-%m-%d %H:%M:%S}",
        **{f"settings.{setting}": value for setting, value in tenant.settings.items()},
        "secrets": list(fleet.secret_names(name)),
        "missing": list(status.missing),
        "concurrency": tenant.limits.concurrency,
        "monthly_limit": tenant.limits.monthly_limit,
        "schema": fleet.schema(tenant) if tenant.company else "",
    }
    for flow in status.flows:
        facts[f"flows.{flow.flow}"] = _flow_line(tenant, flow.flow)
        facts[f"schedule.{flow.flow}"] = flow.schedule
        facts[f"next.{flow.flow}"] = f"{flow.next_due:%Y-%m-%d %H:%M:%S}" if flow.next_due else ""
        if flow.last is not None:
            facts[f"last.{flow.flow}"] = f"{flow.last.started_at:%Y-%m-%d %H:%M:%S}: {flow.last.outcome or 'running'}"
    shown = (
        facts if context.output.as_json else {key: value for key, value in facts.items() if value not in ("", [], None)}
    )
    context.output.pairs(shown)


@command("change", exits=FLEET_DATABASE)
@click.argument("name", metavar="TENANT")
@_parts
@click.option("--unset", metavar="NAME", multiple=True, help="Remove this setting. Repeatable.")
@click.option("--remove-flow", metavar="FLOW", multiple=True, help="Remove this flow and its times. Repeatable.")
@click.option("--remove-secret", metavar="NAME", multiple=True, help="Remove this secret. Repeatable.")
@with_fleet(prints_table=False)
def change_command(
    context: CommandContext,
    fleet: "Fleet",
    *,
    name: str,
    unset: tuple[str, ...],
    remove_flow: tuple[str, ...],
    remove_secret: tuple[str, ...],
    **options: Any,
) -> None:
    """Change the given parts of a tenant. `--schedule FLOW=` removes the times of a flow.

    The current run is not affected; the next one has the new values.
    """
    from intacct_bridge.operations.fleets import check_tenant_flows

    parts = _parts_of(context, options)
    before = fleet.tenant(name)
    _refuse_unknown("flow", remove_flow, before.flows, name)
    _refuse_unknown("setting", unset, before.settings, name)
    _refuse_unknown("secret", remove_secret, dict.fromkeys(fleet.secret_names(name)), name)
    secrets: dict[str, str | None] = {**parts.secrets, **dict.fromkeys(remove_secret)}
    changes = {
        "settings": {**parts.settings, **dict.fromkeys(unset)},
        "flows": {**parts.flows, **dict.fromkeys(remove_flow)},
        "schedule": {flow: times or None for flow, times in parts.schedule.items()},
        "limits": parts.limits,
    }
    if not secrets and not any(changes.values()):
        raise click.UsageError("Give what to change, such as --set NAME=VALUE.")
    fleet.change(name, **changes, secrets=secrets, check=check_tenant_flows)
    context.output.say(f"Changed tenant {name}.")


@command("pause", exits=FLEET_DATABASE)
@click.argument("names", metavar="TENANT...", nargs=-1, required=True)
@with_fleet(prints_table=False)
def pause_command(context: CommandContext, fleet: "Fleet", *, names: tuple[str, ...]) -> None:
    """Stop starting the flows of these tenants. A flow that is running continues to its end."""
    for name in names:
        fleet.pause(name)
        context.output.say(f"Paused tenant {name}.")


@command("resume", exits=FLEET_DATABASE)
@click.argument("names", metavar="TENANT...", nargs=-1, required=True)
@with_fleet(prints_table=False)
def resume_command(context: CommandContext, fleet: "Fleet", *, names: tuple[str, ...]) -> None:
    """Start the flows of paused tenants again, at their next times."""
    for name in names:
        fleet.resume(name)
        context.output.say(f"Resumed tenant {name}.")


@command("remove", exits=FLEET_DATABASE)
@click.argument("name", metavar="TENANT")
@click.option("--yes", is_flag=True, help="Remove it without confirmation.")
@with_fleet(prints_table=False)
def remove_command(context: CommandContext, fleet: "Fleet", *, name: str, yes: bool) -> None:
    """Remove a tenant with its secrets and links. Intacct is not changed.

    The state of its company stays in the database: the outbox proves what was posted.
    """
    tenant = fleet.tenant(name)
    if not yes and not context.output.confirm(f"Remove tenant {name} with its credentials?"):
        raise SettingsError(f"Tenant {name} was not removed.", fix="Pass --yes to remove it without confirmation.")
    fleet.remove(name)
    stays = f" The schema {fleet.schema(tenant)} stays." if tenant.company else ""
    context.output.say(f"Removed tenant {name}.{stays}")


def _parts_of(context: CommandContext, options: Mapping[str, Any]) -> "TenantParts":
    from intacct_bridge.operations.fleets import TenantParts, read_flows, read_secrets

    secrets = read_secrets(options["secrets_from"]) if options["secrets_from"] else {}
    context.output.hide(map(str, secrets.values()))
    file = read_flows(options["flows_from"]) if options["flows_from"] else TenantParts()
    limits = {name: options[name] for name in ("concurrency", "monthly_limit") if options[name] is not None}
    schedule = {**file.schedule, **_assignments(options["schedule"], "--schedule")}
    return TenantParts(_assignments(options["settings"], "--set"), file.flows, schedule, limits, secrets)


def _refuse_unknown(what: str, names: tuple[str, ...], existing: Mapping[str, Any], tenant: str) -> None:
    from intacct_protocol.model.suggestions import did_you_mean

    for name in names:
        if name not in existing:
            raise SettingsError(
                f"tenant {tenant!r} has no {what} {name!r}{did_you_mean(name, existing)}",
                fix=f"See: intacct fleet show {tenant}",
            )


def _flow_line(tenant: "Tenant", flow: str) -> str:
    import json

    table = tenant.flows[flow]
    options = " ".join(f"{key}={json.dumps(value)}" for key, value in table.items() if key != "command")
    return f"{table['command']} {options}".rstrip()


def _assignments(words: Iterable[str], option: str) -> dict[str, str]:
    """`name=value` pairs."""
    assignments = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"{option} {word!r} is not NAME=VALUE", fix=f"Write {option} NAME=VALUE.")
        assignments[name.strip()] = value.strip()
    return assignments


COMMANDS = (
    add_command, list_command, show_command, change_command, pause_command, resume_command, remove_command,
)  # fmt: skip

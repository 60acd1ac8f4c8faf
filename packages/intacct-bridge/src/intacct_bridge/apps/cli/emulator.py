"""`intacct emulator`: the emulated gateway over HTTP, for programs in any language."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import click

from intacct_bridge.apps.cli.command import SERVE, command
from intacct_bridge.apps.cli.context import CommandContext, Day, day_option, file_option, number_option, shared_options

if TYPE_CHECKING:
    from intacct_emulator.server.gateway import Emulator
    from intacct_emulator.settings.companies import EmulatorSettings


@command(
    "emulator",
    section=SERVE,
    place=3,
    short_help="Serve an emulated gateway on this machine.",
    exits={},
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Serve on this loopback address.")
@number_option("--port", "Serve on this port; 0 takes a free one.", most=65535, default=8081)
@click.option(
    "--allow-host",
    "allow_hosts",
    metavar="NAME",
    multiple=True,
    help="Accept requests to this host name too, such as that of a container or a tunnel. Repeatable.",
)
@file_option("--port-file", "Write the port to this file once the emulator answers.", metavar="F")
@click.option(
    "--company",
    metavar="demo|empty|FILE",
    default="demo",
    show_default=True,
    help="Serve the demo company, an empty one, or the companies that a TOML file declares.",
)
@number_option(
    "--companies",
    "Serve this many more companies, company-0001 and so on; they share the records of the first until they change.",
)
@number_option("--scale", "Multiply the number of documents; 50 makes a million GLDETAIL rows.", least=1, default=1)
@number_option("--months", "Give the demo company this many months of history, 3 to 24.", least=3, most=24, default=24)
@number_option("--seed", "Generate the company from this seed.", type=int, default=1)
@day_option("--as-of", "End the company's data on this date (default: today).")
@click.option("--cash-book", is_flag=True, help="Give the demo company a cash book in addition to its accrual book.")
@file_option("--db", "Keep the company in this file (default: in memory).")
@click.option("--no-cache", is_flag=True, help="Make the demo company again instead of reading it from the cache.")
@click.option("--clear-cache", is_flag=True, help="Delete the demo companies in the cache, and exit.")
@click.option(
    "--from-copy",
    metavar="URI",
    help="Serve the company in this copy, which intacct extract made: its records, fields and custom objects.",
)
@click.option(
    "--anonymise",
    is_flag=True,
    help="Replace names, ids and free text of the copy, always by the same replacement; keep amounts and dates.",
)
@click.option(
    "--data",
    metavar="PATH",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Load records at the start: a JSON file, a CSV file named after its object, or a folder of them. Repeatable.",
)
@click.option(
    "--revalue",
    "revaluations",
    metavar="DATE",
    type=Day(),
    multiple=True,
    help="Revalue open foreign-currency items and bank accounts at the rate of this date. Repeatable.",
)
@click.option("--rate-type", default="", metavar="NAME", help="Revalue at this rate type (default: the company's).")
@file_option("--faults", "Play the faults of this file: cut connections, throttling, slow answers.", metavar="F.toml")
@click.option(
    "--scenario",
    metavar="NAME",
    help="Serve a company with a set-up mistake: a name of --scenario list, or a TOML file of your own.",
)
@number_option("--latency-ms", "Delay every answer by this many milliseconds.")
@number_option("--concurrency", "Run this many requests at once and queue as many; 0 for no limit.")
@shared_options(connected=False, prints_table=True)
def emulator_command(context: CommandContext, *, host: str, port: int, port_file: Path | None, **options: Any) -> None:
    """Serve an emulated gateway on this machine until Ctrl-C, and print its URL and credentials.

    \b
    Examples:
      intacct emulator
      intacct emulator --port 0 --port-file port.txt --company empty
      intacct emulator --company harbour.toml
      intacct emulator --from-copy duckdb:///books.duckdb --anonymise --db shape.db
      intacct emulator --companies 1000
      intacct emulator --db company.db --latency-ms 300 --concurrency 2
      intacct emulator --scenario sender-not-authorised
    """
    if options["scenario"] == "list":
        _list(context)
        return
    if options["clear_cache"]:
        _clear_cache(context)
        return
    if options["companies"] and options["db"]:
        raise click.UsageError("--companies are kept in memory, so leave out --db.")
    scenario, company = _scenario(options["scenario"]), _company_file(options["company"])
    from intacct_bridge.apps.terminal.memory import relax_gc

    context.console.say("Opening the company ...")
    start = _start(company)
    credentials = start.credentials()
    relax_gc()
    emulator = _emulator(
        context,
        options,
        settings=_settings(options, scenario, start),
        faults=[one for one in (options["faults"] or scenario, company) if one is not None],
    )
    try:
        _prepare(context, emulator, options)
        announce = partial(_announce, context, credentials=credentials, scenario=scenario)
        _serve(context, emulator, host, port, options, announce=announce, port_file=port_file)
    finally:
        emulator.close()
        if port_file is not None:
            port_file.unlink(missing_ok=True)


def _prepare(context: CommandContext, emulator: "Emulator", options: dict[str, Any]) -> None:
    """Load the records and revalue the items that the options name."""
    from intacct_bridge.apps.views.emulator_summary import revalued
    from intacct_emulator.ledger.seeding import seed_file

    for path in options["data"]:
        found = seed_file(emulator.company(), path, now=emulator.now())
        context.console.say(f"{path}: " + ", ".join(f"{count:,} {name}" for name, count in found.items()))
    for day in options["revaluations"]:
        for line in revalued(day.date(), emulator.revalue(day.date(), rate_type=options["rate_type"])):
            context.console.say(line)


def _serve(
    context: CommandContext,
    emulator: "Emulator",
    host: str,
    port: int,
    options: dict[str, Any],
    *,
    announce: Callable[[str], None],
    port_file: Path | None,
) -> None:
    """Serve until the program is stopped, and say what was served."""
    from intacct_bridge.apps.views.emulator_summary import others_served, served
    from intacct_bridge.machine.directories import cache_of_port
    from intacct_emulator.server.gateway import numbered_companies
    from intacct_emulator.server.server import serve_forever

    others = emulator.add_companies(numbered_companies(options["companies"] or 0))

    def ready(url: str) -> None:
        # what is cached for this port belongs to the company that it served before
        shutil.rmtree(cache_of_port(urlsplit(url).port), ignore_errors=True)
        announce(url)
        for line in others_served(others):
            context.console.say(line)
        if port_file is not None:
            _write_port(port_file, url)

    serve_forever(emulator, host, port, ready=ready, allow_hosts=options["allow_hosts"])
    for line in served(emulator):
        context.console.say(line)


def _emulator(context: CommandContext, options: dict[str, Any], **more: Any) -> "Emulator":
    from intacct_bridge.apps.demo.company import make_emulator
    from intacct_bridge.testing import read_copy

    if options["from_copy"]:
        with read_copy(options["from_copy"], anonymise=options["anonymise"]) as copied:
            if copied.left_out:
                context.console.say(
                    f"Left out, because they are not objects of a company: {', '.join(copied.left_out)}"
                )
            return make_emulator(options["db"], source=copied.source, **more)
    if options["anonymise"]:
        raise click.UsageError("--anonymise needs --from-copy URI.")
    return make_emulator(
        options["db"],
        empty=options["company"] != "demo",
        seed=options["seed"],
        scale=options["scale"],
        as_of=_day(options["as_of"]),
        cash_book=options["cash_book"],
        months=options["months"],
        cache=None if options["no_cache"] else _cache(),
        **more,
    )


def _cache() -> Path:
    """The folder of the demo companies that earlier starts made."""
    from intacct_bridge.machine.directories import cache_directory

    return cache_directory() / "emulator"


def _clear_cache(context: CommandContext) -> None:
    from intacct_emulator.store.database_cache import clear

    size = clear(_cache())
    context.console.say(f"Deleted {size / 2**20:,.0f} MB from {_cache()}." if size else f"{_cache()} is empty.")


def _scenario(name: str | None) -> Path | None:
    from intacct_emulator.settings.scenarios import find_scenario

    return None if name is None else find_scenario(name)


def _list(context: CommandContext) -> None:
    from intacct_emulator.settings.scenarios import read_scenario, shipped_scenarios

    rows = [(name, read_scenario(path).get("scenario", {})) for name, path in shipped_scenarios().items()]
    context.console.table(("scenario", "mistake"), [(name, about.get("title", "")) for name, about in rows])


def _company_file(name: str) -> Path | None:
    """The file of a declared company; None for the names of the companies that come with the program."""
    from intacct_protocol.errors import SettingsError
    from intacct_protocol.model.suggestions import did_you_mean

    if name in ("demo", "empty"):
        return None
    if Path(name).suffix != ".toml" and not Path(name).is_file():
        raise SettingsError(
            f"There is no company {name}{did_you_mean(name, ('demo', 'empty'))}",
            fix="Use demo, empty, or a TOML file that declares a company.",
        )
    return Path(name)


def _start(company: Path | None) -> "EmulatorSettings":
    from intacct_emulator.settings.companies import EmulatorSettings
    from intacct_emulator.settings.scenarios import load_companies

    return load_companies(company) if company else EmulatorSettings()


def _settings(options: dict[str, Any], scenario: Path | None, start: "EmulatorSettings") -> "EmulatorSettings":
    from intacct_emulator.settings.scenarios import load_scenario

    settings = load_scenario(scenario, start) if scenario else start
    changed = {
        name: options[option]
        for name, option in (("latency_ms", "latency_ms"), ("concurrency", "concurrency"))
        if options[option] is not None
    }
    return replace(settings, behaviour=replace(settings.behaviour, **changed))


def _day(moment: datetime | None) -> Any:
    return None if moment is None else moment.date()


def _write_port(path: Path, url: str) -> None:
    """Write the port in one step, because another process waits for the file to appear."""
    new = path.with_name(path.name + ".new")
    new.write_text(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0] + "\n", encoding="ascii")
    new.replace(path)


def _announce(context: CommandContext, url: str, credentials: dict[str, str], scenario: Path | None) -> None:
    from intacct_emulator.server.administration_pages import ADMINISTRATION
    from intacct_emulator.settings.scenarios import read_scenario

    about = read_scenario(scenario).get("scenario", {}) if scenario else {}
    settings = {**credentials, "environment": "demo", **about.get("connection", {})}
    if about.get("title"):
        context.console.say(f"Scenario: {about['title']}. {about.get('text', '')} ({about.get('tag', '')})")
    context.console.pairs({"endpoint": url, **settings})
    context.console.out.flush()
    context.console.say(f"The page of the company's administrator: {urljoin(url, ADMINISTRATION)}")
    context.console.say("Serving; press Ctrl-C to stop. In another terminal:")
    names = {"endpoint": "ENDPOINT_URL"}
    exports = " ".join(
        f"INTACCT_{names.get(name, name.upper())}={quote(str(value))}"
        for name, value in {"endpoint": url, **settings}.items()
    )
    context.console.say(f"  export {exports}")
    context.console.say(f"  intacct doctor{_flags(about.get('job', {}))}")
    config = {"api_url": url, **{name: str(value) for name, value in settings.items()}}
    arguments = ", ".join(f'{name}="{value}"' for name, value in {"endpoint": url, **settings}.items())
    context.console.say("The config of tap-intacct and target-intacct:")
    context.console.say(f"  {json.dumps(config)}")
    context.console.say("A client of the library:")
    context.console.say(f"  connect({arguments})")


def _flags(job: Mapping[str, Any]) -> str:
    """The options of `intacct doctor` for a scenario's job."""
    listed = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in job.items()}
    return "".join(f" --{name.replace('_', '-')} {quote(value)}" for name, value in listed.items())

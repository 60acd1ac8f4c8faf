"""Serves an emulated gateway until it is stopped: the options of the command, and what it prints.

`intacct-emulator` is a command with these options. Another program gives them to a command of its own with
`serving_options`, and calls `serve_gateway` with what the user chose.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import click

from intacct_emulator.command.listening import (
    LISTENING,
    Decorated,
    authority_of,
    file_option,
    number_option,
    serve_until_stopped,
)
from intacct_emulator.command.output import Output
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean

if TYPE_CHECKING:
    from intacct_emulator.server.gateway import Emulator
    from intacct_emulator.settings.companies import EmulatorSettings
    from intacct_emulator.settings.company_source import CompanySource


@dataclass(frozen=True, slots=True)
class ServedGateway:
    """What a program must know to use the gateway that is served."""

    url: str
    settings: Mapping[str, str]
    """The credentials, and what a scenario says of the connection."""
    job: Mapping[str, Any]
    """What the program of a scenario is to read and write."""


def _days(context: click.Context, option: click.Parameter, written: str | tuple[str, ...] | None) -> Any:
    """The dates of an option that is written as 2026-01-31, once or several times."""
    if isinstance(written, tuple):
        return tuple(_days(context, option, text) for text in written)
    try:
        return None if written is None else date.fromisoformat(written)
    except ValueError:
        text = f"{written!r} is not a valid date; write it as 2026-01-31."
        raise click.BadParameter(text, context, option) from None


_OPTIONS = (
    *LISTENING,
    click.option(
        "--company",
        metavar="demo|empty|FILE",
        default="demo",
        show_default=True,
        help="Serve the demo company, an empty one, or the companies that a TOML file declares.",
    ),
    number_option(
        "--companies",
        "Serve this many more companies, company-0001 and so on; they share the records of the first until they"
        " change.",
    ),
    number_option("--scale", "Multiply the number of documents; 50 makes a million GLDETAIL rows.", least=1, default=1),
    number_option(
        "--months", "Give the demo company this many months of history, 3 to 24.", least=3, most=24, default=24
    ),
    click.option(
        "--seed", metavar="N", type=int, default=1, show_default=True, help="Generate the company from this seed."
    ),
    click.option(
        "--as-of", metavar="DATE", callback=_days, help="End the company's data on this date (default: today)."
    ),
    click.option(
        "--cash-book", is_flag=True, help="Give the demo company a cash book in addition to its accrual book."
    ),
    file_option("--db", "Keep the company in this file (default: in memory)."),
    click.option("--no-cache", is_flag=True, help="Make the demo company again instead of reading it from the cache."),
    click.option("--clear-cache", is_flag=True, help="Delete the demo companies in the cache, and exit."),
    click.option(
        "--data",
        metavar="PATH",
        type=click.Path(exists=True, path_type=Path),
        multiple=True,
        help="Load records at the start: a JSON file, a CSV file named after its object, or a folder of them."
        " Repeatable.",
    ),
    click.option(
        "--revalue",
        "revaluations",
        metavar="DATE",
        callback=_days,
        multiple=True,
        help="Revalue open foreign-currency items and bank accounts at the rate of this date. Repeatable.",
    ),
    click.option("--rate-type", default="", metavar="NAME", help="Revalue at this rate type (default: the company's)."),
    file_option(
        "--faults", "Play the faults of this file: cut connections, throttling, slow answers.", metavar="F.toml"
    ),
    click.option(
        "--scenario",
        metavar="NAME",
        help="Serve a company with a set-up mistake: a name of --scenario list, or a TOML file of your own.",
    ),
    number_option("--latency-ms", "Delay every answer by this many milliseconds."),
    number_option("--concurrency", "Run this many requests at once and queue as many; 0 for no limit."),
)


def serving_options(function: Decorated) -> Decorated:
    """Give a command the options of `intacct-emulator`; `serve_gateway` takes their values by name."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def serve_gateway(
    output: Output,
    options: Mapping[str, Any],
    *,
    source: "AbstractContextManager[CompanySource] | None" = None,
    settings: Mapping[str, str] | None = None,
    ready: Callable[[ServedGateway], Iterable[str]] = lambda _: (),
) -> int:
    """Serve until the program is interrupted, or do what `--scenario list` or `--clear-cache` ask for.

    With a source the first company has its records, in place of those of the demo company. It is entered only to read
    them. `settings` are more of a
    connection, which are printed after the credentials. `ready` is called once the gateway answers, and gives more
    lines to print. Returns the exit status: 0 after Ctrl-C, 143 after SIGTERM.
    """
    if options["scenario"] == "list":
        _list_scenarios(output)
        return 0
    if options["clear_cache"]:
        _clear_cache(output)
        return 0
    if options["companies"] and options["db"]:
        raise click.UsageError("--companies are kept in memory, so leave out --db.")
    from intacct_emulator.settings.scenarios import find_scenario, read_scenario

    scenario = find_scenario(options["scenario"]) if options["scenario"] else None
    about = read_scenario(scenario).get("scenario", {}) if scenario else {}
    file = _company_file(options["company"])
    start = _start(file)
    more = {**start.credentials(), **(settings or {}), **about.get("connection", {})}
    authority = authority_of(options)
    output.say("Opening the company ...")
    gc.set_threshold(50_000, 20, 50)  # a company is made of objects by the million that all stay
    with closing(_emulator(options, start, source, scenario, file)) as emulator:
        _prepare(output, emulator, options)
        others = emulator.add_companies(_numbered(options["companies"] or 0))

        def announce(url: str, addresses: Mapping[str, str]) -> None:
            from intacct_emulator.command.summary import others_served
            from intacct_emulator.rest.api import PATH as REST_PATH
            from intacct_emulator.server.control.operations import ADMINISTRATION

            if about.get("title"):
                output.say(f"Scenario: {about['title']}. {about.get('text', '')} ({about.get('tag', '')})")
            output.pairs({"endpoint": url, **more, **addresses})
            output.out.flush()
            output.say(f"The page of the company's administrator: {urljoin(url, ADMINISTRATION)}")
            application = emulator.settings.rest_clients[0]
            output.say(
                f"The REST interface: {urljoin(url, REST_PATH)}, for the application {application.client_id} with the "
                f"secret {application.client_secret}"
            )
            trusted = {name: text for name, text in addresses.items() if name == "ca_bundle"}
            gateway = ServedGateway(url, {**more, **trusted}, about.get("job", {}))
            for line in (*ready(gateway), *others_served(others)):
                output.say(line)

        status = serve_until_stopped(output, emulator, options, authority, announce)
        from intacct_emulator.command.summary import served

        for line in served(emulator):
            output.say(line)
    return status


@contextmanager
def company_emulator(output: Output, company: str, data: Sequence[Path]) -> "Iterator[Emulator]":
    """An emulator that is not served, of the company that `--company` and `--data` name."""
    file = _company_file(company)
    made_of = {"seed": 1, "scale": 1, "as_of": None, "cash_book": False, "months": 24, "no_cache": False}
    rest = {"latency_ms": None, "concurrency": None, "faults": None, "db": None, "revaluations": (), "rate_type": ""}
    options = {**made_of, **rest, "company": company, "data": data}
    with closing(_emulator(options, _start(file), None, None, file)) as emulator:
        _prepare(output, emulator, options)
        yield emulator


def _emulator(
    options: Mapping[str, Any],
    start: "EmulatorSettings",
    source: "AbstractContextManager[CompanySource] | None",
    scenario: Path | None,
    company_file: Path | None,
) -> "Emulator":
    """The emulator that the options describe; a database that holds a company already is opened unchanged."""
    from intacct_emulator.server.gateway import Emulator
    from intacct_emulator.settings.faults import load_faults
    from intacct_emulator.settings.scenarios import load_scenario

    settings = load_scenario(scenario, start) if scenario else start
    pace = {name: options[name] for name in ("latency_ms", "concurrency") if options[name] is not None}
    files = (options["faults"] or scenario, company_file)
    more: dict[str, Any] = {
        "settings": replace(settings, behaviour=replace(settings.behaviour, **pace)),
        "faults": tuple(fault for file in files if file is not None for fault in load_faults(file)),
    }
    database = options["db"]
    if database is not None:
        database.parent.mkdir(parents=True, exist_ok=True)
    if source is not None:
        with source as records:
            return Emulator.filled(records, database, **more)
    if options["company"] != "demo":
        return Emulator.empty(database, **more)
    made_of = {name: options[name] for name in ("seed", "scale", "as_of", "cash_book", "months")}
    return Emulator.demo(database, cache=None if options["no_cache"] else cache_folder(), **made_of, **more)


def _prepare(output: Output, emulator: "Emulator", options: Mapping[str, Any]) -> None:
    """Load the records and revalue the items that the options name."""
    from intacct_emulator.command.summary import revalued
    from intacct_emulator.ledger.seeding import seed_file

    for path in options["data"]:
        stored = seed_file(emulator.company(), path, now=emulator.now())
        output.say(f"{path}: " + ", ".join(f"{count:,} {name}" for name, count in stored.items()))
    for day in options["revaluations"]:
        for line in revalued(day, emulator.revalue(day, rate_type=options["rate_type"])):
            output.say(line)


def _numbered(companies: int) -> Iterator[str]:
    from intacct_emulator.server.gateway import numbered_companies

    return numbered_companies(companies)


def _start(company_file: Path | None) -> "EmulatorSettings":
    from intacct_emulator.settings.companies import EmulatorSettings
    from intacct_emulator.settings.scenarios import load_companies

    return load_companies(company_file) if company_file else EmulatorSettings()


def _company_file(name: str) -> Path | None:
    """The file of a declared company; None for the names of the companies that come with the program."""
    if name in ("demo", "empty"):
        return None
    if Path(name).suffix != ".toml" and not Path(name).is_file():
        raise SettingsError(
            f"There is no company {name}{did_you_mean(name, ('demo', 'empty'))}",
            fix="Use demo, empty, or a TOML file that declares a company.",
        )
    return Path(name)


def _list_scenarios(output: Output) -> None:
    from intacct_emulator.settings.scenarios import read_scenario, shipped_scenarios

    mistakes = {name: read_scenario(path).get("scenario", {}) for name, path in shipped_scenarios().items()}
    output.table(("scenario", "mistake"), [(name, about.get("title", "")) for name, about in mistakes.items()])


def cache_folder() -> Path:
    """The folder of the demo companies that earlier starts made."""
    from platformdirs import user_cache_path

    return user_cache_path("intacct-emulator", appauthor=False, opinion=False)


def _clear_cache(output: Output) -> None:
    from intacct_emulator.store.database_cache import clear

    folder = cache_folder()
    size = clear(folder)
    output.say(f"Deleted {size / 2**20:,.0f} MB from {folder}." if size else f"{folder} is empty.")

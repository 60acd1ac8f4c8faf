"""Serves an emulated gateway until it is stopped: the options of the command, and what it prints.

`intacct-emulator` is a command with these options. Another program gives them to a command of its own with
`serving_options`, and calls `serve_gateway` with what the user chose.
"""

import gc
import shlex
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import click

from intacct_emulator.command.output import Output
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean

if TYPE_CHECKING:
    from intacct_emulator.server.certificates import CertificateAuthority
    from intacct_emulator.server.gateway import Emulator
    from intacct_emulator.settings.companies import EmulatorSettings
    from intacct_emulator.settings.company_source import CompanySource

PORT_OF_PROXY = 8082
TERMINATED = 143
"""The exit status of a program that SIGTERM ended."""
_CODE = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class ServedGateway:
    """What a program must know to use the gateway that is served."""

    url: str
    settings: Mapping[str, str]
    """The credentials, and what a scenario says of the connection."""
    job: Mapping[str, Any]
    """What the program of a scenario is to read and write."""


class _WholeNumber(click.IntRange):
    """A whole number within bounds, which help and errors describe in words."""

    def _describe_range(self) -> str:
        return f"{self.min} or more" if self.max is None else f"{self.min} to {self.max}"


def _number(flag: str, sentence: str, *, least: int = 0, most: int | None = None, default: int | None = None) -> _CODE:
    bounds = _WholeNumber(least, most)
    return click.option(flag, metavar="N", type=bounds, default=default, show_default=True, help=sentence)


def _file(flag: str, sentence: str, *, metavar: str = "FILE") -> _CODE:
    return click.option(flag, metavar=metavar, type=click.Path(dir_okay=False, path_type=Path), help=sentence)


def _days(context: click.Context, option: click.Parameter, written: str | tuple[str, ...] | None) -> Any:
    """The dates of an option that is written as 2026-01-31, once or several times."""
    if isinstance(written, tuple):
        return tuple(_days(context, option, text) for text in written)
    try:
        return None if written is None else date.fromisoformat(written)
    except ValueError:
        text = f"{written!r} is not a valid date; write it as 2026-01-31."
        raise click.BadParameter(text, context, option) from None


PROXY_PORT = _number("--proxy-port", "The proxy's port; 0 takes a free one.", most=65535, default=PORT_OF_PROXY)
CERTIFICATES = click.option(
    "--certificates",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the authority of --tls and --proxy in this folder (default: in the user's state folder).",
)
_OPTIONS = (
    click.option("--host", default="127.0.0.1", show_default=True, help="Serve on this loopback address."),
    _number("--port", "Serve on this port; 0 takes a free one.", most=65535, default=8081),
    click.option(
        "--allow-host",
        "allow_hosts",
        metavar="NAME",
        multiple=True,
        help="Accept requests to this host name too, such as that of a container or a tunnel. Repeatable.",
    ),
    click.option(
        "--tls", is_flag=True, help="Serve https, with a certificate of an authority that this machine makes."
    ),
    click.option(
        "--proxy",
        is_flag=True,
        help="Serve as a proxy too, for programs that use https://api.intacct.com and no other address.",
    ),
    PROXY_PORT,
    click.option(
        "--proxy-host",
        "proxy_hosts",
        metavar="PATTERN",
        multiple=True,
        help="Answer for these https hosts too, besides *.intacct.com. Repeatable.",
    ),
    CERTIFICATES,
    _file("--port-file", "Write the port to this file once the emulator answers.", metavar="F"),
    click.option(
        "--company",
        metavar="demo|empty|FILE",
        default="demo",
        show_default=True,
        help="Serve the demo company, an empty one, or the companies that a TOML file declares.",
    ),
    _number(
        "--companies",
        "Serve this many more companies, company-0001 and so on; they share the records of the first until they"
        " change.",
    ),
    _number("--scale", "Multiply the number of documents; 50 makes a million GLDETAIL rows.", least=1, default=1),
    _number("--months", "Give the demo company this many months of history, 3 to 24.", least=3, most=24, default=24),
    click.option(
        "--seed", metavar="N", type=int, default=1, show_default=True, help="Generate the company from this seed."
    ),
    click.option(
        "--as-of", metavar="DATE", callback=_days, help="End the company's data on this date (default: today)."
    ),
    click.option(
        "--cash-book", is_flag=True, help="Give the demo company a cash book in addition to its accrual book."
    ),
    _file("--db", "Keep the company in this file (default: in memory)."),
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
    _file("--faults", "Play the faults of this file: cut connections, throttling, slow answers.", metavar="F.toml"),
    click.option(
        "--scenario",
        metavar="NAME",
        help="Serve a company with a set-up mistake: a name of --scenario list, or a TOML file of your own.",
    ),
    _number("--latency-ms", "Delay every answer by this many milliseconds."),
    _number("--concurrency", "Run this many requests at once and queue as many; 0 for no limit."),
)


def serving_options(function: _CODE) -> _CODE:
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
    authority = certificate_authority(options) if options["tls"] or options["proxy"] else None
    trusted = {"ca_bundle": str(authority.bundle)} if authority else {}
    more = {**start.credentials(), **trusted, **(settings or {}), **about.get("connection", {})}
    output.say("Opening the company ...")
    gc.set_threshold(50_000, 20, 50)  # a company is made of objects by the million that all stay
    with (
        closing(_emulator(options, start, source, scenario, file)) as emulator,
        _port_file(options["port_file"]) as write_port,
        ExitStack() as stack,
    ):
        _prepare(output, emulator, options)
        others = emulator.add_companies(_numbered(options["companies"] or 0))
        proxy = ""
        if authority and options["proxy"]:
            from intacct_emulator.server.proxy import RunningProxy

            proxy = stack.enter_context(RunningProxy(emulator, authority, options["host"], options["proxy_port"])).url

        def announce(url: str) -> None:
            from intacct_emulator.command.summary import others_served
            from intacct_emulator.server.control.operations import ADMINISTRATION

            if about.get("title"):
                output.say(f"Scenario: {about['title']}. {about.get('text', '')} ({about.get('tag', '')})")
            output.pairs({"endpoint": url, **({"proxy": proxy} if proxy else {}), **more})
            output.out.flush()
            output.say(f"The page of the company's administrator: {urljoin(url, ADMINISTRATION)}")
            if proxy:
                output.say("In the terminal of a program that uses https://api.intacct.com:")
                output.say(f'  eval "$({_exports_command(proxy, options)})"')
            output.say("Serving; press Ctrl-C to stop.")
            for line in (*ready(ServedGateway(url, more, about.get("job", {}))), *others_served(others)):
                output.say(line)
            write_port(url)

        return _serve(output, emulator, options, announce, authority if options["tls"] else None)


def certificate_authority(options: Mapping[str, Any]) -> "CertificateAuthority":
    """The authority in the folder that the options name; it is made at the first use."""
    from platformdirs import user_state_path

    from intacct_emulator.server.certificates import CertificateAuthority

    folder = options["certificates"] or user_state_path("intacct-emulator", appauthor=False) / "certificates"
    return CertificateAuthority(folder, options.get("proxy_hosts", ()))


def _exports_command(proxy: str, options: Mapping[str, Any]) -> str:
    """The command that prints how a program finds this proxy."""
    words = ["intacct-emulator", "exports"]
    if urlsplit(proxy).port != PORT_OF_PROXY:
        words += ["--proxy-port", str(urlsplit(proxy).port)]
    if options["certificates"]:
        words += ["--certificates", str(options["certificates"].absolute())]
    return shlex.join(words)


def _serve(
    output: Output,
    emulator: "Emulator",
    options: Mapping[str, Any],
    announce: Callable[[str], None],
    authority: "CertificateAuthority | None",
) -> int:
    """Serve until the program is stopped, and say what was served."""
    from intacct_emulator.command.summary import served
    from intacct_emulator.server.server import serve_forever

    status = 0

    def terminated(*_: object) -> None:
        nonlocal status
        status = TERMINATED
        raise KeyboardInterrupt

    if current_thread() is main_thread():
        signal.signal(signal.SIGTERM, terminated)  # else it would end the process before the port file is removed
    serve_forever(
        emulator,
        options["host"],
        options["port"],
        ready=announce,
        allow_hosts=(*options["allow_hosts"], *(authority.hosts if authority else ())),
        tls=authority.server_context() if authority else None,
    )
    for line in served(emulator):
        output.say(line)
    return status


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


@contextmanager
def _port_file(path: Path | None) -> Iterator[Callable[[str], None]]:
    """Write the port of a URL in one step, because another process waits for the file; remove it in the end."""

    def write(url: str) -> None:
        if path is not None:
            new = path.with_name(path.name + ".new")
            new.write_text(f"{urlsplit(url).port}\n", encoding="ascii")
            new.replace(path)

    try:
        yield write
    finally:
        if path is not None:
            path.unlink(missing_ok=True)


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

"""Serves a gateway until it is stopped: the options of every command that does so, and the proxy beside it."""

import shlex
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from intacct_emulator.command.output import Output

if TYPE_CHECKING:
    from intacct_emulator.server.certificates import CertificateAuthority
    from intacct_protocol.xml.reply import Transport

_PORT_OF_PROXY = 8082
TERMINATED = 143
"""The exit status of a program that SIGTERM ended."""
Decorated = Callable[..., Any]


class _WholeNumber(click.IntRange):
    """A whole number within bounds, which help and errors describe in words."""

    def _describe_range(self) -> str:
        return f"{self.min} or more" if self.max is None else f"{self.min} to {self.max}"


def number_option(
    flag: str, sentence: str, *, least: int = 0, most: int | None = None, default: int | None = None
) -> Decorated:
    """An option for a whole number within bounds."""
    bounds = _WholeNumber(least, most)
    return click.option(flag, metavar="N", type=bounds, default=default, show_default=True, help=sentence)


def file_option(flag: str, sentence: str, *, metavar: str = "FILE") -> Decorated:
    """An option for a file."""
    return click.option(flag, metavar=metavar, type=click.Path(dir_okay=False, path_type=Path), help=sentence)


PROXY_PORT = number_option("--proxy-port", "The proxy's port; 0 takes a free one.", most=65535, default=_PORT_OF_PROXY)
CERTIFICATES = click.option(
    "--certificates",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the authority of --tls and --proxy in this folder (default: in the user's state folder).",
)
LISTENING = (
    click.option("--host", default="127.0.0.1", show_default=True, help="Serve on this loopback address."),
    number_option("--port", "Serve on this port; 0 takes a free one.", most=65535, default=8081),
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
    file_option("--port-file", "Write the port to this file once the emulator answers.", metavar="F"),
)
"""The options of a server, which `serve_until_stopped` takes by name."""


def serve_until_stopped(
    output: Output,
    gateway: "Transport",
    options: Mapping[str, Any],
    authority: "CertificateAuthority | None",
    announce: Callable[[str, Mapping[str, str]], None],
) -> int:
    """Serve, with a proxy beside it if the options say so. Returns 0 after Ctrl-C, and 143 after SIGTERM.

    The authority is that of `authority_of`. `announce` gets the endpoint, and what else a connection needs: the proxy,
    and the authorities to trust.
    """
    from intacct_emulator.server.server import serve_forever

    status = 0

    def terminated(*_: object) -> None:
        nonlocal status
        status = TERMINATED
        raise KeyboardInterrupt

    with _port_file(options["port_file"]) as write_port, ExitStack() as stack:
        more = {"ca_bundle": str(authority.bundle)} if authority else {}
        if authority and options["proxy"]:
            from intacct_emulator.server.proxy import RunningProxy

            address = options["host"], options["proxy_port"]
            more["proxy"] = stack.enter_context(RunningProxy(gateway, authority, *address)).url

        def ready(url: str) -> None:
            announce(url, more)
            if "proxy" in more:
                output.say("In the terminal of a program that uses https://api.intacct.com:")
                output.say(f'  eval "$({_exports_command(more["proxy"], options)})"')
            output.say("Serving; press Ctrl-C to stop.")
            write_port(url)

        if current_thread() is main_thread():
            signal.signal(signal.SIGTERM, terminated)  # else it would end the process before the port file is removed
        tls = authority if options["tls"] else None
        serve_forever(
            gateway,
            options["host"],
            options["port"],
            ready=ready,
            allow_hosts=(*options["allow_hosts"], *(tls.hosts if tls else ())),
            tls=tls.server_context() if tls else None,
        )
    return status


def authority_of(options: Mapping[str, Any]) -> "CertificateAuthority | None":
    """The authority that a server with these options needs, if any."""
    return certificate_authority(options) if options["tls"] or options["proxy"] else None


def certificate_authority(options: Mapping[str, Any]) -> "CertificateAuthority":
    """The authority in the folder that the options name; it is made at the first use."""
    from platformdirs import user_state_path

    from intacct_emulator.server.certificates import CertificateAuthority

    folder = options["certificates"] or user_state_path("intacct-emulator", appauthor=False) / "certificates"
    return CertificateAuthority(folder, options.get("proxy_hosts", ()))


def _exports_command(proxy: str, options: Mapping[str, Any]) -> str:
    """The command that prints how a program finds this proxy."""
    words = ["intacct-emulator", "exports"]
    if urlsplit(proxy).port != _PORT_OF_PROXY:
        words += ["--proxy-port", str(urlsplit(proxy).port)]
    if options["certificates"]:
        words += ["--certificates", str(options["certificates"].absolute())]
    return shlex.join(words)


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

"""`intacct-emulator exports`: the environment variables that lead a program to the proxy."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import click

from intacct_emulator.command.listening import CERTIFICATES, PROXY_PORT, certificate_authority

_SHELLS = ("sh", "powershell", "env")


@click.command("exports")
@PROXY_PORT
@CERTIFICATES
@click.option(
    "--shell",
    type=click.Choice(_SHELLS),
    default="powershell" if os.name == "nt" else "sh",
    show_default=True,
    help="Print lines for a POSIX shell, for PowerShell, or NAME=value for docker --env-file.",
)
def exports_command(*, proxy_port: int, certificates: Path | None, shell: str) -> int:
    """Print the environment variables that lead a program to the proxy of `intacct-emulator --proxy`.

    \b
    Examples:
      eval "$(intacct-emulator exports)"
      intacct-emulator exports --shell powershell | Invoke-Expression
      intacct-emulator exports --shell env > proxy.env
    """
    from intacct_emulator.server.proxy import exports

    authority = certificate_authority({"certificates": certificates})
    for line in _lines(exports(f"http://127.0.0.1:{proxy_port}", authority), shell):
        click.echo(line)
    return 0


def _lines(variables: Mapping[str, str], shell: str) -> list[str]:
    if shell == "sh":
        return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    if shell == "powershell":
        return [f"$env:{name} = '{_doubled(value)}'" for name, value in variables.items()]
    return [f"{name}={value}" for name, value in variables.items()]


def _doubled(text: str) -> str:
    """A text inside of PowerShell's single quotes."""
    return text.replace("'", "''")

"""The index of commands, which `intacct --help` reads: written from what each command declares."""

import json
import pkgutil
from importlib import import_module
from pathlib import Path

from intacct_bridge.apps import cli
from intacct_bridge.apps.cli.command import SECTIONS, CommandGroup, DeclaredCommand

FILE = Path(cli.__path__[0]) / "index.py"


def index() -> str:
    """apps/cli/index.py."""
    commands = {
        command.name: command
        for module in pkgutil.walk_packages(cli.__path__, f"{cli.__name__}.")
        for command in vars(import_module(module.name)).values()
        if isinstance(command, DeclaredCommand | CommandGroup) and command.section
    }
    lines = [
        '"""Every command: its section of the help, its module, and its sentence. `make docs` writes this file."""'
    ]
    lines += ["", "COMMANDS: dict[str, tuple[str, str, str]] = {"]
    for command in sorted(commands.values(), key=lambda command: (SECTIONS.index(command.section), command.place)):
        module_name = command.callback.__module__.removeprefix(f"{cli.__name__}.")
        texts = [json.dumps(text, ensure_ascii=False) for text in (command.section, module_name, command.short_help)]
        lines += [f'    "{command.name}": (', *(f"        {text}," for text in texts), "    ),"]
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    FILE.write_text(index(), encoding="utf-8")

"""What carries out flows: the keys of a flow become the arguments and long options of its command, each checked."""

import io
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.terminal.console import Console
from intacct_bridge.operations.recorded_run import TenantRun
from intacct_bridge.runs.commands import UNATTENDED
from intacct_bridge.runs.definitions import OWN_KEYS, Flow
from intacct_bridge.runs.messages import Messages
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.uri_text import redacted_word
from intacct_protocol.model.wording import listed

if TYPE_CHECKING:
    from intacct_bridge.runs.run import Run

_GIVEN_OTHERWISE = ("connection", "help", "json", "log-format", "quiet", "verbose")
"""Options of every command, which `intacct run` has itself."""


def command_of(flow: Flow, root: click.Group) -> tuple[list[str], click.Command]:
    """The words that name the flow's command, and the command."""
    offered = root.list_commands(click.Context(root))
    present = [name for name in UNATTENDED if name in offered]
    if flow.command not in present:
        near = did_you_mean(flow.command, present) or f"; a flow runs {listed(present, 'or')}"
        raise SettingsError(f"{flow.where('command')}: {flow.command!r} cannot be the command of a flow{near}")
    command = root.get_command(click.Context(root), flow.command)
    words = [flow.command]
    if isinstance(command, click.Group):  # `watch` is short for `watch run`
        words.append("run")
        command = command.get_command(click.Context(command), "run")
    assert command is not None
    return words, command


@dataclass(frozen=True, slots=True)
class FlowCommand:
    """A flow's command line, without the options of every command."""

    names: tuple[str, ...]
    """The words that name the command."""
    rest: tuple[str, ...] = field(repr=False)

    def line(self, shared: Sequence[str] = ()) -> list[str]:
        """The whole command line with these options of every command."""
        return [*self.names, *shared, *self.rest]


def checked_command(flow: Flow) -> FlowCommand:
    """The command line of a flow, parsed as the command will. SettingsError names the place of a mistake."""
    from intacct_bridge.apps.cli.app import root

    names, command = command_of(flow, root)
    checked = FlowCommand(tuple(names), tuple(_words(flow, command)))
    parent = click.Context(root, info_name="intacct")
    try:
        with command.make_context(" ".join(names), list(checked.rest), parent=parent):
            pass
    except click.UsageError as error:
        key = _key_of(error)
        place = flow.where(key) if key else flow.where()
        raise SettingsError(f"{place}: {' '.join(error.format_message().split())}") from None
    return checked


class CommandFlows:
    """Carries out each flow by the command that it names, as a person would run it. Threads may share it."""

    def __init__(self, *, entity: str | None = None) -> None:
        """`entity` is that of all flows, in place of those of their connections."""
        self._entity = entity

    def check(self, flow: Flow) -> None:
        """SettingsError names the key that is wrong."""
        checked_command(flow)

    def shown(self, flow: Flow, messages: Messages) -> str:
        """The command line of a flow without secrets; the messages mask them from then on."""
        shared = ["--connection", flow.connection] if flow.connection else []
        messages.hide(flow.secrets())
        words = ["intacct", *checked_command(flow).line(shared)]
        return shlex.join(messages.masked(redacted_word(word)) for word in words)

    def carry_out(
        self, flow: Flow, messages: Messages, *, person: str = "", tenant: TenantRun | None = None
    ) -> "tuple[int, Run | None]":
        """Carry out a flow as a run of its own; a console gets the results too, other messages the messages only."""
        from intacct_bridge.apps.cli.app import run_words

        console = messages if isinstance(messages, Console) else ForwardingConsole(messages)
        words = ["--connection", flow.connection] if flow.connection and tenant is None else []
        words += ["--entity", self._entity] if self._entity is not None else []
        words += ["--json"] if console.as_json else []
        words += ["-q"] if console.quiet else []
        return run_words(
            checked_command(flow).line([*words, *["-v"] * console.verbose]), console, flow.name, person, tenant
        )


class ForwardingConsole(Console):
    """A command's output for a program that has messages only: results go nowhere, and questions to the program."""

    def __init__(self, messages: Messages) -> None:
        super().__init__(out=io.StringIO(), err=io.StringIO())
        self._messages = messages
        self.quiet, self.verbose = messages.quiet, messages.verbose
        self.log_facts = messages.log_facts
        self._secrets = messages._secrets

    def show(self, text: str, level: str, facts: Mapping[str, Any]) -> None:
        """Pass a message on."""
        self._messages.show(text, level, facts)

    def progressed(self, name: str, done: int, total: int | None, noun: str) -> None:
        """Pass the progress on."""
        self._messages.progressed(name, done, total, noun)

    def confirm(self, question: str) -> bool:
        """The program's answer."""
        return self._messages.confirm(question)


def _words(flow: Flow, command: click.Command) -> list[str]:
    words: list[str] = []
    options, arguments = _keys(command)
    behind: dict[str, list[str]] = {name: [] for name in arguments}
    for key, value in flow.values().items():
        name = key.replace("_", "-").lower()
        if name in arguments:
            behind[name] = [_text(one, flow, key) for one in (value if isinstance(value, list) else [value])]
        elif name in options:
            words += _option(flow, key, value, *options[name])
        else:
            own = [one for one in OWN_KEYS if one != "command"]
            near = did_you_mean(name, [*arguments, *options, *own])
            more = near or f"; see: intacct {flow.command} --help"
            raise SettingsError(f"{flow.where(key)}: {flow.command} has no option {key!r}{more}")
    values = [one for name in arguments for one in behind[name]]
    return [*words, *(["--"] if any(one.startswith("-") for one in values) else []), *values]


def _keys(command: click.Command) -> tuple[dict[str, tuple[click.Option, str]], list[str]]:
    """The options by their names, each with its flag, and the names of the arguments."""
    options = dict(_options(command))
    return options, [one.name or "" for one in command.params if isinstance(one, click.Argument)]


def _options(command: click.Command) -> Iterator[tuple[str, tuple[click.Option, str]]]:
    for option in command.params:
        if isinstance(option, click.Option):
            for flag in (*option.opts, *option.secondary_opts):
                name = flag.removeprefix("--")
                if flag.startswith("--") and name not in _GIVEN_OTHERWISE:
                    yield name, (option, flag)


def _option(flow: Flow, key: str, value: Any, option: click.Option, flag: str) -> list[str]:
    if option.is_flag:
        if not isinstance(value, bool):
            raise SettingsError(f"{flow.where(key)} must be true or false, not {value!r}")
        return [flag] if value else []
    if isinstance(value, bool):
        raise SettingsError(f"{flow.where(key)} needs a value, not {str(value).lower()}")
    if isinstance(value, list):
        if not option.multiple:
            raise SettingsError(f"{flow.where(key)} takes one value, not a list")
        return [word for one in value for word in (flag, _text(one, flow, key))]
    return [flag, _text(value, flow, key)]


def _text(value: Any, flow: Flow, key: str) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise SettingsError(f"{flow.where(key)}: {value!r} is not a text or a number")


def _key_of(error: click.UsageError) -> str:
    """The key that a mistake is about; empty if click names none."""
    option = getattr(error, "param", None)
    if isinstance(option, click.Option):
        return max(option.opts, key=len).removeprefix("--")
    return option.name or "" if isinstance(option, click.Argument) else ""

"""What carries out flows: the keys of a flow become the arguments and long options of its command, each checked."""

import io
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from intacct_bridge.apps.cli.context import PROGRAM, CommandContext
from intacct_bridge.apps.terminal.output import Output
from intacct_bridge.apps.terminal.process import run_checked
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
    """A flow as its command with values: no command line is written and read again."""

    names: tuple[str, ...]
    """The words that name the command."""
    command: click.Command
    values: Mapping[str, Any] = field(repr=False)
    """By the names of the command's parameters."""
    words: tuple[str, ...] = field(repr=False)
    """The same as arguments and options, for people and for the history."""

    def context(self, click_object: Any = None, shared: Mapping[str, Any] = MappingProxyType({})) -> click.Context:
        """The command's context with each value converted and checked; `shared` are options of every command."""
        from intacct_bridge.apps.cli.app import root

        parent = click.Context(root, info_name=PROGRAM, obj=click_object)
        values = {**self.values, **shared}
        return self.command.make_context(" ".join(self.names), [], parent=parent, default_map=values)


def checked_command(flow: Flow) -> FlowCommand:
    """The command of a flow with its values. SettingsError names the place of a mistake."""
    from intacct_bridge.apps.cli.app import root

    names, command = command_of(flow, root)
    values, words = _values(flow, command)
    checked = FlowCommand(tuple(names), command, values, tuple(words))
    try:
        with checked.context():
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
        messages.hide(flow.secrets())
        words = _line(flow, checked_command(flow))
        return shlex.join(messages.masked(redacted_word(word)) for word in (PROGRAM, *words))

    def carry_out(
        self, flow: Flow, messages: Messages, *, person: str = "", tenant: TenantRun | None = None
    ) -> "tuple[int, Run | None]":
        """Carry out a flow as a run of its own; a console gets the results too, other messages the messages only."""
        checked = checked_command(flow)
        output = messages if isinstance(messages, Output) else ForwardingOutput(messages)
        context = CommandContext(output, flow=flow.name, arguments=_line(flow, checked), person=person)
        context.tenant = tenant
        shared: dict[str, Any] = {"as_json": output.as_json, "quiet": output.quiet, "verbose": output.verbose}
        if tenant is None and flow.connection:
            shared["connection"] = flow.connection
        if self._entity is not None:
            shared["entity"] = self._entity
        try:
            status = run_checked(
                lambda: checked.context(context, shared), output, target=lambda: context.target, keep=context.failed
            )
        finally:
            context.close()
        return status, context.end_run(status)


def _line(flow: Flow, checked: FlowCommand) -> list[str]:
    return [*checked.names, *(["--connection", flow.connection] if flow.connection else []), *checked.words]


class ForwardingOutput(Output):
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


def _values(flow: Flow, command: click.Command) -> tuple[dict[str, Any], list[str]]:
    """The values by the names of the command's parameters, and the same as words."""
    values: dict[str, Any] = {}
    words, behind = [], []
    options, arguments = _keys(command)
    for key, value in flow.values().items():
        name = key.replace("_", "-").lower()
        if name in arguments:
            texts = [_text(one, flow, key) for one in (value if isinstance(value, list) else [value])]
            if arguments[name].nargs == 1 and len(texts) != 1:
                raise SettingsError(f"{flow.where(key)} takes one value, not a list")
            values[name] = texts[0] if arguments[name].nargs == 1 else texts
            behind += texts
        elif name in options:
            words += _option(flow, key, value, options[name], values)
        else:
            own_keys = [key_name for key_name in OWN_KEYS if key_name != "command"]
            near = did_you_mean(name, [*arguments, *options, *own_keys])
            more = near or f"; see: intacct {flow.command} --help"
            raise SettingsError(f"{flow.where(key)}: {flow.command} has no option {key!r}{more}")
    return values, [*words, *(["--"] if any(one.startswith("-") for one in behind) else []), *behind]


def _keys(command: click.Command) -> tuple[dict[str, tuple[click.Option, str]], dict[str, click.Argument]]:
    """The options by their names, each with its flag, and the arguments by theirs."""
    arguments = {one.name or "": one for one in command.params if isinstance(one, click.Argument)}
    return dict(_options(command)), arguments


def _options(command: click.Command) -> Iterator[tuple[str, tuple[click.Option, str]]]:
    for option in command.params:
        if isinstance(option, click.Option):
            for flag in (*option.opts, *option.secondary_opts):
                name = flag.removeprefix("--")
                if flag.startswith("--") and name not in _GIVEN_OTHERWISE:
                    yield name, (option, flag)


def _option(flow: Flow, key: str, value: Any, named: tuple[click.Option, str], values: dict[str, Any]) -> list[str]:
    """Add an option to the values; the same as words."""
    option, flag = named
    name = option.name or ""
    if option.is_flag:
        if not isinstance(value, bool):
            raise SettingsError(f"{flow.where(key)} must be true or false, not {value!r}")
        if value:
            values[name] = flag not in option.secondary_opts
        return [flag] if value else []
    if isinstance(value, bool):
        raise SettingsError(f"{flow.where(key)} needs a value, not {str(value).lower()}")
    if isinstance(value, list):
        if not option.multiple:
            raise SettingsError(f"{flow.where(key)} takes one value, not a list")
        values[name] = [_text(one, flow, key) for one in value]
        return [word for text in values[name] for word in (flag, text)]
    text = _text(value, flow, key)
    values[name] = [text] if option.multiple else text
    return [flag, text]


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

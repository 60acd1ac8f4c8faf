"""The job of a flow: the keys of its table become the settings of a job, each checked, with its place in the file."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from intacct_bridge.machine.secret import Secret, unwrapped
from intacct_bridge.operations.job_settings import JOBS, JobSettings, Setting, declared_settings
from intacct_bridge.operations.messages import Messages
from intacct_bridge.runs.definitions import OWN_KEYS, Flow
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.uri_text import redacted_word
from intacct_protocol.model.wording import listed

_PROGRAM = "intacct"


@dataclass(frozen=True, slots=True)
class FlowJob:
    """A flow whose settings were checked."""

    flow: Flow
    settings: JobSettings
    words: tuple[str, ...]
    """The same as arguments of a command line, for people and for the history."""

    @property
    def command(self) -> str:
        """What the history calls it."""
        return command_name(self.flow.command)

    def line(self, messages: Messages) -> str:
        """The command line without secrets; the messages mask them from then on."""
        messages.hide(self.flow.secrets())
        return shlex.join(messages.masked(redacted_word(word)) for word in (_PROGRAM, *self.words))


def command_name(job: str) -> str:
    """The words of a job's command: `watch` is short for `watch run`."""
    return "watch run" if job == "watch" else job


def flow_job(flow: Flow) -> FlowJob:
    """The job of a flow with its settings. SettingsError names the place of a mistake."""
    if flow.command not in JOBS:
        near = did_you_mean(flow.command, list(JOBS)) or f"; a flow runs {listed(list(JOBS), 'or')}"
        raise SettingsError(f"{flow.where('command')}: {flow.command!r} cannot be the command of a flow{near}")
    settings = JOBS[flow.command]
    declared = declared_settings(settings)
    by_key = {one.name: name for name, one in declared.items()} | {
        one.off: name for name, one in declared.items() if one.off
    }
    values: dict[str, Any] = {}
    words: list[str] = []
    arguments: list[str] = []
    for key, value in flow.values().items():
        key_name = key.replace("_", "-").lower()
        name = by_key.get(key_name)
        if name is None:
            raise _unknown(flow, key, by_key)
        parts = _parts(flow, key, value, declared[name])
        texts = list(map(str, parts))
        if declared[name].kind == "flag":
            if value:
                values[name] = key_name != declared[name].off
                words.append(_flag(key_name))
            continue
        values[name] = _parsed(flow, list(map(unwrapped, parts)), declared[name])
        if declared[name].argument:
            arguments += texts
        else:
            words += [word for text in texts for word in _option(key_name, text)]
    for name, needed in declared.items():
        if needed.required and not values.get(name, ()):
            kind = "argument" if needed.argument else "option"
            raise SettingsError(f"{flow.where(needed.name)}: Missing {kind} {needed.hint}.")
    connection = _option("connection", flow.connection) if flow.connection else []
    behind = ["--"] if any(text.startswith("-") for text in arguments) else []
    line = (*command_name(flow.command).split(), *connection, *words, *behind, *arguments)
    return FlowJob(flow, settings(**values, written=frozenset(values)), line)


def _unknown(flow: Flow, key: str, by_key: Mapping[str, str]) -> SettingsError:
    own_keys = [own_key for own_key in OWN_KEYS if own_key != "command"]
    near = did_you_mean(key.replace("_", "-").lower(), [*by_key, *own_keys])
    more = near or f"; see: {_PROGRAM} {flow.command} {_flag('help')}"
    return SettingsError(f"{flow.where(key)}: {flow.command} has no option {key!r}{more}")


def _parts(flow: Flow, key: str, value: Any, declared: Setting) -> list[str | Secret]:
    """The texts and secrets of a value; a flag has none. SettingsError for a value of another kind."""
    if declared.kind == "flag":
        if not isinstance(value, bool):
            raise SettingsError(f"{flow.where(key)} must be true or false, not {value!r}")
        return []
    if isinstance(value, bool):
        raise SettingsError(f"{flow.where(key)} needs a value, not {str(value).lower()}")
    if isinstance(value, list) and not declared.several:
        raise SettingsError(f"{flow.where(key)} takes one value, not a list")
    parts = value if isinstance(value, list) else [value]
    if any(isinstance(part, Secret) for part in parts) and not declared.may_be_secret:
        places = [
            f"`{setting.name}`" for setting in declared_settings(JOBS[flow.command]).values() if setting.may_be_secret
        ]
        raise SettingsError(
            f"{flow.where(key)} cannot be a secret, since messages and the history show it",
            fix=f"Write the value itself. A secret of {flow.command} belongs in {listed(places, 'or')}."
            if places
            else f"Write the value itself: {flow.command} takes no secret.",
        )
    return [part if isinstance(part, Secret) else _text(part, flow, key) for part in parts]


def _text(value: Any, flow: Flow, key: str) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise SettingsError(f"{flow.where(key)}: {value!r} is not a text or a number")


def _parsed(flow: Flow, texts: list[str], declared: Setting) -> Any:
    try:
        values = [declared.parsed(text) for text in texts]
    except ValueError as error:
        raise SettingsError(f"{flow.where(declared.name)}: Invalid value for {declared.hint}: {error}") from None
    return tuple(values) if declared.several else values[0]


def _option(name: str, text: str) -> list[str]:
    return [_flag(name), text]


def _flag(name: str) -> str:
    return f"--{name}"

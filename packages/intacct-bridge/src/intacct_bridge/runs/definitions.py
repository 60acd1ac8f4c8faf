"""Flows: named jobs in intacct.toml, and what they become on a connection.

    [flows.nightly]
    command = "extract"
    connection = "books"
    streams = ["GLDETAIL", "APBILL"]
    to = "duckdb:///{connection}.duckdb"
    notify = ["accounting"]

    [flows.nightly.environments.production]
    connection = "books-production"
    to = {env = "WAREHOUSE_URI"}

`command` is the command that the flow runs; all other keys are its arguments and options under their long names. An
environment changes some of them for another connection: the same flow can be tried with an implementation company and
then be run in production. `{connection}` in a text stands for the connection's name. A value may be a reference to a
secret, as in a connection; what it stands for is masked wherever a run prints or keeps it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from intacct_bridge.connections.secret_refs import resolved
from intacct_bridge.connections.sources import SettingsSources
from intacct_bridge.connections.toml_file import place_of
from intacct_bridge.machine.secret import Secret, unwrapped
from intacct_protocol.errors import SettingsError
from intacct_protocol.model.suggestions import did_you_mean
from intacct_protocol.model.uri_text import uri_secrets

OWN_KEYS = ("command", "connection", "description", "environments", "notify")
"""The keys of a flow that are not its command's."""
_SHORTEST_SECRET = 4
"""A shorter value of a reference is a number or a mode; masked as a word, it would mask counts."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A named job."""

    name: str
    path: Path
    """The file that defines it."""
    command: str
    connection: str = ""
    description: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The command's arguments and options, by their names; references are not resolved yet."""
    notify: tuple[str, ...] = ()
    environments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    environment: str = ""
    """The environment that changed it; empty for the flow as it stands."""

    def on(self, connection: str | None) -> "Flow":
        """The flow on a connection: that of an environment, or another one without changes; its own for None."""
        if connection is None or connection == self.connection:
            return self
        for name, table in self.environments.items():
            if table.get("connection", name) == connection:
                return self._in(name, connection, table)
        return replace(self, connection=connection)

    def _in(self, environment: str, connection: str, table: Mapping[str, Any]) -> "Flow":
        changed = {key: value for key, value in table.items() if key not in OWN_KEYS}
        notify = _names(table["notify"], self.where("notify")) if "notify" in table else self.notify
        options = {**self.options, **changed}
        return replace(self, environment=environment, connection=connection, options=options, notify=notify)

    def where(self, key: str = "") -> str:
        """The place of the flow or of a key of it, for messages: `intacct.toml, line 12, flow nightly: to`."""
        tables = [f"flows.{self.name}.environments.{self.environment}"] if self.environment else []
        place = place_of(self.path, [*tables, f"flows.{self.name}"], key)
        return f"{place}, flow {self.name}" + (f": {key}" if key else "")

    def values(self) -> dict[str, Any]:
        """The options with references resolved and `{connection}` replaced. SettingsError names the key."""
        return {key: self._filled(key, value) for key, value in self.options.items()}

    def secrets(self) -> tuple[str, ...]:
        """What references stand for, and the passwords in it, to be masked. SettingsError names the key."""
        texts: list[str] = []
        for key, value in self.options.items():
            for part in value if isinstance(value, list) else [value]:
                text = str(unwrapped(self._filled(key, part))) if isinstance(part, Mapping | Secret) else ""
                texts += (text, *uri_secrets(text))
        return tuple(text for text in texts if len(text) >= _SHORTEST_SECRET)

    def _filled(self, key: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._filled(key, one) for one in value]
        text_value = resolved(value, where=self.where(key))
        return text_value.replace("{connection}", self.connection) if isinstance(text_value, str) else text_value


def load_flows(sources: SettingsSources | None = None) -> dict[str, Flow]:
    """Every flow by name: those of the project's file, then those of the user's."""
    flows: dict[str, Flow] = {}
    for file in (sources or SettingsSources()).files():
        for name, table in file.flows.items():
            if name not in flows:
                flows[name] = flow_of(name, file.path, table)
    return flows


def find_flow(name: str, sources: SettingsSources | None = None) -> Flow:
    """The flow of that name; SettingsError suggests the nearest names for an unknown one."""
    flows = load_flows(sources)
    if name in flows:
        return flows[name]
    near = did_you_mean(name, flows) or (f"; known flows: {', '.join(sorted(flows))}" if flows else "")
    raise SettingsError(
        f"there is no flow {name!r}{near}",
        fix=f"Define it in intacct.toml: a table [flows.{name}] with command, connection and the command's options.",
    )


def flow_of(name: str, path: Path, table: Mapping[str, Any]) -> Flow:
    """The flow that a table defines; SettingsError names the place in the file that `path` names."""
    flow = Flow(name, path, "")
    for key in ("command", "connection", "description"):
        if not isinstance(table.get(key, ""), str):
            raise SettingsError(f"{flow.where(key)} must be text, not {table[key]!r}")
    if not table.get("command"):
        raise SettingsError(
            f"{flow.where()} has no command", fix='Name the command that it runs, such as command = "extract".'
        )
    environments = table.get("environments", {})
    if not isinstance(environments, Mapping) or not all(isinstance(one, Mapping) for one in environments.values()):
        raise SettingsError(
            f"{flow.where('environments')} must hold tables", fix=f"Write [flows.{name}.environments.NAME]."
        )
    return Flow(
        name,
        path,
        table["command"],
        table.get("connection", ""),
        table.get("description", ""),
        {key: value for key, value in table.items() if key not in OWN_KEYS},
        _names(table.get("notify", []), flow.where("notify")),
        environments,
    )


def _names(value: Any, where: str) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise SettingsError(f"{where} must be a name or a list of names, not {value!r}")
    return tuple(names)

"""The options of a load: the layout, how the file is read, how the plan is made, and how it is applied.

The options are a mapping: the names of the parameters of `intacct load`, and their values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from intacct_bridge.apps.cli.context import CommandContext
from intacct_protocol.errors import SettingsError

if TYPE_CHECKING:
    from intacct_bridge.client.client import Client
    from intacct_bridge.client.protocol import Gateway
    from intacct_bridge.load.apply.loader import LoadSettings
    from intacct_bridge.load.layouts.base import Layout
    from intacct_bridge.load.outbox.outbox import Outbox
    from intacct_bridge.load.plan.plan import Plan, PlanSettings, SendOptions
    from intacct_bridge.load.tables.table import InputTable


def plan_input(
    context: CommandContext,
    file: Path,
    outbox: "Outbox",
    options: dict[str, Any],
    *,
    came_with: Mapping[str, Path] | None = None,
) -> tuple["InputTable", "Plan"]:
    """A file's rows and its plan; `came_with`: the only files that its rows may name, in place of those beside it."""
    from intacct_bridge.load.plan.planner import make_plan

    layout = layout_of(context, file, options)
    table = input_table(file, layout, options, came_with=came_with)
    return table, make_plan(table, layout, context.client, outbox, plan_settings(options))


def plan_settings(options: dict[str, Any]) -> "PlanSettings":
    """The settings of the planner."""
    from intacct_bridge.load.plan.plan import Mode, PlanSettings

    mode = Mode(options["mode"])
    return PlanSettings(
        offline=options["offline"],
        allow_duplicates=options["allow_duplicates"],
        mode=mode,
        match=() if mode is Mode.CREATE else tuple(name.upper() for name in key_names(options)),
    )


def key_names(options: dict[str, Any]) -> tuple[str, ...]:
    """The columns, or fields, that identify a record."""
    return tuple(name.strip() for name in (options["key"] or "").split(",") if name.strip())


def layout_of(context: CommandContext, file: Path, options: dict[str, Any]) -> "Layout":
    """The layout that the options choose for a file."""
    from intacct_bridge.load.tables.open import check_input

    check_input(file)
    return chosen_layout(context.client, options)


def chosen_layout(company: "Gateway", options: dict[str, Any]) -> "Layout":
    """The layout that the options choose."""
    from intacct_bridge.load.layouts.choose import layout_for
    from intacct_bridge.load.plan.plan import Mode

    mode = Mode(options["mode"])
    return layout_for(
        options["as_name"],
        company,
        map_file=options["map_file"],
        draft=options["draft"],
        clear=options["clear_empty"],
        key=key_names(options) if mode is Mode.CREATE else (),
        date_order=options["date_order"],
        date_formats=_date_formats(options["date_format"]),
        folder=options["attachment_folder"],
        offline=options["offline"],
        complete=mode is Mode.CREATE,
    )


def input_table(
    file: Path, layout: "Layout", options: dict[str, Any], *, came_with: Mapping[str, Path] | None = None
) -> "InputTable":
    """The rows of the file, filtered, with the constants of --set; `came_with`: the only files that they may name."""
    from intacct_bridge.load.layouts.refused_rows import with_folder_of_files
    from intacct_bridge.load.tables.header_row import HeaderSearch
    from intacct_bridge.load.tables.open import open_table
    from intacct_bridge.load.tables.row_filter import with_constants, with_filter

    constants = dict(_pair(text, "--set") for text in options["constants"])
    search = HeaderSearch(options["header_row"], layout.knows, lambda columns: layout.fits([*columns, *constants]))
    table = open_table(
        file, encoding=options["encoding"], delimiter=options["delimiter"], sheet=options["sheet"], search=search
    )
    if came_with is None:
        table = with_folder_of_files(table)
    table = replace(table, decimal=options["decimal"] or table.decimal)
    return replace(with_filter(with_constants(table, constants), options["where"]), came_with=came_with)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise SettingsError(f"{option} {text}: it is not COLUMN=VALUE", fix=f"write {option} COLUMN=VALUE")
    return name.strip(), value.strip()


def _date_formats(texts: Sequence[str]) -> dict[str, str]:
    """The formats of dates by column; an empty name stands for all other columns."""
    from intacct_protocol.model.day_formats import check_format

    pairs = [_pair(text, "--date-format") if "=" in text else ("", text) for text in texts]
    return {name: check_format(pattern) for name, pattern in pairs}


def send_options(options: dict[str, Any]) -> "SendOptions":
    """The options of sending that a kept plan brings along."""
    from intacct_bridge.load.plan.plan import SendOptions

    return SendOptions(options["batch_size"], options["atomic"], options["on_error"] == "stop")


def load_settings(client: "Client", options: dict[str, Any]) -> "LoadSettings":
    """The settings of the loader; those of one company's calibration are included."""
    from intacct_bridge.load.apply.loader import LoadSettings
    from intacct_bridge.load.apply.settle import SettleSettings

    after = options["settle_after"]
    proven = client.runtime.calibration.repeat_guard
    waits = SettleSettings().settle_after if after is None else timedelta(seconds=after)
    settle = SettleSettings(settle_after=waits, repeat_guard=proven)
    return LoadSettings(
        batch_size=options["batch_size"],
        atomic=options["atomic"],
        stop_on_error=options["on_error"] == "stop",
        settle=settle,
        tracked=tuple(name.upper() for name in options["track"]),
    )


def options_given(names: dict[str, str]) -> list[str]:
    """The options on the command line that are among these: by the parameter's name, as the user writes them."""
    context = click.get_current_context(silent=True)
    if context is None:  # a page of the console has no command line
        return []
    return [
        option for name, option in names.items() if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]

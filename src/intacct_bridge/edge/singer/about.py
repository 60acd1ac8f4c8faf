"""`--about` of the Singer commands: what they are, what they can, what they can be told; as text, JSON or Markdown."""

import json
from collections.abc import Sequence
from typing import Any

from intacct_bridge import __version__
from intacct_bridge.edge.singer.config import Setting
from intacct_bridge.edge.singer.tap_config import SETTINGS_OF_TAP
from intacct_bridge.edge.singer.target_config import SETTINGS_OF_TARGET

TAP_CAN = ("catalog", "discover", "state", "about", "activate-version")
TARGET_CAN = ("state", "about", "batch", "activate-version")


def describe_tap(shape: str) -> str:
    """The tap, in the shape that Meltano's SDK gives."""
    return _described("tap-intacct", "Sage Intacct over its XML gateway.", TAP_CAN, SETTINGS_OF_TAP, shape)


def describe_target(shape: str) -> str:
    """The target, likewise."""
    text = "Writes to Sage Intacct over its XML gateway, each record exactly once."
    return _described("target-intacct", text, TARGET_CAN, SETTINGS_OF_TARGET, shape)


def _described(name: str, text: str, capabilities: Sequence[str], settings: Sequence[Setting], shape: str) -> str:
    if shape == "json":
        about = {
            "name": name,
            "description": text,
            "version": __version__,
            "supported_python_versions": ["3.11", "3.12", "3.13"],
            "capabilities": list(capabilities),
            "settings": json_schema(settings),
        }
        return json.dumps(about, indent=2)
    if shape == "markdown":
        rows = [f"| {one.key} | {one.kind} | {'yes' if one.required else 'no'} | {one.text} |" for one in settings]
        table = "\n".join(["| setting | type | required | what |", "|---|---|---|---|", *rows])
        return f"# `{name}`\n\n{text}\n\nVersion {__version__}\n\n## Capabilities\n\n" + (
            "\n".join(f"* `{one}`" for one in capabilities) + f"\n\n## Settings\n\n{table}"
        )
    width = max(len(one.key) for one in settings)
    lines = [f"{name} {__version__}: {text}", "", "settings:"]
    lines += [f"  {one.key:<{width}}  {one.text}" + (" (required)" if one.required else "") for one in settings]
    return "\n".join(lines)


def json_schema(settings: Sequence[Setting]) -> dict[str, Any]:
    """The settings as a JSON schema."""
    properties: dict[str, Any] = {}
    for one in settings:
        kind: dict[str, Any] = {"type": one.kind if one.required else [one.kind, "null"], "description": one.text}
        if one.kind == "array":
            kind["items"] = {"type": "string"}
        if one.least is not None:
            kind["minimum"] = one.least
        if one.secret:
            kind |= {"secret": True, "writeOnly": True}
        properties[one.key] = kind
    return {"type": "object", "properties": properties, "required": [one.key for one in settings if one.required]}

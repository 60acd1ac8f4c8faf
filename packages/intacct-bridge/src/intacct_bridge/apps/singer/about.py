"""`--about` of the Singer commands: their capabilities and settings as text, JSON or Markdown."""

import json
from collections.abc import Sequence

from intacct_bridge import __version__
from intacct_bridge.apps.singer.config import ConnectionSettings, json_schema, type_of
from intacct_bridge.apps.singer.tap_config import TapSettings
from intacct_bridge.apps.singer.target_config import TargetSettings

TAP_CAPABILITIES = ("catalog", "discover", "state", "about", "activate-version")
TARGET_CAPABILITIES = ("state", "about", "batch", "activate-version")


def describe_tap(shape: str) -> str:
    """The tap, as `text`, `markdown` or `json`; the JSON has the form of Meltano's SDK."""
    return _described_settings(
        "tap-intacct", "Sage Intacct over its XML gateway.", TAP_CAPABILITIES, TapSettings, shape
    )


def describe_target(shape: str) -> str:
    """The target, in the same forms."""
    text = "Writes to Sage Intacct over its XML gateway, each record exactly once."
    return _described_settings("target-intacct", text, TARGET_CAPABILITIES, TargetSettings, shape)


def _described_settings(
    name: str, text: str, capabilities: Sequence[str], settings: type[ConnectionSettings], shape: str
) -> str:
    schema = json_schema(settings)
    properties, required = schema["properties"], schema["required"]
    if shape == "json":
        about = {
            "name": name,
            "description": text,
            "version": __version__,
            "supported_python_versions": ["3.11", "3.12", "3.13"],
            "capabilities": list(capabilities),
            "settings": schema,
        }
        return json.dumps(about, indent=2)
    if shape == "markdown":
        rows = [
            f"| {key} | {type_of(one)} | {'yes' if key in required else 'no'} | {one['description']} |"
            for key, one in properties.items()
        ]
        table = "\n".join(["| setting | type | required | description |", "|---|---|---|---|", *rows])
        return f"# `{name}`\n\n{text}\n\nVersion {__version__}\n\n## Capabilities\n\n" + (
            "\n".join(f"* `{one}`" for one in capabilities) + f"\n\n## Settings\n\n{table}"
        )
    width = max(map(len, properties))
    lines = [f"{name} {__version__}: {text}", "", "Settings:"]
    lines += [
        f"  {key:<{width}}  {one['description']}{' Required.' if key in required else ''}"
        for key, one in properties.items()
    ]
    return "\n".join(lines)

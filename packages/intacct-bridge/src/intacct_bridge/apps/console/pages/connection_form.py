"""The form of a connection: every setting, under the names that people know from other connectors.

A secret can be typed, or the name of a variable; neither the form nor any page shows one. What was typed and could not
be saved stays with the session, so that a person corrects one field and need not type the passwords again.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from intacct_bridge.apps.web.pages import PageRequest
from intacct_bridge.apps.web.setting_fields import EVERY_FIELD, GROUPS, LABELS, MORE, SettingField
from intacct_bridge.connections.connection import SECRETS, Connection
from intacct_bridge.operations.connections import check_settings, list_senders
from intacct_protocol.errors import SettingsError

KEPT = {"env": "read from the variable {}", "keyring": "kept in the keyring as {}", "file": "read from the file {}"}


_DEFAULTS: Mapping[str, Any] = {item.name: item.default for item in fields(Connection)}
_SENDER = ("sender_id", "sender_password")
_LOGIN = ("company_id", "user_id", "user_password")


def typed_settings(request: PageRequest, before: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the form says; an empty secret, or an empty field of a reference, keeps what is there."""
    settings: dict[str, Any] = {}
    for setting_field in EVERY_FIELD:
        value = _typed(request, setting_field, before)
        is_default = setting_field.kind in ("tick", "choice") and value == _default(setting_field)
        if value not in ("", None, []) and not is_default:
            settings[setting_field.setting] = value
    if "sender" in settings:
        settings = {key: value for key, value in settings.items() if key not in _SENDER}
    return settings


def check_complete(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse a connection that lacks what every connection needs. SettingsError names the field."""
    for setting in (*_LOGIN, "environment", *(() if "sender" in settings else _SENDER)):
        if not settings.get(setting):
            raise SettingsError(f"{LABELS[setting]} is empty.", fix="Fill it in, and save again.", setting=setting)
    check_settings(name, settings)


def _default(setting_field: SettingField) -> Any:
    return "" if setting_field.setting in ("sender", "environment") else _DEFAULTS[setting_field.setting]


def _typed(request: PageRequest, setting_field: SettingField, before: Mapping[str, Any]) -> Any:
    text = request.field(setting_field.setting)
    there = before.get(setting_field.setting, "")
    if setting_field.kind == "secret":
        variable = request.field(f"{setting_field.setting}_env")
        return {"env": variable} if variable else request.secret(setting_field.setting) or there
    if setting_field.kind == "tick":
        return request.checked(setting_field.setting)
    if setting_field.kind == "words":
        pairs = (part.partition("=") for part in text.split(",") if part.strip())
        return {word.strip(): meaning.strip() for word, _, meaning in pairs} or None
    if not text and isinstance(there, Mapping):
        return there
    if setting_field.kind == "names":
        return [name.strip() for name in text.split(",") if name.strip()]
    if setting_field.kind == "number" and text:
        return _number(text)
    return text


def _number(text: str) -> int | float | str:
    """A number as the file has it; another text is refused by the check of the settings."""
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def form_groups(settings: Mapping[str, Any], *, is_draft: bool = False) -> list[dict[str, Any]]:
    """The form's fields with their values, for a template and for JSON. It holds no secret."""
    return [
        {"title": title, "fields": [_shown(one, settings, is_draft=is_draft) for one in group]}
        for title, group in (*GROUPS, ("More", MORE))
    ]


def _shown(setting_field: SettingField, settings: Mapping[str, Any], *, is_draft: bool) -> dict[str, Any]:
    value = settings.get(
        setting_field.setting, _default(setting_field) if setting_field.kind in ("tick", "choice") else ""
    )
    facts: dict[str, Any] = {
        "setting": setting_field.setting,
        "label": setting_field.label,
        "help": setting_field.help,
        "kind": setting_field.kind,
        "placeholder": setting_field.placeholder,
        "required": setting_field.required,
        "kept": "",
    }
    if setting_field.setting == "sender":
        facts["options"] = [*setting_field.options, *((sender.name, sender.name) for sender in list_senders())]
    elif setting_field.options:
        facts["options"] = list(setting_field.options)
    if setting_field.kind == "words":
        pairs = value.items() if isinstance(value, Mapping) else ()
        facts["value"] = ", ".join(f"{word}={meaning}" for word, meaning in pairs) or str(value or "")
    elif isinstance(value, Mapping):
        kind, place = next(iter(value.items()), ("", ""))
        facts |= {"value": "", "kept": KEPT.get(kind, "{}").format(place)}
        if setting_field.kind == "secret" and kind == "env":
            facts["variable"] = place
    elif setting_field.setting in SECRETS:
        facts |= {"value": "", "kept": ("typed, not saved yet" if is_draft else "kept") if value else ""}
    elif setting_field.kind == "names":
        facts["value"] = ", ".join(value) if isinstance(value, list) else str(value)
    elif setting_field.kind == "tick":
        facts["value"] = value is True
    else:
        facts["value"] = str(value)
    return facts

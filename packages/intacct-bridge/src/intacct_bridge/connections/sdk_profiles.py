"""The official SDKs' profile file, `~/.intacct/credentials.ini`: sections of credentials, read and never written.

The keys are the SDKs' own (sender_id, sender_password, company_id, entity_id, user_id, user_password, endpoint_url),
and so is the rule: a profile gives the sender only if neither its id nor its password is set elsewhere, and the login
only if company, user and password are all unset.
"""

import configparser
from collections.abc import Mapping
from pathlib import Path

from intacct_protocol.errors import SettingsError

DEFAULT_PROFILE = "default"
SENDER = ("sender_id", "sender_password")
LOGIN = ("company_id", "user_id", "user_password")
_OURS = {"entity_id": "location_id", "endpoint_url": "endpoint"}
_KEYS = (*SENDER, *LOGIN, *_OURS)


def read_profiles(path: Path) -> dict[str, dict[str, str]]:
    """Every profile under the names of our settings; empty if there is no file. Other keys are ignored."""
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="\0")
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not readable as UTF-8 text"
        raise SettingsError(f"{path}: {reason}") from None
    except configparser.Error as error:
        # the parser's message quotes the line, which may be a password
        line = getattr(error, "lineno", None) or next(iter(getattr(error, "errors", [(None,)])), (None,))[0]
        raise SettingsError(f"{path} is not a valid profile file" + (f", line {line}" if line else "")) from None
    return {
        section: {
            _OURS.get(key, key): _unquoted(value)
            for key, value in parser.items(section)
            if key in _KEYS and _unquoted(value)
        }
        for section in parser.sections()
    }


def usable(profile: Mapping[str, str], settings: Mapping[str, object]) -> dict[str, str]:
    """The settings that a profile may add to those that are known already."""
    added: dict[str, str] = {}
    for group, extra in ((SENDER, ()), (LOGIN, ("location_id",))):
        if not any(settings.get(key) for key in group):
            added |= {key: profile[key] for key in (*group, *extra) if key in profile and key not in settings}
    if "endpoint" in profile and "endpoint" not in settings:
        added["endpoint"] = profile["endpoint"]
    return added


def _unquoted(value: str) -> str:
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text

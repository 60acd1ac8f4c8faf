"""The forms of messages on standard error: plain, with their time and level, or as the JSON lines of a log."""

import os
from collections.abc import Mapping
from typing import Any

from intacct_bridge.runs.messages import json_line, time_now

PLAIN, TEXT, JSON = "plain", "text", "json"
FORMATS = (PLAIN, TEXT, JSON)
VARIABLE = "INTACCT_LOG_FORMAT"


def chosen_format() -> str:
    """The form that the environment names; messages are plain without one."""
    named = os.environ.get(VARIABLE, PLAIN)
    return named if named in FORMATS else PLAIN


def log_line(form: str, text: str, level: str, facts: Mapping[str, Any]) -> str:
    """A message in a form; without a line end, and in the text form one line for each of its lines."""
    if form == PLAIN:
        return text
    now = time_now()
    if form == TEXT:
        return "\n".join(f"{now} {level:<7} {line.strip()}" for line in text.splitlines() if line.strip())
    return json_line(text, level, facts, now)

"""The systemd units of a flow: a service that runs it once, and a timer that starts the service.

A temporary fault (exit status 4) starts the service again after some minutes, a limited number of times; every other
failure waits for the next time of the timer, since a person has to look at it.
"""

import shlex
from dataclasses import dataclass

_AGAIN_AFTER = "5min"
_TRIES = 4
_WITHIN = "2h"


@dataclass(frozen=True, slots=True)
class Units:
    """The text of the two files."""

    name: str
    """The name of both without the suffix."""
    service: str
    timer: str


def unit_name(flow: str) -> str:
    """The name of a flow's units without the suffix."""
    return "intacct-" + "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in flow)


def units_of(flow: str, command: list[str], *, directory: str, calendar: str, environment_file: str) -> Units:
    """The units for a flow; `command` is the whole command line, `calendar` is as in `OnCalendar`."""
    name = unit_name(flow)
    service = f"""\
[Unit]
Description=Intacct Bridge: flow {_escaped(flow)}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec={_WITHIN}
StartLimitBurst={_TRIES}

[Service]
Type=oneshot
WorkingDirectory={_escaped(directory)}
EnvironmentFile=-{_escaped(environment_file)}
Environment=INTACCT_LOG_FORMAT=json
ExecStart={_escaped(" ".join(map(_quoted, command)))}
Restart=on-failure
RestartPreventExitStatus=1 2 3 5 70 130
RestartSec={_AGAIN_AFTER}
TimeoutStopSec=60
UMask=0077
"""
    timer = f"""\
[Unit]
Description=Intacct Bridge: when flow {_escaped(flow)} runs

[Timer]
OnCalendar={calendar}
Persistent=true
RandomizedDelaySec=60

[Install]
WantedBy=timers.target
"""
    return Units(name, service, timer)


def _quoted(word: str) -> str:
    """A word as systemd reads it: in quotation marks if it needs them."""
    return word if shlex.quote(word) == word else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    """A text without specifiers: systemd reads `%` as the beginning of one."""
    return text.replace("%", "%%")

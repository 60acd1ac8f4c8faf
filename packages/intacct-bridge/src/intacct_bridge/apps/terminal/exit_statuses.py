"""Exit statuses: their meanings, and those that can be the end of each command."""

import click

FAILURES, IN_DOUBT = 1, 5
"""The exit statuses of a run that found failures, and of one that left records in doubt."""
MEANINGS = {
    0: "done",
    1: "ran, and found failures",
    2: "wrong usage or settings, or refused before a call",
    3: "refused by Intacct",
    4: "gave up after a temporary fault, or after an unreadable answer to a read",
    5: "in doubt (outranks all others)",
    70: "a bug in Intacct Bridge; please report it",
    130: "interrupted",
    141: "the reader of the output closed it",
    143: "ended by SIGTERM",
}
_SHORT = {2: "wrong usage or settings", 4: "temporary fault", 5: "in doubt", 70: "bug", 141: "output closed early"}
_ALWAYS = (0, 2, 70, 130, 141, 143)
_CONNECTED = {3: "", 4: ""}
_DATABASE = {4: "the fleet's database cannot be reached"}
_WRITES = {1: "refused, or not all done", 3: "", 4: "", 5: ""}
_BY_COMMAND: dict[str, dict[int, str]] = {
    "demo": {1: "a step found failures", 4: ""},
    "connections list": {},
    "connections add": _CONNECTED,
    "connections show": {},
    "connections test": _CONNECTED,
    "connections remove": {},
    "setup": {
        0: "every step is done that the connection needs",
        1: "steps are left",
        3: "",
        4: "Intacct cannot be reached",
    },
    "doctor": {0: "healthy", 1: "findings", 3: "", 4: "Intacct cannot be reached, or does not answer now"},
    "objects": _CONNECTED,
    "describe": _CONNECTED,
    "template": {},
    "query": {1: "a value does not fit its field's type", **_CONNECTED},
    "get": {1: "no such record", **_CONNECTED},
    "create": _WRITES,
    "update": _WRITES,
    "delete": _WRITES,
    "report": {1: "a value does not fit its field's type", **_CONNECTED},
    "extract": {1: "a stream failed, or something could not be read", **_CONNECTED},
    "sql": _CONNECTED,
    "views list": {},
    "views show": {},
    "views apply": {},
    "views dbt": {},
    "watch run": {1: "a stream failed, or a delivery failed (with --once)", **_CONNECTED, 5: "in doubt (with load:)"},
    "watch status": {},
    "watch dead": {},
    "watch replay": {1: "an event was left out"},
    "watch skip": {1: "an event was not skipped"},
    "load": {1: "records are refused, or not all are posted", 3: "", 4: "", 5: ""},
    "plan show": {1: "the plan has refused records", **_CONNECTED},
    "plan approve": _CONNECTED,
    "plan apply": _WRITES,
    "outbox list": _CONNECTED,
    "outbox show": _CONNECTED,
    "outbox retry": _WRITES,
    "outbox settle": _WRITES,
    "outbox resolve": {1: "no such record", **_CONNECTED},
    "outbox forget": _CONNECTED,
    "outbox move": {2: "wrong settings, or the outbox is in use", 4: "a database cannot be reached"},
    "undo": {1: "something cannot be taken back, or is refused", 3: "", 4: "", 5: ""},
    "reverse": _WRITES,
    "void": _WRITES,
    "approve": _WRITES,
    "decline": _WRITES,
    "recall": _WRITES,
    "flows list": {},
    "flows show": {},
    "flows check": {1: "mistakes"},
    "flows systemd": {},
    "flows cron": {},
    "run": {1: "a flow found failures", 3: "", 4: "temporary fault, or a flow is running already", 5: ""},
    "fleet run": {1: "a run found failures", **_CONNECTED, 5: ""},
    "fleet demo": {1: "a check failed"},
    "fleet work": {4: "the fleet's database cannot be reached, or other workers took over the runs"},
    "fleet workers": _DATABASE,
    "runs list": {},
    "runs show": {},
    "runs stats": {},
    "fleet add": _DATABASE,
    "fleet list": _DATABASE,
    "fleet show": _DATABASE,
    "fleet change": _DATABASE,
    "fleet pause": _DATABASE,
    "fleet resume": _DATABASE,
    "fleet remove": _DATABASE,
    "fleet status": {1: "a tenant needs a person (with --attention)", **_DATABASE},
    "fleet usage": _DATABASE,
    "fleet key": {},
    "fleet rotate": _DATABASE,
    "fleet share": _DATABASE,
    "fleet link": _DATABASE,
    "fleet serve": _DATABASE,
    "reconcile": {1: "the copy differs from the company", **_CONNECTED},
    "console": {},
    "mcp": {},
    "emulator": {},
    "completion": {},
    "tap-intacct": {1: "a stream failed", **_CONNECTED},
    "target-intacct": _WRITES,
}
"""Beside those of every program: the statuses of each command, with their meaning if it is a special one."""


def exit_line(path: str) -> str:
    """One line on the exit statuses of a command: `Exit status: 0 done · 2 ...`; `path` is as in `plan show`."""
    own = _BY_COMMAND[path]
    texts = {number: own.get(number) or _SHORT.get(number, MEANINGS[number]) for number in {*own, *_ALWAYS}}
    return f"Exit status: {' · '.join(f'{number} {texts[number]}' for number in sorted(texts))}."


def with_exit_lines(command: click.Command, path: str) -> click.Command:
    """The command, with the line in its help and in that of its own commands."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            with_exit_lines(inner, f"{path} {name}")
    else:
        command.epilog = exit_line(path)
    return command

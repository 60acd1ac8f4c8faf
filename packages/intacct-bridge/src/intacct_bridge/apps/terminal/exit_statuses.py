"""Exit statuses and their meanings."""

from collections.abc import Mapping

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
CONNECTED = {3: "", 4: ""}
"""The statuses of a command that reads from a company."""
WRITES = {1: "refused, or not all done", 3: "", 4: "", 5: ""}
"""The statuses of a command that writes to a company."""
FLEET_DATABASE = {4: "the fleet's database cannot be reached"}


def exit_line(exits: Mapping[int, str]) -> str:
    """One line on the exit statuses of a command, `Exit status: 0 done · 2 ...`: these, and those of every program."""
    texts = {number: exits.get(number) or _SHORT.get(number, MEANINGS[number]) for number in {*exits, *_ALWAYS}}
    return f"Exit status: {' · '.join(f'{number} {texts[number]}' for number in sorted(texts))}."

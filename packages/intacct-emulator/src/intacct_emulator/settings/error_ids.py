"""The stable ids of errors (`GL-0493`), for requests that ask for additional information about errors.

Sage's list of them is not public; the few that are recorded are here. With the setting `errorids = "made"` every other
error gets an id of `EM-` and four digits. It is the same for the same sentence, regardless of the values that
the sentence names, so that a program that uses these ids can be tested. Another seed gives other digits.
"""

import hashlib
import re
from dataclasses import replace

from intacct_emulator.settings.behaviour import Behaviour
from intacct_protocol.errors import Fault

_RECORDED = (
    (re.compile(r"The account number '.*' already exists"), "GL-0493"),
    (re.compile(r"Could not create GL Account record!"), "GL-0504"),
)
_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|\d+")
"""The parts of a sentence that differ from one occurrence to the next."""


def identified(fault: Fault, behaviour: Behaviour, seed: int) -> Fault:
    """The error with its stable id, if it has one."""
    if fault.errorid:
        return fault
    recorded = next((errorid for text, errorid in _RECORDED if text.fullmatch(fault.text)), "")
    if recorded or behaviour.errorids != "made":
        return replace(fault, errorid=recorded)
    sentence = f"{seed}/{fault.errorno}/{_VALUES.sub('', fault.text)}"
    digits = int.from_bytes(hashlib.blake2b(sentence.encode(), digest_size=4).digest()) % 10_000
    return replace(fault, errorid=f"EM-{digits:04d}")

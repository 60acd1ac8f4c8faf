"""Reference numbers of our own: the text by which a journal entry without one is found if its answer is lost.

The number follows from the entry's identity and from where it goes, so that every run makes the same one. It is added
to what is sent, and to the key by which the entry is looked for. It is no part of the record's identity, digest or
label: a record that was posted without it is still recognised, and the setting can be changed between two runs.
"""

import base64
import hashlib
import json
from dataclasses import replace

from intacct_bridge.load.outbox.entry import WriteTarget
from intacct_bridge.load.records.write import Write, WriteOperation

REFERENCE_FIELDS = {"GLBATCH": "REFERENCENO"}
"""The field of each object that takes a reference number of ours."""
_PREFIX = "IB-"
_LENGTH = 16
"""Characters of five bits: with 80 bits, two of a million entries share a number once in more than 10^12 companies."""


def own_reference(target: WriteTarget, identity: str) -> str:
    """The reference number of the record that has this identity in that company."""
    text = json.dumps([*target.parts, identity], ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return _PREFIX + base64.b32encode(digest).decode()[:_LENGTH]


def takes_own_reference(write: Write) -> bool:
    """Whether a write creates a record that takes a reference number and has none."""
    name = REFERENCE_FIELDS.get(write.object, "")
    return bool(name) and write.operation is WriteOperation.CREATE and not write.fields.get(name)


def with_own_reference(write: Write, target: WriteTarget) -> Write:
    """The write as it is sent: with a reference number of ours if it takes one."""
    if not takes_own_reference(write):
        return write
    number = own_reference(target, write.identity.text)
    return replace(write, fields={**write.fields, REFERENCE_FIELDS[write.object]: number})

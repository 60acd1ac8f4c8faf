"""JSON objects that have a key twice: JSON does not say which of the two values counts, so they are refused."""

import json
import re

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.text_forms import nfc

_SPACED_KEY_END = re.compile(rb'"\s+:')


def refuse_repeated_keys(text: bytes, document: object, position: str) -> None:
    """SettingsError if an object in a JSON text has a key twice; `found` is what the text was decoded to.

    Two spellings of one accented letter are one key. `position` begins the message, as `customers.jsonl:3`.
    """
    ends = text.count(b'":') + len(_SPACED_KEY_END.findall(text))  # those of all keys; a text may hold some too
    if ends <= _keys_in(document):
        return

    def checked(pairs: list[tuple[str, object]]) -> None:
        names = [nfc(name) for name, _ in pairs]
        twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
        if twice is not None:
            raise SettingsError(f"{position} has the key {twice!r} twice", fix="leave one of the two out")

    json.loads(text, object_pairs_hook=checked, parse_int=str, parse_float=str)


def _keys_in(value: object) -> int:
    """How many different keys the objects of a value have."""
    if isinstance(value, dict):
        keys = len(value) if "".join(value).isascii() else len(set(map(nfc, value)))
        return keys + sum([_keys_in(one) for one in value.values() if type(one) in _WITH_PARTS])
    return sum(map(_keys_in, value)) if isinstance(value, list) else 0


_WITH_PARTS = frozenset({dict, list})

"""JSON as an input has it: numbers are read exactly, and an object that has a key twice is refused.

JSON does not say which of the two values of such a key counts.
"""

import json
import re
from decimal import Decimal

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.text_forms import nfc

_MOST_DIGITS = 100
"""A number with more digits before or after its point, such as `1e999999999`, is a mistake; written out, it is huge."""
_SPACED_KEY_END = re.compile(rb'"\s+:')


def refuse_repeated_keys(text: bytes, document: object, position: str) -> None:
    """SettingsError if an object in a JSON text has a key twice; `document` is what the text was decoded to.

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


def json_number(text: str) -> Decimal | str:
    """A number of JSON, exactly; one that cannot be written out stays text, which no field of numbers takes.

    The `.0` of a whole float is left out, since programs write ids and account numbers like that if a column has nulls.
    """
    number = Decimal(text.removesuffix(".0"))
    return number if is_written_out(number) else text


def is_written_out(number: Decimal) -> bool:
    """Whether the number can be written out with a sensible number of digits; infinities and NaN have none."""
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -_MOST_DIGITS and number.adjusted() < _MOST_DIGITS

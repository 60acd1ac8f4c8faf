"""The keys of the rows that a consumer has, compressed for the state.

A consumer cannot be asked for its rows. Most deletes are in the audit history, but the journal entry of a deleted bill
disappears without an entry there. So the state keeps the keys of such a stream: for each key that was sent, how many
rows have it (a journal entry's number stands for all its lines in GLDETAIL). Counting the records in Intacct then shows
that some of them are deleted, and which, as it does for a database.

Keys are kept in blocks of neighbours. A block is a text: base64 of zlib of the distances between its keys, and of the
numbers of rows if these differ from one. 100,000 keys without gaps take 1 kB, with many gaps some 20 kB.
"""

import base64
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, repeat
from operator import sub
from typing import TypedDict

_BLOCK = 14
"""Bits of a key that are its place in a block."""
_PLACE = (1 << _BLOCK) - 1
_CONTINUES = 0x80
_SHORT = [bytes([number]) for number in range(_CONTINUES)]
"""The numbers that are one byte."""
_LONG = re.compile(rb"[\x80-\xff]+[\x00-\x7f]")
"""A number of several bytes."""


class KeyBlocks(TypedDict):
    """The keys of one stream in the state."""

    version: int
    blocks: dict[str, str]


class KnownKeys:
    """The keys of one stream, of one version of its rows."""

    def __init__(self, version: int, blocks: Mapping[int, str] | None = None) -> None:
        self.version = version
        self._sealed: dict[int, str] = dict(blocks or {})
        self._open: dict[int, dict[int, int]] = {}
        """The blocks that changed since they were sealed: the rows of each key, by its place."""

    @classmethod
    def from_document(cls, document: KeyBlocks) -> "KnownKeys":
        """Read what `document` wrote. ValueError, TypeError or KeyError for anything else."""
        blocks = {int(block): str(text) for block, text in document["blocks"].items()}
        keys = cls(int(document["version"]), blocks)
        if keys.count() < 0:  # decodes every block
            raise ValueError(document)
        return keys

    def document(self, most: int) -> KeyBlocks | None:
        """The keys for the state; None if they would take more than this many characters."""
        for block, rows in self._open.items():
            if rows:
                self._sealed[block] = _encode(rows)
            else:
                self._sealed.pop(block, None)
        self._open.clear()
        if sum(map(len, self._sealed.values())) > most:
            return None
        return {"version": self.version, "blocks": {str(block): text for block, text in sorted(self._sealed.items())}}

    def add(self, keys: Iterable[int], *, counted: bool) -> None:
        """Add a row for each of these; without `counted`, a key is one row however often it comes."""
        number: int | None = None
        for key, more in Counter(keys).items():
            if key >> _BLOCK != number:  # neighbours come together
                number = key >> _BLOCK
                rows = self._opened(number)
            place = key & _PLACE
            rows[place] = rows.get(place, 0) + more if counted else 1

    def remove(self, keys: Iterable[int]) -> None:
        """Remove all rows of these keys."""
        number: int | None = None
        for key in keys:
            if key >> _BLOCK != number:
                number = key >> _BLOCK
                rows = self._opened(number)
            rows.pop(key & _PLACE, None)

    def count(self) -> int:
        """The number of rows."""
        return sum(rows for _, rows in self)

    def highest(self) -> int | None:
        """The highest key."""
        return max((key for key, _ in self), default=None)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Each key with its number of rows."""
        for block in sorted(self._sealed.keys() | self._open.keys()):
            rows = self._open[block] if block in self._open else _decode(self._sealed[block])
            yield from (((block << _BLOCK) + place, count) for place, count in rows.items())

    def _opened(self, block: int) -> dict[int, int]:
        rows = self._open.get(block)
        if rows is None:
            text = self._sealed.get(block)
            rows = self._open[block] = _decode(text) if text else {}
        return rows


def _encode(rows: Mapping[int, int]) -> str:
    places = sorted(rows)
    packed = _varint(len(places)) + _varints_of(list(map(sub, places, [0, *places])))
    if set(rows.values()) != {1}:
        packed += _varints_of([rows[place] for place in places])
    return base64.b64encode(zlib.compress(packed, 9)).decode()


def _decode(text: str) -> dict[int, int]:
    """The rows of each place; ValueError for another text."""
    try:
        data = zlib.decompress(base64.b64decode(text, validate=True))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    behind = next((at for at, byte in enumerate(data, 1) if byte < _CONTINUES), len(data))
    (length,), rest = _varints(data[:behind]), data[behind:]
    numbers = _varints(rest)
    if len(numbers) not in (length, 2 * length):
        raise ValueError(f"a block of {length} keys has {len(numbers)} numbers")
    return dict(zip(accumulate(numbers[:length]), numbers[length:] or repeat(1, length), strict=True))


def _varint(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    packed = bytearray()
    while number >= _CONTINUES:
        packed.append(number & 0x7F | _CONTINUES)
        number >>= 7
    packed.append(number)
    return bytes(packed)


def _varints_of(numbers: list[int]) -> bytes:
    """Many numbers, of which nearly all are one byte."""
    if max(numbers) < _CONTINUES:
        return bytes(numbers)
    return b"".join([_SHORT[number] if number < _CONTINUES else _varint(number) for number in numbers])


def _varints(data: bytes) -> list[int]:
    """The numbers of `_varints_of`; between the few long ones, each byte is a number."""
    if data and data[-1] >= _CONTINUES:
        raise ValueError("the last number has no end")
    numbers: list[int] = []
    position = 0
    for long in _LONG.finditer(data):
        numbers += data[position : long.start()]
        numbers.append(_from_varint(long[0]))
        position = long.end()
    numbers += data[position:]
    return numbers


def _from_varint(data: bytes) -> int:
    """The number of `_varint`."""
    number = 0
    for byte in reversed(data):
        number = number << 7 | byte & 0x7F
    return number

"""Which fields of a query the gateway refused, as the strings of its faults name them.

Fields that exist: `The following fields cannot be queried ...: [PROJECT: [CFDA, AGENCY] ]` (two independent clients
read this text). Unknown fields: `Field requested is not valid: apbill.COLOUR` and `Invalid fields list COLOUR`.
"""

import re
from collections.abc import Iterable, Iterator

from intacct_protocol.errors import Fault

_UNQUERYABLE = re.compile(r"cannot be queried.*?\[\s*\w*\s*:\s*\[([^\]]*)\]", re.IGNORECASE | re.DOTALL)
_UNKNOWN = (
    re.compile(r"Field requested is not valid:\s*([\w.]+)", re.IGNORECASE),
    re.compile(r"Invalid fields? list\s+([\w., ]+)", re.IGNORECASE),
)
_ABOUT_FIELDS = re.compile(r"fields? .*(cannot be queried|not valid|invalid)", re.IGNORECASE | re.DOTALL)


def unqueryable_fields(faults: Iterable[Fault]) -> tuple[str, ...]:
    """The fields that exist and cannot be queried, as the faults spell them."""
    return tuple(dict.fromkeys(_named(faults, _UNQUERYABLE)))


def refused_fields(faults: Iterable[Fault], selected: Iterable[str]) -> tuple[str, ...]:
    """The fields among `selected` that the faults name as unqueryable or unknown, with or without their object."""
    spelling = {name.upper(): name for name in selected}
    named = [name.upper() for name in _named(tuple(faults), _UNQUERYABLE, *_UNKNOWN)]
    fields = (spelling.get(name) or spelling.get(name.rpartition(".")[2]) for name in named)
    return tuple(dict.fromkeys(name for name in fields if name))


def is_about_fields(faults: Iterable[Fault]) -> bool:
    """Whether a fault says that fields are the reason, named or not."""
    return any(_ABOUT_FIELDS.search(fault.text) for fault in faults)


def _named(faults: Iterable[Fault], *shapes: re.Pattern[str]) -> Iterator[str]:
    for fault in faults:
        text = f"{fault.description}\n{fault.description2}"
        for shape in shapes:
            for match in shape.finditer(text):
                yield from (name for name in re.split(r"[,\s]+", match[1]) if name)

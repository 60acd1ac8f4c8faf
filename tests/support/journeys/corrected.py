"""What people do with a record of a source between two loads, for every kind of record."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from support.journeys.documents import SECOND, Document

Documents = tuple[Document, ...]


@dataclass(frozen=True)
class Correction:
    """What the source has at the first load, and at the second one."""

    before: Callable[[Document], Documents]
    now: Callable[[Document], Documents]
    undone: bool = False
    """Whether the first load is taken back in between."""


def _alone(one: Document) -> Documents:
    return (one,)


def _to(**values: str) -> Correction:
    return Correction(_alone, lambda one: (replace(one, **values),))


def _next(one: Document) -> Document:
    """The next record of the source."""
    return replace(one, number=f"{one.number}-N1", key=f"{one.key}-N1", text=f"{one.text} next", amount="8")


CORRECTIONS = {
    "same again": _to(),
    "amount": _to(amount="6"),
    "date": _to(day="2026-11-19"),
    "text": Correction(_alone, lambda one: (replace(one, text=f"{one.text} of May"),)),
    "number": Correction(_alone, lambda one: (replace(one, number=f"{one.number}-C2"),)),
    "party": _to(party=SECOND),
    "draft is live": Correction(lambda one: (replace(one, state="Draft"),), lambda one: (replace(one, state="Open"),)),
    "live is void": _to(state="Void"),
    "cumulative": Correction(_alone, lambda one: (one, _next(one))),
    "next one alone": Correction(_alone, lambda one: (_next(one),)),
    "undone, again": Correction(_alone, _alone, undone=True),
    "undone, corrected": Correction(
        _alone, lambda one: (replace(one, amount="6", text=f"{one.text} of May"),), undone=True
    ),
}

"""The page on how far the emulator agrees with a recording."""

from collections.abc import Iterator

from intacct_emulator.recordings.comparison import Comparison, Difference
from intacct_protocol.model.wording import counted

_MOST = 200
"""Differences on the page."""


def agreement_page(comparison: Comparison, title: str) -> str:
    """A page in Markdown: the share that agrees by function, and each difference."""
    return "\n".join(_lines(comparison, title)) + "\n"


def _lines(comparison: Comparison, title: str) -> Iterator[str]:
    yield f"# Agreement with {title}"
    yield ""
    yield summary(comparison)
    yield ""
    yield "| function | calls | agree | share |"
    yield "|---|---:|---:|---:|"
    for agreement in comparison.agreements:
        yield f"| {agreement.function} | {agreement.calls} | {agreement.agreeing} | {agreement.share:.0%} |"
    if not comparison.differences:
        return
    yield ""
    yield "## Differences"
    yield ""
    yield "| exchange | function | kind | place | recorded | emulator |"
    yield "|---:|---|---|---|---|---|"
    for difference in comparison.differences[:_MOST]:
        cells = (difference.function, difference.kind, difference.place, difference.recorded, difference.emulated)
        yield f"| {named(difference)} | {' | '.join(map(_cell, cells))} |"
    if len(comparison.differences) > _MOST:
        yield ""
        yield f"And {len(comparison.differences) - _MOST:,} more."


def summary(comparison: Comparison) -> str:
    """One sentence on the whole recording."""
    share = f" ({comparison.agreeing / comparison.calls:.1%})" if comparison.calls else ""
    left_out = (
        f" {counted(comparison.left_out, 'exchange')} without an answer that is a document left out."
        if comparison.left_out
        else ""
    )
    return f"{comparison.agreeing:,} of {counted(comparison.calls, 'call')} agree{share}.{left_out}"


def named(difference: Difference) -> str:
    """The exchange of a difference, as its files are named."""
    return f"{difference.recording}/{difference.exchange:06}".lstrip("/")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

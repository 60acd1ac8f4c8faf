"""Findings by their cause: rows that are refused, or warned about, for the same reason are one line.

Messages are alike if they differ in quoted values and numbers only. Up to three such findings are shown one by one;
more are shown by the first of them. Rows with the same message are always one line.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from intacct_bridge.load.records.write import Finding
from intacct_protocol.model.wording import counted

_VALUES = re.compile(r"'[^']*'|\"[^\"]*\"|[\d.,-]*\d")
_ONE_BY_ONE = 3
"""Findings with different values that are shown one by one."""
_NAMED = 3
"""Rows that are named."""


@dataclass(frozen=True, slots=True)
class FindingCause:
    """Findings with one cause."""

    findings: tuple[Finding, ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """The numbers of the rows, in the order of the input; the names of records that are not from a file."""
        return tuple(dict.fromkeys(one.position.rpartition(":")[2] for one in self.findings))

    def __str__(self) -> str:
        first = self.findings[0]
        rows = self.rows
        if len(rows) < 2:
            return str(first)
        place, in_file, _ = first.position.rpartition(":")
        named = ", ".join(rows[:_NAMED])
        if not in_file:
            return f"{counted(len(rows), 'record')}, for example {first.position}: {first.advice}"
        which = f"first {named}" if len(rows) > _NAMED else named
        return f"{place}: {counted(len(rows), 'row')}, {which}: {first.advice}"


def causes(findings: Iterable[Finding]) -> Iterator[FindingCause]:
    """Findings by their cause, in the order of the first row of each."""
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        message = _VALUES.sub("", finding.message)
        alike.setdefault((finding.rule, finding.column, message, finding.fix, _source(finding)), []).append(finding)
    for group in alike.values():
        same: dict[str, list[Finding]] = {}
        for finding in group:
            same.setdefault(finding.message, []).append(finding)
        if len(same) > _ONE_BY_ONE:
            yield FindingCause(tuple(group))
        else:
            yield from (FindingCause(tuple(some)) for some in same.values())


def _source(finding: Finding) -> str:
    return finding.position.rpartition(":")[0]

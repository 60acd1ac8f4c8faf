"""Undo: the plan that takes back what the outbox posted. It is saved, approved and applied as every plan is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Plan
from intacct_bridge.load.target.target_company import TargetCompany
from intacct_bridge.load.undo.undo import UndoRefusal, UndoSettings, entries_of_file, entries_of_run
from intacct_bridge.load.undo.undo import plan_undo as _plan_undo
from intacct_bridge.operations.recorded_run import CompanyRun
from intacct_protocol.errors import SettingsError

__all__ = ["UndoPlan", "UndoRefusal", "UndoRequest", "plan_undo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoRequest:
    """What is taken back, and how: what was loaded from a file, what runs posted, or single entries of the outbox."""

    file: str = ""
    """The name of a file, as it was loaded."""
    runs: tuple[str, ...] = ()
    """Ids of runs, or their beginnings."""
    entries: tuple[int, ...] = ()
    day: date | None = None
    """The day of reversals and opposite entries; None: today, by the company's clock."""
    delete: bool = False
    """Delete the records if Intacct allows it, instead of reversing them."""
    memo: str = ""
    """The text of reversals, and the title of opposite entries."""

    @property
    def source(self) -> str:
        """What is taken back, in words."""
        if self.file:
            return f"undo of {self.file}"
        what = f"run {', '.join(self.runs)}" if self.runs else f"entry {', '.join(map(str, self.entries))}"
        return f"undo of {what}"


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """The plan that takes entries back, and what is not taken back."""

    source: str
    plan: Plan | None
    """None if nothing is left to take back, or if something cannot be: an undo takes back all or nothing."""
    refused: tuple[UndoRefusal, ...]
    """Entries that cannot be taken back, each with the reason."""
    left: tuple[UndoRefusal, ...]
    """Entries that are left as they are, such as those that were taken back before."""

    def to_dict(self) -> dict[str, object]:
        """The plan and what is left out of it, for JSON."""

        def listed(refusals: Iterable[UndoRefusal]) -> list[dict[str, object]]:
            return [
                {"entry": one.entry.number, "record": one.entry.label, "why": one.reason, "fix": one.fix}
                for one in refusals
            ]

        plan: dict[str, object] = self.plan.to_dict() if self.plan is not None else {"records": []}
        return {**plan, "source": self.source, "cannot_be_taken_back": listed(self.refused), "left": listed(self.left)}


def plan_undo(run: CompanyRun, request: UndoRequest) -> UndoPlan:
    """Decide for each entry how it is taken back. The company is read, and nothing is written."""
    if bool(request.file) + bool(request.runs) + bool(request.entries) != 1:
        raise SettingsError("one of a file, runs and entries is needed", fix="Name a file, a run or an entry.")
    with run.open_outbox() as outbox:
        outbox.recover()
        chosen = _chosen(run, outbox, request)
        day = request.day or run.client.company_time.date()
        settings = UndoSettings(day, request.delete, request.memo)
        undo = _plan_undo(run.client, outbox, chosen, settings, source=request.source)
    return UndoPlan(request.source, None if undo.refused else undo.plan, undo.refused, undo.left)


def _chosen(run: CompanyRun, outbox: Outbox, request: UndoRequest) -> list[OutboxEntry]:
    company = TargetCompany.of(run.connection).company
    if request.entries:
        entries = [outbox.entry(number) for number in dict.fromkeys(request.entries)]
        other = next((entry for entry in entries if entry.target.company != company), None)
        if other is not None:
            raise SettingsError(f"entry {other.number} is of {other.target.company}", fix="Use a connection to it.")
        return entries
    entries = list(outbox.entries(company=company))
    if request.file:
        return entries_of_file(entries, request.file)
    return list({entry.number: entry for run_id in request.runs for entry in entries_of_run(entries, run_id)}.values())

"""The folder of saved plans beside an outbox: plans that are known by their id, as those that wait for an approval.

A plan is a file of its own there. Everyone who may write to the outbox may read it, so that another person can approve
it.
"""

import re
import stat
from pathlib import Path

from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Plan
from intacct_bridge.load.plan.plan_file import open_plan, save_plan
from intacct_protocol.errors import SettingsError

_ID = re.compile(r"plan-[0-9a-f]{12}")
_SUFFIX = ".plan"


class NoPlanError(SettingsError):
    """The outbox knows no plan of this id."""


class PlanFolder:
    """The saved plans beside one outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.path = Path(f"{outbox.path}.plans")

    def save(self, plan: Plan) -> Path:
        """Save a plan that has an id, and return its file."""
        assert plan.origin is not None, "a plan without an id is not saved here"
        shared = stat.S_IMODE(self._outbox_mode()) & 0o060
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if shared:
                self.path.chmod(0o700 | shared | 0o010)
        except OSError as error:
            raise SettingsError(
                f"cannot make {self.path}: {error.strerror or error}", fix="Make the outbox's folder writable."
            ) from None
        file = self.file(plan.origin.id)
        save_plan(plan, file)
        if shared:
            file.chmod(0o600 | shared)
        self._outbox.list_plan(plan.origin.id)
        return file

    def _outbox_mode(self) -> int:
        path = Path(self._outbox.path)
        return path.stat().st_mode if path.exists() else 0

    def file(self, plan: str) -> Path:
        """The file of the plan of an id. SettingsError for a text that is not an id."""
        if not is_plan_id(plan):
            raise NoPlanError(f"{plan!r} is not the id of a plan", fix="Give an id such as plan-0123456789ab.")
        return self.path / f"{plan}{_SUFFIX}"

    def saved_file(self, plan: str) -> Path:
        """The file of the plan of an id. SettingsError if it is not on this machine."""
        file = self.file(plan)
        if not file.is_file():
            raise self._missing(plan, file)
        return file

    def open(self, plan: str) -> Plan:
        """The plan of an id. SettingsError if there is none, if it was altered, or if it has another id."""
        file = self.saved_file(plan)
        found = open_plan(file)
        if found.origin is None or found.origin.id != plan:
            raise SettingsError(f"{file} is not the plan {plan}", fix="Make a new plan, and have it approved.")
        return found

    def _missing(self, plan: str, file: Path) -> SettingsError:
        known = self._outbox.plan_record(plan)
        if known is None:
            return NoPlanError(f"there is no plan {plan} beside the outbox {self._outbox.name}", fix="Make a new plan.")
        return SettingsError(
            f"the file of plan {plan}, which {known.person} made at {known.at:%Y-%m-%d %H:%M} UTC, is not here",
            fix=f"Go on with it on the machine that made it, copy its file from there to {file}, or make a new plan.",
        )


def is_plan_id(text: str) -> bool:
    """Whether a text has the form of a plan's id."""
    return _ID.fullmatch(text) is not None

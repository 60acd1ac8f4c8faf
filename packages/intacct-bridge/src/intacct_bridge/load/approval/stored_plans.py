"""The plans that an outbox holds, each known by its id: every machine that shares the outbox can go on with them."""

import re

from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan import Plan
from intacct_bridge.load.plan.plan_file import plan_of, plan_text
from intacct_protocol.errors import SettingsError

_ID = re.compile(r"plan-[0-9a-f]{12}")


class NoPlanError(SettingsError):
    """The outbox knows no plan of this id."""


def store_plan(plan: Plan, outbox: Outbox) -> str:
    """Let the outbox hold a plan that it has recorded, and return the plan's id."""
    assert plan.origin is not None, "a plan without an id is not stored"
    outbox.hold_plan(plan.origin.id, plan_text(plan))
    return plan.origin.id


def stored_plan(plan_id: str, outbox: Outbox) -> Plan:
    """The plan of an id. SettingsError if the outbox does not hold it, if it was altered, or if it has another id."""
    if not is_plan_id(plan_id):
        raise NoPlanError(f"{plan_id!r} is not the id of a plan", fix="Give an id such as plan-0123456789ab.")
    try:
        text = outbox.plan_text(plan_id)
    except ValueError:
        text = b""
    if text is None:
        raise _unstored(plan_id, outbox)
    plan = plan_of(text, f"the plan {plan_id} in the outbox {outbox.name}")
    if plan.origin is None or plan.origin.id != plan_id:
        raise SettingsError(
            f"the outbox {outbox.name} holds another plan under {plan_id}", fix="Make a new plan, and have it approved."
        )
    return plan


def _unstored(plan_id: str, outbox: Outbox) -> SettingsError:
    record = outbox.plan_record(plan_id)
    if record is None:
        return NoPlanError(f"there is no plan {plan_id} in the outbox {outbox.name}", fix="Make a new plan.")
    return SettingsError(
        f"the outbox does not hold the plan {plan_id}, which {record.person} made at {record.at:%Y-%m-%d %H:%M} UTC",
        fix="Give its file in place of the id, if it was saved in one, or make a new plan.",
    )


def is_plan_id(text: str) -> bool:
    """Whether a text has the form of a plan's id."""
    return _ID.fullmatch(text) is not None

"""What an outbox remembers of writes, and whether it remembers all that a plan relies on.

A plan's "in doubt" and "posted by an earlier run" are the word of the outbox that it was made with. Through another one
such a record would be new, and would be sent a second time.
"""

from collections.abc import Sequence
from dataclasses import replace

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.company.gateway import Whereabouts
from intacct_bridge.flow.outbox.entry import Entry
from intacct_bridge.flow.outbox.outbox import Outbox
from intacct_bridge.flow.plan.plan import Plan, Planned, Verdict, place_of
from intacct_bridge.flow.records.write import Operation, Write


def remembered(outbox: Outbox, where: Whereabouts, writes: Sequence[Write]) -> list[Entry | None]:
    """The newest entry of each write in its place, or None."""
    places = [(place_of(where, write), write.identity.text) for write in writes]
    found = outbox.latest(places)
    return [found.get(place) for place in places]


def check_remembered(plan: Plan, where: Whereabouts, outbox: Outbox) -> None:
    """Refuse a plan that relies on records which this outbox does not have."""
    for entity in dict.fromkeys(planned.write.entity for planned in plan.records):
        relied = [one for one in plan.records if one.write.entity == entity and _relies(one)]
        here = replace(where, entity=entity or where.entity)
        entries = remembered(outbox, here, [one.write for one in relied])
        for planned, entry in zip(relied, entries, strict=True):
            if entry is None:
                sent = "sent without an answer" if planned.verdict is Verdict.IN_DOUBT else "posted"
                place = f"{planned.write.position}: " if planned.write.position else ""
                raise SettingsError(
                    f"{place}{planned.write.label} was {sent} by an earlier run, says the plan, "
                    f"and the outbox {outbox.path} does not know of it",
                    fix="apply the plan with the outbox it was made with, or make a new plan with this one",
                )


def _relies(planned: Planned) -> bool:
    """Whether the verdict is the outbox's word; what an update would leave as it is, the company itself has said."""
    created = planned.write.operation is Operation.CREATE
    return planned.verdict is Verdict.IN_DOUBT or (planned.verdict is Verdict.UNCHANGED and created)

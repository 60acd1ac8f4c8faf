"""Single writes outside the outbox: functions sent once, their results told as outcomes.

One record a function, so that each has a result of its own; up to 100 functions a request. Whoever must not lose or
repeat a write uses `flow.load`, which keeps an outbox; here a lost answer raises InDoubtError, and finding out is the
caller's own affair.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from intacct_bridge.client.gateway.calls import Asking
from intacct_bridge.errors import Fault, InvalidRequestError
from intacct_bridge.model.keys import natural_key
from intacct_bridge.wire.envelope import ABORTED, SUCCESS, Result
from intacct_bridge.wire.xml import Element

FUNCTIONS_AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record."""

    status: str
    """success, failure, or aborted: rolled back because of another record of its transaction."""
    key: str = ""
    """RECORDNO, where the gateway gave one."""
    natural_key: str = ""
    faults: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it was applied."""
        return self.status == SUCCESS


def send_each(asking: Asking, bodies: Sequence[Element], *, transaction: bool = False) -> list[Outcome]:
    """Send one function a record, in requests of up to 100; a transaction must fit in one request."""
    if transaction and len(bodies) > FUNCTIONS_AT_A_TIME:
        raise InvalidRequestError(
            f"{len(bodies):,} records do not fit in one transaction, which holds {FUNCTIONS_AT_A_TIME}",
            fix="Send them without `transaction`, or in smaller groups.",
        )
    outcomes: list[Outcome] = []
    for start in range(0, len(bodies), FUNCTIONS_AT_A_TIME):
        functions = asking.functions(*bodies[start : start + FUNCTIONS_AT_A_TIME])
        results = asking.send(functions, read=False, transaction=transaction, uniqueid=True)
        outcomes += [outcome_of(result) for result in results]
    return outcomes


def outcome_of(result: Result) -> Outcome:
    """The outcome of a function with one record: applied if the result says so or has its key, faults or not."""
    first = outcomes_of(result)[0]
    return replace(first, faults=result.faults) if first.ok else first


def outcomes_of(result: Result) -> list[Outcome]:
    """The outcomes in one result: of every record that has a key in it, then one for the records that failed.

    A function with many records may succeed in part: the keys are those of the records that were applied.
    """
    if result.key is not None:
        return [Outcome(result.status, result.key, result.key, result.faults)]
    applied = [_applied(record) for record in (() if result.data is None else result.data)]
    if result.status == SUCCESS:
        return applied or [Outcome(SUCCESS)]
    if result.status == ABORTED:
        return [Outcome(ABORTED, faults=result.faults)]
    return [*applied, Outcome(result.status, faults=result.faults)]


def _applied(record: Element) -> Outcome:
    cells = {child.tag.upper(): child.text for child in record}
    number = cells.pop("RECORDNO", cells.pop("ID", ""))
    named = cells.get(natural_key(record.tag) or "")
    return Outcome(SUCCESS, number, named or next((text for text in cells.values() if text), ""))

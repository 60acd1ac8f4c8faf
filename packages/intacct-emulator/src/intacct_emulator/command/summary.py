"""What an emulator did: the balances it revalued; the requests, transactions and faults until it was stopped."""

from collections.abc import Iterator, Sequence
from datetime import date

from intacct_emulator.server.gateway import Emulator, RequestOutcome
from intacct_emulator.settings.faults import FaultCount, ScriptedFault
from intacct_emulator.subledgers.revaluation.revaluation import RevaluedBalance
from intacct_protocol.model.wording import amount_shown, counted, listed

_TOLD = (RequestOutcome.REFUSED, RequestOutcome.SIGN_IN_REFUSED, RequestOutcome.UNREADABLE, RequestOutcome.LIMITED)


_NAMED = 10
"""Companies that are named each."""


def others_served(ids: Sequence[str]) -> Iterator[str]:
    """One line on the companies that share the records of the first one, if there are any."""
    if ids:
        named = ids[0] if len(ids) == 1 else f"{ids[0]} to {ids[-1]}"
        yield f"Besides: {named}, with the same records, users and passwords. A change in one is seen in no other."


def served(emulator: Emulator) -> Iterator[str]:
    """One line on the requests, and one on each scripted fault."""
    outcomes = [one.outcome for one in emulator.received]
    told = [f"{outcomes.count(one):,} {one}" for one in _TOLD if one in outcomes]
    totals = {name: emulator.transactions(name).total for name in emulator.companies.by_id}
    cost = {name: total for name, total in totals.items() if total}
    parts = [f"{counted(emulator.requests, 'request')}{f' ({listed(told)})' if told else ''}"]
    if len(cost) > _NAMED:
        parts.append(f"{counted(sum(cost.values()), 'API transaction')} of {len(cost):,} companies")
    else:
        parts += [f"{counted(total, 'API transaction')} of {name}" for name, total in cost.items()]
    yield f"Served {'; '.join(parts)}."
    for place, (fault, count) in enumerate(emulator.fault_plan.counts(), 1):
        yield f"Fault {place} ({_named(fault)}) {_happened(count)}."


def revalued(day: date, balances: Sequence[RevaluedBalance]) -> Iterator[str]:
    """One line on a revaluation, and one on each balance."""
    yield f"Revalued {counted(len(balances), 'balance')} on {day}{':' if balances else '.'}"
    for balance in balances:
        place = f"{balance.entity} " if balance.entity else ""
        held = amount_shown(balance.trx_amount, balance.currency)
        carried, value, difference = (
            amount_shown(amount, balance.base)
            for amount in (balance.carrying_amount, balance.value, balance.difference)
        )
        worth = f"{value} {balance.base} at {balance.rate.normalize():f}"
        yield (
            f"  {place}{balance.account}: {held} {balance.currency} is {worth}, was {carried}; difference {difference}"
        )


def _named(fault: ScriptedFault) -> str:
    parts = (
        f"{fault.kind} {fault.status}" if fault.kind == "http" else fault.kind,
        fault.function if fault.function != "*" else "",
        fault.object,
        f"key {fault.key}" if fault.key else "",
        f"field {fault.field}" if fault.field else "",
        f"value {fault.value}" if fault.value else "",
    )
    return ", ".join(part for part in parts if part)


def _happened(count: FaultCount) -> str:
    if count.happened:
        return f"happened {counted(count.happened, 'time')}"
    if count.matched:
        return f"never happened: {counted(count.matched, 'call')} matched it, and none was due"
    return "never happened: no call matched it"

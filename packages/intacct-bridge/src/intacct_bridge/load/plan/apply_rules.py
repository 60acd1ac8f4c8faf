"""The step that applies the rules, with the facts about the company that they need, and the one on payments.

What is due on a bill concerns all payments of it in one input together, so it is no rule on a single record.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.outbox_verdict import by_outbox
from intacct_bridge.load.plan.plan import PlannedRecord
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Finding, RecordLine, Write, WriteOperation
from intacct_bridge.load.rules.characters import characters, is_plain
from intacct_bridge.load.rules.check import RULES, check
from intacct_bridge.load.rules.currencies import has_signs
from intacct_bridge.load.rules.facts import Facts
from intacct_bridge.load.rules.relationships import that_matter
from intacct_bridge.load.target.amounts_due import AmountDue, paid_record
from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.wording import amount_shown


def refuse_unsendable(records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
    """The step that refuses records with a character that XML cannot carry.

    It comes before all steps that ask the company for keys and references, since no request could hold these.
    """
    return [one if is_plain(one.write) else one.with_findings(*characters(one.write)).or_refused() for one in records]


class ApplyRules:
    """Checks every record that would be written, and refuses those that break a rule."""

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Apply every rule to the records that would be written."""
        if not any(record.is_open for record in records):
            return list(records)
        facts = self._facts(records)
        return [self._checked(record, facts) if record.is_open else record for record in records]

    def _checked(self, record: PlannedRecord, facts: Facts) -> PlannedRecord:
        columns = [finding.column for finding in record.findings]
        checked = record.with_findings(*check(record.write, facts, columns))
        return checked.with_findings(*self._inexpressible(checked)).or_refused()

    def _inexpressible(self, record: PlannedRecord) -> Iterator[Finding]:
        """Why a sound record cannot be put into a function."""
        if not record.findings or not record.reasons:
            try:
                self._context.functions.check(record.write)
            except InvalidRequestError as error:
                yield Finding("function", error.message, error.fix, position=record.write.position)

    def _facts(self, records: Sequence[PlannedRecord]) -> Facts:
        context = self._context
        unusual_rates = context.choice("unusual_rates") == "use"
        if context.settings.offline:
            context.unchecked.append(
                "currencies, references, dimensions and their relationships, locations, open period, duplicates, "
                "required and read-only fields, lengths, listed values: the plan is offline"
            )
            return Facts(context.references, entity=context.target.entity, unusual_rates=unusual_rates)
        writes = [record.write for record in records if record.is_open]
        context.facts.learn((), writes)
        context.unchecked += [text for text in context.facts.unchecked if text not in context.unchecked]
        entities = context.facts.entities() if writes[0].object in RULES else {}
        relations = that_matter(context.facts.relations, context.references)
        return Facts(
            context.references,
            entities,
            context.target.entity,
            context.writable,
            relations,
            signed=has_signs(writes),
            unusual_rates=unusual_rates,
        )


class CheckAmountsDue:
    """The step that refuses payments of more than is due on a bill or invoice, over all rows of the input.

    Of several payments of one document, those are refused with which the sum first exceeds what is due.
    """

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Read what is due on all documents together."""
        context = self._context
        new = [one.write for one in records if one.is_open and one.write.operation is WriteOperation.CREATE]
        due = context.paid_documents(new)
        if not due:
            return list(records)
        paid: dict[str, Decimal] = {}
        done: list[PlannedRecord] = []
        for record in records:
            if record.is_open and record.write.operation is WriteOperation.CREATE:
                sums = dict(paid)
                findings = list(_overpayments(record.write, due, sums))
                done.append(record.with_findings(*findings).or_refused())
                paid = paid if findings else sums
            else:
                done.append(record)
        return self._not_posted_meanwhile(records, done)

    def _not_posted_meanwhile(self, before: Sequence[PlannedRecord], after: list[PlannedRecord]) -> list[PlannedRecord]:
        """Ask the outbox again for what is refused: another loader of the same input may have posted it by now."""
        refused = [at for at, one in enumerate(after) if before[at].is_open and not one.is_open]
        entries = self._context.entries(before[at].write for at in refused)
        for at, entry in zip(refused, entries, strict=True):
            if not (record := by_outbox(before[at], entry)).is_open:
                after[at] = record
        return after


def _paying(write: Write) -> Iterator[RecordLine]:
    """The lines of a payment that is not a draft, which pay a document in its own currency."""
    if comparable(write.fields.get("ACTION")).casefold() != "draft":
        yield from (line for line in write.all_lines if paid_record(line) and isinstance(line.amount, Decimal))


def _overpayments(write: Write, due: Mapping[str, AmountDue], sums: dict[str, Decimal]) -> Iterator[Finding]:
    """The lines with which more is paid than is due; `sums` has what the payments before it pay."""
    currency = comparable(write.fields.get("CURRENCY"))
    for line in _paying(write):
        document, amount = due.get(paid_record(line)), line.amount
        if document is None or amount is None or (currency and document.currency and currency != document.currency):
            continue
        before = sums.get(paid_record(line), Decimal(0))
        sums[paid_record(line)] = before + amount
        if before + amount > document.due:
            unit = f" {document.currency}" if document.currency else ""
            open_amount = f"{amount_shown(document.due, document.currency)}{unit}"
            earlier = f", and the payments before it in this input take {amount_shown(before)}" if before else ""
            message = (
                f"the payment of {amount_shown(amount)} is more than what is due on {document.number}: "
                f"{open_amount}{earlier}"
            )
            left = document.due - before
            fix = f"pay at most {amount_shown(left)}" if left > 0 else "remove it, or name another document"
            yield Finding("due", message, fix, write.column("TRX_PAYMENTAMOUNT"), line.position)

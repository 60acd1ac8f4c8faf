"""The step that decides the currency of each document: its own, else that of the document it pays, else its party's,
else the base currency of its entity.

What is decided is shown, and is sent in a company with several currencies, since no page says which currency the
gateway takes for a document that names none. It is no part of the content by which a record is known: a load of the
same file finds its records unchanged. The currencies of parties come with the references, those of paid documents with
the amounts due, and the base currencies with the entities.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.plan import PlannedRecord
from intacct_bridge.load.records.lookup_keys import lookup_keys_of
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Finding, Write, WriteOperation
from intacct_bridge.load.rules.facts import Facts
from intacct_bridge.load.target.amounts_due import paid_record
from intacct_bridge.load.target.document_currencies import CURRENCY, DOCUMENTS, JOURNAL_ENTRY
from intacct_bridge.load.target.references import referred
from intacct_protocol.model.wording import listed

_LINES = "ENTRIES"


@dataclass(frozen=True, slots=True)
class _Decision:
    """A currency, and what has it: the `record`, a paid `document`, the `party` or the `entity`; empty if unknown."""

    currency: str = ""
    by: str = ""
    findings: tuple[Finding, ...] = ()


class DecideCurrency:
    """Decides the currency of each document, and puts it among its fields if it is sent.

    A record of a saved plan keeps the decision of the plan, and is refused if it would be another one now.
    """

    def __init__(self, context: PlanContext, *, saved: bool = False) -> None:
        self._context = context
        self._saved = saved

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Decide on the documents that would be written; an offline plan knows only what they name themselves."""
        documents = [record.write for record in records if _is_to_decide(record)]
        if not documents or self._context.settings.offline:
            return list(records)
        rule = _CurrencyRule(self._context, documents)
        return [self._decided(record, rule) if _is_to_decide(record) else record for record in records]

    def _decided(self, record: PlannedRecord, rule: "_CurrencyRule") -> PlannedRecord:
        write = record.write
        if write.operation is not WriteOperation.CREATE and not _replaces_entries(write):
            theirs = comparable(write.unchanged.get(CURRENCY)) or record.existing.get(CURRENCY, "")
            return record if self._saved else replace(record, write=replace(write, currency=theirs.upper()))
        decision = rule.decide(write)
        sent = bool(decision.currency) and rule.is_sent(write, decision)
        if self._saved and (write.currency or sent):
            return record.with_findings(*_moved(write, decision))
        decided = replace(write, currency=decision.currency)
        if sent and not self._saved:
            decided = self._with_currency(decided)
        return replace(record, write=decided).with_findings(*decision.findings)

    def _with_currency(self, write: Write) -> Write:
        """The write that names its currency, if its function can."""
        in_lines = write.object == JOURNAL_ENTRY
        if not self._context.functions.takes(write, CURRENCY, wrapper=_LINES if in_lines else ""):
            return write
        if not in_lines:
            unnamed = not comparable(write.fields.get(CURRENCY))
            fields = {**write.fields, CURRENCY: write.currency}
            return replace(write, fields=fields, input_content=write.content) if unnamed else write
        lines = tuple(
            msgspec.structs.replace(line, fields={**line.fields, CURRENCY: line.fields.get(CURRENCY) or write.currency})
            for line in write.lines.get(_LINES, ())
        )
        return replace(write, lines={**write.lines, _LINES: lines}, input_content=write.content)


class _CurrencyRule:
    """The rule by which the documents of one plan have their currencies."""

    def __init__(self, context: PlanContext, documents: Sequence[Write]) -> None:
        self._context = context
        self._setup = context.company.financial_setup
        one_currency = self._setup.is_multi_currency is False and self._setup.base_currency
        entities = {} if one_currency else context.entities()
        self._facts = Facts(context.references, entities, context.target.entity)
        self._paid = {} if one_currency else context.paid_documents(documents)

    def decide(self, write: Write) -> _Decision:
        """The currency of a new document; none of a statistical entry, or if what decides it may not be read."""
        if write.object == JOURNAL_ENTRY and self._facts.is_statistical(write):
            return _Decision()
        named = comparable(write.content.fields.get(CURRENCY)).upper()
        keys = {key for line in write.all_lines if (key := paid_record(line))}
        if named:
            return _Decision(named, "record", tuple(self._differs_from_paid(write, named, keys)))
        base = self._base(write)
        if self._setup.is_multi_currency is False:
            return _Decision(base, "entity")
        if keys:
            return self._of_paid(write, keys)
        return self._of_party(write, base)

    def is_sent(self, write: Write, decision: _Decision) -> bool:
        """Whether the document names its currency although its input does not."""
        choice = self._context.choice("send_currency")
        if choice != "auto":
            return choice == "always"
        if CURRENCY in lookup_keys_of(write.object).required:
            return True
        several = self._setup.is_multi_currency
        if several is None:  # the user may not read the setup
            several = len(self._base_currencies()) > 1 or decision.by in ("document", "party")
        return several

    def _base_currencies(self) -> set[str]:
        return {entity.currency for entity in self._facts.entities.values() if entity.currency}

    def _base(self, write: Write) -> str:
        """The base currency of the record's entity; empty if that is not known, or if its lines are in several."""
        entities = (self._facts.entities.get(entity) for entity in self._facts.entities_of(write))
        bases = {entity.currency for entity in entities if entity is not None} - {""}
        bases = bases or {comparable(write.fields.get("BASECURR")).upper() or self._setup.base_currency}
        return next(iter(bases)) if len(bases) == 1 else ""

    def _paid_currencies(self, keys: Iterable[str]) -> list[str]:
        return sorted({self._paid[key].currency for key in keys if key in self._paid} - {""})

    def _differs_from_paid(self, write: Write, named: str, keys: Iterable[str]) -> Iterator[Finding]:
        """That a payment names another currency than a document that it pays. No page says that Intacct refuses it."""
        if others := [currency for currency in self._paid_currencies(keys) if currency != named]:
            message = f"it is in {named}, and pays documents in {listed(others)}"
            fix = "leave its currency out to pay in that of the document"
            yield Finding("currency", message, fix, write.column(CURRENCY), write.position, refuses=False)

    def _of_paid(self, write: Write, keys: set[str]) -> _Decision:
        currencies = self._paid_currencies(keys)
        if len(currencies) > 1:
            message = f"it pays documents in {listed(currencies)}, and a payment has one currency"
            finding = Finding("currency", message, "make one payment for each currency", position=write.position)
            return _Decision(findings=(finding,))
        return _Decision(currencies[0], "document") if currencies else _Decision()

    def _of_party(self, write: Write, base: str) -> _Decision:
        field = DOCUMENTS[write.object]
        target = referred(write.object).get(field, "")
        if target in self._context.references.unchecked:
            return _Decision()
        party = self._context.references.records(target).get(comparable(write.fields.get(field)))
        currency = comparable(party.row.get(CURRENCY)).upper() if party is not None else ""
        if not currency:
            return _Decision(base, "entity")
        return _Decision(currency, "party", tuple(self._told(write, target.lower(), currency, base)))

    def _told(self, write: Write, party: str, currency: str, base: str) -> Iterator[Finding]:
        """That the party's currency is used, or that the settings refuse that."""
        refuses = self._context.choice("party_currency") == "refuse"
        if not base or currency == base:
            return
        message = (
            f"the input names no currency, the {party} is in {currency} and the entity in {base}: "
            f"the amounts are in {currency}"
        )
        fix = "give the currency in a column of its own"
        if refuses:
            fix += ", or set `party_currency` to use"
        column = write.column(DOCUMENTS[write.object])
        yield Finding("party currency", message, fix, column, write.position, refuses=refuses)


def _replaces_entries(write: Write) -> bool:
    """Whether an update replaces the lines of a journal entry, which have to name their currency as new ones have."""
    return write.object == JOURNAL_ENTRY and _LINES in write.lines


def _is_to_decide(record: PlannedRecord) -> bool:
    return record.write.object in DOCUMENTS and (record.is_open or record.write.operation is WriteOperation.UPDATE)


def _moved(write: Write, now: _Decision) -> Iterator[Finding]:
    """That the currency of a record of a saved plan would be another one now."""
    if now.currency != write.currency:
        message = f"the currency is {write.currency or 'not known'} in the plan, and {now.currency or 'not known'} now"
        yield Finding("moved", message, "make a new plan", position=write.position)

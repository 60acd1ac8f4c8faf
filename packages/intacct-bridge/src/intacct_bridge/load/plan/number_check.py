"""New documents whose number another document has: in the company, in the outbox, or in the input.

A number is no key of Intacct, so several documents may have it. One with an equal total, or one that our own user has
created, is taken for the same document, and the new one is refused. Any other one is a warning. Documents that we have
posted under the number do not count here: the step before has matched them, or told them apart.
"""

from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal

from intacct_bridge.load.outbox.described import write_target
from intacct_bridge.load.outbox.entry import OutboxEntry
from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.outbox_verdict import sent_text
from intacct_bridge.load.plan.plan import DUPLICATE, PlannedRecord
from intacct_bridge.load.records.identity import number_identity
from intacct_bridge.load.records.lookup_keys import LookupKeys
from intacct_bridge.load.records.values import comparable, equal_form, number_text
from intacct_bridge.load.records.write import Finding, Identity, Write
from intacct_bridge.load.target.find_by_key import Key, MatchingRecord
from intacct_bridge.load.target.find_by_number import (
    NumberedRecord,
    entry_totals,
    find_by_number,
    number_form,
    with_zeros,
    without_zeros,
)
from intacct_protocol.errors import InvalidRequestError, NotPermittedError, RefusedError

_REFUSALS = (InvalidRequestError, NotPermittedError, RefusedError)


class NumberCheck:
    """Looks for the numbers of the new documents of one input, by their places in it."""

    def __init__(self, context: PlanContext, lookup: LookupKeys, new: Mapping[int, PlannedRecord]) -> None:
        self._context, self._lookup = context, lookup
        self.new = {
            at: one
            for at, one in new.items()
            if lookup.number and one.write.undoes is None and comparable(one.write.fields.get(lookup.number))
        }
        """The documents that have a number."""
        self._shown: list[NumberedRecord] = []

    def ask(self) -> None:
        """Ask the company for all numbers together."""
        if not self.new:
            return
        try:
            self._shown = find_by_number(
                self._context.company, self._lookup, (one.write.fields for one in self.new.values())
            )
        except _REFUSALS as error:
            if self._lookup.keys:
                raise
            self._context.unchecked.append(f"numbers of {self._lookup.object} in Intacct: {error.message}")

    def by_key(self) -> dict[Key, list[MatchingRecord]]:
        """The records with these numbers by the whole key, so that it need not be asked for again."""
        matches: dict[Key, list[MatchingRecord]] = {}
        for numbered in self._shown if self._lookup.keys else ():
            key = tuple((name, equal_form(numbered.row.get(name))) for name in self._lookup.keys[0])
            matches.setdefault(key, []).append(numbered.match)
        return matches

    def findings(self, places: Container[int], of_source: Container[str] = ()) -> dict[int, Finding]:
        """What is to be said of each of these documents whose number another one has.

        `of_source`: records that we posted under keys of their source, which are no records with other keys.
        """
        held = self._held()
        shown: dict[str, list[NumberedRecord]] = {}
        for numbered in self._shown:
            shown.setdefault(without_zeros(numbered.number), []).append(numbered)
        undone = self._context.taken_back(one.match.record for one in self._shown)
        counting: dict[int, list[NumberedRecord]] = {}
        checked = {at: record for at, record in self.new.items() if at in places}
        for at, record in checked.items():
            ours = {entry.receipt.record for entry in held[at].get(self._number(record.write), ()) if entry.receipt}
            counting[at] = [
                one
                for one in shown.get(without_zeros(self._number(record.write)), ())
                if one.counts
                and one.match.record not in ours | undone
                and not (record.write.source_key and one.match.record in of_source)
                and one.is_of(self._lookup, record.write.fields, self._context.target.entity)
            ]
        totals = self._entry_totals(counting)
        in_input = self._in_input()
        findings: dict[int, Finding] = {}
        for at, record in checked.items():
            finding = self._of_company(record, counting[at], totals)
            finding = finding or self._of_outbox(record.write, held[at]) or in_input.get(at)
            if finding is not None:
                findings[at] = finding
        return findings

    def _number(self, write: Write) -> str:
        return number_form(write.fields.get(self._lookup.number))

    def _is_ours(self, numbered: NumberedRecord) -> bool:
        return numbered.match.creator.casefold() == self._context.target.user.casefold()

    # --- in the company

    def _entry_totals(self, counting: Mapping[int, Sequence[NumberedRecord]]) -> dict[str, Decimal]:
        """The totals of journal entries of other users, which only their lines have."""
        if self._lookup.object != "GLBATCH":
            return {}
        others = {one.match.record for some in counting.values() for one in some if not self._is_ours(one)}
        with suppress(*_REFUSALS):
            return entry_totals(self._context.company, sorted(others))
        self._context.unchecked.append("totals of journal entries with the same numbers, which this user may not read")
        return {}

    def _of_company(
        self, record: PlannedRecord, counting: Sequence[NumberedRecord], totals: Mapping[str, Decimal]
    ) -> Finding | None:
        write = record.write
        number = self._number(write)
        total = sum((one.shown for one in record.totals), Decimal(0))
        equal = [one for one in counting if one.number == number]
        amounts = {one.match.record: (*one.totals, *filter(None, [totals.get(one.match.record)])) for one in equal}
        same = next((one for one in equal if self._is_ours(one) or total in amounts[one.match.record]), None)
        fix = "correct it in Intacct, give this one a number of its own, or name it in `new` if it is another record"
        if same is not None:
            what = "which this user created" if self._is_ours(same) else f"of {same.match.creator} with the same total"
            text = f"{write.label} has the number of {write.object} {same.match.record} in Intacct, {what}"
            return self._finding(write, text, fix, refuses=not self._is_new(write))
        if equal:
            other = equal[0]
            amount = next((f" with the total {number_text(one)}" for one in amounts[other.match.record]), "")
            by = other.match.creator or "an unknown user"
            text = f"{write.label} has the number of {write.object} {other.match.record} in Intacct, of {by}{amount}"
            return self._finding(write, text)
        for other in counting:
            shown = comparable(other.row.get(self._lookup.number))
            text = f"{write.label} differs only in leading zeros from number {shown} of {write.object} "
            return self._finding(write, text + f"{other.match.record} in Intacct")
        return None

    # --- in the outbox and in the input

    def _held(self) -> dict[int, dict[str, list[OutboxEntry]]]:
        """The live entries that hold the number of each document, by the form with their zeros."""
        forms: dict[int, dict[str, Identity]] = {}
        for at, record in self.new.items():
            fields = record.write.fields
            values_by_form = (
                (form, {**fields, self._lookup.number: form}) for form in with_zeros(self._number(record.write))
            )
            known_by = ((form, number_identity(self._lookup.object, values)) for form, values in values_by_form)
            forms[at] = {form: identity for form, identity in known_by if identity is not None}
        if not forms:
            return {}
        target = write_target(self._context.target, next(iter(self.new.values())).write)
        identities = (identity for of_record in forms.values() for identity in of_record.values())
        holders = self._context.outbox.holders(target, identities)
        return {
            at: {
                form: [one.entry for one in holders.get((identity.kind, identity.text), ()) if one.entry.is_live]
                for form, identity in of_record.items()
            }
            for at, of_record in forms.items()
        }

    def _of_outbox(self, write: Write, held: Mapping[str, Sequence[OutboxEntry]]) -> Finding | None:
        for form, entries in held.items():
            for entry in entries if form != self._number(write) else ():
                text = f"{write.label} differs only in leading zeros from number {form}, which was "
                return self._finding(write, text + sent_text(write, entry))
        return None

    def _in_input(self) -> dict[int, Finding]:
        """The documents of the input whose numbers differ only in leading zeros."""
        same: dict[tuple[str, str], list[Write]] = {}
        for record in self.new.values():
            same.setdefault(self._loosely(record.write), []).append(record.write)
        findings: dict[int, Finding] = {}
        for at, record in self.new.items():
            write = record.write
            for other in same[self._loosely(write)]:
                if self._number(other) != self._number(write):
                    shown = comparable(other.fields.get(self._lookup.number))
                    text = f"{write.label} differs only in leading zeros from number {shown} at {other.position}"
                    findings[at] = self._finding(write, text)
                    break
        return findings

    def _loosely(self, write: Write) -> tuple[str, str]:
        party = number_form(write.fields.get(self._lookup.party)) if self._lookup.party else ""
        return party, without_zeros(self._number(write))

    def _is_new(self, write: Write) -> bool:
        """Whether the user calls the record of these rows new, regardless of what was posted before."""
        return any(row.number in self._context.settings.rules.new_rows for row in write.rows)

    def _finding(self, write: Write, text: str, fix: str = "", *, refuses: bool = False) -> Finding:
        return Finding(DUPLICATE, text, fix, position=write.position, refuses=refuses)

"""Records that would be written twice: repeated in the input, or in the company already under the same lookup key."""

from collections import Counter
from collections.abc import Mapping, Sequence

from intacct_bridge.load.plan.context import PlanContext
from intacct_bridge.load.plan.number_check import NumberCheck
from intacct_bridge.load.plan.outbox_verdict import by_outbox
from intacct_bridge.load.plan.plan import DUPLICATE, MatchRules, PlannedRecord, Verdict
from intacct_bridge.load.records.lookup_keys import LookupKeys, lookup_keys_of
from intacct_bridge.load.records.values import comparable
from intacct_bridge.load.records.write import Finding, Write, WriteOperation
from intacct_bridge.load.target.find_by_key import Key, MatchingRecord, find_by_key, key_of, looked_for

_SHOWN = 5


class RefuseRepeated:
    """The step that refuses records of one input with one identity.

    Of equal ones the first stays. If they differ, any of them may be right, so all of them are refused.
    """

    def __init__(self, context: PlanContext) -> None:
        self._rules = context.settings.rules

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Compare all records of the input."""
        same: dict[tuple[WriteOperation, str, str], list[int]] = {}
        for at, record in enumerate(records):
            write = record.write
            if not is_new(write, self._rules):
                keys = (one.text for one in write.identities if one.kind in ("key", "source"))
                for text in dict.fromkeys((write.identity.text, *keys)):
                    same.setdefault((write.operation, write.object, text), []).append(at)
        repeated: dict[int, Finding] = {}
        for places in same.values():
            differ = len({records[at].write.digest for at in places}) > 1
            for at in places[0 if differ else 1 :] if len(places) > 1 else ():
                others = [records[place].write.position for place in places if place != at]
                repeated.setdefault(at, _repeated(records[at].write, others, differ=differ))
        return [record.with_findings(repeated[at]) if at in repeated else record for at, record in enumerate(records)]


def _repeated(write: Write, others: Sequence[str], *, differ: bool) -> Finding:
    text = f"{write.label} is in the input twice; the first is at {others[0]}"
    fix = "remove one of them, or give them references of their own"
    if differ:
        text = f"{write.label} is in the input {'twice' if len(others) == 1 else f'{len(others) + 1} times'}, with "
        text += f"different content; it is also at {', '.join(others[:_SHOWN])}"
    return Finding("double", text, fix, position=write.position)


def refuse_same_existing(records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
    """The step that refuses an update or delete of a record which an earlier one of the input names by another key.

    Both would be sent, in any order, and the plan shows each against the record as it is without the other.
    """
    first: dict[str, PlannedRecord] = {}
    done: list[PlannedRecord] = []
    for record in records:
        write = record.write
        is_new = write.operation is WriteOperation.CREATE
        number = record.receipt.record if record.receipt is not None and not is_new else ""
        earlier = first.setdefault(number, record) if number else record
        if earlier is record or not record.is_open:
            done.append(record)
        else:
            finding = Finding(
                "double",
                f"{write.label} is {write.object} {number}, and so is the record at {earlier.write.position}",
                "remove one of them",
                position=write.position,
            )
            done.append(record.with_findings(finding).or_refused())
    return done


def is_new(write: Write, rules: MatchRules) -> bool:
    """Whether the user calls the record of these rows new, regardless of what was posted before."""
    return any(row.number in rules.new_rows for row in write.rows)


class FindDuplicates:
    """The step that refuses new records which the company has already under the same key, or warns of them."""

    def __init__(self, context: PlanContext) -> None:
        self._context = context

    def __call__(self, records: Sequence[PlannedRecord]) -> list[PlannedRecord]:
        """Look for the keys and the numbers of all new records together."""
        new = [at for at, record in enumerate(records) if record.verdict is Verdict.CREATE]
        if not new:
            return list(records)
        first = records[new[0]].write
        lookup = lookup_keys_of(first.object).without(first.labels)
        numbers = NumberCheck(self._context, lookup, {at: records[at] for at in new})
        if self._context.settings.offline:
            findings = numbers.findings(numbers.new)
            return [
                record.with_findings(findings[at]) if at in findings else record for at, record in enumerate(records)
            ]
        keys = {at: looked_for(lookup, records[at].write.fields) for at in new}
        numbers.ask()
        by_key = find_by_key(self._context.company, lookup, (keys[at] for at in new if at not in numbers.new))
        by_key |= numbers.by_key()
        matches = {at: by_key[key] for at in new if (key := key_of(keys[at])) in by_key}
        of_source = self._keyed_by_source(lookup, records, by_key)
        taken_back = self._context.taken_back(match.record for matches in by_key.values() for match in matches)
        posted = [one for one in records if one.verdict is Verdict.UNCHANGED and one.receipt is not None]
        in_input = {one.receipt.record for one in posted if one.receipt is not None}  # each is a record of its own
        # posted for certain, without a number that says which of the records in Intacct each is
        unnumbered = Counter(
            key_of(looked_for(lookup, record.write.fields))
            for record in posted
            if record.receipt is not None and not record.receipt.record
        )
        sent_since = self._sent_since(records, [at for at in new if at in matches or at in numbers.new])
        done = self._split(lookup, records, new)
        for at, same_key in matches.items():
            others = of_source if records[at].write.has_source_key else ()
            standing = [one for one in same_key if not (one.copy or one.taken_back or one.record in in_input)]
            duplicates = [one for one in standing if one.record not in others and one.record not in taken_back]
            duplicates = duplicates[unnumbered[key_of(keys[at])] :]
            if duplicates:
                done[at] = sent_since.get(at) or self._duplicate(done[at], duplicates)
        left = {at for at in numbers.new if done[at].is_open and not done[at].may_be_duplicate}
        for at, finding in numbers.findings(left, of_source).items():
            done[at] = sent_since.get(at) or done[at].with_findings(finding).or_refused()
        return done

    def _split(self, lookup: LookupKeys, records: Sequence[PlannedRecord], new: Sequence[int]) -> list[PlannedRecord]:
        """Refuse new records that have one key once their references are ids: the input names one record in two ways.

        All of them are refused, since the lines of one record may be spread over them. Those that the user calls new
        are left out.
        """
        same: dict[tuple[str, ...], list[int]] = {}
        for at in new:
            write = records[at].write
            names = lookup.filled_key(write.fields)
            by_source = lookup.number and write.has_source_key
            if names and not by_source and not is_new(write, self._context.settings.rules):
                same.setdefault(tuple(comparable(write.fields[name]) for name in names), []).append(at)
        done = list(records)
        for key, places in same.items():
            for at in places if len(places) > 1 else ():
                write = records[at].write
                others = ", ".join(records[one].write.position for one in places if one != at)
                finding = Finding(
                    "double",
                    f"{write.label} is {write.object} {' '.join(key)}, and so is the record at {others}",
                    "name it the same way in all rows, by the id or by the name, or give it a number of its own",
                    position=write.position,
                )
                done[at] = records[at].with_findings(finding).or_refused()
        return done

    def _keyed_by_source(
        self,
        lookup: LookupKeys,
        records: Sequence[PlannedRecord],
        by_key: Mapping[Key, Sequence[MatchingRecord]],
    ) -> set[str]:
        """The records found that we posted under a key of their source.

        A source that gives its records keys means different records by different keys. Records that were posted with
        other content are left out: the input may hold both.
        """
        numbers = [match.record for matches in by_key.values() for match in matches]
        posted = self._context.outbox.claimed(self._context.target.company, lookup.object, numbers, by_source=True)
        refused = (one for one in records if one.verdict is Verdict.REFUSED)
        return posted - {one.receipt.record for one in refused if one.receipt is not None}

    def _sent_since(self, records: Sequence[PlannedRecord], places: Sequence[int]) -> dict[int, PlannedRecord]:
        """Records that another loader has sent since the outbox was asked; the match is their own record."""
        entries = self._context.entries(records[at].write for at in places)
        now = {at: by_outbox(records[at], entry) for at, entry in zip(places, entries, strict=True)}
        return {at: record for at, record in now.items() if record.verdict is not Verdict.CREATE}

    def _duplicate(self, record: PlannedRecord, matches: Sequence[MatchingRecord]) -> PlannedRecord:
        write = record.write
        numbers = ", ".join(match.record for match in matches[:5])
        by = matches[0].creator or "unknown user"
        finding = Finding(
            DUPLICATE,
            f"{write.label} is already in Intacct ({write.object} {numbers}, by {by})",
            "remove it from the input, give it a reference of its own, or name it in `new` if it is another record",
            position=write.position,
            refuses=not is_new(write, self._context.settings.rules),
        )
        return record.with_findings(finding).or_refused()

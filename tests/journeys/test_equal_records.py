"""Equal records of streams without key properties: none is posted twice, and none is left out without a word.

The journal entries of the company are counted by a client that has no outbox.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intacct_bridge.load.outbox.entry import Resolution, ResolutionKind
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.record_streams.equal_numbers import EqualNumbers
from intacct_bridge.load.record_streams.record import InputRecord, StreamSchema
from support.journeys.piping import Pipe, Piped, record, schema
from support.small_company import Clock, client, company

STOPPED = 2
STREAM = "JournalEntries"
KEYLESS = schema(STREAM, "type")
CUT = b"this input was cut\n"


def entry(name: str = "Rent", **more: str) -> dict[str, Any]:
    """A journal entry without a reference; equal names are equal entries."""
    lines = [
        {"accountNumber": "68000", "amount": 10, "postingType": "Debit", "locationId": "100"},
        {"accountNumber": "10010", "amount": 10, "postingType": "Credit", "locationId": "100"},
    ]
    cells = {"transactionDate": "2026-11-30", "type": "GJ", "journalDesc": name, "lines": lines}
    return record(STREAM, **cells, **more)


def at(position: str, stream: str = STREAM) -> dict[str, Any]:
    """A STATE in which the stream has been read up to this position."""
    return {"type": "STATE", "value": {"bookmarks": {stream: {"read_up_to": position}}}}


def titles(pipe: Pipe) -> Counter[str]:
    """The journal entries in the company, by their titles."""
    with client(pipe.emulator) as foreign:
        return Counter(str(row["BATCH_TITLE"]) for row in foreign.query("GLBATCH", "BATCH_TITLE"))


def cut_after(*lines: Mapping[str, Any]) -> bytes:
    """An input that ends in the middle of a line."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in lines) + CUT


def refused(ran: Piped) -> list[dict[str, Any]]:
    return [letter for letter in ran.letters if letter["type"] == "RECORD"]


def test_an_equal_record_of_a_later_input_is_refused_with_the_way_out(pipe: Pipe) -> None:
    assert pipe([KEYLESS, entry(), at("a")]).status == 0
    ran = pipe([KEYLESS, entry(), entry("Other"), at("b")])
    assert (ran.status, ran.states) == (1, [at("b")["value"]]), ran.err
    (letter,) = refused(ran)
    assert "an equal record was posted on 2026-11-30 as GLBATCH" in letter["reason"]
    assert 'give the stream key_properties, or set equal_records to "same" or "new"' in letter["reason"]
    assert titles(pipe) == {"Rent": 1, "Other": 1}


def test_more_records_than_earlier_runs_posted_are_new_for_certain(pipe: Pipe) -> None:
    assert pipe([KEYLESS, entry()]).status == 0
    ran = pipe([KEYLESS, entry(), entry(), entry()])
    assert len(refused(ran)) == 1
    assert titles(pipe) == {"Rent": 3}, "the first of the three may be the one that was posted"


def test_same_takes_an_equal_record_for_the_one_that_was_posted(pipe: Pipe) -> None:
    lines = [KEYLESS, entry(), entry(), at("a")]
    assert pipe(lines).status == 0
    assert pipe(lines, equal_records="same").status == 0
    assert titles(pipe) == {"Rent": 2}
    assert pipe([KEYLESS, *[entry()] * 3, at("b")], equal_records="same").status == 0
    assert titles(pipe) == {"Rent": 3}


def test_a_run_that_was_cut_after_a_state_is_continued_there(pipe: Pipe) -> None:
    assert pipe(cut_after(KEYLESS, entry(), at("a"), entry()), window=1).status == STOPPED
    assert titles(pipe) == {"Rent": 2}
    again = pipe([at("a"), KEYLESS, entry(), at("b")])
    assert (again.status, "1 already in Intacct" in again.err) == (0, True), again.err
    assert titles(pipe) == {"Rent": 2}


@pytest.mark.parametrize(("first", "status", "count"), [([], 1, 1), ([at("s")], 0, 2)])
def test_a_record_that_a_cut_run_did_not_send_is_posted_where_the_state_was_seen_to_move(
    pipe: Pipe, first: list[dict[str, Any]], status: int, count: int
) -> None:
    assert pipe(cut_after(*first, KEYLESS, entry(), at("a"), entry()), window=10).status == STOPPED
    assert titles(pipe) == {"Rent": 1}, "the second one was waiting"
    assert pipe([at("a"), KEYLESS, entry(), at("b")], equal_records="new").status == status
    assert titles(pipe) == {"Rent": count}


def test_a_run_that_was_cut_before_any_state_begins_anew(pipe: Pipe) -> None:
    assert pipe(cut_after(KEYLESS, entry(), entry()), window=1).status == STOPPED
    assert pipe([KEYLESS, entry(), entry(), entry(), at("a")]).status == 0
    assert titles(pipe) == {"Rent": 3}


def test_records_after_the_last_state_come_again_with_the_next_run(pipe: Pipe) -> None:
    assert pipe([at("a"), KEYLESS, entry()]).status == 0
    assert pipe([at("a"), KEYLESS, entry(), at("b")]).status == 0
    assert titles(pipe) == {"Rent": 1}


def test_new_posts_an_equal_record_if_the_input_begins_where_the_source_was_told(pipe: Pipe) -> None:
    rule: dict[str, Any] = {"equal_records": "new"}
    assert pipe([at("a"), KEYLESS, entry(), at("b")], **rule).status == 0
    assert pipe([at("b"), KEYLESS, entry(), at("c")], **rule).status == 0
    assert titles(pipe) == {"Rent": 2}
    assert pipe([KEYLESS, entry(), at("d")], earlier=at("c")["value"], **rule).status == 0, "as --state says"
    assert titles(pipe) == {"Rent": 3}
    assert pipe([KEYLESS, at("d"), at("e")], **rule).status == 0, "a run without records"
    assert pipe([KEYLESS, at("e"), entry(), at("f")], **rule).status == 0
    assert titles(pipe) == {"Rent": 4}
    earlier = pipe([at("c"), KEYLESS, entry(), at("d")], **rule)
    unknown = pipe([KEYLESS, entry(), at("g")], **rule)
    assert [one.status for one in (earlier, unknown)] == [1, 1], "the source was told of more, or is not known"
    assert titles(pipe) == {"Rent": 4}


def test_a_source_that_was_set_back_posts_nothing_twice_until_it_is_where_it_was(pipe: Pipe) -> None:
    rule: dict[str, Any] = {"equal_records": "new"}
    for before, after in ("ab", "bc", "cd"):
        assert pipe([at(before), KEYLESS, entry(), at(after)], **rule).status == 0
    assert titles(pipe) == {"Rent": 3}
    for before, after in ("ab", "bc", "cd"):  # set back to a, it sends all of them again
        assert pipe([at(before), KEYLESS, entry(), at(after)], **rule).status == 1
    assert titles(pipe) == {"Rent": 3}
    assert pipe([at("d"), KEYLESS, entry(), at("e")], **rule).status == 0
    assert titles(pipe) == {"Rent": 4}


def test_the_state_of_a_table_that_is_always_sent_whole_proves_nothing(pipe: Pipe) -> None:
    rule: dict[str, Any] = {"equal_records": "new"}
    for value in ("a", None):
        lines = [at(value) if value else {"type": "STATE", "value": {"bookmarks": {"other": {"n": 1}}}}]
        lines = [*lines, KEYLESS, entry(), *lines]
        pipe(lines, **rule)
        assert pipe(lines, **rule).status == 1
        assert pipe(lines, **rule).status == 1
        assert titles(pipe) == {"Rent": 1}


def test_a_stream_continued_by_its_replication_key_sends_equal_records_together(pipe: Pipe) -> None:
    stream = {**KEYLESS, "bookmark_properties": ["updatedAt"]}
    one, two, three = (entry(name, updatedAt=f"2026-11-30T10:0{n}:00Z") for n, name in enumerate(("A", "B", "C")))
    assert pipe([stream, one, two, at("10:01")]).status == 0
    ran = pipe([at("10:01"), stream, two, two, three, at("10:02")])
    assert ran.status == 0, ran.err
    assert titles(pipe) == {"A": 1, "B": 2, "C": 1}


def test_a_record_with_an_external_id_that_comes_again_is_the_same(pipe: Pipe) -> None:
    for _ in range(2):
        assert pipe([KEYLESS, entry(externalId="E-1"), entry(externalId="E-2"), at("a")]).status == 0
    assert titles(pipe) == {"Rent": 2}


def test_a_new_version_of_a_table_is_the_whole_table(pipe: Pipe) -> None:
    def versioned(version: int, *records: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [KEYLESS, *({**one, "version": version} for one in records)]

    assert pipe([*versioned(1, entry(), entry("Other")), at("a")]).status == 0
    assert pipe([*versioned(2, entry(), entry(), entry("Other")), at("b")]).status == 0
    assert titles(pipe) == {"Rent": 2, "Other": 1}
    assert pipe(cut_after(*versioned(3, entry()), at("c")), window=1).status == STOPPED
    assert pipe([*versioned(3, entry(), entry("Other")), at("d")]).status == 0, "the same version goes on"
    assert titles(pipe) == {"Rent": 2, "Other": 1}


def test_a_record_that_a_whole_table_no_longer_has_and_that_is_entered_again_is_new_or_refused(pipe: Pipe) -> None:
    def versioned(version: int, *records: Mapping[str, Any]) -> list[dict[str, Any]]:
        whole = {"type": "ACTIVATE_VERSION", "stream": STREAM, "version": version}
        return [KEYLESS, *({**one, "version": version} for one in records), whole]

    assert pipe([*versioned(1, entry(), entry("Other")), at("a")]).status == 0
    assert pipe([*versioned(2, entry("Other")), at("b")]).status == 0, "Rent is deleted in the source"
    (letter,) = refused(pipe([KEYLESS, {**entry(), "version": 2}, at("c")]))
    assert "an equal record was posted" in letter["reason"], "it goes on after the whole table"
    assert titles(pipe) == {"Rent": 1, "Other": 1}


def test_refused_records_that_a_person_finds_to_be_new_are_posted_once(pipe: Pipe) -> None:
    pipe([KEYLESS, entry(), at("a")])
    letters = pipe([KEYLESS, entry(), at("b")]).letters
    assert pipe(letters).status == 1, "as long as nobody says so"
    for _ in range(2):
        assert pipe(letters, equal_records="new").status == 0
        assert titles(pipe) == {"Rent": 2}


def test_a_record_that_was_refused_for_another_reason_is_posted_from_its_letter(pipe: Pipe) -> None:
    unknown = entry()
    for line in unknown["record"]["lines"]:
        line["classId"] = "NEW"
    letters = pipe([KEYLESS, unknown, at("a")]).letters
    with client(pipe.emulator) as person:
        person.create("CLASS", [{"CLASSID": "NEW", "NAME": "New"}])
    assert pipe(letters).status == 0
    assert titles(pipe) == {"Rent": 1}


def test_an_equal_record_that_a_person_forgot_hinders_none(pipe: Pipe) -> None:
    pipe([KEYLESS, entry(), at("a")])
    with client(pipe.emulator) as person:
        person.delete("GLBATCH", [row["RECORDNO"] for row in pipe.rows("GLBATCH")])
    with Outbox(pipe.folder / "outbox.sqlite3") as outbox:
        outbox.decide(1, Resolution(ResolutionKind.FORGOTTEN, "Ada", "deleted by hand"))
    assert pipe([KEYLESS, entry(), at("b")]).status == 0
    assert titles(pipe) == {"Rent": 1}


def test_streams_and_sources_count_for_themselves(pipe: Pipe, tmp_path: Path) -> None:
    def numbers(*streams: str, source: str = "") -> list[int]:
        equals = EqualNumbers(outbox.equal_counts, "demo", source, "same")
        given = []
        for stream in streams:
            arrived = equals.number(InputRecord(stream, {"a": "1"}, 1, stream), StreamSchema(stream))
            given.append(arrived.equal_number)
        equals.end()
        return given

    with Outbox(tmp_path / "numbers.sqlite3") as outbox:
        assert numbers("x", "y", "x", "y") == [1, 1, 2, 2]
        assert numbers("y", "y", "y") == [1, 2, 3], "without the other stream the same"
        assert numbers("x", source="crm") == [1]
    assert pipe([KEYLESS, entry()]).status == 0
    assert pipe([KEYLESS, entry()], source_name="another").status == 0
    assert titles(pipe) == {"Rent": 2}


def test_the_time_at_which_a_source_sends_a_record_is_no_content(pipe: Pipe) -> None:
    rule: dict[str, Any] = {"equal_records": "same"}
    assert pipe([KEYLESS, entry(_sdc_extracted_at="2026-11-30T10:00:00Z")], **rule).status == 0
    assert pipe([KEYLESS, entry(_sdc_extracted_at="2026-11-30T11:00:00Z")], **rule).status == 0
    assert titles(pipe) == {"Rent": 1}


def test_an_input_in_hotglue_s_form_without_the_report_is_judged_as_any_other(pipe: Pipe) -> None:
    (report,) = pipe([KEYLESS, entry()], state_format="hotglue").states
    assert pipe([KEYLESS, entry()], state_format="hotglue").status == 1
    assert pipe([KEYLESS, entry()], state_format="hotglue", earlier=report).status == 0
    assert titles(pipe) == {"Rent": 1}


def test_a_record_that_was_posted_before_its_key_was_named_is_not_posted_again(pipe: Pipe) -> None:
    keyed = schema(STREAM, "type", "number", keys=["number"])
    assert pipe([KEYLESS, entry(number="1"), entry(number="2"), at("a")]).status == 0
    again = pipe([keyed, entry(number="1"), entry(number="3"), at("b")])
    (letter,) = refused(again)
    assert "it was posted before its key was named" in letter["reason"]
    assert titles(pipe) == {"Rent": 3}
    assert pipe([keyed, entry(number="1"), entry(number="2"), entry(number="3")], equal_records="same").status == 0
    assert pipe([keyed, entry(number="1"), entry(number="2"), entry(number="3")]).status == 0, "known by the key now"
    changed = pipe([keyed, entry("Other", number="1")])
    assert "was posted on 2026-11-30 as GLBATCH" in refused(changed)[0]["reason"], "a change is a conflict"
    assert titles(pipe) == {"Rent": 3}
    assert pipe([keyed, entry(number="4")], equal_records="new").status == 0
    assert titles(pipe) == {"Rent": 4}


def test_a_report_stands_only_for_the_records_that_it_lists(pipe: Pipe) -> None:
    (both,) = pipe([KEYLESS, entry(), entry()], state_format="hotglue").states
    (one,) = pipe([KEYLESS, entry()], state_format="hotglue", earlier=both).states
    assert one["summary"][STREAM]["existing"] == 1
    ran = pipe([KEYLESS, entry(), entry()], state_format="hotglue", earlier=one)
    (report,) = ran.states
    assert (report["summary"][STREAM]["existing"], len(refused(ran))) == (1, 1), "it does not list the second"
    assert titles(pipe) == {"Rent": 2}
    assert pipe([KEYLESS, entry(), entry(), entry()], state_format="hotglue", earlier=both).status == 0
    assert titles(pipe) == {"Rent": 3}


def test_a_run_of_hotglue_s_that_was_cut_is_continued_with_the_report_before_it(pipe: Pipe) -> None:
    (report,) = pipe([KEYLESS, entry()], state_format="hotglue").states
    pipe(cut_after(KEYLESS, entry(), entry()), state_format="hotglue", earlier=report, window=1)
    assert titles(pipe) == {"Rent": 2}
    (again,) = pipe([KEYLESS, entry(), entry()], state_format="hotglue", earlier=report).states
    assert again["summary"][STREAM] == {"success": 0, "fail": 0, "existing": 2, "updated": 0}
    assert titles(pipe) == {"Rent": 2}


SOURCES = [("exact", "refuse"), ("exact", "new"), ("repeats", "refuse"), ("whole", "refuse"), ("whole", "same")]
"""How a source continues, with the rules that its user may choose."""
SENT = st.lists(st.sampled_from("AB"), max_size=5)
RUNS = st.lists(st.tuples(SENT, st.booleans(), st.booleans()), min_size=1, max_size=4)
"""The records that the source gets before each run, whether it is set back to its first state, and whether the run is
cut."""


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=RUNS,
    kind=st.sampled_from(SOURCES),
    every=st.integers(1, 3),
    window=st.integers(1, 3),
)
def test_nothing_is_doubled_and_nothing_is_left_out_silently(
    runs: Sequence[tuple[list[str], bool, bool]], kind: tuple[str, str], every: int, window: int
) -> None:
    """Of three kinds of sources: continued exactly, with the last record repeated, and sent whole each time."""
    tap, rule = kind
    source: list[str] = []
    told: dict[str, Any] | None = None
    first_told: dict[str, Any] | None = None
    letters = 0
    with TemporaryDirectory() as folder:
        emulator = company(Clock())
        pipe = Pipe(Path(folder), emulator, {"window": window, "equal_records": rule})
        for more, set_back, cut in (*runs, ([], False, False)):
            source += more
            told = first_told if set_back else told
            begins = 0 if told is None else int(told["value"]["bookmarks"][STREAM]["read_up_to"])
            first = {"exact": begins, "repeats": max(0, begins - 1), "whole": 0}[tap]
            lines = [*([told] if told else []), KEYLESS]
            for number, name in enumerate(source[first:], first + 1):
                lines.append(entry(name))
                if number % every == 0:
                    lines.append(at(str(number)))
            lines = lines if cut else [*lines, at(str(len(source)))]
            ran = pipe(cut_after(*lines) if cut else lines)
            told = {"type": "STATE", "value": ran.states[-1]} if ran.states else told
            first_told = first_told or told
            letters += len(refused(ran))
        found = titles(pipe)
        emulator.close()
    wanted = Counter(source)
    assert all(found[name] <= wanted[name] for name in wanted), "nothing is doubled"
    assert (wanted - found).total() <= letters, "what is missing was refused"
    if kind == ("whole", "same"):
        assert found == wanted

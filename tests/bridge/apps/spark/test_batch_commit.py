"""A commit posts what the tasks have staged once, and says what it has not posted."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from intacct_bridge.apps.spark.batch_commit import CommitResult
from intacct_bridge.load.apply.loader import Loader
from intacct_bridge.load.approval.approvals import approve
from intacct_bridge.load.approval.stored_plans import stored_plan
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_bridge.load.plan.plan_file import open_plan
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import InvalidRequestError, RefusedError, SettingsError, UnreachableError
from support.apps.spark_jobs import VENDOR_SCHEMA, Job, execute, names, staged, vendors
from support.small_company import client

BILL = pa.schema(
    [
        ("VENDORID", pa.string()),
        ("RECORDID", pa.string()),
        ("WHENCREATED", pa.date32()),
        ("WHENDUE", pa.timestamp("us", tz="America/Los_Angeles")),
        ("CURRENCY", pa.string()),
        ("BASECURR", pa.string()),
        ("DESCRIPTION", pa.string()),
        (
            "APBILLITEMS",
            pa.list_(
                pa.struct(
                    [
                        ("ACCOUNTNO", pa.string()),
                        ("TRX_AMOUNT", pa.decimal128(20, 2)),
                        ("LOCATIONID", pa.string()),
                        ("DEPARTMENTID", pa.string()),
                    ]
                )
            ),
        ),
    ]
)


def bill(number: int, *amounts: str, **more: Any) -> dict[str, Any]:
    place = {"ACCOUNTNO": "60100", "LOCATIONID": "100", "DEPARTMENTID": "100"}
    return {
        "VENDORID": "S-1",
        "RECORDID": f"INV-{number}",
        "WHENCREATED": date(2026, 11, 2),
        "WHENDUE": datetime(2026, 12, 3, 4, 30, tzinfo=UTC),
        "CURRENCY": "USD",
        "BASECURR": "USD",
        "DESCRIPTION": None,
        "APBILLITEMS": [{**place, "TRX_AMOUNT": Decimal(one)} for one in amounts],
    } | more


def test_rows_of_all_tasks_are_posted_once(
    given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace
) -> None:
    job = Job(given)
    tasks = [job.task(vendors(1, 2, 3, 4), 0), job.task([], 1), job.task(vendors(5), 2)]
    assert job.commit(*tasks) == CommitResult(posted=5)
    assert names(emulator) == [f"S-{one} Vendor {one}" for one in (1, 2, 3, 4, 5)]
    assert staged(postgres_place) == []


def test_rows_of_killed_and_repeated_attempts_are_not_posted(
    given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace
) -> None:
    job = Job(given)
    job.task(vendors(1, name="Speculative"))
    kept = job.task(vendors(1))
    job.task(vendors(1, 7))
    assert job.commit(kept) == CommitResult(posted=1)
    assert names(emulator) == ["S-1 Vendor 1"]
    assert staged(postgres_place) == []


def test_a_repeated_commit_and_a_job_run_again_post_nothing(given: dict[str, str], emulator: Emulator) -> None:
    job = Job(given)
    tasks = [job.task(vendors(1, 2))]
    job.commit(*tasks)
    assert job.commit(*tasks) == CommitResult(repeated=True)
    again = Job(given)
    assert again.commit(again.task(vendors(2), 0), again.task(vendors(1), 1)) == CommitResult(existing=2)
    assert len(names(emulator)) == 2


def test_a_named_batch_that_is_run_again_is_recognised_without_a_call(
    given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace
) -> None:
    given |= {"batch": "nightly", "operation": "upsert"}
    job = Job(given)
    job.commit(job.task(vendors(1, 2)), job.task(vendors(3)))
    corrected = Job(given | {"batch": "corrections"})
    corrected.commit(corrected.task(vendors(3, name="Corrected")))
    again = Job(given)
    assert again.commit(again.task(vendors(3, 2, 1))) == CommitResult(repeated=True)
    assert names(emulator)[-1] == "S-3 Corrected 3"
    assert staged(postgres_place) == []
    with pytest.raises(SettingsError, match="'nightly' was written before, with other rows or options"):
        again.commit(again.task(vendors(1, 2, 4)))
    assert len(names(emulator)) == 3


def test_an_upsert_updates_by_the_key_and_creates_the_others(given: dict[str, str], emulator: Emulator) -> None:
    job = Job(given)
    job.commit(job.task(vendors(1, 2)))
    changed = Job(given | {"operation": "upsert"})
    assert changed.commit(changed.task([*vendors(2, name="New"), *vendors(3)])).posted == 2
    assert names(emulator) == ["S-1 Vendor 1", "S-2 New 2", "S-3 Vendor 3"]


def test_lines_amounts_dates_and_moments_are_posted_exactly(given: dict[str, str], emulator: Emulator) -> None:
    vendor = Job(given)
    vendor.commit(vendor.task(vendors(1)))
    job = Job(given | {"object": "APBILL", "key": "recordid"}, BILL)
    assert job.commit(job.task([bill(1, "100.10", "0.20", "99999999999.99"), bill(2, "15.00")])).posted == 2
    with client(emulator) as company:
        found = list(company.query("APBILL", ["RECORDID", "WHENCREATED", "WHENDUE", "TRX_TOTALENTERED"]))
        lines = list(company.query("APBILLITEM", ["TRX_AMOUNT"]))
    assert {(row["RECORDID"], row["WHENCREATED"], row["WHENDUE"]) for row in found} == {
        ("INV-1", date(2026, 11, 2), date(2026, 12, 2)),  # the day in the time zone of the session
        ("INV-2", date(2026, 11, 2), date(2026, 12, 2)),
    }
    assert {row["TRX_AMOUNT"] for row in lines} >= set(map(Decimal, ("100.10", "0.20", "99999999999.99", "15.00")))


def test_a_null_leaves_the_field_alone_and_clears_it_where_the_job_asks(
    given: dict[str, str], emulator: Emulator
) -> None:
    schema = VENDOR_SCHEMA.append(pa.field("TAXID", pa.string()))
    first = Job(given, schema)
    first.commit(first.task([row | {"TAXID": "12-3"} for row in vendors(1)]))

    def tax_id(**more: str) -> Any:
        job = Job(given | {"operation": "update"} | more, schema)
        job.commit(job.task(vendors(1, name="Another")))
        with client(emulator) as company:
            return next(iter(company.query("VENDOR", ["VENDORID", "TAXID"])))["TAXID"]

    assert tax_id() == "12-3"
    assert not tax_id(clear_empty="true")


def test_refused_records_end_the_job_with_their_fixes_and_the_others_are_posted(
    given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace, tmp_path: Path
) -> None:
    refused = tmp_path / "refused.jsonl"
    schema = VENDOR_SCHEMA.append(pa.field("TERMNAME", pa.string()))
    job = Job(given | {"refused": str(refused), "batch": "b"}, schema)
    bad = [row | {"TERMNAME": "Never"} for row in vendors(*range(10, 18))]
    with pytest.raises(RefusedError) as caught:
        job.commit(job.task([*vendors(1), *bad[:4]]), job.task([*bad[4:], *vendors(2)]))
    assert "8 of 10 records refused (2 records posted, 0 already in Intacct): VENDOR S-10" in caught.value.message
    assert "TERMNAME" in caught.value.message and "and 3 more" in caught.value.message
    query = caught.value.fix.partition("All of them: ")[2].partition(";")[0]
    rows = execute(postgres_place, query)
    assert [row[0] for row in rows] == [f"VENDOR S-{at}" for at in range(10, 18)]
    assert json.loads(rows[0][3]) == bad[0] and rows[0][1] == "refused"
    assert len(refused.read_text().splitlines()) == 8
    assert names(emulator) == ["S-1 Vendor 1", "S-2 Vendor 2"]
    again = Job(given | {"batch": "b"}, schema)
    good = [row | {"TERMNAME": None} for row in bad]
    assert again.commit(again.task([*vendors(1, 2), *good])) == CommitResult(posted=8, existing=2)
    assert execute(postgres_place, query) == []


def test_rows_without_their_key_are_refused_before_anything_is_sent(given: dict[str, str], emulator: Emulator) -> None:
    job = Job(given)
    blank: list[dict[str, Any]] = [{"VENDORID": None, "NAME": "None"}, {"VENDORID": " ", "NAME": "Blank"}]
    with pytest.raises(RefusedError, match="3 rows have no value in VENDORID"):
        job.commit(job.task([*vendors(1), *blank]), job.task(blank[:1]))
    assert names(emulator) == []


def test_inexact_floats_are_refused_and_others_are_exact(given: dict[str, str], emulator: Emulator) -> None:
    schema = VENDOR_SCHEMA.append(pa.field("CREDITLIMIT", pa.float64()))
    job = Job(given, schema)
    with pytest.raises(RefusedError, match=r"2 values are the inexact .* CREDITLIMIT = 0.30000000000000004"):
        job.commit(job.task([*({**row, "CREDITLIMIT": 0.1 + 0.2} for row in vendors(1)),
                             *({**row, "CREDITLIMIT": float("nan")} for row in vendors(2))]))  # fmt: skip
    job.commit(job.task([{**row, "CREDITLIMIT": 1000.5} for row in vendors(1)]))
    with client(emulator) as company:
        assert next(iter(company.query("VENDOR", ["CREDITLIMIT"])))["CREDITLIMIT"] == Decimal("1000.5")


def test_missing_rows_and_missing_messages_send_nothing(
    given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace
) -> None:
    job = Job(given)
    one, two = job.task(vendors(1, 2)), job.task(vendors(3))
    with pytest.raises(SettingsError, match="a task has not reported"):
        job.commit(one, None)
    execute(postgres_place, f"DELETE FROM staged_row WHERE attempt = '{two.staged.attempt}'")
    with pytest.raises(SettingsError, match=r"staged 1 rows .* and 0 are there"):
        job.commit(one, two)
    job.write.abort()
    assert names(emulator) == [] and staged(postgres_place) == []


def test_a_job_that_died_between_staging_and_commit_is_run_again(
    given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace
) -> None:
    given |= {"batch": "nightly"}
    dead = Job(given)
    dead.task(vendors(1, 2))
    again = Job(given)
    assert again.commit(again.task(vendors(1, 2))) == CommitResult(posted=2)
    assert staged(postgres_place) == []


def test_a_driver_that_dies_while_it_posts_is_run_again_and_posts_each_record_once(
    given: dict[str, str], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    given |= {"batch": "nightly", "batch_size": "2"}
    job = Job(given)
    tasks = [job.task(vendors(*range(1, 8)))]
    whole = Loader.apply

    def dying(self: Loader, plan: Any) -> Any:
        for at, outcome in enumerate(whole(self, plan)):
            if at == 3:
                raise KeyboardInterrupt
            yield outcome

    with monkeypatch.context() as patched:
        patched.setattr(Loader, "apply", dying)
        with pytest.raises(KeyboardInterrupt):
            job.commit(*tasks)
    again = Job(given)
    done = again.commit(again.task(vendors(*range(1, 8))))
    assert done.posted + done.existing == 7 and done.existing >= 3
    assert names(emulator) == [f"S-{one} Vendor {one}" for one in range(1, 8)]


def test_a_database_that_is_gone_stages_and_sends_nothing(
    given: dict[str, str], emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(given)
    report = job.task(vendors(1))
    gone = job.write.place.__class__("postgresql://anna:hunter2@127.0.0.1:1/books", "s")
    object.__setattr__(job.write, "place", gone)
    monkeypatch.setattr("intacct_bridge.shared_state.postgres.PATIENCE", 0.1)
    for work in (lambda: job.task(vendors(2)), lambda: job.commit(report), job.write.abort):
        with pytest.raises(UnreachableError) as caught:
            work()
        assert "hunter2" not in str(caught.value)
    assert names(emulator) == []


def approved(given: dict[str, str], emulator: Emulator, place: PostgresPlace, path: Path) -> None:
    with client(emulator, approval="required") as company, Outbox(place) as outbox:
        approve(open_plan(path), company, outbox, person="ben")


def test_a_plan_that_needs_an_approval_is_kept_and_the_same_batch_applies_it_once_approved(
    given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace, tmp_path: Path
) -> None:
    path = tmp_path / "kept.plan"
    given |= {"approval": "required", "batch": "nightly", "plan": str(path)}

    def run(**more: str) -> CommitResult:
        job = Job(given | more)
        return job.commit(job.task(vendors(1, 2)))

    with pytest.raises(RefusedError) as caught:
        run()
    assert "Nothing was posted: connection 'default' requires an approval" in caught.value.message
    assert str(path) in caught.value.message and f"intacct plan approve {path}" in caught.value.fix
    kept = open_plan(path)
    assert kept.origin is not None and kept.origin.id in caught.value.message
    with pytest.raises(RefusedError, match=f"{kept.origin.id} .* has no approval"):
        run()
    assert run(unapproved="keep") == CommitResult(plan=kept.origin.id)
    assert names(emulator) == []
    approved(given, emulator, postgres_place, path)
    assert run() == CommitResult(posted=2)
    assert run() == CommitResult(repeated=True)
    assert len(names(emulator)) == 2


def test_a_plan_that_was_applied_by_hand_ends_the_batch_also_after_its_approval(
    given: dict[str, str], emulator: Emulator, postgres_place: PostgresPlace, tmp_path: Path
) -> None:
    path = tmp_path / "kept.plan"
    given |= {"approval": "required", "batch": "nightly", "plan": str(path), "unapproved": "keep"}

    def run() -> CommitResult:
        job = Job(given)
        return job.commit(job.task(vendors(1, 2)))

    run()
    approved(given, emulator, postgres_place, path)
    with client(emulator, approval="required") as company, Outbox(postgres_place) as outbox:
        assert len(list(Loader(company, outbox).apply(open_plan(path)))) == 2
    execute(postgres_place, "UPDATE approval SET expires_at = '2020-01-01T00:00:00+00:00'")
    assert run() == CommitResult(existing=2)
    assert run() == CommitResult(repeated=True)


def test_the_outbox_holds_a_saved_plan_unless_a_file_is_named(
    given: dict[str, str], postgres_place: PostgresPlace
) -> None:
    given |= {"approval": "required", "unapproved": "keep"}
    job = Job(given)
    done = job.commit(job.task(vendors(1)))
    with Outbox(postgres_place) as outbox:
        assert [str(one.write.fields["VENDORID"]) for one in stored_plan(done.plan, outbox).records] == ["S-1"]
    known = Job(given | {"approval": "none"})
    known.commit(known.task(vendors(1)))
    nothing_new = Job(given)
    assert nothing_new.commit(nothing_new.task(vendors(1))) == CommitResult(existing=1)


def test_a_plan_with_refused_records_is_not_kept_for_an_approval(given: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "kept.plan"
    job = Job(given | {"approval": "required", "plan": str(path)})
    with pytest.raises(RefusedError, match=r"1 of 2 records refused \(nothing was sent\)"):
        job.commit(job.task([*vendors(1), {"VENDORID": "S-2", "NAME": None}]))
    assert not path.exists()


def test_a_stream_commits_each_micro_batch_once(given: dict[str, str], emulator: Emulator) -> None:
    given |= {"batch": "invoices"}
    for number in (0, 1, 1):
        job = Job(given, stream=True)
        job.task(vendors(9))  # a speculative attempt
        done = Job(given, stream=True).commit(job.task(vendors(number)), number=number)
        assert done.repeated == (names(emulator) == ["S-0 Vendor 0", "S-1 Vendor 1"] and done.posted == 0)
    assert names(emulator) == ["S-0 Vendor 0", "S-1 Vendor 1"]
    with pytest.raises(SettingsError, match=r"'invoices/0' was written before, with other rows"):
        job.commit(job.task(vendors(5)), number=0)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"key": ""}, "the option `key` is missing"),
        ({"key": "INVOICENO"}, "no column 'INVOICENO' for `key`"),
        ({"object": ""}, "the option `object` is missing"),
        ({"kye": "VENDORID"}, "no option 'kye'; did you mean key"),
        ({"operation": "replace"}, "`operation` is 'replace'"),
        ({"batch_size": "500"}, "`batch_size`"),
        ({"draft": "yes"}, "`draft` is 'yes'"),
        ({"unapproved": "post"}, "`unapproved` is 'post'"),
        ({"batch": "x" * 201}, "`batch` has more than 200 characters"),
        ({"outbox": "outbox.sqlite3"}, "keeps its outbox in a file"),
        ({"outbox": "postgresql://anna:hunter2@127.0.0.1/books"}, "`outbox` has a password"),
    ],
)
def test_wrong_options_are_refused_before_a_task_begins(given: dict[str, str], more: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Job(given | more)
    assert said in caught.value.message and "hunter2" not in f"{caught.value.message}{caught.value.fix}"


def test_wrong_columns_are_refused_before_a_task_begins(given: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError, match="NMAE"):
        Job(given, pa.schema([("VENDORID", pa.string()), ("NMAE", pa.string())]))
    with pytest.raises(SettingsError, match="option `batch`"):
        Job(given, stream=True)


def test_a_write_holds_and_shows_no_password(given: dict[str, str], home: Path) -> None:
    place = given.pop("outbox")
    (home / "work" / "intacct.toml").write_text(f'[connections.books]\noutbox = "{place}"\n', encoding="utf-8")
    job = Job(given | {"connection": "books"})
    assert "postgresql" not in repr(job.write) and "password" not in repr(job.write)

"""Rows are staged whole or not at all, and a commit reads the rows of the attempts that it names."""

from datetime import timedelta

import pytest

from intacct_bridge.apps.spark.staging import BatchState, RowResult, StagedBatch, StagedLine, Staging, row_digest
from intacct_bridge.shared_state.place import PostgresPlace, postgres_place
from intacct_protocol.errors import BusyError, SettingsError, UnreachableError
from support.apps.spark_jobs import execute, staged

ODD = [b'{"a":"tab\\t line\\n \\\\ back\\\\slash"}', '{"a":"Größe \U0001f4b6 \\u0000"}'.encode(), b'{"a":1.10}', b"{}"]


def lines(*contents: bytes, key: str = "") -> list[StagedLine]:
    return [StagedLine(key or f"K{at:03}", one) for at, one in enumerate(contents)]


def test_rows_come_back_byte_by_byte_and_sorted_by_their_key(postgres_place: PostgresPlace) -> None:
    with Staging(postgres_place) as staging:
        one = staging.stage("job", "000001-a", lines(*ODD))
        two = staging.stage("job", "000000-b", [StagedLine("K001", b'{"b":1}'), StagedLine("A\t\\N\n", b'{"b":2}')])
        staging.check([one, two])
        assert one.rows == 4 and one.digest == sum(map(row_digest, ODD))
        assert list(staging.rows("job", [one, two])) == [b'{"b":2}', ODD[0], b'{"b":1}', *ODD[1:]]


def test_more_rows_than_a_page_come_once_each(postgres_place: PostgresPlace) -> None:
    contents = [b"%d" % at for at in range(12_001)]
    with Staging(postgres_place) as staging:
        done = staging.stage("job", "a", lines(*contents, key="the same"))
        staging.check([done])
        assert list(staging.rows("job", [done])) == contents


def test_only_the_named_attempts_of_the_job_are_read(postgres_place: PostgresPlace) -> None:
    with Staging(postgres_place) as staging:
        good = staging.stage("job", "000000-good", lines(b'{"a":1}'))
        staging.stage("job", "000000-twin", lines(b'{"a":1}'))
        staging.stage("other", "000000-other", lines(b'{"a":9}'))
        assert list(staging.rows("job", [good])) == [b'{"a":1}']
        staging.clear("job")
    assert staged(postgres_place) == [("000000-other", 1)]


def test_an_attempt_that_is_killed_on_its_way_leaves_no_row(postgres_place: PostgresPlace) -> None:
    def broken() -> object:
        yield from lines(*ODD)
        raise KeyboardInterrupt

    with Staging(postgres_place) as staging, pytest.raises(KeyboardInterrupt):
        staging.stage("job", "a", broken())  # type: ignore[arg-type]
    assert staged(postgres_place) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM staged_row WHERE number = 2", "has staged 4 rows .* and 3 are there"),
        ("UPDATE staged_row SET content = '{}' WHERE number = 2", "were changed since"),
        (
            "INSERT INTO staged_row SELECT job, attempt, 9, sort_key, content FROM staged_row WHERE number = 4",
            "and 5 are",
        ),
    ],
)
def test_rows_that_are_not_as_the_task_wrote_them_are_refused(
    postgres_place: PostgresPlace, damage: str, said: str
) -> None:
    with Staging(postgres_place) as staging:
        done = staging.stage("job", "a", lines(*ODD))
        execute(postgres_place, damage)
        with pytest.raises(SettingsError, match=said):
            staging.check([done])


def test_what_dead_jobs_left_is_cleared_after_a_week(postgres_place: PostgresPlace) -> None:
    with Staging(postgres_place) as staging:
        staging.stage("dead", "old", lines(b"1", b"2"))
        staging.stage("alive", "new", lines(b"3"))
        execute(postgres_place, "UPDATE staged_attempt SET begun_at = '2020-01-01' WHERE attempt = 'old'")
        staging.clear("mine")
    assert staged(postgres_place) == [("new", 1)]


def test_a_batch_keeps_its_state_and_its_latest_results(postgres_place: PostgresPlace) -> None:
    with Staging(postgres_place) as staging:
        assert staging.batch("June's") is None
        rows = [RowResult(at, f"VENDOR {at}", "refused", "no NAME", "{}") for at in (2, 1)]
        staging.keep(StagedBatch("June's", BatchState.FAILED, "d", ""), rows)
        assert [row[0] for row in execute(postgres_place, staging.results_query("June's"))] == ["VENDOR 1", "VENDOR 2"]
        staging.keep(done := StagedBatch("June's", BatchState.DONE, "d", "p"))
        assert staging.batch("June's") == done
        assert execute(postgres_place, staging.results_query("June's")) == []


def test_old_micro_batches_are_forgotten_and_others_are_not(postgres_place: PostgresPlace) -> None:
    with Staging(postgres_place) as staging:
        for name in ("s/1", "s/2", "s/30", "s/x", "st/1"):
            staging.keep(StagedBatch(name, BatchState.DONE, "", ""))
        staging.forget_batches("s", 3)
        assert [staging.batch(name) is not None for name in ("s/1", "s/2", "s/30", "s/x", "st/1")] == [
            False, False, True, True, True,
        ]  # fmt: skip


def test_a_batch_is_committed_by_one_job_at_a_time(
    postgres_place: PostgresPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intacct_bridge.shared_state.postgres.PATIENCE", 0.1)
    with Staging(postgres_place) as one, Staging(postgres_place) as other:
        with (
            one.alone("b"),
            other.alone("another"),
            pytest.raises(BusyError, match="'b' is being committed"),
            other.alone("b"),
        ):
            pass
        with other.alone("b"):
            pass


def test_a_database_that_is_gone_is_an_error_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intacct_bridge.shared_state.postgres.PATIENCE", 0.1)
    with pytest.raises(UnreachableError) as caught:
        Staging(postgres_place("postgresql://anna:hunter2@127.0.0.1:1/books", "s"))
    assert "hunter2" not in f"{caught.value}{caught.value.fix}" and "cannot be reached" in caught.value.message


def test_the_rest_of_a_week_is_not_cleared(postgres_place: PostgresPlace) -> None:
    with Staging(postgres_place) as staging:
        staging.stage("slow", "a", lines(b"1"))
        almost = (staging._db.clock() - timedelta(days=6)).isoformat()
        execute(postgres_place, f"UPDATE staged_attempt SET begun_at = '{almost}'")
        staging.clear("mine")
    assert staged(postgres_place) == [("a", 1)]

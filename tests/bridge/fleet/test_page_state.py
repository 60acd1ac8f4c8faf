"""The state of the credential page: sessions end, and attempts are bounded for each tenant."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intacct_bridge.fleet.links import CredentialLink
from intacct_bridge.fleet.page_state import AttemptLimit, PageState, TooManyAttemptsError
from intacct_bridge.shared_state.place import PostgresPlace

HOUR = timedelta(hours=1)
LIMIT = AttemptLimit("sign-in", "Sign-ins that Intacct refused", 3, HOUR)


def link(tenant: str) -> CredentialLink:
    return CredentialLink(f"hash-{tenant}", tenant, datetime(2026, 11, 25, 12, tzinfo=UTC))


class Watch:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def state(postgres_place: PostgresPlace, watch: Watch) -> Iterator[PageState]:
    made = PageState(postgres_place, clock=watch)
    yield made
    made.close()


def test_a_session_is_its_tenants_until_its_time_is_over(state: PageState, watch: Watch) -> None:
    key = state.begin(link("acme"), HOUR)
    other = state.begin(link("globex"), HOUR)
    found = state.session(key)
    assert found is not None and (found.tenant, found.link) == ("acme", link("acme"))
    watch.now += HOUR - timedelta(microseconds=1)
    assert state.session(key) is not None
    state.end(other)
    assert state.session(other) is None and state.session(key) is not None
    watch.now += timedelta(microseconds=1)
    assert state.session(key) is None


@settings(max_examples=40)
@given(st.text(max_size=80))
def test_no_other_text_is_a_sessions_key(shared_state: tuple[PageState, str], text: str) -> None:
    state, key = shared_state
    assert (state.session(text) is not None) == (text == key)


@pytest.fixture(scope="module")
def shared_state(schemas: Iterator[PostgresPlace]) -> Iterator[tuple[PageState, str]]:
    made = PageState(next(schemas))
    yield made, made.begin(link("acme"), HOUR)
    made.close()


@settings(max_examples=40)
@given(place=st.integers(0, 42), letter=st.sampled_from("abcXYZ019-_= \0é"))
def test_a_key_with_another_letter_is_none(shared_state: tuple[PageState, str], place: int, letter: str) -> None:
    state, key = shared_state
    changed = key[:place] + letter + key[place + 1 :]
    assert (state.session(changed) is None) == (changed != key)


def test_the_key_is_not_in_the_database(state: PageState, postgres_place: PostgresPlace) -> None:
    key = state.begin(link("acme"), HOUR)
    rows = state._db.read("SELECT * FROM page_session")
    assert len(rows) == 1 and key not in str(rows)


def test_attempts_are_bounded_within_the_time(state: PageState, watch: Watch) -> None:
    for _ in range(3):
        state.take("acme", LIMIT)
        watch.now += timedelta(minutes=10)
    with pytest.raises(TooManyAttemptsError) as refused:
        state.take("acme", LIMIT)
    assert refused.value.fix == "Wait 30 minutes, and try again."
    state.take("globex", LIMIT)
    watch.now += timedelta(minutes=30)
    state.take("acme", LIMIT)
    with pytest.raises(TooManyAttemptsError):
        state.take("acme", LIMIT)


def test_an_attempt_that_is_given_back_counts_no_more(state: PageState) -> None:
    for _ in range(10):
        state.give_back(state.take("acme", LIMIT))
    taken = [state.take("acme", LIMIT) for _ in range(3)]
    with pytest.raises(TooManyAttemptsError):
        state.take("acme", LIMIT)
    state.give_back(taken[1])
    state.take("acme", LIMIT)


def test_two_processes_count_together(state: PageState, postgres_place: PostgresPlace, watch: Watch) -> None:
    other = PageState(postgres_place, clock=watch)
    state.take("acme", LIMIT)
    other.take("acme", LIMIT)
    state.take("acme", LIMIT)
    with pytest.raises(TooManyAttemptsError):
        other.take("acme", LIMIT)
    other.close()


def test_a_tenant_is_forgotten_and_no_other(state: PageState) -> None:
    keys = {name: state.begin(link(name), HOUR) for name in ("acme", "globex")}
    for name in keys:
        with state.changing():
            state.write(name, name.encode())
        for _ in range(3):
            state.take(name, LIMIT)
    state.forget("acme")
    assert state.session(keys["acme"]) is None and state.session(keys["globex"]) is not None
    assert (state.read("acme"), state.read("globex")) == (b"", b"globex")
    state.take("acme", LIMIT)
    with pytest.raises(TooManyAttemptsError):
        state.take("globex", LIMIT)

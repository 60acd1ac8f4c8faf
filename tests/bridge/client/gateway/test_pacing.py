"""Pacing: the decisions, and the gate that follows them."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intacct_bridge.client.gateway.pacing import Gate, Pace, answered, backoff, throttled
from support.client.gateway import Time


def test_a_refusal_halves_the_pace_and_closes_the_gate() -> None:
    pace = throttled(Pace(8, 8), now=100.0, wait=30.0)
    assert (pace.allowed, pace.opens_at) == (4, 130.0)
    assert throttled(pace, now=101.0, wait=1.0).opens_at == 130.0
    assert throttled(Pace(1, 8), now=0.0, wait=0.0).allowed == 1


def test_twenty_answers_in_a_row_allow_one_request_more_up_to_the_ceiling() -> None:
    pace = throttled(Pace(4, 4), now=0.0, wait=0.0)
    for _ in range(19):
        pace = answered(pace)
    assert pace.allowed == 2
    pace = answered(pace)
    assert (pace.allowed, pace.calm) == (3, 0)
    for _ in range(100):
        pace = answered(pace)
    assert pace.allowed == 4


@given(st.lists(st.one_of(st.none(), st.floats(0, 1000)), max_size=200), st.integers(1, 20))
def test_at_least_one_may_always_run_and_never_more_than_the_ceiling(events: list[float | None], ceiling: int) -> None:
    pace = Pace(ceiling, ceiling)
    for wait in events:
        pace = answered(pace) if wait is None else throttled(pace, now=0.0, wait=wait)
        assert 1 <= pace.allowed <= ceiling


@given(st.integers(1, 50), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 10_000)))
def test_waits_are_spread_bounded_and_at_least_the_requested_time(
    attempt: int, jitter: float, requested: float | None
) -> None:
    wait = backoff(attempt, jitter=jitter, requested=requested)
    assert 0.5 <= wait <= 600
    if requested is not None:
        assert wait >= min(requested, 600)
    else:
        assert wait <= 60


@pytest.mark.parametrize(("attempt", "wait"), [(1, 1.0), (2, 2.0), (5, 16.0), (7, 60.0), (40, 60.0)])
def test_waits_double_up_to_a_minute(attempt: int, wait: float) -> None:
    assert backoff(attempt, jitter=1.0) == wait
    assert backoff(attempt, jitter=0.0) == wait / 2


def test_the_gate_lets_no_more_through_than_the_pace_allows() -> None:
    time = Time()
    gate = Gate(2, clock=time, sleep=time.sleep)
    lock, running, most = threading.Lock(), 0, 0
    both = threading.Barrier(2, timeout=120)

    def work() -> None:
        nonlocal running, most
        with gate.passing():
            with lock:
                running += 1
                most = max(most, running)
            both.wait()  # passes only while two are inside
            with lock:
                running -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_a_request_waits_for_the_gate_and_a_failure_frees_its_place() -> None:
    time = Time()
    gate = Gate(1, clock=time, sleep=time.sleep)
    gate.throttled(12.0)
    with pytest.raises(ZeroDivisionError), gate.passing():
        assert time.slept == [12.0]
        raise ZeroDivisionError
    with gate.passing():
        assert time.slept == [12.0]

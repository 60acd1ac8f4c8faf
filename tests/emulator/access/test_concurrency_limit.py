"""The limit on concurrent requests counts each company by itself."""

from contextlib import ExitStack

from intacct_emulator.access.company_limits import ConcurrencyLimit


def test_a_busy_company_does_not_hold_another() -> None:
    limit = ConcurrencyLimit(1, hold_seconds=0)
    with ExitStack() as turns:
        assert turns.enter_context(limit.turn("first"))
        assert turns.enter_context(limit.turn("second"))
    with limit.turn("first") as admitted:
        assert admitted


def test_without_a_limit_every_request_has_its_turn() -> None:
    limit = ConcurrencyLimit(0, hold_seconds=0)
    with ExitStack() as turns:
        assert all(turns.enter_context(limit.turn("first")) for _ in range(5))

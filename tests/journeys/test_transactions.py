"""The client's meter and the emulator's count of billable transactions agree, and a difference would be seen."""

import pytest

from intacct_bridge.client.gateway import meter
from intacct_emulator.settings.faults import FaultKind, ScriptedFault
from intacct_protocol.errors import InDoubtError, IntacctError, SignInError
from support.journeys import transaction_check
from support.journeys.transaction_check import TransactionCheck
from support.small_company import Clock, client, company

CLASSES = [{"CLASSID": f"T{n}", "NAME": f"T{n}"} for n in range(130)]


def test_every_kind_of_call_of_the_client_costs_what_the_emulator_counts(transactions: TransactionCheck) -> None:
    emulator = company(Clock())
    before = emulator.company().table("CLASS").count()
    with client(emulator) as gateway:
        made = gateway.create("CLASS", CLASSES)
        gateway.create("CLASS", CLASSES[:3])  # refused
        gateway.update("CLASS", [{"CLASSID": "T1", "NAME": "New"}, {"CLASSID": "none", "NAME": "New"}])
        keys = [int(one.key) for one in made[:3]]
        gateway.read("CLASS", keys)
        gateway.delete("CLASS", [*keys, 999_999])
        assert len(list(gateway.query("CLASS", "CLASSID", page_size=20))) == before + 127
        gateway.describe_many(["VENDOR", "CUSTOMER"])
        with pytest.raises(IntacctError):
            list(gateway.query("CLASS", "NOSUCHFIELD"))
        spent = gateway.meter.transactions
    assert spent == emulator.transactions().total
    assert sum(transactions.metered.values()) == sum(transactions.billed.values()) == spent > 145
    emulator.close()


def test_legacy_calls_too() -> None:
    emulator = company(Clock())
    with client(emulator, dtd_version="2.1") as gateway:
        gateway.create("CLASS", CLASSES[:5])
        list(gateway.query("CLASS", "CLASSID"))
        spent = gateway.meter.transactions
    assert spent == emulator.transactions().total > 5
    emulator.close()


@pytest.mark.parametrize(
    "fault",
    [
        ScriptedFault("http", status=429, calls=(2, 3)),
        ScriptedFault("http", status=200, calls=(2,)),
        ScriptedFault("session-lost", "create", calls=(2,)),
    ],
    ids=["429", "the limit inside a 200", "a lost session"],
)
def test_refused_requests_cost_nothing_on_either_side(fault: ScriptedFault) -> None:
    emulator = company(Clock(), faults=(fault,))
    with client(emulator) as gateway:
        for one in CLASSES[:4]:
            assert gateway.create("CLASS", [one])[0].ok
        spent = gateway.meter.transactions
    assert spent == emulator.transactions().total
    emulator.close()


def test_a_wrong_password_costs_nothing_on_either_side() -> None:
    emulator = company(Clock())
    with client(emulator, user_password="wrong") as gateway:
        with pytest.raises(SignInError):
            list(gateway.query("CLASS", "CLASSID"))
        assert gateway.meter.transactions == emulator.transactions().total == 0
    emulator.close()


def test_a_write_without_an_answer_is_metered_whether_or_not_it_ran() -> None:
    cuts: dict[FaultKind, int] = {"cut-before": 0, "cut-after": 1}
    for kind, billed in cuts.items():
        emulator = company(Clock(), faults=(ScriptedFault(kind, "create"),))
        with client(emulator) as gateway:
            before = gateway.meter.transactions
            with pytest.raises(InDoubtError):
                gateway.create("CLASS", CLASSES[:1])
            spent = gateway.meter.transactions - before
        assert emulator.transactions().by_function.get("create", 0) == billed
        assert spent >= 1
        emulator.close()


def test_a_difference_is_seen(monkeypatch: pytest.MonkeyPatch, transactions: TransactionCheck) -> None:
    """A meter that took a `create` of one record for two transactions would fail the check of every journey."""
    with monkeypatch.context() as patch:
        check = TransactionCheck()
        check.watch(patch)
        for module in (meter, transaction_check):
            patch.setattr(module, "transactions_of", lambda body: 1 + (body.tag == "create"))
        emulator = company(Clock())
        with client(emulator) as gateway:
            gateway.create("CLASS", CLASSES[:2])
        emulator.close()
        with pytest.raises(AssertionError, match="metered and billed"):
            check.check()
    transactions.metered.clear()  # the check of this test itself, which has seen the same

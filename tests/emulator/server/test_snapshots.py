"""States of an emulator: a snapshot copies nothing, a restore leaves nothing behind, and settings can be replaced."""

from collections.abc import Iterator

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import declared_company, find_scenario, load_scenario, scenario
from intacct_protocol.errors import SettingsError
from support.emulator.calls import one, send


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    made = Emulator.empty()
    yield made
    made.close()


def create_class(emulator: Emulator, class_id: str) -> str:
    return one(emulator, f"<create><CLASS><CLASSID>{class_id}</CLASSID><NAME>{class_id}</NAME></CLASS></create>").status


def classes(emulator: Emulator) -> list[str]:
    return [row["CLASSID"] for _, row in emulator.company().table("CLASS").rows()]


def test_each_snapshot_has_its_own_state_in_any_order(emulator: Emulator) -> None:
    states = [emulator.snapshot()]
    for class_id in ("A", "B", "C"):
        assert create_class(emulator, class_id) == "success"
        states.append(emulator.snapshot())
    for place in (1, 3, 0, 2, 2, 3):
        emulator.restore(states[place])
        assert classes(emulator) == ["A", "B", "C"][:place]
        create_class(emulator, "X")
    emulator.restore(states[3])
    assert classes(emulator) == ["A", "B", "C"]


def test_a_number_is_given_again_after_a_restore_as_before(emulator: Emulator) -> None:
    create_class(emulator, "A")
    before = emulator.snapshot()
    create_class(emulator, "B")
    first = dict(emulator.company().table("CLASS").rows())
    emulator.restore(before)
    create_class(emulator, "B")
    assert [number for number, _ in emulator.company().table("CLASS").rows()] == list(first)


def test_a_restore_deletes_the_tables_of_states_that_are_gone(emulator: Emulator) -> None:
    before = emulator.snapshot()
    tables = "SELECT count(*) FROM sqlite_master"
    facts = "SELECT count(*) FROM facts"

    def count() -> list[int]:
        return [emulator.companies.database.execute(query).fetchone()[0] for query in (tables, facts)]

    emulator.restore(before)
    clean = count()
    for round_ in range(20):
        create_class(emulator, f"R{round_}")
        later = emulator.snapshot()
        create_class(emulator, "S")
        assert count() > clean
        del later
        emulator.restore(before)
        assert count() == clean


def test_a_clone_of_an_emulator_is_independent_of_its_snapshots(emulator: Emulator) -> None:
    create_class(emulator, "A")
    emulator.snapshot()
    create_class(emulator, "B")
    clone = emulator.clone()
    create_class(clone, "C")
    assert (classes(clone), classes(emulator)) == (["A", "B", "C"], ["A", "B"])
    clone.close()
    assert create_class(emulator, "C") == "success"


def test_a_company_that_was_removed_comes_back_with_a_snapshot(emulator: Emulator) -> None:
    emulator.add_companies(["second"])
    emulator.add_company("third")
    before = emulator.snapshot()
    for company_id in ("second", "third", "demo-company"):
        if company_id == "demo-company":
            with pytest.raises(SettingsError, match="is the only company"):
                emulator.remove_company(company_id)
        else:
            emulator.remove_company(company_id)
    assert list(emulator.companies.by_id) == ["demo-company"]
    emulator.restore(before)
    assert list(emulator.companies.by_id) == ["demo-company", "third", "second"]
    emulator.remove_company("demo-company")
    assert emulator.settings.company("demo-company") is None
    emulator.restore(before)
    assert create_class(emulator, "A") == "success"


def test_an_emulator_begins_again_with_the_settings_of_a_scenario(emulator: Emulator) -> None:
    create_class(emulator, "A")
    before = emulator.snapshot()
    create_class(emulator, "B")
    emulator.restart(load_scenario(find_scenario("not-subscribed")), records=before)
    (refusal,) = send(emulator, "<getAPISession/>").operations[0].faults
    assert "Please subscribe to the XML Gateway" in refusal.description2
    emulator.restore(before)
    assert classes(emulator) == ["A"]
    assert create_class(emulator, "B") == "success"


def test_settings_that_cannot_be_used_change_nothing(emulator: Emulator) -> None:
    create_class(emulator, "A")
    start = emulator.snapshot()
    wrong = scenario({"company": [{"company_id": "demo-company", "custom_field": [{"object": "VENDR", "name": "X"}]}]})
    with pytest.raises(SettingsError):
        emulator.restart(wrong, records=start)
    assert classes(emulator) == ["A"]
    assert create_class(emulator, "B") == "success"


def test_a_user_of_other_settings_is_gone_after_a_restart(emulator: Emulator) -> None:
    start = emulator.snapshot()
    users = declared_company({"company_id": "demo-company", "user": [{"user_id": "other"}]}, "company")
    emulator.restart(users, records=start)
    assert [row["LOGINID"] for _, row in emulator.company().table("USERINFO").rows()] == ["other"]

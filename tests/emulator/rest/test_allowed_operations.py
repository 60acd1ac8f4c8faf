"""What a user may do with records, which has to agree with what happens when the user does it."""

from typing import Any

import pytest

from intacct_emulator.settings.companies import CompanySettings, EmulatorSettings, RoleSettings
from support.emulator.rest import USER, RestClient, Served

PATH = "/services/core/allowed-operations/list"
CLASS = "company-config/class"


def allowed(rest: RestClient, name: str, *keys: str, **more: Any) -> list[list[str]]:
    answer = rest.post(PATH, {"object": name, "keys": list(keys), **more})
    assert [row["key"] for row in answer.result] == list(keys)
    return [row["operations"] for row in answer.result]


def test_an_administrator_may_do_all_with_a_record_and_nothing_with_none(rest: RestClient) -> None:
    key = rest.create(CLASS, id="A-1", name="One")
    assert allowed(rest, CLASS, key, "999999") == [["canView", "canEdit", "canDelete"], []]
    assert allowed(rest, CLASS, key, operations=["canDelete"]) == [["canDelete"]]


def test_a_record_of_the_audit_history_can_only_be_viewed(rest: RestClient) -> None:
    rest.delete(f"/objects/{CLASS}/{rest.create(CLASS, id='A-1', name='One')}")
    first = rest.query("company-config/audit-history", "key").result[0]["key"]
    assert allowed(rest, "company-config/audit-history", first) == [["canView"]]


@pytest.mark.parametrize(
    ("rights", "operations"),
    [
        (("list", "view"), ["canView"]),
        (("list", "view", "edit"), ["canView", "canEdit"]),
        (("list", "view", "edit", "delete"), ["canView", "canEdit", "canDelete"]),
        ((), []),
    ],
)
def test_what_is_allowed_is_what_happens(served: Served, rights: Any, operations: list[str]) -> None:
    roles = (RoleSettings(name="administrator", rights={"VENDOR": rights}),)
    rest = served(settings=EmulatorSettings(companies=(CompanySettings(roles=roles),)))[0].sign_in()
    place = "/objects/accounts-payable/vendor/2"
    assert allowed(rest, "accounts-payable/vendor", "2") == [operations]
    happened = {
        "canView": rest.get(place).status,
        "canEdit": rest.patch(place, {"name": "Other"}).status,
        "canDelete": rest.delete(place).status,
    }
    assert [operation for operation, status in happened.items() if status != 403] == operations


def test_the_top_level_sees_private_records_if_it_asks_for_them(rest: RestClient) -> None:
    entity = RestClient(rest.base).sign_in(f"{USER}|100")
    key = entity.create(CLASS, id="A-1", name="One")
    again = RestClient(rest.base).sign_in()
    private = again.read(CLASS, key)["entity"]["id"]
    assert private == "100"
    assert allowed(again, CLASS, key) == [[]]
    assert allowed(again, CLASS, key, options={"includePrivate": True}) == [["canView", "canEdit", "canDelete"]]


def test_objects_of_this_interface_alone_have_theirs_too(rest: RestClient) -> None:
    key = rest.create("company-config/folder", id="Contracts")
    assert allowed(rest, "company-config/folder", key, "999999") == [["canView", "canEdit", "canDelete"], []]


@pytest.mark.parametrize(
    ("payload", "targets"),
    [
        ({}, ["/object", "/keys"]),
        ({"object": "no/object", "keys": ["1"]}, ["/object"]),
        ({"object": CLASS, "keys": []}, ["/keys"]),
        ({"object": CLASS, "keys": ["1"] * 1001}, ["/keys"]),
        ({"object": CLASS, "keys": ["1"], "operations": ["canFly"]}, ["/operations"]),
        ([], ["/object", "/keys"]),
    ],
)
def test_a_question_that_is_none_is_refused(rest: RestClient, payload: Any, targets: list[str]) -> None:
    refused = rest.post(PATH, payload)
    assert (refused.status, [one["target"] for one in refused.error["details"]]) == (400, targets)

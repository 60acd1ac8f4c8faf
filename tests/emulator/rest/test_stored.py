"""Objects that only the REST interface has: kept as sent, with the checks that the specification allows."""

from typing import Any

import pytest

from intacct_emulator.rest.catalogue import catalogue, pairs
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from support.emulator.rest import RestClient, Served

KIND = "fixed-assets/asset-classification"


def test_a_record_is_created_read_changed_and_deleted(rest: RestClient) -> None:
    key = rest.create(KIND, id="EQUIP", name="Equipment")
    record = rest.read(KIND, key)
    assert (record["key"], record["id"], record["name"], record["status"]) == (key, "EQUIP", "Equipment", "active")
    assert record["href"] == f"/objects/{KIND}/{key}"
    assert record["audit"]["createdDateTime"] == record["audit"]["modifiedDateTime"] == "2026-11-30T12:00:00Z"
    assert rest.patch(f"/objects/{KIND}/{key}", {"name": "Machines"}).result["id"] == "EQUIP"
    assert rest.read(KIND, key)["name"] == "Machines"
    assert rest.delete(f"/objects/{KIND}/{key}").status == 204
    assert rest.get(f"/objects/{KIND}/{key}").status == 404
    assert rest.create(KIND, id="EQUIP", name="Again") != key


def test_required_fields_are_named_all_at_once_unless_the_settings_want_none(served: Served) -> None:
    required = catalogue().objects["fixed-assets/asset"].required_on_create
    refused = served()[0].sign_in().post("/objects/fixed-assets/asset", {"description": "A lathe"})
    assert (refused.status, refused.error["errorId"]) == (400, "REST-1064")
    named = {one["target"] for one in refused.error["details"]}
    assert named == {f"/{name.partition('[]')[0].replace('.', '/')}" for name in required if "[]." not in name}
    settings = EmulatorSettings(behaviour=Behaviour(rest_required="none"))
    assert (
        served(settings=settings)[0].sign_in().post("/objects/fixed-assets/asset", {"description": "x"}).status == 201
    )


def test_a_reference_must_exist_in_either_interface(rest: RestClient) -> None:
    described = catalogue().objects[KIND]
    name = next(one for one, field in described.fields.items() if described.reference(one) == "general-ledger/account")
    good = {"id": "R", "name": "R", **nested(name, {"id": "61300"})}
    key = rest.create(KIND, **good)
    place: Any = rest.read(KIND, key)
    for part in name.split("."):
        place = place[part]
    account = rest.query("general-ledger/account", "key", {"$eq": {"id": "61300"}}).result[0]["key"]
    assert (place["id"], place["key"]) == ("61300", account)
    refused = rest.post(f"/objects/{KIND}", {"id": "S", "name": "S", **nested(name, {"id": "no-account"})})
    assert (refused.status, refused.error["details"][0]["code"]) == (422, "invalidReference")


def nested(name: str, value: Any) -> dict[str, Any]:
    for part in reversed(name.split(".")):
        value = {part: value}
    made: dict[str, Any] = value
    return made


def test_an_id_is_unique(rest: RestClient) -> None:
    rest.create(KIND, id="TWICE", name="One")
    refused = rest.post(f"/objects/{KIND}", {"id": "TWICE", "name": "Two"})
    assert (refused.status, refused.error["details"][0]["target"]) == (422, "/id")


def test_owned_lines_are_written_with_their_owner_or_not_at_all(served: Served) -> None:
    settings = EmulatorSettings(behaviour=Behaviour(rest_required="none"))
    rest = served(settings=settings)[0].sign_in()
    owner, field, of = next(
        (name, field, of)
        for name, one in catalogue().objects.items()
        for field, of in one.lists.items()
        if name not in pairs() and of not in pairs() and "create" in one.methods and of in catalogue().objects
        if plain_field(of) and plain_field(name)
    )
    text = plain_field(of)
    key = rest.create(owner, **{field: [{text: "one"}, {text: "two"}]})

    def lines() -> list[str]:
        return [line[text] for line in rest.read(owner, key)[field]]

    assert lines() == ["one", "two"]
    first = rest.read(owner, key)[field][0]["key"]
    change = [{"key": first, text: "changed"}, {text: "three"}]
    assert rest.patch(f"/objects/{owner}/{key}", {field: change}).status == 200
    assert lines() == ["changed", "two", "three"]
    bad = rest.patch(f"/objects/{owner}/{key}", {field: [{text: "four"}, {"nonsense": 1}]})
    assert (bad.status, bad.error["details"][0]["target"]) == (400, f"/{field}/1/nonsense")
    assert lines() == ["changed", "two", "three"]
    rest.patch(f"/objects/{owner}/{key}", {field: [{"key": first, "ia::operation": "delete"}]})
    assert lines() == ["two", "three"]
    assert rest.delete(f"/objects/{owner}/{key}").status == 204
    assert rest.query(of, "key").result == []


def plain_field(name: str) -> str:
    """A text field of an object that can be set to any text."""
    fields = catalogue().objects[name].fields
    return next(
        (
            one
            for one, field in fields.items()
            if field.type == "string"
            and "." not in one
            and not (field.enum or field.format or field.read_only or one in ("key", "id", "status"))
        ),
        "",
    )


def test_a_snapshot_and_a_clone_have_the_records(served: Served) -> None:
    client, emulator = served()
    rest = client.sign_in()
    rest.create(KIND, id="KEPT", name="Kept")
    state = emulator.snapshot()
    rest.create(KIND, id="LATER", name="Later")
    emulator.restore(state)
    assert rest.get(f"/objects/{KIND}").status == 401  # tokens end with the state
    assert [row["id"] for row in client.sign_in().query(KIND, "id").result] == ["KEPT"]


def test_every_object_has_a_model_and_a_list(rest: RestClient) -> None:
    """Each of the 536 objects can be described and queried, and each that has a list can be listed."""
    listed = {row["apiObject"] for row in rest.get("/services/core/model").result}
    for name, described in catalogue().objects.items():
        assert f"objects/{name}" in listed
        if "{" in name:
            continue
        model = rest.get(f"/services/core/model?name={name}").result
        assert model["name"] == name
        if "key" in described.fields:
            assert rest.query(name, "key").status == 200, name
        if "list" in described.methods:
            assert rest.get(f"/objects/{name}").result is not None


def test_the_model_says_what_recorded_answers_say(rest: RestClient) -> None:
    """The short list by type, a version that is none, and attributes of a vendor that were recorded in 2026."""
    services = rest.get("/services/core/model?type=service").result
    assert {"apiObject": "services/core/query", "type": "service"}.items() <= next(
        one.items() for one in services if one["apiObject"] == "services/core/query"
    )
    assert rest.get("/services/core/model?name=accounts-payable/vendor&version=v9").error["message"] == (
        "Version is not supported"
    )
    vendor = rest.get("/services/core/model?name=objects/accounts-payable/vendor").result
    assert (vendor["type"], vendor["httpMethods"]) == ("rootObject", "OPTIONS,GET,POST,DELETE,PATCH")
    assert (
        vendor["fields"]["totalDue"].items()
        >= {
            "format": "decimal-precision-2",
            "readOnly": True,
            "required": False,
        }.items()
    )
    assert vendor["refs"]["term"]["apiObject"] == "accounts-payable/term"
    assert vendor["lists"]["contactList"] == {"apiObject": "accounts-payable/vendor-contact"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/objects/no-such/object", 404),
        ("GET", "/objects/accounts-payable/vendor/999999", 404),
        ("PATCH", "/objects/accounts-payable/vendor/999999", 404),
        ("POST", "/objects/general-ledger/account-group-purpose/1", 405),
        ("PUT", "/objects/accounts-payable/vendor/1", 405),
        ("POST", "/objects/company-config/audit-history", 405),
        ("GET", "/services/core/query", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/oauth2/nowhere", 404),
    ],
)
def test_what_does_not_exist_or_is_not_allowed(rest: RestClient, method: str, path: str, status: int) -> None:
    assert rest.send(method, path, {"name": "x"} if method in ("POST", "PATCH", "PUT") else None).status == status


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"7", "application/json", 400),
        (b"<a/>", "text/xml", 400),
        (b'{"name": "' + b"x" * 1_000_001 + b'"}', "application/json", 413),
        (b"[" * 5000, "application/json", 400),
    ],
)
def test_a_body_that_is_no_record_is_refused(rest: RestClient, body: bytes, kind: str, status: int) -> None:
    answer = rest.send("POST", f"/objects/{KIND}", body, **{"content-type": kind})
    assert answer.status == status
    if kind == "text/xml":
        assert answer.json["ia::error"]["code"] == "GW-0014"


@pytest.mark.parametrize(("form", "path"), [("result", "ia::result"), ("error", "ia::error"), ("bare", "error")])
def test_an_error_stands_in_each_envelope_that_was_seen(served: Served, form: Any, path: str) -> None:
    rest = served(settings=EmulatorSettings(behaviour=Behaviour(rest_errors=form)))[0].sign_in()
    error = rest.get("/objects/accounts-payable/vendor/999999").json[path]
    error = error["ia::error"] if form == "result" else error
    assert (error["code"], error["supportId"][:4]) == ("invalidKey", "EMU-")

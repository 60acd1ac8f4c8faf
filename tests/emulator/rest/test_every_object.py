"""Every object with payloads that its fields allow and with odd ones: an answer always, and never an internal error."""

from typing import Any

import pytest

from intacct_emulator.rest.catalogue import RestField, RestObject, catalogue
from intacct_emulator.rest.records import nested
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from support.emulator.rest import RestClient, Served

ODD: tuple[Any, ...] = (
    None,
    "",
    0,
    -1.5,
    True,
    [],
    {},
    "x" * 300,
    "2026-02-30",
    [{"key": "1"}],
    {"key": "1"},
    "ﬁ\u202e",
)
ANSWERS = {200, 201, 204, 207, 400, 403, 404, 405, 422}


def fitting(field: RestField, number: int) -> Any:
    """A value that a field can hold."""
    if field.enum:
        return next(word for word in field.enum if word is not None)
    if field.format == "date":
        return "2026-11-15"
    if field.format == "date-time":
        return "2026-11-15T10:00:00Z"
    if field.type == "boolean":
        return True
    if field.type == "number":
        return number
    if field.type == "array":
        return []
    return "1.00" if field.decimals is not None else f"T{number}"


def writable(described: RestObject) -> dict[str, RestField]:
    return {
        name: field
        for name, field in described.fields.items()
        if field.is_value and not field.read_only and not name.endswith((".key", ".id", ".href")) and "[]" not in name
    }


STEP = pytest.mark.parametrize("step", [12, pytest.param(1, marks=pytest.mark.slow)])
"""Every twelfth object in all runs, and every object in slow ones."""


@pytest.fixture
def open_rest(served: Served) -> RestClient:
    """A client of a company that requires nothing of objects of the REST interface alone."""
    return served(settings=EmulatorSettings(behaviour=Behaviour(rest_required="none")))[0].sign_in()


def test_each_object_takes_what_its_fields_allow(open_rest: RestClient) -> None:
    """A record with a value in every field that can be set is created, read, queried, changed and deleted."""
    written = 0
    for number, (name, described) in enumerate(sorted(catalogue().objects.items())):
        if not {"create", "get"} <= {*described.methods} or "{" in name:
            continue
        values = {field: fitting(one, number) for field, one in writable(described).items()}
        created = open_rest.post(f"/objects/{name}", nested(values, described.fields))
        assert created.status in (201, 422), (name, created.body)
        if created.status != 201:
            continue
        written += 1
        key = created.result["key"]
        record = open_rest.get(f"/objects/{name}/{key}")
        assert record.status == 200, (name, record.body)
        fields = [field for field, one in described.fields.items() if one.is_value and not one.deprecated]
        page = open_rest.query(name, " ".join(fields))
        assert page.status in (200, 403), (name, page.body)
        if "update" in described.methods:
            changed = open_rest.patch(
                f"/objects/{name}/{key}", nested(dict(list(values.items())[-1:]), described.fields)
            )
            assert changed.status in (200, 400, 422), (name, changed.body)
        if "delete" in described.methods:
            assert open_rest.delete(f"/objects/{name}/{key}").status in (204, 422), name
    assert written > 230


@STEP
def test_each_object_refuses_odd_values_with_an_answer(open_rest: RestClient, step: int) -> None:
    sent = 0
    for name, described in sorted(catalogue().objects.items())[::step]:
        fields = [one for one in described.fields if "." not in one] or ["key"]
        for place, odd in enumerate(ODD):
            payload = {fields[(place * 7 + sent) % len(fields)]: odd, fields[(place + sent) % len(fields)]: odd}
            answer = open_rest.post(f"/objects/{name}", payload)
            assert answer.status in ANSWERS, (name, payload, answer.body)
            sent += 1
        for path in (f"/objects/{name}/1", f"/objects/{name}/x%2Fy", f"/objects/{name}/1,2,,3", f"/objects/{name}/"):
            assert open_rest.get(path).status in ANSWERS
            assert open_rest.patch(path, {"key": "1"}).status in ANSWERS
            assert open_rest.delete(path).status in ANSWERS
    assert sent > 6000 // step


@STEP
def test_each_field_is_filtered_and_ordered_or_refused(open_rest: RestClient, step: int) -> None:
    for name, described in sorted(catalogue().objects.items())[::step]:
        for field, definition in list(described.fields.items())[::5]:
            value = fitting(definition, 1) if definition.is_value else "x"
            for condition in ({"$eq": {field: value}}, {"$ne": {field: None}}, {"$in": {field: [value]}}):
                answer = open_rest.query(name, "key", condition, orderBy=[{field: "desc"}])
                assert answer.status in (200, 400, 403), (name, condition, answer.body)

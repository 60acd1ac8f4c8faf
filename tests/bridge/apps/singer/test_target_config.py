"""The settings of `target-intacct`: hotglue's keys, our own, and mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.apps.singer.about import describe_target
from intacct_bridge.apps.singer.tap_config import read_config as read_tap_config
from intacct_bridge.apps.singer.target_config import checked, read_config
from intacct_protocol.errors import SettingsError

NEEDED = {"company_id": "acme", "sender_id": "s", "sender_password": "sp", "user_id": "u", "user_password": "up"}


def test_hotglue_s_keys_keep_their_meaning() -> None:
    config = checked(
        {
            **NEEDED,
            "api_url": "https://api.intacct.com/ia/xml/xmlgw.phtml",
            "use_locations": True,
            "location_id": "100",
            "input_path": "in",
            "po_transaction_type": "Order",
            "output_record_url": True,
            "document_sequencing_enabled": True,
            "user_agent": "x",
        }
    )
    assert (config.connection.location_id, config.connection.user_agent) == ("100", "x")
    assert config.load.input_path == Path("in")
    assert (config.load.po_transaction_type, config.load.record_urls, config.load.vendors_by_name) == (
        "Order",
        True,
        True,
    )
    assert checked({**NEEDED, "use_locations": False, "location_id": "100"}).connection.location_id == ""
    assert checked({**NEEDED, "location_id": "100"}).connection.location_id == "100"


@pytest.mark.parametrize("key", ["api_url", "endpoint"])
def test_the_gateway_s_url_has_two_names(key: str) -> None:
    assert checked({**NEEDED, key: "http://127.0.0.1:1/x"}).connection.endpoint == "http://127.0.0.1:1/x"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bach_size": 5}, "did you mean batch_size"),
        ({"batch_size": "5"}, "must be of type integer"),
        ({"batch_size": 500}, "1 to 100"),
        ({"window": 0}, "1 or more"),
        ({"settle_after": -1}, "0 or more"),
        ({"schema": "v3"}, "native, v1 or v2"),
        ({"mode": "replace"}, "create, delete, update or upsert"),
        ({"mappings": {"x": "/nowhere.toml"}}, "not a file"),
        ({"mappings": {"x": 5}}, "must be of type object of strings"),
        ({"draft": "yes"}, "must be of type boolean"),
        ({"sender_password": 5}, r"sender_password is \*\*\*"),
    ],
)
def test_a_mistake_is_refused_with_its_key(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        checked({**NEEDED, **given})


@pytest.mark.parametrize(
    ("key", "value"),
    [("snapshot_hours", 24), ("snapshot_dir", "cache"), ("add_record_metadata", True), ("stream_maps", {"bills": {}})],
)
def test_a_setting_that_another_target_obeys_is_refused_or_named_as_ignored(key: str, value: object) -> None:
    with pytest.raises(SettingsError, match=f"{key} is a setting of another program, and does nothing here"):
        checked({**NEEDED, key: value})
    assert checked({**NEEDED, key: value, "ignore_keys": [key]}).ignored == (key,)
    assert checked({**NEEDED, key: type(value)()}).ignored == (key,)


def test_the_tap_refuses_the_periods_that_hotglue_s_reads_again(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps({**NEEDED, "report_periods": 3}))
    with pytest.raises(SettingsError, match=r"report_periods .* does nothing here") as told:
        read_tap_config([str(file)], {})
    assert "every changed line is read" in told.value.fix


def test_later_sources_override_earlier_ones(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps({**NEEDED, "batch_size": 7, "mode": None}))
    environ = {"TARGET_INTACCT_BATCH_SIZE": "9", "TARGET_INTACCT_USER_ID": "12", "TARGET_INTACCT_MAPPINGS": "{}"}
    config = read_config([str(file), "ENV"], environ)
    assert (config.load.batch_size, config.connection.user_id, config.load.mode) == (9, "12", "upsert")


@pytest.mark.parametrize(("text", "atomic"), [("true", True), ("True", True), ("FALSE", False)])
def test_a_boolean_of_the_environment_may_have_any_case(text: str, atomic: bool) -> None:
    environ = {f"TARGET_INTACCT_{key.upper()}": value for key, value in {**NEEDED, "atomic": text}.items()}
    assert read_config(["ENV"], environ).load.atomic is atomic


@pytest.mark.parametrize(
    ("key", "text", "fix"),
    [
        ("streams", "VENDOR,APBILL", """write it as '["VENDOR", "APBILL"]'"""),
        ("full_every_by_stream", "VENDOR=86400", """write it as '{"VENDOR": 86400}'"""),
        ("without_arrow", "yes", "write it as true or false"),
        ("max_transactions", "1,000", "write it as 100"),
    ],
)
def test_a_wrong_text_of_the_environment_gets_an_example(key: str, text: str, fix: str) -> None:
    with pytest.raises(SettingsError, match=f"TAP_INTACCT_{key.upper()} is not a JSON") as caught:
        read_tap_config(["ENV"], {f"TAP_INTACCT_{key.upper()}": text})
    assert caught.value.fix == fix


def test_about_has_the_keys_that_meltano_reads() -> None:
    about = json.loads(describe_target("json"))
    assert about["name"] == "target-intacct"
    assert about["settings"]["properties"]["sender_password"]["secret"] is True
    assert "batch" in about["capabilities"]
    assert "| batch_size | integer |" in describe_target("markdown")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"post_to_top_level": False}, "post_to_top_level is false: entries are not posted in the entity"),
        ({"custom_fields": [{"input_id": "Colour", "intacct_id": "COLOUR"}]}, "custom_fields maps columns"),
    ],
)
def test_a_setting_of_hotglue_that_changes_what_is_posted_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        checked({**NEEDED, **config})


def test_a_setting_of_hotglue_that_is_obeyed_is_not_reported() -> None:
    assert checked({**NEEDED, "post_to_top_level": True, "custom_fields": []}).ignored == ()

"""A person sets up, tests, edits and removes connections and senders with forms; no password is ever shown."""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.connections.sources import SettingsSources, load_connection
from support.apps.console_site import RunningConsole, Seen, Visitor, running_console, save_connection

PASSWORDS = {"user_password": "demo-user-password", "sender_password": "demo-sender-password"}
FORM = {
    "name": "new",
    "company_id": "demo-company",
    "user_id": "demo-user",
    "sender_id": "demo-sender",
    "environment": "demo",
    "authentication": "session",
    "dtd_version": "3.0",
    "approval": "none",
    "read_formatting": "yes",
    "test": "yes",
    **PASSWORDS,
}
INPUT = re.compile(r"<input[^>]*>")


@pytest.fixture
def console(user: Path, gateway: str) -> Iterator[RunningConsole]:
    """A console without a connection but `books`."""
    SettingsSources().user_file.unlink(missing_ok=True)
    save_connection("books", gateway)
    with running_console() as made:
        yield made


def saved() -> dict[str, Any]:
    """The user's file as any TOML reader sees it."""
    return tomllib.loads(SettingsSources().user_file.read_text("utf-8"))


def shows_no_password(seen: Seen) -> bool:
    typed = [one for one in INPUT.findall(seen.html) if 'type="password"' in one]
    assert all('value=""' in one for one in typed)
    return not any(secret in seen.html for secret in (*PASSWORDS.values(), "wrong-password"))


def test_a_new_connection_is_saved_after_a_sign_in(visitor: Visitor, gateway: str) -> None:
    seen = visitor.follow(visitor.post("/add-connection", {**FORM, "endpoint": gateway}))
    assert "Saved connection new after a sign-in." in seen.text
    assert shows_no_password(seen)
    assert saved()["connections"]["new"] == {
        "company_id": "demo-company",
        "user_id": "demo-user",
        "sender_id": "demo-sender",
        "environment": "demo",
        "endpoint": gateway,
        **PASSWORDS,
    }
    assert load_connection("new").endpoint == gateway


def test_a_wrong_sender_is_explained_and_corrected_without_typing_the_rest_again(
    visitor: Visitor, gateway: str
) -> None:
    wrong = visitor.post("/add-connection", {**FORM, "endpoint": gateway, "sender_id": "Demo-Sender"})
    assert wrong.status == 422
    assert "Cause" in wrong.text
    assert "Fix" in wrong.text
    assert "new" not in saved()["connections"]
    assert shows_no_password(wrong)
    assert "typed, not saved yet" in wrong.html
    kept = {**FORM, "endpoint": gateway, "user_password": "", "sender_password": ""}
    assert "Saved connection new" in visitor.follow(visitor.post("/add-connection", kept)).text
    assert saved()["connections"]["new"]["user_password"] == "demo-user-password"


def test_a_draft_is_the_sessions_own(visitor: Visitor, console: RunningConsole, gateway: str) -> None:
    visitor.post("/add-connection", {**FORM, "endpoint": gateway, "sender_id": "wrong"})
    other = console.signed_in()
    kept = {**FORM, "endpoint": gateway, "user_password": "", "sender_password": ""}
    assert other.post("/add-connection", kept).status == 422
    assert "new" not in saved()["connections"]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "The name is empty"),
        ({"name": "books"}, "is taken"),
        ({"name": "a/b"}, "has a slash"),
        ({"company_id": " "}, "Company ID is empty."),
        ({"user_password": ""}, "Password is empty."),
        ({"sender_password": ""}, "Sender password is empty."),
        ({"environment": ""}, "Environment is empty."),
        ({"environment": "sandbox"}, "environment is 'sandbox', and must be one of"),
        ({"concurrency": "many"}, "concurrency must be a whole number, not 'many'"),
        ({"timeout": "0"}, "must be more than 0 seconds"),
        ({"endpoint": "https://evil.example/"}, "is not in intacct.com, and would receive the credentials"),
        ({"endpoint": "http://api.intacct.com/"}, "is not encrypted"),
        ({"sender": "nobody"}, "there is no sender 'nobody'"),
        ({"four_eyes": "yes"}, "four_eyes has no effect here"),
    ],
)
def test_a_mistake_is_a_sentence_and_nothing_is_saved(visitor: Visitor, changed: dict[str, str], sentence: str) -> None:
    before = saved()
    seen = visitor.post("/add-connection", {**FORM, **changed})
    assert seen.status == 422
    assert sentence in seen.text
    assert shows_no_password(seen)
    assert saved() == before


def test_every_setting_can_be_set(visitor: Visitor, gateway: str) -> None:
    more = {
        "location_id": "100", "client_id": "c", "authentication": "login", "dtd_version": "2.1", "read_only": "yes",
        "approval": "required", "approvers": "anna, ben", "four_eyes": "yes", "monthly_transactions": "5000",
        "concurrency": "3", "timeout": "60.5", "answer_timeout": "100",
        "user_agent": "acme/1", "catalog_hours": "12", "outbox": "/o.sqlite", "archive": "/a",
        "ca_bundle": "/c.pem", "read_formatting": "-", "allow_endpoint": "yes", "test": "-",
    }  # fmt: skip
    fields = {name: value for name, value in {**FORM, "endpoint": gateway, **more}.items() if value != "-"}
    assert "without a sign-in" in visitor.follow(visitor.post("/add-connection", fields)).text
    new = saved()["connections"]["new"]
    assert new["approvers"] == ["anna", "ben"]
    assert (new["concurrency"], new["monthly_transactions"], new["timeout"]) == (3, 5000, 60.5)
    assert (new["read_only"], new["four_eyes"], new["allow_endpoint"], new["read_formatting"]) == (
        True,
        True,
        True,
        False,
    )
    assert (new["location_id"], new["client_id"], new["dtd_version"]) == ("100", "c", "2.1")
    assert load_connection("new").approvers == ("anna", "ben")


def test_an_edit_keeps_what_is_not_typed(visitor: Visitor) -> None:
    seen = visitor.get("/connections/books/edit")
    assert shows_no_password(seen)
    kept = {name: value for name, value in FORM.items() if name not in PASSWORDS}
    endpoint = saved()["connections"]["books"]["endpoint"]
    done = visitor.follow(visitor.post("/connections/books/edit", {**kept, "endpoint": endpoint, "location_id": "100"}))
    assert "Saved connection books" in done.text
    books = saved()["connections"]["books"]
    assert books["location_id"] == "100"
    assert {key: books[key] for key in PASSWORDS} == PASSWORDS


def test_a_reference_stays_a_reference(visitor: Visitor, gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKS_PASSWORD", "demo-user-password")
    fields = {**FORM, "endpoint": gateway, "user_password": "", "user_password_env": "BOOKS_PASSWORD"}
    visitor.follow(visitor.post("/add-connection", fields))
    assert saved()["connections"]["new"]["user_password"] == {"env": "BOOKS_PASSWORD"}
    form = visitor.get("/connections/new/edit")
    assert 'value="BOOKS_PASSWORD"' in form.html
    assert shows_no_password(form)


def test_lifting_an_approval_is_said(visitor: Visitor, gateway: str) -> None:
    save_connection("strict", gateway, approval="required")
    kept = {**{name: value for name, value in FORM.items() if name not in PASSWORDS}, "endpoint": gateway}
    seen = visitor.follow(visitor.post("/connections/strict/edit", kept))
    assert "Its writes no longer need an approval." in seen.text


def test_signing_in_says_who_and_where(visitor: Visitor) -> None:
    seen = visitor.follow(visitor.post("/connections/books/test"))
    assert "Signed in to demo-company as demo-user: top level" in seen.text


def test_a_sign_in_that_fails_shows_cause_and_fix(visitor: Visitor, gateway: str) -> None:
    save_connection("bad", gateway, user_password="wrong-password")
    seen = visitor.post("/connections/bad/test")
    assert seen.status == 422
    assert "Sign-in information is incorrect" in seen.text
    assert "Fix" in seen.text
    assert shows_no_password(seen)


def test_a_connection_that_lacks_a_variable_still_has_a_page(visitor: Visitor, gateway: str) -> None:
    save_connection("lacking", gateway, user_password={"env": "NOT_SET_ANYWHERE"})
    assert "NOT_SET_ANYWHERE, which is not set" in visitor.get("/connections/lacking").text
    assert "read from the variable NOT_SET_ANYWHERE" in visitor.get("/connections/lacking/edit").text
    assert "NOT_SET_ANYWHERE" in visitor.get("/").text


def test_a_connection_is_removed_from_its_file(visitor: Visitor, gateway: str) -> None:
    save_connection("old", gateway)
    assert "Removed connection old." in visitor.follow(visitor.post("/connections/old/remove")).text
    assert "old" not in saved()["connections"]
    assert visitor.post("/connections/old/remove").status == 404


def test_a_project_connection_is_edited_in_the_projects_file(visitor: Visitor, gateway: str) -> None:
    path = Path("intacct.toml").resolve()
    save_connection("ours", gateway, path=path)
    try:
        kept = {**{name: value for name, value in FORM.items() if name not in PASSWORDS}, "endpoint": gateway}
        visitor.follow(visitor.post("/connections/ours/edit", {**kept, "location_id": "100"}))
        assert tomllib.loads(path.read_text("utf-8"))["connections"]["ours"]["location_id"] == "100"
        assert "ours" not in saved()["connections"]
    finally:
        path.unlink()


class Vault:
    """A keyring of this system, as the package `keyring` is used; with a priority of 0 there is none."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.priority, self.name = 5.0, "vault"

    def get_keyring(self) -> "Vault":
        return self

    def get_password(self, service: str, key: str) -> str | None:
        return self.kept.get((service, key))

    def set_password(self, service: str, key: str, value: str) -> None:
        self.kept[service, key] = value

    def delete_password(self, service: str, key: str) -> None:
        del self.kept[service, key]


def test_a_password_that_leaves_the_keyring_is_removed_there(
    visitor: Visitor, gateway: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault()
    monkeypatch.setitem(sys.modules, "keyring", vault)
    form = {**FORM, "endpoint": gateway}
    visitor.follow(visitor.post("/add-connection", form))
    visitor.follow(visitor.post("/add-sender", {"name": "acme", "sender_id": "a", "sender_password": "of-acme"}))
    books, sender = "intacct-bridge:new", "intacct-bridge:senders.acme"
    assert sorted(vault.kept) == [(books, "sender_password"), (books, "user_password"), (sender, "sender_password")]
    typed = {**form, "user_password": "", "sender_password": "demo-sender-password"}
    visitor.follow(visitor.post("/connections/new/edit", typed))
    assert len(vault.kept) == 3, "what is typed again has the same entry"
    vault.priority = 0.0
    visitor.follow(
        visitor.post("/connections/new/edit", {**typed, "user_password_env": "INTACCT_BOOKS"} | {"test": "-"})
    )
    visitor.follow(visitor.post("/senders/acme", {"sender_id": "a", "sender_password": "typed-again"}))
    assert vault.kept == {}
    assert saved()["connections"]["new"]["user_password"] == {"env": "INTACCT_BOOKS"}
    assert saved()["connections"]["new"]["sender_password"] == "demo-sender-password"


def test_a_shared_sender_serves_a_connection(visitor: Visitor, gateway: str) -> None:
    sender = {"name": "acme", "sender_id": "demo-sender", "sender_password": "demo-sender-password"}
    assert "Saved sender acme." in visitor.follow(visitor.post("/add-sender", sender)).text
    fields = {**FORM, "endpoint": gateway, "sender": "acme", "sender_id": "", "sender_password": ""}
    visitor.follow(visitor.post("/add-connection", fields))
    assert saved()["connections"]["new"]["sender"] == "acme"
    assert "sender_password" not in saved()["connections"]["new"]
    page = visitor.get("/senders/acme")
    assert "Used by" in page.text
    assert shows_no_password(page)
    refused = visitor.post("/senders/acme/remove")
    assert refused.status == 400
    assert "is used by new" in refused.text
    visitor.follow(visitor.post("/senders/acme", {"sender_id": "Other", "sender_password": ""}))
    assert saved()["senders"]["acme"] == {"sender_id": "Other", "sender_password": "demo-sender-password"}
    visitor.post("/connections/new/remove")
    visitor.follow(visitor.post("/senders/acme/remove"))
    assert "senders" not in saved() or "acme" not in saved()["senders"]


def test_a_sender_needs_an_id_and_a_password(visitor: Visitor) -> None:
    assert "sender_password is not set" in visitor.post("/add-sender", {"name": "x", "sender_id": "y"}).text
    assert "The name is empty" in visitor.post("/add-sender", {"sender_id": "y"}).text


def test_in_a_team_only_administrators_change_connections(user: Path, gateway: str) -> None:
    from intacct_bridge.apps.console.app import TeamMode
    from intacct_bridge.apps.console.sign_in import SECRET_HEADER

    mode = TeamMode("X-Forwarded-User", "a-long-secret-of-the-proxy")
    save_connection("books", gateway)
    with running_console(team=mode, hosts=("books.example",), administrators=("anna",)) as team:
        for person, status in (("ben", 403), ("anna", 422)):
            headers = {"Host": "books.example", "X_Forwarded_User": person, SECRET_HEADER: mode.secret}
            visitor = Visitor(team.url)
            token = re.search(r'name="csrf" value="([^"]+)"', visitor.get("/", **headers).html)
            assert token is not None
            visitor.csrf = token[1]
            form = {**FORM, "company_id": ""}
            seen = visitor.post("/add-connection", form, Origin="https://books.example", **headers)
            assert seen.status == status, seen.text
            edited = visitor.get("/connections/books", **headers).html
            assert ("/connections/books/edit" in edited) == (person == "anna")

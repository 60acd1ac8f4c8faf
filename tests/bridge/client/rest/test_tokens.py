"""The token of the REST interface: one for all programs of a user and company, renewed by one of them.

The token endpoint here answers in the shape of RFC 6749, section 5.1, with the seconds of a recorded answer (43,200).
"""

import json
import stat
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.client.rest.tokens import RENEW_SECONDS, Tokens
from intacct_bridge.connections.connection import Connection
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_protocol.errors import RemoteProtocolError, SignInError

ADDRESS = "https://api.intacct.com/ia/api/v1"
SECRET = "planted-client-secret"
CONNECTION = Connection(
    name="books", company_id="acme", user_id="ws", oauth_client_id="app", oauth_client_secret=SECRET
)


class Endpoint:
    """Gives a new token for each form that is allowed, and ends the ones before."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.now = 1_000_000.0
        self.refuses_refresh = False
        self.more: dict[str, Any] = {}

    def __call__(self, form: Mapping[str, str]) -> bytes:
        self.forms.append(dict(form))
        if self.refuses_refresh and form["grant_type"] == "refresh_token":
            raise SignInError("invalid_grant")
        number = len(self.forms)
        granted = {"access_token": f"access-{number}", "refresh_token": f"refresh-{number}", "expires_in": 43200}
        return json.dumps({"token_type": "Bearer", **granted, **self.more}).encode()

    def tokens(self, connection: Connection = CONNECTION) -> Tokens:
        return Tokens(connection, ADDRESS, self, wall=lambda: self.now)


def test_programs_share_one_token() -> None:
    endpoint = Endpoint()
    first, second = endpoint.tokens(), endpoint.tokens()
    assert [first.current(), second.current(), first.current()] == ["access-1"] * 3
    assert endpoint.forms == [
        {
            "grant_type": "client_credentials",
            "username": "ws@acme",
            "client_id": "app",
            "client_secret": SECRET,
        }
    ]
    assert stat.S_IMODE(first.file.stat().st_mode) == 0o600
    assert SECRET not in first.file.read_text("utf-8")


@pytest.mark.parametrize("other", [{"company_id": "other"}, {"user_id": "other"}, {"oauth_client_id": "other"}])
def test_another_user_company_or_application_has_a_token_of_its_own(other: dict[str, str]) -> None:
    endpoint = Endpoint()
    assert endpoint.tokens().current() != endpoint.tokens(replace(CONNECTION, **other)).current()  # type: ignore[arg-type]


def test_capitals_of_the_company_and_user_do_not_matter() -> None:
    endpoint = Endpoint()
    assert (
        endpoint.tokens().current() == endpoint.tokens(replace(CONNECTION, company_id="ACME", user_id="WS")).current()
    )


def test_a_token_is_renewed_before_its_end_with_the_client_in_the_body() -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens()
    tokens.current()
    endpoint.now += 43_200 - RENEW_SECONDS - 1
    assert tokens.current() == "access-1"
    endpoint.now += 1
    assert tokens.current() == "access-2"
    assert endpoint.forms[1] == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-1",
        "client_id": "app",
        "client_secret": SECRET,
    }


def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one() -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens()
    tokens.current()
    endpoint.more = {"refresh_token": None}
    tokens.current(dead="access-1")
    tokens.current(dead="access-2")
    assert [form.get("refresh_token") for form in endpoint.forms] == [None, "refresh-1", "refresh-1"]


def test_a_refused_refresh_signs_in_again() -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens()
    tokens.current()
    endpoint.refuses_refresh = True
    assert tokens.current(dead="access-1") == "access-3"
    assert [form["grant_type"] for form in endpoint.forms] == [
        "client_credentials",
        "refresh_token",
        "client_credentials",
    ]


def test_a_dead_token_that_another_program_has_replaced_is_not_replaced_again() -> None:
    endpoint = Endpoint()
    first, second = endpoint.tokens(), endpoint.tokens()
    first.current(), second.current()
    assert first.current(dead="access-1") == "access-2"
    assert second.current(dead="access-1") == "access-2"
    assert len(endpoint.forms) == 2


@pytest.mark.parametrize("in_postgres", [False, True])
def test_of_many_programs_at_once_one_asks(request: pytest.FixtureRequest, *, in_postgres: bool) -> None:
    connection = CONNECTION
    if in_postgres:
        place: PostgresPlace = request.getfixturevalue("postgres_place")
        connection = replace(CONNECTION, outbox=f"{place.uri}&schema={place.schema}")
    endpoint = Endpoint()
    programs = [endpoint.tokens(connection) for _ in range(4)]
    access_tokens: list[str] = []
    threads = [
        threading.Thread(target=lambda tokens=tokens: access_tokens.append(tokens.current())) for tokens in programs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert access_tokens == ["access-1"] * 4
    assert len(endpoint.forms) == 1
    assert programs[0].file.exists() is not in_postgres


@pytest.mark.parametrize("content", [b"", b"{", b'{"access": 1}', b'{"access": "old", "expires": 9e9, "format": 2}'])
def test_a_damaged_file_is_replaced(content: bytes) -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens()
    tokens.file.parent.mkdir(parents=True)
    tokens.file.write_bytes(content)
    assert tokens.current() == "access-1"
    assert endpoint.tokens().current() == "access-1"


def test_a_refused_sign_in_keeps_nothing(tmp_path: Path) -> None:
    def refuse(_: Mapping[str, str]) -> bytes:
        raise SignInError("invalid_client")

    tokens = Tokens(CONNECTION, ADDRESS, refuse, wall=lambda: 0.0)
    with pytest.raises(SignInError):
        tokens.current()
    assert not tokens.file.exists()


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"access_token": null}'])
def test_an_answer_without_a_token_is_an_error(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="has no token"):
        Tokens(CONNECTION, ADDRESS, lambda _: body, wall=lambda: 0.0).current()

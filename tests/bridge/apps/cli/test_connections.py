"""`intacct connections add` without a terminal: nothing is asked, and nothing is saved that does not work."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct

FROM_OPTIONS = ("--company-id", "demo-company", "--user-id", "demo-user", "--sender-id", "demo-sender")
PASSWORDS = ("--user-password-env", "ONE", "--sender-password-env", "TWO")
GOOD = {"ONE": "demo-user-password", "TWO": "demo-sender-password"}
TOML = Path("intacct.toml")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    emulator = Emulator.empty()
    with serve(emulator) as server:
        yield server.url
    emulator.close()


def test_missing_settings_are_an_error_with_their_options(intacct: Intacct, url: str) -> None:
    ran = intacct("connections", "add", "books", "--project", "--endpoint", url, *FROM_OPTIONS)
    assert (ran.status, ran.out, TOML.exists()) == (2, "", False)
    assert "Not running in a terminal: connection 'books' needs user_password and sender_password." in ran.err
    assert "Pass --user-password-env, --sender-password-env." in ran.err
    assert "Environment" not in ran.err


@pytest.mark.parametrize(
    ("secrets", "status", "problem"),
    [
        ({**GOOD, "ONE": "mistyped"}, 3, "Sign-in information is incorrect"),
        ({"TWO": GOOD["TWO"]}, 2, "the environment variable ONE, which is not set"),
    ],
)
def test_nothing_is_saved_when_the_sign_in_fails(
    intacct: Intacct, url: str, secrets: dict[str, str], status: int, problem: str
) -> None:
    TOML.write_text("# mine\n")
    words = ("connections", "add", "books", "--project", "--endpoint", url, *FROM_OPTIONS, *PASSWORDS)
    ran = intacct(*words, **secrets)
    assert (ran.status, ran.out) == (status, "")
    assert problem in ran.err
    assert "Nothing was saved. To save connection books without signing in, add --no-test." in ran.err
    assert TOML.read_text() == "# mine\n"
    untested = intacct(*words, "--no-test", **secrets)
    assert (untested.status, "Signing in" in untested.err) == (0, False)
    assert tomllib.loads(TOML.read_text())["connections"]["books"]["user_password"] == {"env": "ONE"}


def test_the_tested_connection_is_the_new_one_and_is_saved(intacct: Intacct, url: str) -> None:
    words = ("connections", "add", "books", "--endpoint", url, *FROM_OPTIONS, *PASSWORDS)
    assert intacct(*words, "--project", "--company-id", "elsewhere", "--no-test", **GOOD).status == 0
    ran = intacct(*words, **GOOD)  # the user's file; the project's table of the same name is to another company
    assert (ran.status, "Signed in to demo-company as demo-user" in ran.out) == (0, True), ran.said
    TOML.unlink()
    shown = {row["setting"]: row["value"] for row in json.loads(intacct("connections", "show", "--json", **GOOD).out)}
    assert (shown["company_id"], shown["environment"]) == ("demo-company", "production")


def test_the_name_demo_tests_the_given_company(intacct: Intacct, url: str) -> None:
    words = ("connections", "add", "demo", "--project", "--endpoint", url, *FROM_OPTIONS, *PASSWORDS)
    ran = intacct(*words, **{**GOOD, "TWO": "mistyped"})
    assert (ran.status, TOML.exists()) == (3, False), ran.said
    ran = intacct(*words, **GOOD)
    assert (ran.status, url in ran.out) == (0, True), ran.said

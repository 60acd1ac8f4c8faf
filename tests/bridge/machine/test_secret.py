"""A value that came from a secret shows itself in no form."""

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from intacct_bridge.connections.connection import Connection
from intacct_bridge.machine.secret import Secret, unwrapped

SECRET = Secret("Wrong-s3cret-word")


@pytest.mark.parametrize(
    "form",
    [
        str(SECRET),
        repr(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>20}",
        f"{SECRET:s}",
        f"{SECRET:x}",
        "%s %r" % (SECRET, SECRET),  # noqa: UP031
        str([SECRET]),
        str({SECRET: SECRET}),
        json.dumps({"to": SECRET}, default=str),
        msgspec.json.encode({"to": SECRET}, enc_hook=str).decode(),
        repr(Exception(SECRET)),
    ],
)  # fmt: skip
def test_each_form_is_masked(form: str) -> None:
    assert "***" in form
    assert "s3cret" not in form.lower()


def test_it_is_no_text_that_code_could_read_through() -> None:
    assert str not in Secret.__mro__
    joins: tuple[Callable[[Any], object], ...] = (
        lambda text: "to " + text,
        lambda text: "".join([text]),
        json.dumps,
        bytes,
    )
    for join in joins:
        with pytest.raises(TypeError):
            join(SECRET)


def test_it_is_unwrapped_where_it_is_needed_and_survives_copies() -> None:
    assert SECRET.unwrap() == unwrapped(SECRET) == unwrapped("Wrong-s3cret-word")
    assert copy.deepcopy(SECRET) == pickle.loads(pickle.dumps(SECRET)) == SECRET != Secret("other")
    assert hash(SECRET) == hash(Secret("Wrong-s3cret-word")) != hash("Wrong-s3cret-word")
    assert not Secret("") and SECRET and SECRET != "Wrong-s3cret-word"


def test_the_passwords_of_a_connection_are_secrets_however_they_were_given() -> None:
    connection = Connection(
        company_id="acme", user_id="u", user_password="Wrong-s3cret-word", sender_id="s", sender_password=SECRET
    )
    assert connection.user_password == connection.sender_password == SECRET
    assert "s3cret" not in f"{connection} {connection.settings()} {connection.user_password}"
    assert connection.secrets == ("Wrong-s3cret-word", "Wrong-s3cret-word")

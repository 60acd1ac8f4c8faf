"""`intacct connections compare`: what production lacks before a job moves there."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from intacct_emulator.server.server import serve
from support.apps.command_line import Intacct
from support.small_company import Clock, company

CONNECTION = """
[connections.{name}]
endpoint = "{url}"
company_id = "{company}"
sender_id = "demo-sender"
sender_password = "demo-sender-password"
user_id = "demo-user"
user_password = "demo-user-password"
environment = "{environment}"
allow_endpoint = true
"""


@pytest.fixture
def both(home: Path) -> Iterator[tuple[str, str]]:
    """Two companies with the same chart of accounts, one for implementation and one for production."""
    with closing(company(Clock())) as first, closing(company(Clock())) as second, serve(first) as a, serve(second) as b:
        Path("intacct.toml").write_text(
            CONNECTION.format(name="imp", url=a.url, company="demo-company", environment="implementation")
            + CONNECTION.format(name="prod", url=b.url, company="demo-company", environment="production")
        )
        yield "imp", "prod"


def test_equal_companies_lack_nothing(intacct: Intacct, both: tuple[str, str]) -> None:
    ran = intacct("connections", "compare", *both)
    assert ran.status == 0, ran.said
    assert "0 differences; compared: objects, custom fields, GLACCOUNT" in ran.said


def test_what_each_company_lacks_is_named(intacct: Intacct, both: tuple[str, str]) -> None:
    imp, prod = both
    made = [
        ("create", "CLASS", "CLASSID=NEW", "NAME=New", "--connection", imp),
        ("create", "GLJOURNAL", "SYMBOL=NEWJ", "TITLE=New", "--connection", imp),
        ("create", "DEPARTMENT", "DEPARTMENTID=OLD", "TITLE=Old", "--connection", prod, "--yes"),
        ("create", "CLASS", "CLASSID=GONE", "NAME=Gone", "STATUS=inactive", "--connection", imp),
    ]
    for words in made:
        ran = intacct(*words)
        assert ran.status == 0, ran.said
    ran = intacct("connections", "compare", imp, prod, "--json")
    assert ran.status == 1, ran.said
    lacks = [(one["company"], one["kind"], one["name"]) for one in json.loads(ran.out)["lacks"]]
    assert lacks == [("prod", "GLJOURNAL", "NEWJ"), ("imp", "DEPARTMENT", "OLD"), ("prod", "CLASS", "NEW")]


def test_a_company_is_not_compared_with_itself(intacct: Intacct, both: tuple[str, str]) -> None:
    ran = intacct("connections", "compare", both[0], both[0])
    assert (ran.status, "both connections are of company demo-company" in ran.err) == (2, True), ran.said

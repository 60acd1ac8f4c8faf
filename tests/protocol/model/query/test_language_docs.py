"""The examples in the page on filters are read by the code they describe."""

import re

from intacct_protocol.errors import InvalidRequestError
from intacct_protocol.model.query.where import parse_where
from support.repository import DOCS

FILTERS = (DOCS / "filters.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_every_filter_in_the_page_is_read() -> None:
    lines = [line for line in blocks(FILTERS, "")[0].splitlines() if line]
    assert len(lines) >= 7
    for line in lines:
        parse_where(line)


def test_the_error_in_the_page_is_the_actual_error() -> None:
    (shown,) = blocks(FILTERS, "text")
    try:
        parse_where("STATE = Posted")
    except InvalidRequestError as error:
        lines = [f"error  {error.message}", f"  fix  {error.advice}"]
        assert "\n".join(lines).replace("\n    ", "\n" + " " * 11) + "\n" == shown  # as the console indents it
    else:
        raise AssertionError

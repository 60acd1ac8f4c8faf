"""The setting `statuses`: words for the status of a record, from a file, an argument, or a variable."""

from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.connections.sources import SettingsSources, load_connection
from intacct_protocol.errors import SettingsError

REST = dict.fromkeys(("company_id", "user_id", "user_password", "sender_id", "sender_password"), "x")
HOLD = {"On hold": "draft", "Scrapped": "void"}


def sources(folder: Path, text: str = "", **environ: str) -> SettingsSources:
    (folder / "intacct.toml").write_text("[connections.books]\n" + text, encoding="utf-8")
    return SettingsSources(environ, folder, folder / "none")


@pytest.mark.parametrize(
    ("text", "environ", "given", "statuses"),
    [
        ("", {}, {}, {}),
        ('[connections.books.statuses]\n"On hold" = "draft"\nScrapped = "void"\n', {}, {}, HOLD),
        ('statuses = { "On hold" = "draft", Scrapped = "void" }\n', {}, {}, HOLD),
        ("", {"INTACCT_STATUSES": "On hold=draft, Scrapped=void"}, {}, HOLD),
        ("", {}, {"statuses": HOLD}, HOLD),
        ('statuses = { Odd = "live" }\n', {"INTACCT_STATUSES": "On hold=draft,Scrapped=void"}, {}, HOLD),
    ],
)
def test_words_come_from_each_source(
    tmp_path: Path, text: str, environ: dict[str, str], given: dict[str, Any], statuses: dict[str, str]
) -> None:
    connection = load_connection("books", sources=sources(tmp_path, text, **environ), **REST, **given)
    assert connection.statuses == statuses
    assert ("statuses" in repr(connection)) is bool(statuses)
    assert hash(connection) == hash(
        load_connection("books", sources=sources(tmp_path, text, **environ), **REST, **given)
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('statuses = { Odd = "gone" }\n', "statuses.Odd is 'gone', and must be one of live, draft, void"),
        ('statuses = { "-" = "void" }\n', "statuses.- is 'void'"),
        ("statuses = { Odd = true }\n", "must be a table of words"),
        ('statuses = "Odd"\n', "must be a table of words"),
        ('statuses = ["Odd"]\n', "must be a table of words"),
    ],
)
def test_a_wrong_word_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_connection("books", sources=sources(tmp_path, text), **REST)
    assert problem in caught.value.message

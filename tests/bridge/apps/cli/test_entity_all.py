"""`--entity all` and an empty text mean the top level, in every command."""

from pathlib import Path

import pytest

from support.apps.command_line import Intacct


@pytest.mark.parametrize("entity", ["all", "ALL", ""])
@pytest.mark.parametrize(
    "words",
    [
        ("query", "CLASS", "--limit", "1"),
        ("get", "VENDOR", "V10001"),
        ("extract", "CLASS", "--to", "jsonl:classes"),
        ("load", "classes.csv", "--as", "CLASS"),
        ("objects",),
    ],
    ids=lambda words: words[0],
)
def test_no_entity_is_the_top_level(demo: Intacct, entity: str, words: tuple[str, ...]) -> None:
    Path("classes.csv").write_text("CLASSID,NAME\nEA-1,One\n", encoding="utf-8")
    ran = demo(*words, "--entity", entity)
    assert ran.status == 0, ran.said

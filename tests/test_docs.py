"""What the documentation says exists, and what exists is documented."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from reference import commands_page, errors_page

import intacct_bridge
from intacct_bridge.client.connections.connection import SETTINGS
from intacct_bridge.edge.app import COMMANDS, root

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
_LINE = re.compile(r"(?:^|[`$(\s;|])(?P<line>intacct [^`\n]*)")
_LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)(?P<path>[^)#\s]+)")


def documented() -> Iterator[tuple[str, str]]:
    """(page, command line) for every line of a code block or in back quotes that begins with our command."""
    for page in PAGES:
        if page.name == "commands.md":  # generated from the commands themselves
            continue
        for line in re.findall(r"(?m)^(?:    |\$ |)(intacct [^\n]*)$|`(intacct [^`\n]*)`", page.read_text("utf-8")):
            yield page.name, next(filter(None, line))


def command_at(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the words lead to, and the words behind it."""
    command: click.Command = root
    context = click.Context(root, info_name="intacct")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, f"there is no command {words[0]!r}"
        command, words = found, words[1:]
    return command, words


def options_of(command: click.Command) -> set[str]:
    """Every option name that a command takes."""
    own = {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    return own | {"--help", "-h"}


@pytest.mark.parametrize(("page", "line"), sorted(set(documented())))
def test_a_documented_command_and_its_flags_exist(page: str, line: str) -> None:
    words = shlex.split(line.replace("…", "").replace("...", ""), comments=True)[1:]
    ends = [place for place, word in enumerate(words) if word in ("|", ">", "&&")]
    words = words[: ends[0]] if ends else words
    if not words or words[0] in ("COMMAND", "--version", "--help"):
        return
    command, rest = command_at(words)
    for word in rest:
        name = word.strip("[](),.;").split("=")[0]
        if re.fullmatch(r"--?[a-z][a-z-]*", name):
            assert name in options_of(command), f"{page}: {line!r}: there is no option {name}"


def test_the_generated_pages_are_current() -> None:
    assert (DOCS / "errors.md").read_text("utf-8") == errors_page(), "run: make docs"
    assert (DOCS / "reference" / "commands.md").read_text("utf-8") == commands_page(), "run: make docs"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    command, _ = command_at([name])
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]} says nothing of itself"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    missing = [path for path in _LINK.findall(page.read_text("utf-8")) if not (page.parent / path).resolve().exists()]
    assert missing == []


def test_every_setting_of_a_connection_is_documented() -> None:
    page = (DOCS / "connect.md").read_text("utf-8").partition("## All settings of a connection")[2]
    assert [name for name in SETTINGS if name != "name" and f"`{name}" not in page.partition("\n## ")[0]] == []


def test_the_version_is_the_same_everywhere() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    released = re.findall(r"(?m)^## \[(\d[^\]]*)\]", changelog)
    assert intacct_bridge.__version__ in (*released[:1], intacct_bridge.__version__ if not released else "")
    assert "## [Unreleased]" in changelog or released


def test_the_readme_fits_on_two_screens() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_constraints_pin_everything_with_hashes_and_without_addresses() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    text = (ROOT / "constraints.txt").read_text("utf-8")
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"(?m)^([\w.-]+)==", text)}
    for one in wanted:
        name = re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", one)[0]).lower()
        assert name in pinned or name == "intacct-bridge", f"run scripts/constraints: {name} is not pinned"
    for file in ("constraints.txt", "constraints-demo.txt"):
        text = (ROOT / file).read_text("utf-8")
        assert "://" not in text
        blocks = re.split(r"(?m)^(?=[A-Za-z])", text)
        assert all("--hash=sha256:" in block for block in blocks if block.strip())

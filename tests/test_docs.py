"""Every documented command, option and link exists, and every command and setting is documented."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import architecture
import click
import command_index
import company_files
import control_api
import destinations
import emulator_settings
import library_reference
import operations
import pytest
import unified_schemas
from reference import commands_page, errors_page

import intacct_bridge
from intacct_bridge.apps.cli.app import root
from intacct_bridge.apps.cli.index import COMMANDS
from intacct_bridge.connections.connection import SETTINGS
from intacct_emulator.command.program import program as emulator
from support.repository import DISTRIBUTIONS, DOCS, ROOT

_SVG = "{http://www.w3.org/2000/svg}"
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md")), *sorted(DOCS.rglob("*.md"))]
LINKING = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "quality" / "README.md"]
_COMMAND = re.compile(r"^(?:    |\$ |)(intacct(?:-emulator)? [^\n]*)$|`(intacct(?:-emulator)? [^`\n]*)`", re.MULTILINE)
_LINK = re.compile(
    r"\]\((?!https?:|mailto:)([^)\s]+)\)|<(?:img|source|a)\s[^>]*?(?:src|srcset|href)=\"(?!https?:)([^\"]+)\""
)


def documented() -> Iterator[tuple[str, str]]:
    """(page, command line) for every command of ours in a code block or in back quotes."""
    for page in PAGES:
        if page.name == "commands.md":  # generated from the commands themselves
            continue
        for line in re.findall(_COMMAND, page.read_text("utf-8")):
            yield page.name, next(filter(None, line))


def command_at(words: list[str], program: click.Command = root) -> tuple[click.Command, list[str]]:
    """The command of a program that the words name, and the remaining words."""
    command = program
    context = click.Context(program)
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
    program, *words = shlex.split(line.replace("…", "").replace("...", ""), comments=True)
    ends = [place for place, word in enumerate(words) if word in ("|", ">", "&&")]
    words = words[: ends[0]] if ends else words
    if not words or words[0] in ("COMMAND", "--version", "--help"):
        return
    command, rest = command_at(words, root if program == "intacct" else emulator)
    for word in rest:
        name = word.strip("[](),.;").split("=")[0]
        if re.fullmatch(r"--?[a-z][a-z-]*", name):
            assert name in options_of(command), f"{page}: {line!r}: there is no option {name}"


def test_the_generated_pages_are_current() -> None:
    assert command_index.FILE.read_text("utf-8") == command_index.index(), "run: make docs"
    assert (DOCS / "errors.md").read_text("utf-8") == errors_page(), "run: make docs"
    assert (DOCS / "reference" / "commands.md").read_text("utf-8") == commands_page(), "run: make docs"
    assert destinations.PAGE.read_text("utf-8") == destinations.page(), "run: make docs"
    assert library_reference.PAGE.read_text("utf-8") == library_reference.page(), "run: make docs"
    assert company_files.PAGE.read_text("utf-8") == company_files.page(), "run: make docs"
    assert emulator_settings.PAGE.read_text("utf-8") == emulator_settings.page(), "run: make docs"
    assert control_api.PAGE.read_text("utf-8") == control_api.page(), "run: make docs"
    assert control_api.DOCUMENT.read_text("utf-8") == control_api.openapi(), "run: make docs"
    assert unified_schemas.PAGE.read_text("utf-8") == unified_schemas.page(), "run: make docs"
    assert operations.PAGE.read_text("utf-8") == operations.page(), "run: make docs"
    assert operations.LIST.read_text("utf-8") == operations.listing(), "run: make docs"


def test_the_picture_of_the_architecture_is_current_and_complete() -> None:
    drawn = (DOCS / "images" / "architecture.svg").read_text("utf-8")
    assert drawn == architecture.picture(), "run: make docs"
    texts = {node.text for node in ElementTree.fromstring(drawn).iter(f"{_SVG}text")}
    for distribution, packages in architecture.packages().items():
        assert {distribution.replace("_", "-"), *packages} <= texts


@pytest.mark.parametrize("name", ["architecture.svg", "demo.svg"])
def test_a_picture_is_text_and_loads_nothing(name: str) -> None:
    drawn = (DOCS / "images" / name).read_text("utf-8")
    assert len(list(ElementTree.fromstring(drawn).iter(f"{_SVG}text"))) > 20
    assert re.findall(r"@font-face|@import|<image|<script|(?:href|src)=", drawn) == []
    assert set(re.findall(r"https?://[^\s\"'<]+", drawn)) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    command, _ = command_at([name])
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]} has no help"


@pytest.mark.parametrize("name", ["connections", "fleet", "flows", "outbox", "plan", "runs", "views", "watch"])
def test_a_group_lists_the_first_sentence_of_each_command_in_full(name: str) -> None:
    group, _ = command_at([name])
    assert isinstance(group, click.Group)
    shown = " ".join(group.get_help(click.Context(group, info_name=name, terminal_width=80)).split())
    sentences = [" ".join((one.help or "").split()).split(". ")[0].rstrip(".") for one in group.commands.values()]
    assert [one for one in sentences if one not in shown] == []


def prose(page: Path) -> str:
    """A page without its code."""
    return re.sub(
        r"(?ms)^```.*?^```$|`[^`\n]*`", lambda block: block[0] if block[0][:3] != "```" else "", page.read_text("utf-8")
    )


def places(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    heads = re.findall(r"(?m)^#+ (.+)$", prose(page))
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def broken_links(page: Path) -> list[str]:
    """Every broken link of a page: to a page, a heading or a picture."""
    broken = []
    for link in filter(None, (path for found in _LINK.findall(prose(page)) for path in found)):
        path, _, place = link.partition("#")
        file = (page.parent / path).resolve() if path else page
        found = file.exists() and (not place or file.suffix != ".md" or place in places(file))
        broken += [] if found else [link]
    return broken


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_no_link_between_pages_is_broken(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        '# Here\n\n[a](#here) [b](#there) [![c](c.svg)](page.md#here)\n\n<img src="d.svg">\n\n```text\n[e](e.md)\n```\n'
    )
    assert broken_links(page) == ["#there", "c.svg", "d.svg"]


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


OURS = tuple(source.name.replace("_", "-") for source in DISTRIBUTIONS)


def test_constraints_pin_everything_with_hashes_and_without_addresses() -> None:
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    manifests = [tomllib.loads(path.read_text("utf-8"))["project"] for path in ROOT.glob("packages/*/pyproject.toml")]
    wanted = list(workspace["dependency-groups"]["dev"])
    for project in manifests:
        wanted += [*project["dependencies"], *chain.from_iterable(project.get("optional-dependencies", {}).values())]
    text = (ROOT / "constraints.txt").read_text("utf-8")
    pinned = {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"(?m)^([\w.-]+)==", text)}
    for one in wanted:
        name = re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~! ]", one)[0]).lower()
        # pyspark has no wheels, and its tests install it themselves
        assert name in pinned or name in (*OURS, "pyspark"), f"run scripts/constraints: {name} is not pinned"
    for file in ("constraints.txt", "constraints-demo.txt"):
        text = (ROOT / file).read_text("utf-8")
        assert "://" not in text
        blocks = re.split(r"(?m)^(?=[A-Za-z])", text)
        assert all("--hash=sha256:" in block for block in blocks if block.strip())

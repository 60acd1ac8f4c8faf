"""The Python code of the pages on the library and the emulator runs, in the order of the page."""

import re
import sys
import urllib.request
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from intacct_bridge import connect
from intacct_bridge.testing import make_company
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.faults import load_faults
from intacct_emulator.settings.scenarios import load_companies, load_scenario
from support.repository import DOCS


def blocks(page: str, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run(page: str, block: str, known: dict[str, Any]) -> None:
    exec(compile(block, page, "exec", dont_inherit=True), known)


@pytest.fixture
def books(demo: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A connection named `books` in the working directory's intacct.toml, to the demo company."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INTACCT_RUN_HISTORY")
    with serve(demo) as server:
        settings = {**CREDENTIALS, "endpoint": server.url, "environment": "demo"}
        lines = "\n".join(f'{name} = "{value}"' for name, value in settings.items())
        tables = [f"[connections.{name}]\n{lines}\n" for name in ("books", "demo")]
        (tmp_path / "intacct.toml").write_text("".join(tables))
        yield


@pytest.mark.usefixtures("books")
def test_the_library_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    known: dict[str, Any] = {}
    for block in blocks("library.md"):
        run("library.md", block, known)
    said = capsys.readouterr().out
    assert len([line for line in said.splitlines() if re.search(r"\d{4}-\d\d-\d\d -?[\d.]+$", line)]) == 3
    assert "BL34000061: Another Class with the given value(s) R already exists" in said
    assert known["rows"]
    assert known["accounts"].num_rows > 100
    assert known["due"].num_rows > 1
    assert known["record"]["APBILLITEMS"]
    assert known["vendor"]["VENDORID"] == "V10001"
    assert known["answer"].status == "success"
    assert known["usage"].transactions > 10
    copied = {stream.name: stream.rows for stream in known["result"].streams}
    assert all(copied[name] > 0 for name in ("CLASS", "dimensions", "trial_balance"))
    assert (known["again"].counts.posted, known["again"].counts.already_in_intacct) == (0, 2)
    assert [receipt.write.label for receipt in known["receipts"]] == ["CLASS T"]
    assert known["last"] is None


@pytest.mark.usefixtures("books")
def test_the_page_on_changes_runs(capsys: pytest.CaptureFixture[str]) -> None:
    known: dict[str, Any] = {}
    with connect("books") as known["client"]:
        for block in blocks("watch.md"):
            run("watch.md", block, known)
    assert len(known["arrived"]) == 1
    assert "'TITLE': 'Harbour'" not in capsys.readouterr().out  # the first watch begins now


def post_class(code: str, name: str, *, url: str, **credentials: str) -> None:
    """A program without this library, as `test_my_program` of the page has one."""
    request = (
        "<request><control><senderid>{sender_id}</senderid><password>{sender_password}</password><controlid>c"
        "</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control><operation><authentication><login>"
        "<userid>{user_id}</userid><companyid>{company_id}</companyid><password>{user_password}</password></login>"
        "</authentication><content><function controlid='f'><create><CLASS><CLASSID>{code}</CLASSID><NAME>{name}</NAME>"
        "</CLASS></create></function></content></operation></request>"
    ).format(code=code, name=name, **credentials)
    with urllib.request.urlopen(urllib.request.Request(url, request.encode())) as answer:
        answer.read()


def test_the_tests_of_the_emulator_page_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "my_program", SimpleNamespace(post_class=post_class))
    known: dict[str, Any] = {}
    for block in blocks("emulator.md"):
        run("emulator.md", block, known)
    tests = [name for name in known if name.startswith("test_")]
    assert len(tests) == 4
    for name in tests:
        company = make_company()
        known[name](*([company] if signature(known[name]).parameters else []))
        company.close()


def test_the_files_of_the_emulator_page_are_read(tmp_path: Path) -> None:
    blocks_of_page = blocks("emulator.md", "toml")
    faults = [one for one in blocks_of_page if "[[fault]]" in one]
    scenarios = [one for one in blocks_of_page if "[[fault]]" not in one]
    read = []
    for scenario in scenarios:
        (tmp_path / "my.toml").write_text(scenario)
        read.append(load_scenario(tmp_path / "my.toml"))
    scripted = []
    for script in faults:
        (tmp_path / "faults.toml").write_text(script)
        scripted.append([(one.kind, one.key) for one in load_faults(tmp_path / "faults.toml")])
    assert scripted == [[("cut-after", ""), ("http", "")], [("fault", "V-17")], [("slow", "")]]
    assert read[0].policies["nightly"].work_seconds == 30
    assert read[0].companies[0].window_requests == 10
    assert read[1].behaviour.filter_times == "user"
    assert [report.name for report in read[2].companies[0].reports] == ["Small bills"]


def test_the_page_of_custom_companies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    companies = blocks("custom-companies.md", "toml")
    for place, text in reversed(list(enumerate(companies))):
        Path("harbour.toml").write_text(text)
        Emulator.empty(settings=load_companies("harbour.toml")).close()
        if not place:
            assert len(text.splitlines()) <= 36
    known: dict[str, Any] = {}
    for block in blocks("custom-companies.md"):
        run("custom-companies.md", block, known)
    tests = [name for name in known if name.startswith("test_")]
    assert len(tests) == 5
    for name in tests:
        company = make_company(company="harbour.toml")
        known[name](*([company] if signature(known[name]).parameters else []))
        company.close()

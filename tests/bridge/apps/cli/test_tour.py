"""The first ten minutes of the documentation: the commands of the page print the lines that the page shows."""

import re
import shlex
from contextlib import closing
from pathlib import Path

from intacct_bridge.apps.demo.sample import write_sample
from intacct_emulator import CREDENTIALS
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.scenarios import find_scenario, load_scenario
from support.apps.command_line import AS_OF, Intacct
from support.repository import DOCS

PAGE = (DOCS / "first-ten-minutes.md").read_text("utf-8")
BLOCKS = re.findall(r"(?ms)^```(?:console|text)\n(.*?)^```", PAGE)


def shown(start: str) -> list[str]:
    """The lines of the block that begins with this text; `...` at the end of a line stands for more."""
    (block,) = (block for block in BLOCKS if block.startswith(start))
    return [line.removesuffix("...").rstrip() for line in block.splitlines()]


def words(line: str) -> list[str]:
    """A command line of the page without `$ intacct` and the connection, which the fixture adds."""
    return shlex.split(line.removesuffix("--connection demo"))[2:]


def test_a_query_and_a_misspelt_object(demo: Intacct) -> None:
    command, heads, *_ = shown("$ intacct query APBILL")
    assert demo(*words(command)).out.splitlines()[0].split() == heads.split()
    command, error = shown("$ intacct query VENDER")
    assert error in demo(*words(command)).err


def test_the_refusals_of_the_faulty_file(demo: Intacct) -> None:
    Path("demo-company").mkdir()
    write_sample("journal-entries-bad.csv", Path("demo-company"), as_of=AS_OF)
    (command,) = shown("$ intacct load demo-company")
    printed = demo(*words(command))
    refusals = shown("✗ journal-entries-bad.csv:4")
    assert len(refusals) == 3
    for line in refusals:
        assert line in printed.out


def test_the_proof_of_the_copy(demo: Intacct) -> None:
    Path("demo-company").mkdir()
    extract, reconcile, *proof = shown("$ intacct extract")
    assert demo(*words(extract.replace("extract", "extract GLBATCH GLENTRY GLDETAIL GLACCOUNT"))).status == 0
    printed = demo(*words(reconcile)).said
    for line in proof:
        assert re.sub(r"[\d,.]+", "0", line) in re.sub(r"[\d,.]+", "0", printed)


def test_the_findings_of_the_doctor(intacct: Intacct) -> None:
    settings = load_scenario(find_scenario("sender-wrong"))
    with closing(Emulator.empty(settings=settings)) as emulator, serve(emulator) as server:
        environment = {f"INTACCT_{name.upper()}": value for name, value in CREDENTIALS.items()}
        environment |= {"INTACCT_SENDER_PASSWORD": "not-the-sender-password", "INTACCT_ENVIRONMENT": "demo"}
        printed = intacct("doctor", INTACCT_ENDPOINT_URL=server.url, **environment)
    lines = [re.sub(r":\d+/", "/", line) for line in printed.out.splitlines()]
    command, *findings = shown("$ intacct doctor")
    assert words(command) == ["doctor"]
    for finding in findings:
        start = re.sub(r":\d+/", "/", finding)
        assert any(line.startswith(start) for line in lines), (start, printed.out)

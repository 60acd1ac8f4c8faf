"""Each difference between a recording and the emulator is found, and nothing else is."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from intacct_emulator.command.program import main
from intacct_emulator.recordings.comparison import Comparison, compare
from intacct_emulator.recordings.exchanges import UNREADABLE, Exchange, RecordingFolder
from intacct_emulator.recordings.masks import Mask
from intacct_emulator.recordings.recorder import Recorder, start_recording
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.server.server import serve
from intacct_emulator.settings.behaviour import Behaviour
from intacct_emulator.settings.companies import EmulatorSettings
from intacct_protocol.xml.envelope import Login, SessionAuth
from intacct_protocol.xml.xml import parse, serialize
from support.emulator.calls import encoded

CLASS = "<CLASS><CLASSID>R-7</CLASSID><NAME>Retail</NAME></CLASS>"
READ_BY_QUERY = (
    "<readByQuery><object>CLASS</object><fields>CLASSID,NAME</fields><query>CLASSID like 'R%'</query>"
    "<pagesize>1</pagesize></readByQuery>"
)
CALLS = (
    "<getAPISession/>",
    f"<create>{CLASS}</create>",
    f"<create>{CLASS}</create>",
    "<create><CLASS><CLASSID>R-8</CLASSID><NAME>Wholesale</NAME></CLASS></create>",
    "<query><object>CLASS</object><select><field>CLASSID</field><field>NAME</field></select></query>",
    READ_BY_QUERY,
    "<read><object>CLASS</object><keys>1</keys><fields>CLASSID,NAME</fields></read>",
    "<readByName><object>CLASS</object><keys>R-7</keys><fields>*</fields></readByName>",
    "<read><object>NOTHING</object><keys>1</keys><fields>*</fields></read>",
    '<get_list object="class"></get_list>',
    "<update><CLASS><RECORDNO>1</RECORDNO><NAME>Renamed</NAME></CLASS></update>",
    "<delete><object>CLASS</object><keys>1</keys></delete>",
    "<query><object>CLASS</object><select><max>RECORDNO</max></select></query>",
)


@pytest.fixture(scope="module", params=["secrets", "everything"])
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RecordingFolder:
    """A recording with the secrets masked, and one with names and amounts masked too."""
    masks = {Mask.NAMES, Mask.AMOUNTS} if request.param == "everything" else set()
    return made_recording(tmp_path_factory.mktemp("recorded"), masks)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> RecordingFolder:
    return made_recording(tmp_path_factory.mktemp("plain"), set())


def made_recording(folder: Path, masks: set[Mask]) -> RecordingFolder:
    """What a gateway answered to each call, to a wrong password, a wrong sender and an unknown session."""
    recording, exchange_masks = start_recording(folder / "recording", masks, folder / "keys")
    emulator = Emulator.empty()
    with serve(emulator) as gateway:
        recorder = Recorder(recording, exchange_masks, gateway.url)
        for call in CALLS:
            recorder(gateway.url, encoded(call))
        recorder(gateway.url, encoded(*CALLS[4:6]))
        recorder(gateway.url, encoded(CALLS[4], authentication=Login("demo-user", "demo-company", "wrong")))
        recorder(gateway.url, encoded(CALLS[4], password="wrong"))
        recorder(gateway.url, encoded(CALLS[4], authentication=SessionAuth("no-session")))
    emulator.close()
    return recording


def compared(exchanges: Iterator[Exchange] | list[Exchange], behaviour: Behaviour | None = None) -> Comparison:
    settings = EmulatorSettings() if behaviour is None else replace(EmulatorSettings(), behaviour=behaviour)
    emulator = Emulator.empty(settings=settings)
    try:
        return compare(exchanges, emulator, emulator.settings.credentials())
    finally:
        assert emulator.incidents == []
        emulator.close()


def test_the_emulator_agrees_with_itself(recorded: RecordingFolder) -> None:
    comparison = compared(recorded.exchanges())
    assert comparison.differences == ()
    assert comparison.calls == len(CALLS) + 5
    assert [agreement.calls for agreement in comparison.agreements if agreement.function == "create CLASS"] == [3]


def test_record_numbers_of_the_recording_become_those_of_the_emulator(recorded: RecordingFolder) -> None:
    """The emulator has two classes more at the start, so every number is another one."""
    emulator = Emulator.empty()
    for name in ("X", "Y"):
        emulator(
            "http://127.0.0.1/",
            encoded(f"<create><CLASS><CLASSID>{name}</CLASSID><NAME>{name}</NAME></CLASS></create>"),
        )
    exchanges = [each for each in recorded.exchanges() if each.number in (2, 7, 11, 12)]
    comparison = compare(exchanges, emulator, emulator.settings.credentials())
    assert comparison.differences == ()
    assert sorted(row["CLASSID"] for _, row in emulator.company().table("CLASS").rows()) == ["X", "Y"]
    emulator.close()


def changed(*words: str) -> Callable[[str], str]:
    """A change of an answer: each word by the next."""

    def change(xml: str) -> str:
        for old, new in zip(words[::2], words[1::2], strict=True):
            assert old in xml
            xml = xml.replace(old, new)
        return xml

    return change


RETAIL = "<CLASSID>R-7</CLASSID>", "<NAME>Retail</NAME>"
MORE = "<error><errorno>X</errorno></error></errormessage>"
TIME, OTHER_TIME = "sessiontimestamp>", "sessiontime>"


@pytest.mark.parametrize(
    ("number", "change", "kind", "place"),
    [
        (3, changed("BL34000061", "BL34000062"), "error number", "/result/errormessage/error[1]"),
        (3, changed("already exists", "exists"), "error text", "/result/errormessage/error[1]/description2"),
        (3, changed("</errormessage>", MORE), "shape", "/result/errormessage/error[3]"),
        (2, changed("success</status><function", "failure</status><function"), "status", "/result/status"),
        (5, changed("NAME>", "TITLE>"), "shape", "/result/data/CLASS/NAME"),
        (5, changed("".join(RETAIL), "".join(RETAIL[::-1])), "order", "/result/data/CLASS"),
        (5, changed(' listtype="CLASS"', ' kind="CLASS"'), "shape", "/result/data@listtype"),
        (1, changed(TIME, OTHER_TIME), "shape", "/response/operation/authentication/sessiontimestamp"),
    ],
)
def test_a_difference_is_named_with_its_place(
    plain: RecordingFolder, number: int, change: Callable[[str], str], kind: str, place: str
) -> None:
    exchanges = [exchange for exchange in plain.exchanges() if exchange.number <= number]
    last = exchanges[-1]
    assert last.answer is not None
    before = serialize(last.answer)
    comparison = compared([*exchanges[:-1], replace(last, answer=parse(change(before).encode()))])
    assert (kind, place) in {(difference.kind, difference.place) for difference in comparison.differences}
    assert {difference.exchange for difference in comparison.differences} == {number}
    assert comparison.agreeing == comparison.calls - 1


@pytest.mark.parametrize(
    ("behaviour", "found"),
    [
        (Behaviour(session_errorno="XL03000099"), {(17, "error number")}),
        (Behaviour(session_text="No such session."), {(17, "error text")}),
        (Behaviour(aggregate_tags="plain"), {(13, "shape")}),
        (Behaviour(sender_refusal="gateway"), {(16, "error number"), (16, "error text"), (16, "shape")}),
        (Behaviour(http_status_of_control_failures=401), set()),
    ],
)
def test_a_setting_turned_the_other_way_is_found_where_it_shows(
    recorded: RecordingFolder, behaviour: Behaviour, found: set[tuple[int, str]]
) -> None:
    differences = compared(recorded.exchanges(), behaviour).differences
    assert {(difference.exchange, difference.kind) for difference in differences} == found


def test_what_has_no_document_is_left_out(recorded: RecordingFolder) -> None:
    (first, *_) = recorded.exchanges()
    comparison = compared([replace(first, answer=None, outcome=UNREADABLE), first])
    assert (comparison.left_out, comparison.calls) == (1, 1)


def test_the_command_reports_and_writes_a_page(
    plain: RecordingFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for file in plain.folder.iterdir():
        if file.name < "000004" or file.name == "recording.json":
            text = file.read_text("utf-8").replace("already exists", "is | there")
            (folder / file.name).write_text(text, "utf-8")
    report = tmp_path / "agreement.md"
    assert main(["replay", str(folder), "--compare", "--report", str(report)]) == 1
    shown = capsys.readouterr()
    assert "create CLASS   2      1      50%" in shown.out
    assert "error text" in shown.out
    assert shown.err.splitlines()[-1] == "2 of 3 calls agree (66.7%)."
    page = report.read_text("utf-8")
    assert page.startswith("# Agreement with corpus\n\n2 of 3 calls agree (66.7%).\n\n| function |")
    assert "| create CLASS | 2 | 1 | 50% |" in page
    assert "R-7 is \\| there |" in page
    assert main(["replay", str(folder), "--compare", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [difference["kind"] for difference in told["differences"]] == ["error text"]
    (folder / "000003-create.answer.xml").unlink()
    (folder / "000003-create.json").unlink()
    assert main(["replay", str(folder), "--compare"]) == 0


def test_a_folder_of_recordings_is_one_corpus(
    plain: RecordingFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "second"):
        folder = tmp_path / "corpus" / name
        shutil.copytree(plain.folder, folder)
        if name == "second":
            file = folder / "000003-create.answer.xml"
            file.write_text(file.read_text("utf-8").replace("BL34000061", "BL34000062"), "utf-8")
    report = tmp_path / "agreement.md"
    assert main(["replay", str(tmp_path / "corpus"), "--compare", "--report", str(report)]) == 1
    shown = capsys.readouterr()
    assert "second/000003  create CLASS  error number  /result/errormessage/error[1]  BL34000062" in shown.out
    page = report.read_text("utf-8")
    assert page.startswith("# Agreement with corpus\n\n35 of 36 calls agree (97.2%).\n")
    assert "| create CLASS | 6 | 5 | 83% |" in page
    assert "| second/000003 | create CLASS | error number |" in page

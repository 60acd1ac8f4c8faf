"""The archive has every exchange and no secret."""

import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from intacct_bridge.client.gateway.archive import Archive
from intacct_protocol.errors import SettingsError
from intacct_protocol.xml.reply import ConnectionCutError, Reply

NASTY = "pl&nt<e>d\"'s%cret"
FORMS = [
    NASTY,
    "pl&amp;nt&lt;e&gt;d\"'s%cret",
    "pl&amp;nt&lt;e&gt;d&quot;&apos;s%cret",
    "pl&amp;nt&lt;e&gt;d&quot;&#39;s%cret",
    "pl%26nt%3Ce%3Ed%22%27s%25cret",
]
NOW = datetime(2026, 10, 14, 9, tzinfo=UTC)


def archive(tmp_path: Path, reply: Reply | Exception, *, kept: int = 500) -> Archive:
    def transport(endpoint: str, body: bytes) -> Reply:
        if isinstance(reply, Exception):
            raise reply
        return reply

    return Archive(transport, tmp_path / "kept", secrets=(NASTY, "ab"), limit=kept, now=lambda: NOW)


def written(tmp_path: Path) -> dict[str, str]:
    return {path.name.split("-", 3)[-1]: path.read_text() for path in sorted((tmp_path / "kept").iterdir())}


def test_exchanges_are_written_masked_by_element_and_by_value(tmp_path: Path) -> None:
    body = f"<request><password>other-password</password><x>{' '.join(FORMS)} able</x></request>".encode()
    reply = Reply(200, b"<response><sessionid>abcdefgh</sessionid><y>" + NASTY.encode() + b"</y></response>", {})
    assert archive(tmp_path, reply)("https://api.intacct.com/", body) is reply
    files = written(tmp_path)
    assert files["request.xml"] == "<request><password>***</password><x>*** *** *** *** *** able</x></request>"
    assert files["200-answer.xml"] == "<response><sessionid>***</sessionid><y>***</y></response>"


def test_a_broken_connection_is_written_and_raised(tmp_path: Path) -> None:
    with pytest.raises(ConnectionCutError):
        archive(tmp_path, ConnectionCutError("it broke", sent=True))("e", b"<request/>")
    assert written(tmp_path)["cut.txt"] == "it broke\n"


def test_the_oldest_exchanges_are_removed(tmp_path: Path) -> None:
    kept = archive(tmp_path, Reply(200, b"<response/>", {}), kept=3)
    for n in range(5):
        kept("e", b"<request>%d</request>" % n)
    texts = [path.read_text() for path in sorted((tmp_path / "kept").glob("*request.xml"))]
    assert texts == ["<request>2</request>", "<request>3</request>", "<request>4</request>"]
    assert len(list((tmp_path / "kept").iterdir())) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    archive(tmp_path, Reply(200, b"<response/>", {}))("e", b"<request/>")
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "kept").iterdir()} == {0o600}


def test_an_archive_that_cannot_be_created_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(SettingsError, match="cannot be created"):
        archive(tmp_path, Reply(200, b"", {}))


def test_an_answer_is_not_lost_when_it_cannot_be_written(tmp_path: Path) -> None:
    def transport(endpoint: str, body: bytes) -> Reply:
        for path in (tmp_path / "kept").iterdir():
            path.unlink()
        (tmp_path / "kept").rmdir()
        return Reply(200, b"<response/>", {})

    keeping = Archive(transport, tmp_path / "kept", now=lambda: NOW)
    assert keeping("e", b"<request/>").status == 200
    with pytest.raises(SettingsError, match="cannot be written"):
        keeping("e", b"<request/>")

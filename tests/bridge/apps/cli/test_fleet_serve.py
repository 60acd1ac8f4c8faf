"""`intacct fleet serve`: what it says, what it logs, and the command lines that it refuses."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from intacct_bridge.fleet import Fleet
from support.apps.command_line import Intacct
from support.apps.console_site import Visitor
from support.apps.fleet_site import KEY, TOKEN

COMMAND = [sys.executable, "-m", "intacct_bridge", "fleet", "serve", "--port", "0", "-vv"]


def test_it_serves_links_and_programs_and_logs_no_token(home: Path, postgres: str) -> None:
    environment = {**os.environ, "INTACCT_FLEET": postgres, "INTACCT_FLEET_KEY": KEY, "INTACCT_FLEET_TOKEN": TOKEN}
    settings = Path("intacct.toml")
    settings.write_text('[senders.ours]\nsender_id = "ours"\nsender_password = "of-the-sender"\n')
    settings.chmod(0o644)
    running = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert running.stderr is not None
    said = ""
    while not (found := re.search(r"(http://127\.0\.0\.1:\d+)/api/v1", said)):
        line = running.stderr.readline()
        assert line, said
        said += line
    url = found[1]
    program = {"Authorization": f"Bearer {TOKEN}"}
    assert Visitor(url).ask("PUT", "/api/v1/tenants/acme", b"{}", program).status == 201
    with Fleet.open(postgres, KEY) as fleet:
        token = fleet.link("acme")
    seen = Visitor(url).get(f"/connect/link/{token}")
    assert (seen.status, urlsplit(seen.location).path) == (303, "/connect/start")
    assert Visitor(url).get(f"/connect/link/{token[:-1]}").status == 303
    assert Visitor(url).ask("GET", "/api/v1/tenants", None, {"Authorization": "Bearer wrong"}).status == 401
    running.send_signal(signal.SIGTERM)
    out, rest = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "has a password, and other accounts of this machine may read it" in " ".join(said.split())
    assert "The server has ended." in rest and "Traceback" not in rest
    for secret in (token, TOKEN, KEY, "of-the-sender"):
        assert secret not in said + rest + out
    kept = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert not [one for one in kept if token.encode() in one or TOKEN.encode() in one]


@pytest.mark.parametrize(
    ("words", "environ", "sentence"),
    [
        ((), {}, "The JSON interface has no bearer token."),
        ((), {"INTACCT_FLEET_TOKEN": "short"}, "is too short, or not plain text"),
        ((), {"INTACCT_FLEET_TOKEN": "with spaces, and long enough otherwise"}, "is too short, or not plain text"),
        (("--host", "0.0.0.0"), {"INTACCT_FLEET_TOKEN": TOKEN}, "other machines reach the credential page"),
        (("--address", "http://connect.example.com"), {"INTACCT_FLEET_TOKEN": TOKEN}, "is not encrypted"),
        ((), {"INTACCT_FLEET_TOKEN": TOKEN, "INTACCT_FLEET_ADDRESS": "here"}, "is not the address of a site"),
        (("--token-file", "missing"), {}, "cannot be used"),
    ],
)  # fmt: skip
def test_what_would_not_be_safe_does_not_start(
    intacct: Intacct, postgres: str, words: tuple[str, ...], environ: dict[str, str], sentence: str
) -> None:
    ran = intacct("fleet", "serve", "--port", "0", *words, **{"INTACCT_FLEET": postgres, **environ})
    assert ran.status == 2
    said = " ".join(ran.said.split())
    assert sentence in said and " fix " in said


def test_a_tokens_file_that_others_can_read_is_refused(intacct: Intacct, postgres: str, home: Path) -> None:
    file = home / "token"
    file.write_text(TOKEN)
    file.chmod(0o644)
    ran = intacct("fleet", "serve", "--port", "0", "--token-file", str(file), INTACCT_FLEET=postgres)
    assert ran.status == 2 and "others can read the token" in ran.said

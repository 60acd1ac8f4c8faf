"""Attacks on the console: each is refused, and nothing is done."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from intacct_bridge.apps.console.app import TeamMode
from intacct_bridge.apps.console.pages.registry import PAGES
from intacct_bridge.apps.console.sign_in import SECRET_HEADER
from intacct_bridge.apps.web.pages import Page, PageRequest, PageView, Redirect
from intacct_bridge.apps.web.security import POLICY
from intacct_bridge.apps.web.uploads import safe_name
from support.apps.console_site import RunningConsole, Visitor, running_console

OTHER = "https://evil.example"
SECRET = "a-long-secret-of-the-proxy"


# --- who may come in


def test_a_start_address_works_once(console: RunningConsole) -> None:
    path = urlsplit(console.server.start_address()).path
    first, second = console.visitor(), console.visitor()
    assert first.get(path).status == 200
    assert first.get("/").status == 200
    assert second.get(path).status == 403
    assert second.cookie == ""
    assert second.get("/").status == 401


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "../", "%00", "%F0%9F%94%91"])
def test_a_guessed_start_address_does_not(console: RunningConsole, token: str) -> None:
    console.server.start_address()
    stranger = console.visitor()
    assert stranger.get(f"/start/{token}").status in (401, 403)
    assert stranger.cookie == ""


def test_looking_at_a_start_address_first_does_not_use_it(console: RunningConsole) -> None:
    path = urlsplit(console.server.start_address()).path
    assert console.visitor().ask("HEAD", path).status == 403
    assert console.visitor().get(path).status == 200


@pytest.mark.parametrize("page", [page.path for page in PAGES] + ["/index.json", "/jobs", "/jobs/1/events", "/nothing"])
def test_without_a_session_there_is_no_page(console: RunningConsole, page: str) -> None:
    for cookie in ("", f"intacct-console-{console.app.port}=guessed", "other=1"):
        seen = console.visitor().get(page.replace("{", "").replace("}", ""), Cookie=cookie or "-")
        assert seen.status == 401, page
        assert "demo-company" not in seen.html


def test_the_cookie_is_for_this_browser_and_this_site_only(console: RunningConsole) -> None:
    seen = console.visitor().get(urlsplit(console.server.start_address()).path)
    name, *flags = (part.strip() for part in seen.headers["set-cookie"].split(";"))
    assert name.startswith(f"intacct-console-{console.app.port}=")
    assert sorted(flag.lower() for flag in flags) == ["httponly", "path=/", "samesite=strict"]


def test_a_session_that_someone_else_chose_is_not_taken(console: RunningConsole) -> None:
    """Session fixation: the cookie that a browser had before is not the session that it gets."""
    victim = console.visitor()
    victim.cookie = f"intacct-console-{console.app.port}=planted"
    assert victim.get(urlsplit(console.server.start_address()).path).status == 200
    assert "planted" not in victim.cookie
    attacker = console.visitor()
    attacker.cookie = f"intacct-console-{console.app.port}=planted"
    assert attacker.get("/").status == 401


def test_signing_out_ends_the_session(console: RunningConsole) -> None:
    visitor, other = console.signed_in(), console.signed_in()
    assert visitor.post("/sign-out").status == 303
    assert visitor.get("/").status == 401
    assert other.get("/").status == 200


def test_an_idle_session_ends(user: Path) -> None:
    with running_console(idle_seconds=-1) as console:
        visitor = console.visitor()
        assert visitor.get(urlsplit(console.server.start_address()).path).status == 200
        seen = visitor.get("/")
        assert seen.status == 401
        assert "press Enter" in seen.text


# --- from which site a request may come


HOSTS = (
    "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost", "",
    "127.0.0.1:{port}.evil.example", "evil@127.0.0.1:{port}", "[::1", "0.0.0.0:{port}",
)  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_another_name_for_this_machine_is_refused(visitor: Visitor, console: RunningConsole, host: str) -> None:
    """DNS rebinding: a page of another site whose name now points at this machine."""
    seen = visitor.get("/", Host=host.format(port=console.app.port) or "-")
    assert seen.status in (400, 421)
    assert "demo-company" not in seen.html


def test_two_host_headers_are_refused(visitor: Visitor, console: RunningConsole) -> None:
    with socket.create_connection(("127.0.0.1", console.app.port)) as line:
        own = f"127.0.0.1:{console.app.port}"
        line.sendall(
            f"GET / HTTP/1.1\r\nHost: {own}\r\nHost: evil.example\r\nCookie: {visitor.cookie}\r\n\r\n".encode()
        )
        assert line.recv(100).split()[1] in (b"400", b"421")


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST", "127.0.0.1"])
def test_its_own_names_are_accepted(visitor: Visitor, console: RunningConsole, name: str) -> None:
    assert visitor.get("/", Host=f"{name}:{console.app.port}").status == 200


@pytest.mark.parametrize("origin", [OTHER, "null", "-", "", "http://127.0.0.1", "http://127.0.0.1:1", "file://",
                                    "http://127.0.0.1:{port}.evil.example", "http://localhost:{port}", "http://[::1",
                                    "http://127.0.0.1:{port}/page"])  # fmt: skip
def test_a_form_of_another_origin_is_refused(visitor: Visitor, console: RunningConsole, origin: str) -> None:
    """Even with the cookie and the token, which such a page cannot know."""
    seen = visitor.post("/doctor/run", {"connection": "books"}, Origin=origin.format(port=console.app.port) or "-")
    assert seen.status == 403
    assert console.app.jobs.of("anna") == []


@pytest.mark.parametrize("token", ["-", "", "wrong", "other"])
def test_a_form_without_the_sessions_token_is_refused(visitor: Visitor, console: RunningConsole, token: str) -> None:
    given = console.signed_in().csrf if token == "other" else token
    seen = visitor.post("/doctor/run", {"connection": "books", "csrf": given})
    assert seen.status == 403
    assert "token of this session" in seen.text
    assert console.app.jobs.of("anna") == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(visitor: Visitor, method: str) -> None:
    seen = visitor.ask(method, "/")
    assert seen.status in (400, 405)
    assert not [name for name in seen.headers if name.startswith("access-control")]


def test_every_answer_forbids_what_it_does_not_need(visitor: Visitor, console: RunningConsole) -> None:
    pages = ("/", "/index.json", "/nothing", "/static/console.css", "/static/live.js", "/static/nothing", "/start/x")
    answers = [visitor.get(page) for page in pages]
    answers += [console.visitor().get("/"), visitor.get("/", Host="evil.example"), visitor.post("/", {}, Origin=OTHER)]
    for seen in answers:
        assert seen.headers["content-security-policy"] == POLICY
        assert seen.headers["x-content-type-options"] == "nosniff"
        assert seen.headers["x-frame-options"] == "DENY"
        assert seen.headers["referrer-policy"] == "same-origin"
        assert seen.headers["cache-control"] in ("no-store", "private, max-age=3600")
        assert not [name for name in seen.headers if name.startswith("access-control")]
        assert "server" not in seen.headers
    assert "'unsafe" not in POLICY
    assert "*" not in POLICY


# --- bodies


def _took(visit: PageRequest) -> Redirect:
    upload = visit.upload("file")
    assert upload is not None
    return visit.redirect(f"/took?name={upload.name}")


UPLOAD = Page("/drop", "Drop", lambda _: PageView("jobs.html", {"jobs": []}), actions={"": _took},
                     takes_files=True)  # fmt: skip


@pytest.fixture(scope="module")
def dropping(user: Path) -> Iterator[RunningConsole]:
    with running_console(pages=(*PAGES, UPLOAD), largest_upload=1 << 20) as made:
        yield made


def test_two_gigabytes_are_refused_before_they_are_sent(dropping: RunningConsole) -> None:
    visitor = dropping.signed_in()
    with socket.create_connection(("127.0.0.1", dropping.app.port), timeout=30) as line:
        line.sendall(_head(dropping, visitor, f"Content-Length: {2 << 30}"))
        answer = b"".join(iter(lambda: line.recv(65536), b""))
    assert answer.split()[1] == b"413"
    assert b"larger than 1 MB" in answer


def test_a_higher_bound_takes_a_larger_file_than_usual(user: Path) -> None:
    with running_console(pages=(*PAGES, UPLOAD), largest_upload=60 << 20) as console:
        large = [("file", "large.csv", b"x" * (51 << 20))]
        assert console.signed_in().send_files("/drop", large, {}).location == "/took?name=large.csv"


def test_an_endless_body_is_cut_off(dropping: RunningConsole) -> None:
    """A chunked body says no length: the bytes that arrive are counted."""
    visitor = dropping.signed_in()
    part = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    sent = 0
    with socket.create_connection(("127.0.0.1", dropping.app.port), timeout=30) as line:
        line.sendall(_head(dropping, visitor, "Transfer-Encoding: chunked"))
        opening = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        line.sendall(f"{len(opening):x}\r\n".encode() + opening + b"\r\n")
        try:
            for _ in range(1000):
                line.sendall(part)
                sent += len(part)
        except OSError:
            pass
    assert sent < 1000 * len(part)
    assert visitor.get("/").status == 200


def _head(console: RunningConsole, visitor: Visitor, length: str) -> bytes:
    return (
        f"POST /drop HTTP/1.1\r\nHost: 127.0.0.1:{console.app.port}\r\nOrigin: {console.url}\r\n"
        f"Cookie: {visitor.cookie}\r\nContent-Type: multipart/form-data; boundary=b\r\n{length}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/absolute/payroll.csv", "payroll.csv"),
        ("C:\\payroll.csv", "payroll.csv"),
        ("..", "_"),
        (".", "_"),
        ("", "_"),
        (".bashrc", "bashrc"),
        ("CON", "_CON"),
        ("nul.csv", "_nul.csv"),
        ("a\x00b\n.csv", "a_b_.csv"),
        ("<script>.csv", "_script_.csv"),
        ("Löhne November.xlsx", "Löhne November.xlsx"),
        ("x" * 300 + ".csv", "x" * 116 + ".csv"),
        ("給" * 100 + ".csv", "給" * 65 + ".csv"),
    ],
)
def test_a_files_name_leads_nowhere(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def test_an_upload_with_a_path_in_its_name_is_kept_under_its_last_part(dropping: RunningConsole) -> None:
    visitor = dropping.signed_in()
    assert visitor.upload("/drop", {"file": ("../../.ssh/authorized_keys", b"x")}).location.startswith(
        "/took?name=authorized_keys"
    )


def test_a_form_that_cannot_be_read_is_a_sentence(dropping: RunningConsole) -> None:
    visitor = dropping.signed_in()
    headers = {"Origin": visitor.url, "Content-Type": "multipart/form-data; boundary=b"}
    for body in (b"--b\r\nnonsense", b"", b"\xff\xfe"):
        seen = visitor.ask("POST", "/drop", body, headers)
        assert seen.status in (400, 403), body
        assert "Traceback" not in seen.html
    many = "&".join(f"f{number}=1" for number in range(2000))
    headers = {"Origin": visitor.url, "Content-Type": "application/x-www-form-urlencoded"}
    assert visitor.ask("POST", "/drop", many.encode(), headers).status == 400


def test_a_token_that_is_no_text_is_a_wrong_token(dropping: RunningConsole) -> None:
    """A form may name its own encoding, and some of them write half of a character."""
    visitor = dropping.signed_in()
    headers = {"Origin": visitor.url, "Content-Type": "multipart/form-data; boundary=b; charset=unicode_escape"}
    body = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n\\ud800\r\n--b--\r\n'
    assert visitor.ask("POST", "/drop", body, headers).status == 403


# --- what forms may do


def test_read_only_refuses_every_form(user: Path) -> None:
    with running_console(read_only=True) as console:
        visitor = console.signed_in()
        addresses = [page.address(action) for page in PAGES for action in page.actions]
        assert addresses
        for address in [*addresses, "/jobs/1/stop"]:
            seen = visitor.post(address.replace("{", "").replace("}", ""), {"connection": "books"})
            assert seen.status == 403, address
            assert "Read-only" in seen.text
        assert "<form" not in visitor.get("/doctor").html


def test_a_job_is_its_owners(console: RunningConsole) -> None:
    other = console.app.sessions.begin_for("ben")
    job = console.app.jobs.start("A job of Anna", lambda job: job.tell("hidden"), person="anna")
    ben = Visitor(console.url, f"intacct-console-{console.app.port}={other.key}", other.csrf)
    for path in (f"/jobs/{job.id}", f"/jobs/{job.id}.json", f"/jobs/{job.id}/events"):
        assert ben.get(path).status == 404
    assert ben.post(f"/jobs/{job.id}/stop").status == 404
    assert "A job of Anna" not in ben.get("/jobs").text
    assert not job.is_asked_to_stop


@pytest.mark.parametrize(
    "begun", [b"", b"GET / HTTP/1.1\r\nHost: 127", b"GET /static/none HTTP/1.1\r\nHost: x\r\n\r\nGET /"]
)
def test_a_request_whose_head_does_not_come_is_given_up(
    console: RunningConsole, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the second one of a connection."""
    with monkeypatch.context() as patch:
        patch.setattr("intacct_bridge.apps.web.server.HEAD_SECONDS", 0.05)
        with socket.create_connection(("127.0.0.1", console.app.port), timeout=30) as line:
            line.sendall(begun)
            while line.recv(65_536):
                pass
    assert console.signed_in().get("/").status == 200


# --- a team behind a proxy


@pytest.fixture(scope="module")
def team(user: Path) -> Iterator[RunningConsole]:
    mode = TeamMode("X-Forwarded-User", SECRET)
    with running_console(team=mode, hosts=("books.example",)) as made:
        yield made


PROXY = {"Host": "books.example", "X_Forwarded_User": "anna", SECRET_HEADER: SECRET}


def test_the_proxys_person_acts(team: RunningConsole) -> None:
    visitor = Visitor(team.url)
    assert "anna" in visitor.get("/", **PROXY).text
    assert visitor.cookie
    assert "ben" in visitor.get("/", **{**PROXY, "X_Forwarded_User": "ben"}).text


@pytest.mark.parametrize(
    "changed",
    [
        {SECRET_HEADER: "-"},
        {SECRET_HEADER: "wrong"},
        {SECRET_HEADER: SECRET + "x"},
        {"X_Forwarded_User": "-"},
        {"X_Forwarded_User": " "},
        {"Host": "127.0.0.1:{port}"},
        {"Host": "evil.example"},
    ],
)
def test_nobody_passes_by_the_proxy(team: RunningConsole, changed: dict[str, str]) -> None:
    given = {name: value.format(port=team.app.port) for name, value in {**PROXY, **changed}.items()}
    assert Visitor(team.url).get("/", **given).status in (401, 403, 421)


def test_a_second_name_beside_the_proxys_is_refused(team: RunningConsole) -> None:
    """A proxy that adds its header to the browser's own leaves both: whose name counts is not guessed."""
    for twice in ("X-Forwarded-User: ben", f"{SECRET_HEADER}: {SECRET}"):
        with socket.create_connection(("127.0.0.1", team.app.port)) as line:
            line.sendall(
                f"GET / HTTP/1.1\r\nHost: books.example\r\n{twice}\r\nX-Forwarded-User: anna\r\n"
                f"{SECRET_HEADER}: {SECRET}\r\n\r\n".encode()
            )
            assert line.recv(100).split()[1] == b"403"
    assert Visitor(team.url).get("/", **{**PROXY, "X_Forwarded_User": "anna, ben"}).status == 401
    jurgen = "Jürgen".encode().decode("latin-1")
    assert "Jürgen" in Visitor(team.url).get("/", **{**PROXY, "X_Forwarded_User": jurgen}).text


def test_a_session_of_another_person_is_not_taken(team: RunningConsole) -> None:
    anna, ben = Visitor(team.url), Visitor(team.url)
    anna.get("/", **PROXY)
    ben.cookie = anna.cookie
    seen = ben.get("/", **{**PROXY, "X_Forwarded_User": "ben"})
    assert "ben" in seen.text
    assert ben.cookie != anna.cookie


def test_a_start_address_means_nothing_there(team: RunningConsole) -> None:
    path = urlsplit(team.server.start_address()).path
    assert Visitor(team.url).get(path, Host="books.example").status == 403
    assert Visitor(team.url).get(path, **PROXY).status == 404


def test_a_form_of_another_origin_is_refused_there_too(team: RunningConsole) -> None:
    visitor = Visitor(team.url)
    visitor.get("/", **PROXY)
    for origin, status in (("https://books.example", 403), (OTHER, 403), ("http://127.0.0.1", 403)):
        seen = visitor.post("/doctor/run", {"connection": "books"}, **{**PROXY, "Origin": origin})
        assert seen.status == status
        assert ("token of this session" in seen.text) == (origin == "https://books.example")

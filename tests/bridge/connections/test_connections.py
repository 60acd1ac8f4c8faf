"""Connections: their settings and the sources of each."""

import copy
import pickle
import stat
import sys
import threading
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intacct_bridge import connect
from intacct_bridge.connections import toml_file
from intacct_bridge.connections.connection import Connection, check_endpoint
from intacct_bridge.connections.sources import (
    SettingsSources,
    add_connection,
    list_connections,
    load_connection,
    remove_connection,
)
from intacct_bridge.machine.secret import unwrapped
from intacct_protocol.errors import SettingsError

WHOLE = {
    "company_id": "acme",
    "user_id": "ws",
    "user_password": "planted-user-secret",
    "sender_id": "sender",
    "sender_password": "planted-sender-secret",
}


def whole(**more: Any) -> Connection:
    return Connection(**(WHOLE | more))


def sources_in(tmp_path: Path, toml: str = "", *, user: str = "", ini: str = "", **environ: str) -> SettingsSources:
    """A project directory, a home directory and an environment with exactly the given contents."""
    project, home = tmp_path / "project", tmp_path / "home"
    project.mkdir(parents=True, exist_ok=True)
    (home / ".config" / "intacct-bridge").mkdir(parents=True, exist_ok=True)
    (home / ".intacct").mkdir(exist_ok=True)
    if toml:
        (project / "intacct.toml").write_text(toml)
    if user:
        (home / ".config" / "intacct-bridge" / "intacct.toml").write_text(user)
    if ini:
        (home / ".intacct" / "credentials.ini").write_text(ini)
    return SettingsSources({"HOME": str(home), **environ}, project, home / ".config" / "intacct-bridge")


def table(name: str, **settings: Any) -> str:
    lines = [
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in settings.items()
    ]
    return "\n".join([f"[connections.{name}]", *lines, ""])


# --- the connection itself


@pytest.mark.parametrize(
    "outbox",
    [
        "postgresql:/loader:planted@db/books",
        "postgres:loader:planted@db/books",
        "postgresql//loader:planted@db/books",
        " Postgresql:/loader:planted@db/books",
        "host=db user=loader password=planted",
    ],
)
def test_an_outbox_whose_address_is_written_wrongly_is_no_file(outbox: str) -> None:
    """Each machine would have an outbox of its own, and post what another one has posted."""
    with pytest.raises(SettingsError, match="outbox is neither a path nor a URI") as caught:
        whole(outbox=outbox)
    assert "planted" not in f"{caught.value} {caught.value.fix}"


@pytest.mark.parametrize(
    "outbox", ["postgres/outbox.sqlite3", "/var/postgresql/o.sqlite3", "C:\\postgres\\o.sqlite3", "o"]
)
def test_an_outbox_may_have_any_path(outbox: str) -> None:
    assert whole(outbox=outbox).outbox == outbox


def test_defaults_are_the_public_gateway_and_a_session() -> None:
    connection = whole()
    assert connection.endpoint == "https://api.intacct.com/ia/xml/xmlgw.phtml"
    assert (connection.authentication, connection.dtd_version, connection.concurrency) == ("session", "3.0", 2)


def test_no_secret_shows_in_any_form_a_person_might_print() -> None:
    connection = whole(archive="x")
    shown = f"{connection} {connection!r} {[connection]} {connection.settings()}"
    assert "planted" not in shown
    assert "***" in shown
    assert connection.secrets == ("planted-sender-secret", "planted-user-secret")


REST = {"company_id": "acme", "user_id": "ws", "oauth_client_id": "app", "oauth_client_secret": "planted-client-secret"}


def test_a_connection_may_have_the_rest_interface_alone() -> None:
    connection = Connection(**REST)  # type: ignore[arg-type]
    assert "planted" not in f"{connection} {connection.settings()}"
    assert connection.secrets == ("planted-client-secret",)
    with pytest.raises(SettingsError, match="sender_id is not set, and a copy needs the XML interface"):
        connection.require_xml("a copy")


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({**REST, "oauth_client_secret": ""}, "oauth_client_secret"),
        ({**REST, "user_id": ""}, "user_id"),
        ({**REST, "sender_id": "s"}, "sender_password"),
        ({**REST, "user_password": "p"}, "sender_id"),
        ({**REST, "oauth_client_id": ""}, "sender_id"),
    ],
)
def test_each_interface_needs_all_of_its_credentials(settings: dict[str, str], missing: str) -> None:
    with pytest.raises(SettingsError, match=f"{missing} is not set"):
        Connection(**settings)  # type: ignore[arg-type]


def test_a_connection_survives_pickling_and_copying() -> None:
    connection = whole(location_id="100")
    assert pickle.loads(pickle.dumps(connection)) == connection == copy.deepcopy(connection)
    assert connection.target == "company acme, entity 100 (production)"


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("authentication", "sesion", "did you mean session"),
        ("dtd_version", "2.0", "must be one of 3.0, 2.1"),
        ("environment", "producton", "did you mean production"),
        ("concurrency", 0, "at least 1"),
        ("timeout", 0, "more than 0"),
        ("user_password", "", "is not set"),
    ],
)
def test_a_wrong_setting_is_named_with_its_connection(setting: str, value: Any, said: str) -> None:
    with pytest.raises(SettingsError, match="connection 'books'") as caught:
        whole(name="books", **{setting: value})
    assert setting in str(caught.value) and said in str(caught.value) and caught.value.fix


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://api.intacct.com/ia/xml/xmlgw.phtml",
        "https://na12.intacct.com./ia/xml/xmlgw.phtml",
        "https://intacct.com/x",
        "https://API.INTACCT.COM/x",
        "http://127.0.0.1:8080/ia/xml/xmlgw.phtml",
        "http://localhost:1/",
        "http://[::1]:1/",
        "https://127.0.0.1/",
    ],
)
def test_endpoints_that_may_receive_credentials(endpoint: str) -> None:
    check_endpoint(endpoint, connection="c", allow=False)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://api.intacct.com/",
        "https://evilintacct.com/",
        "https://intacct.com.evil.net/",
        "https://evil.net/#.intacct.com",
        "https://evil.net\t.intacct.com/",
        "https://evil.net\n.intacct.com/",
        "https://api.intacct.com@evil.net/",
        "https://user:secretpass@api.intacct.com/",
        "https://evil.net\\.intacct.com/",
        "ftp://api.intacct.com/",
        "api.intacct.com",
        "https:///x",
        "https://api.intacct.com:port/",
        "http://[::1",
        "http://127.0.0.1.evil.net/",
        "",
    ],
)
def test_endpoints_that_may_not_receive_credentials(endpoint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_endpoint(endpoint, connection="c", allow=False)
    assert "secretpass" not in str(caught.value)
    assert caught.value.fix


def test_allowing_an_endpoint_lifts_the_host_rule_but_not_encryption() -> None:
    check_endpoint("https://gateway.example/x", connection="c", allow=True)
    with pytest.raises(SettingsError, match="not encrypted"):
        check_endpoint("http://gateway.example/x", connection="c", allow=True)


# --- sources and their order


def test_each_setting_comes_from_the_strongest_source(tmp_path: Path) -> None:
    place = sources_in(
        tmp_path,
        toml=table("books", **WHOLE, timeout=60, location_id="toml", concurrency=3, environment="demo"),
        INTACCT_USER_ID="from-env",
        INTACCT_ENTITY_ID="entity-env",
        INTACCT_CONCURRENCY="4",
        INTACCT_READ_ONLY="true",
    )
    connection = load_connection("books", sources=place, concurrency=5)
    assert connection.concurrency == 5
    assert (connection.user_id, connection.location_id, connection.read_only) == ("from-env", "entity-env", True)
    assert (connection.company_id, connection.timeout, connection.environment) == ("acme", 60.0, "demo")
    assert connection.origins["concurrency"] == "argument"
    assert connection.origins["location_id"] == "INTACCT_ENTITY_ID"
    assert connection.origins["company_id"].endswith("intacct.toml")


def test_variables_alone_define_a_connection(tmp_path: Path) -> None:
    environ = {f"INTACCT_{key.upper()}": value for key, value in WHOLE.items()}
    connection = load_connection(
        sources=sources_in(tmp_path, **environ, INTACCT_ENDPOINT_URL="https://eu.intacct.com/x")
    )
    assert (connection.name, connection.company_id, connection.endpoint) == (
        "default",
        "acme",
        "https://eu.intacct.com/x",
    )


def test_an_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    place = sources_in(tmp_path, toml=table("books", **WHOLE), INTACCT_USER_ID="")
    assert load_connection(sources=place).user_id == "ws"


def test_the_projects_table_hides_the_users_table_of_the_same_name(tmp_path: Path) -> None:
    place = sources_in(tmp_path, toml="[connections.books]\ncompany_id = 'other'\n", user=table("books", **WHOLE))
    with pytest.raises(SettingsError, match="sender_id is not set"):
        load_connection("books", sources=place)


def test_a_sender_is_shared_by_connections_in_either_file(tmp_path: Path) -> None:
    login = {key: WHOLE[key] for key in ("company_id", "user_id", "user_password")}
    senders = "[senders.house]\nsender_id = 'S'\nsender_password = 'P'\n"
    place = sources_in(
        tmp_path, toml=table("a", **login, sender="house") + table("b", **login, sender="house"), user=senders
    )
    assert {load_connection(name, sources=place).sender_id for name in "ab"} == {"S"}
    place = sources_in(tmp_path, toml=table("a", **login, sender="hose"))
    with pytest.raises(SettingsError, match="there is no sender 'hose'; known senders: house"):
        load_connection("a", sources=place)


def test_the_only_connection_needs_no_name_and_one_of_several_does(tmp_path: Path) -> None:
    place = sources_in(tmp_path, toml=table("books", **WHOLE))
    assert load_connection(sources=place).name == "books"
    place = sources_in(tmp_path, user=table("tests", **WHOLE))
    with pytest.raises(SettingsError, match=r"2 connections \(books, tests\)") as caught:
        load_connection(sources=place)
    assert "INTACCT_CONNECTION" in caught.value.fix
    place = sources_in(tmp_path, INTACCT_CONNECTION="tests")
    assert load_connection(sources=place).name == "tests"


def test_the_only_connection_is_not_used_for_another_company(tmp_path: Path) -> None:
    acme = WHOLE | {"location_id": "100", "read_only": True}
    login = {f"INTACCT_{name.upper()}": str(value) for name, value in WHOLE.items()}
    there = sources_in(tmp_path, table("books", **acme), **login | {"INTACCT_COMPANY_ID": "ACME"})
    assert load_connection(sources=there).location_id == "100"
    beta = sources_in(tmp_path, table("books", **acme), **login | {"INTACCT_COMPANY_ID": "beta"})
    loaded = load_connection(sources=beta)
    assert (loaded.name, loaded.company_id, loaded.location_id, loaded.read_only) == ("default", "beta", "", False)
    with pytest.raises(SettingsError, match="sender_id is not set for company beta; connection 'books' is to another"):
        load_connection(
            sources=sources_in(tmp_path, table("books", **acme), INTACCT_COMPANY_ID="beta", INTACCT_USER_ID="u")
        )
    assert load_connection("books", sources=beta).location_id == "100", "whoever names it means it"


def test_the_environment_of_a_named_connection_is_that_of_its_own_company(tmp_path: Path) -> None:
    """A write to a production company would not ask if it had the label of a sandbox."""
    toml = table("tests", **WHOLE | {"company_id": "acme-imp", "environment": "implementation"})

    def environment(**variables: str) -> str:
        return load_connection("tests", sources=sources_in(tmp_path, toml, **variables)).environment

    assert environment() == environment(INTACCT_COMPANY_ID="ACME-IMP") == "implementation"
    assert environment(INTACCT_COMPANY_ID="acme") == "production"
    assert environment(INTACCT_COMPANY_ID="acme-2", INTACCT_ENVIRONMENT="implementation") == "implementation"


def test_an_error_names_the_connection_to_the_given_company(tmp_path: Path) -> None:
    toml = table("books", **WHOLE) + table("tests", **WHOLE | {"company_id": "acme-imp"})
    with pytest.raises(SettingsError, match="sender_id is not set for company acme; connection 'books' has it"):
        load_connection(sources=sources_in(tmp_path, toml, INTACCT_COMPANY_ID="acme"))


@pytest.mark.parametrize("others", [(), ("books",)])
def test_a_login_by_variables_ignores_a_default_connection_to_another_company(
    tmp_path: Path, others: tuple[str, ...]
) -> None:
    acme = WHOLE | {"location_id": "100"}
    login = {f"INTACCT_{name.upper()}": str(value) for name, value in WHOLE.items()} | {"INTACCT_COMPANY_ID": "beta"}
    toml = "".join(table(name, **acme) for name in ("default", *others))
    loaded = load_connection(sources=sources_in(tmp_path, toml, **login))
    assert (loaded.name, loaded.company_id, loaded.location_id) == ("beta", "beta", "")
    loaded = load_connection(sources=sources_in(tmp_path, toml + table("beta", **acme), **login))
    assert (loaded.company_id, loaded.location_id) == ("beta", "")


def test_an_unknown_name_raises_with_similar_names(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no connection 'boks'; did you mean books"):
        load_connection("boks", sources=sources_in(tmp_path, toml=table("books", **WHOLE)))


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (table("b", **WHOLE, sender_pasword="x"), "no setting 'sender_pasword'; did you mean sender_password"),
        (table("b", **WHOLE, entity_id="x"), "did you mean location_id"),
        (table("b", **WHOLE, concurrency="two"), "concurrency .*must be a whole number, not 'two'"),
        (table("b", **WHOLE, read_only="perhaps"), "read_only .*must be true or false"),
        (table("b", **WHOLE) + "[[", "not valid TOML"),
        ("company_id = 'x'", "no setting 'company_id' at the top"),
        ("[connections]\nx = 1", "name the table"),
        (table("b", **WHOLE) + "location_id = {env = 'A', keyring = 'b'}", "is a table with env, keyring"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, toml: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        load_connection("b", sources=sources_in(tmp_path, toml=toml))
    assert "planted" not in str(caught.value)


def test_a_mistaken_argument_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean company_id"):
        load_connection(sources=sources_in(tmp_path), company="x")


def test_a_missing_setting_says_where_to_set_it_and_notices_a_misspelt_variable(tmp_path: Path) -> None:
    environ = {f"INTACCT_{key.upper()}": value for key, value in WHOLE.items() if key != "sender_id"}
    with pytest.raises(SettingsError, match="INTACCT_SENDERID is; did you mean INTACCT_SENDER_ID") as caught:
        load_connection(sources=sources_in(tmp_path, **environ, INTACCT_SENDERID="x"))
    assert "INTACCT_SENDER_ID" in caught.value.fix


# --- the official SDKs' profiles


INI = """
[default]
sender_id = "ini-sender"
sender_password = 'ini;pass%word'
company_id = inicompany
user_id = iniuser
user_password = inipass
entity_id = E1
endpoint_url = https://www.intacct.com/x

[other]
company_id = othercompany
user_id = u
user_password = p
"""


def test_the_default_profile_makes_a_connection(tmp_path: Path) -> None:
    connection = load_connection(sources=sources_in(tmp_path, ini=INI))
    assert (connection.sender_id, unwrapped(connection.sender_password)) == ("ini-sender", "ini;pass%word")
    assert (connection.company_id, connection.location_id) == ("inicompany", "E1")
    assert connection.endpoint == "https://www.intacct.com/x"


def test_profiles_are_chosen_by_the_official_variables_or_by_name(tmp_path: Path) -> None:
    place = sources_in(tmp_path, ini=INI, INTACCT_COMPANY_PROFILE="other", INTACCT_SENDER_PROFILE="default")
    connection = load_connection(sources=place)
    assert (connection.company_id, connection.sender_id) == ("othercompany", "ini-sender")
    environ = {"INTACCT_SENDER_ID": "S", "INTACCT_SENDER_PASSWORD": "P"}
    assert load_connection("other", sources=sources_in(tmp_path, **environ)).company_id == "othercompany"
    with pytest.raises(SettingsError, match="INTACCT_COMPANY_PROFILE is 'none'"):
        load_connection(sources=sources_in(tmp_path, INTACCT_COMPANY_PROFILE="none"))


def test_a_profile_never_completes_half_a_login(tmp_path: Path) -> None:
    place = sources_in(tmp_path, ini=INI, INTACCT_COMPANY_ID="acme")
    with pytest.raises(SettingsError, match="user_id is not set"):
        load_connection(sources=place)


def test_an_unreadable_profile_file_does_not_show_its_lines(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not a valid profile file") as caught:
        load_connection(sources=sources_in(tmp_path, ini="[a]\nplanted-secret\n"))
    assert "planted" not in str(caught.value)


# --- references


def test_secrets_may_be_kept_in_the_environment_a_file_or_the_keyring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.write_text("from-file\n")
    keyring = SimpleNamespace(get_password=lambda service, user: f"{service}:{user}")
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    plain = {key: value for key, value in WHOLE.items() if not key.endswith("password")}
    toml = (
        table("b", **plain)
        + f"sender_password = {{file = '{kept}'}}\nuser_password = {{keyring = 'intacct/acme/ws'}}\n"
    )
    connection = load_connection(sources=sources_in(tmp_path, toml=toml + "location_id = {env = 'ENTITY'}", ENTITY="7"))
    assert connection.secrets == ("from-file", "intacct/acme:ws")
    assert connection.location_id == "7"


@pytest.mark.parametrize(
    ("reference", "said", "fix"),
    [
        ("{env = 'NOWHERE'}", "NOWHERE, which is not set", "Set NOWHERE"),
        ("{file = '/nowhere/at/all'}", "No such file", ""),
        ("{keyring = 'justaservice'}", "not of the form", ""),
        ("{keyring = 'a/b'}", "nothing for 'b' under 'a'", "keyring set a b"),
        ("{vault = 'x'}", "a table with vault", "keyring"),
        ("{env = 3}", "must be a text", ""),
    ],
)
def test_an_unresolved_reference_is_named_with_its_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, said: str, fix: str
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_password=lambda service, user: None))
    plain = {key: value for key, value in WHOLE.items() if key != "user_password"}
    place = sources_in(tmp_path, toml=table("b", **plain) + f"user_password = {reference}\n")
    with pytest.raises(SettingsError, match=said) as caught:
        load_connection(sources=place)
    assert "connection 'b': user_password" in str(caught.value)
    assert fix in caught.value.fix


def test_a_missing_keyring_package_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    place = sources_in(tmp_path, toml=table("b", **WHOLE).replace("'planted-user-secret'", "{keyring = 'a/b'}"))
    with pytest.raises(SettingsError) as caught:
        load_connection(sources=place)
    assert "intacct-bridge[keyring]" in caught.value.fix


# --- listing and editing


def test_listing_reads_no_secret_and_resolves_no_reference(tmp_path: Path) -> None:
    toml = table("b", company_id="acme", read_only=True) + "user_id = {env = 'NOWHERE'}\n"
    listed = list_connections(sources=sources_in(tmp_path, toml=toml, ini=INI))
    assert [each.name for each in listed] == ["b", "default", "other"]
    assert (listed[0].company_id, listed[0].user_id, listed[0].read_only) == ("acme", "(elsewhere)", True)
    assert listed[1].location_id == "E1"


BEFORE = """# our companies, in order of size

[connections.first]   # the big one
company_id = "one"
user_password = {env = "ONE"}

# the small one
[connections."second one"]
company_id = "two"

[senders.house]
sender_id = "s"
"""


def test_adding_replacing_and_removing_change_only_that_table(tmp_path: Path) -> None:
    path = tmp_path / "intacct.toml"
    path.write_text(BEFORE)
    add_connection("third", {"company_id": 'th"ree\\\n\x7f', "read_only": True, "timeout": 5.5}, path=path)
    text = path.read_text()
    assert text.startswith(BEFORE)
    assert tomllib.loads(text)["connections"]["third"] == {
        "company_id": 'th"ree\\\n\x7f',
        "read_only": True,
        "timeout": 5.5,
    }
    add_connection("first", {"company_id": "uno", "user_password": {"keyring": "a/b"}}, path=path)
    assert remove_connection("third", path=path)
    expected = BEFORE.replace(
        '[connections.first]   # the big one\ncompany_id = "one"', '[connections.first]\ncompany_id = "uno"'
    )
    expected = expected.replace('{env = "ONE"}\n', '{keyring = "a/b"}\n')
    assert path.read_text().replace("\n\n\n", "\n\n").rstrip() == expected.rstrip()
    assert remove_connection("second one", path=path)
    assert "# the small one" in path.read_text()
    assert not remove_connection("second one", path=path)
    assert sorted(toml_file.read(path).connections) == ["first"]  # type: ignore[union-attr]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_two_that_write_at_once_both_keep_their_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second begins between the moment at which the first has read the file and writes it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path, read = tmp_path / "intacct.toml", toml_file._text
    second = threading.Thread(target=toml_file.put, args=(path, "connections", "second", {"company_id": "b"}))

    def slow(one: Path) -> str | None:
        found = read(one)
        if second.ident is None:
            second.start()
            second.join(0.3)  # if edits are locked, it waits for us
        return found

    monkeypatch.setattr(toml_file, "_text", slow)
    toml_file.put(path, "connections", "first", {"company_id": "a"})
    second.join()
    assert sorted(toml_file.read(path).connections) == ["first", "second"]  # type: ignore[union-attr]


def test_a_written_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "intacct.toml"
    add_connection("a", WHOLE, path=path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["intacct.toml"]


@pytest.mark.parametrize(
    "text",
    [
        "connections = {a = {company_id = 'x'}}\n",
        "[connections]\na = {company_id = 'x'}\n",
        "[connections]\na.company_id = 'x'\n",
    ],
)
def test_a_table_that_cannot_be_edited_safely_is_not_changed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "intacct.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match="cannot be edited safely"):
        remove_connection("a", path=path)
    assert path.read_text() == text


def test_a_header_inside_a_text_is_not_a_header(tmp_path: Path) -> None:
    path = tmp_path / "intacct.toml"
    text = "[connections.a]\ncompany_id = '''\n[connections.b]\n'''\n"
    path.write_text(text)
    add_connection("b", {"company_id": "x"}, path=path)
    data = tomllib.loads(path.read_text())["connections"]
    assert data["b"] == {"company_id": "x"} and data["a"] == {"company_id": "[connections.b]\n"}


def test_an_unknown_setting_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="did you mean company_id"):
        add_connection("a", {"companyid": "x"}, path=tmp_path / "intacct.toml")
    assert not list(tmp_path.iterdir())


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    name=TEXTS.filter(bool),
    values=st.dictionaries(TEXTS.filter(bool), st.one_of(TEXTS, st.booleans(), st.integers(-9, 9))),
)
def test_any_table_can_be_written_read_and_removed(tmp_path: Path, name: str, values: dict[str, Any]) -> None:
    path = tmp_path / "intacct.toml"
    path.write_text(BEFORE)
    if name in ("first", "second one"):
        return
    toml_file.put(path, "connections", name, values)
    read = toml_file.read(path)
    assert read is not None and read.connections[name] == values
    assert toml_file.remove(path, "connections", name)
    assert path.read_text().rstrip() == BEFORE.rstrip()


def test_an_unreadable_or_unwritable_file_raises(tmp_path: Path) -> None:
    (tmp_path / "intacct.toml").write_bytes(b"\xff")
    with pytest.raises(SettingsError, match="not readable as UTF-8"):
        toml_file.read(tmp_path / "intacct.toml")
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"cannot be written|Not a directory"):
        toml_file.put(tmp_path / "file" / "intacct.toml", "connections", "a", {})
    (tmp_path / "last").write_text("[connections.a]\nx = 1")
    toml_file.put(tmp_path / "last", "connections", "b", {})
    assert (tmp_path / "last").read_text() == "[connections.a]\nx = 1\n\n[connections.b]\n"


def test_a_client_by_name_makes_no_call_before_the_first_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = sources_in(tmp_path, user=table("books", **WHOLE))
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(place.project)
    with connect("books", location_id="7", max_transactions=3) as client:
        assert client.connection.target == "company acme, entity 7 (production)"
        assert client.meter.cap == 3 and client.meter.calls == 0
    assert not (tmp_path / "cache").exists()

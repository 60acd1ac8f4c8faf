"""A password in a file that other accounts may read is told."""

from pathlib import Path

import pytest

from intacct_bridge.connections.sources import SettingsSources, exposed_passwords


@pytest.mark.parametrize(
    ("mode", "password", "told"),
    [
        (0o600, '"x"', False),
        (0o640, '"x"', True),
        (0o604, '"x"', True),
        (0o644, '{env = "PASSWORD"}', False),
        (0o644, '{keyring = "books/api"}', False),
    ],
)
@pytest.mark.parametrize("table", ["connections.books]\nuser_password", "senders.ours]\nsender_password"])
def test_a_typed_password_that_others_may_read_is_told(
    tmp_path: Path, mode: int, password: str, table: str, told: bool
) -> None:
    path = tmp_path / "intacct.toml"
    path.write_text(f"[{table} = {password}\n")
    path.chmod(mode)
    exposed = exposed_passwords(SettingsSources(environ={}, project=tmp_path, config=tmp_path / "none"))
    assert [(error.message, error.fix) for error in exposed] == (
        [(f"{path} has a password, and other accounts of this machine may read it", f"chmod 600 {path}")]
        if told
        else []
    )


@pytest.mark.parametrize(
    ("outbox", "told"), [("postgresql://books:x@db/books", True), ("postgresql://db/books", False), ("/o", False)]
)
def test_the_password_of_an_outbox_counts(tmp_path: Path, outbox: str, told: bool) -> None:
    path = tmp_path / "intacct.toml"
    path.write_text(f'[connections.books]\noutbox = "{outbox}"\n')
    path.chmod(0o644)
    assert bool(exposed_passwords(SettingsSources(environ={}, project=tmp_path, config=tmp_path / "none"))) == told

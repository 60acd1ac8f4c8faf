"""Entries of a crontab: their form, and what cron and the shell make of them."""

import shlex

import pytest

from intacct_bridge.runs.crontab import cron_entry
from intacct_protocol.errors import SettingsError


def test_an_entry_survives_cron_and_the_shell() -> None:
    """cron ends a command at a percent sign that has no backslash; crontab(5)."""
    line = cron_entry(
        "per % cent", ["/opt/my tools/intacct", "run", "per % cent"], directory="/srv/50%", when="15 2 * * *"
    )
    fields = line.split(None, 5)
    assert fields[:5] == ["15", "2", "*", "*", "*"]
    assert "%" not in fields[5].partition(" # ")[0].replace("\\%", "")
    words = shlex.split(fields[5].replace("\\%", "%"), comments=True)
    assert words == ["cd", "/srv/50%", "&&", "/opt/my tools/intacct", "run", "per % cent", "-q"]


@pytest.mark.parametrize("when", ["", "15 2 * *", "15 2 * * * root", "@never", "* * * * $(id)", "* * * *\n* * * * *"])
def test_what_is_no_time_of_cron_is_refused(when: str) -> None:
    with pytest.raises(SettingsError):
        cron_entry("f", ["intacct"], directory="/", when=when)


@pytest.mark.parametrize("when", ["@daily", "*/5 0-6,22 1 JAN-MAR mon"])
def test_every_form_of_cron_is_taken(when: str) -> None:
    assert cron_entry("f", ["intacct"], directory="/", when=when).startswith(when)


def test_a_line_end_cannot_begin_another_entry() -> None:
    with pytest.raises(SettingsError, match="line end"):
        cron_entry("f\n* * * * * rm", ["intacct"], directory="/", when="@daily")

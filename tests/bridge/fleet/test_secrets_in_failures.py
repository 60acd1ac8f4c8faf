"""The database of runs that failed holds no secret, in any case or escape."""

import html
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from intacct_bridge.fleet.fleet import NewTenant
from intacct_bridge.operations.fleets import check_tenant_flows
from intacct_protocol.errors import SettingsError
from support.fleet.database import dump
from support.fleet.workers import SECRETS, ServedFleet, served_fleet

KINDS = (
    *(
        "Hunter2-Password",
        "p@ss'w\"ord!",
        "a&b<c>d;e-f",
        "100%-sure+?x",
        "back\\slash\\nq",
        "sp  ace double",
        "grö-ßeé-漢字",
    ),
    *("Zq7!xK", "8391726455", "${HOME}`id`x", "{braces}:[xyz]", "--option-like", "\u202eright-to-left"),
)
FLOWS = {
    "copy": {"command": "extract", "streams": ["DEPARTMENT"], "to": {"secret": "warehouse"}},
    "watch": {"command": "watch", "streams": ["DEPARTMENT"], "to": {"secret": "hook"}, "once": True},
    "compare": {"command": "reconcile", "copy": {"secret": "warehouse"}},
    "ask": {"command": "sql", "statement": "SELECT 1 FROM DEPARTMENT", "copy": {"secret": "database"}},
}


@pytest.fixture
def served(postgres: str, tmp_path: Path) -> Iterator[ServedFleet]:
    with served_fleet(postgres, tmp_path) as fleet:
        yield fleet


def forms(secret: str) -> set[str]:
    written = {
        secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret), quote(secret), quote(secret, safe=""), quote_plus(secret), " ".join(secret.split()),
    }  # fmt: skip
    return {form.casefold() for text in written for form in (text, text.upper(), json.dumps(text)[1:-1])}


def test_54_runs_that_fail_leave_none_of_13_kinds_of_secrets(served: ServedFleet) -> None:
    companies = [f"c{number}" for number in range(len(KINDS))]
    served.emulator.add_companies(companies)
    settings = {"user_id": "demo-user", "sender_id": "demo-sender", "endpoint": served.url}
    served.fleet.share_secrets({"sender_password": SECRETS["sender_password"]})
    for name, secret in zip(companies, KINDS, strict=True):
        held = {
            "user_password": SECRETS["user_password"],
            "warehouse": secret,
            "hook": f"carrier-pigeon:{secret}",
            "database": f"postgresql://user:{quote(secret, safe='')}@127.0.0.1:1/none",
        }
        served.fleet.add_all([NewTenant(name, {**settings, "company_id": name}, FLOWS, secrets=held)])
    status, printed = served.run("run", "all", "--json")
    assert status != 0
    for name in companies[:2]:
        served.fleet.set_secrets(name, {"user_password": f"wrong {KINDS[0]}"})
        printed += served.run("run", name, "copy")[1]
    runs = served.fleet.queue.runs(limit=100)
    assert len(runs) == len(KINDS) * len(FLOWS) + 2 == 54
    assert {run.outcome for run in runs} <= {"wrong settings", "temporary fault", "refused"}
    stored = (dump(served.fleet.registry.place) + printed + repr(runs)).casefold()
    assert "***" in stored
    for secret in KINDS:
        assert not [form for form in forms(secret) if form in stored]


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ({"command": "extract", "streams": [{"secret": "x"}], "to": "jsonl:x"}, "streams cannot be a secret"),
        ({"command": "extract", "streams": ["A"], "to": "jsonl:x", "select": [{"secret": "x"}]}, "select cannot be"),
        ({"command": "load", "files": ["a.csv"], "as": {"secret": "x"}}, "as cannot be a secret"),
        ({"command": "sql", "statement": {"secret": "x"}}, "statement cannot be a secret"),
        (
            {"command": "watch", "streams": ["A"], "to": "folder:x", "where": {"secret": "x"}},
            "where cannot be a secret",
        ),
    ],
)
def test_a_secret_stands_only_where_messages_do_not_show_it(flow: dict[str, object], message: str) -> None:
    tenant = NewTenant("acme", {"company_id": "acme"}, {"nightly": flow})
    with pytest.raises(SettingsError, match=message) as refusal:
        check_tenant_flows(tenant.checked())
    assert "Write the value itself" in refusal.value.fix

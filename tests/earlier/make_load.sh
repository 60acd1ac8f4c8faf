#!/bin/sh
# Write the fixtures of load/ with an earlier version: make_load.sh PYTHON CHECKOUT, where CHECKOUT is commit 117d625.
set -eu
python=$1
checkout=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PYTHONPATH="$checkout/src:$checkout/tests" HOME="$work"
cat >make.py <<'PYTHON'
"""An outbox with an entry in every state, and kept plans with updates, for the company of the journeys at noon."""

import os
import sqlite3
from pathlib import Path

from intacct_bridge.apps.layouts import layout_for
from intacct_protocol.errors import IntacctError
from intacct_bridge.load.aim import Mode
from intacct_bridge.load.load import Loader, LoadSettings
from intacct_bridge.load.outbox import Outbox
from intacct_bridge.load.plan import PlanSettings
from intacct_bridge.load.plan_file import save_plan
from intacct_bridge.load.planning import make_plan
from intacct_bridge.load.table_formats import open_table
from intacct_protocol.xml.reply import ConnectionCutError
from journeys.masters import Clock, client, company
from journeys.objects import BILLS, VENDORS

emulator = company(Clock())
writes = (b"<create>", b"<update>")


def cut(before, sent):
    def transport(endpoint, body):
        if not any(one in body for one in writes):
            return emulator(endpoint, body)
        if not before:
            emulator(endpoint, body)
        raise ConnectionCutError("cut", sent=sent)
    return transport


def plan(gateway, outbox, text, name, mode="create", offline=False, draft=False):
    path = Path("input.csv")
    path.write_text(text)
    layout = layout_for(name, gateway, draft=draft)
    return make_plan(open_table(path), layout, gateway, outbox, PlanSettings(mode=Mode(mode), offline=offline))


def load(text, name="CLASS", mode="create", transport=emulator, step=lambda _: None, atomic=False, offline=False):
    with client(transport) as gateway, Outbox(Path("outbox.sqlite")) as outbox:
        made = plan(gateway, outbox, text, name, mode, offline)
        settings = LoadSettings(concurrency=1, atomic=atomic, tracked=("NAME",))
        try:
            return [one.ending.value for one in Loader(gateway, outbox, settings, step=step).apply(made)]
        except IntacctError as error:
            return [type(error).__name__]


def dying(text, at):
    if os.fork() == 0:
        load(text, step=lambda name: os._exit(9) if name == at else None)
    os.wait()


HEAD = "CLASSID,NAME\n"
print(load(HEAD + "S-APPLIED,Applied\n"))
print(load("CLASSID,NAME,PARENTID\nS-REJECTED,Rejected,S-PARENT\n", offline=True))
print(load("CLASSID,NAME,PARENTID\nS-ABORTED,Aborted,\nS-CULPRIT,Culprit,S-PARENT\n", atomic=True, offline=True))
print(load(HEAD + "S-UNSENT,Not sent\n", transport=cut(True, False)))
print(load(HEAD + "S-LOST-BEFORE,Lost before\n", transport=cut(True, True)))
print(load(HEAD + "S-APPLIED,Renamed\n", mode="update", transport=cut(True, True)))
entry = "Journal,Date,Title,Reference,Account,Debit,Credit,Location\nGJ,2026-11-30,Rent,,68000,5,,100\nGJ,2026-11-30,Rent,,10010,,5,100\n"
print(load(entry, "journal-entries", transport=cut(True, True)))
print(load(VENDORS, "VENDOR"), load(BILLS, "APBILL"))
dying(HEAD + "S-PLANNED,Planned\n", "planned")
dying(HEAD + "S-DEAD,Dead\n", "begun")  # last: the next load would find that its loader has ended
with client(emulator) as gateway, Outbox(Path("other.sqlite")) as outbox:
    rows = HEAD + "S-APPLIED,Applied again\nS-NEW,New\n"
    save_plan(plan(gateway, outbox, rows, "CLASS", "upsert"), Path("classes.plan.json"))
    bills = BILLS.replace("0.20", "0.30").replace("2026-12-03", "2026-12-04")
    save_plan(plan(gateway, outbox, bills, "APBILL", "update"), Path("bills.plan.json"))
with client(emulator) as gateway, Outbox(Path("outbox.sqlite")) as outbox:
    rows = HEAD + "S-APPLIED,Applied\nS-LOST-BEFORE,Lost before\nS-NEW,New\n"
    save_plan(plan(gateway, outbox, rows, "CLASS"), Path("doubt.plan.json"))
with sqlite3.connect("outbox.sqlite") as database:
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for row in database.execute("SELECT number, operation, object, label, state FROM entry ORDER BY number"):
        print(*row)
PYTHON
"$python" make.py
mkdir -p "$here/load"
cp outbox.sqlite classes.plan.json bills.plan.json doubt.plan.json "$here/load/"

#!/bin/sh
# Write the fixture accents/ with an earlier version: make_accents.sh PYTHON CHECKOUT, where CHECKOUT is commit 117d625.
set -eu
python=$1
checkout=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PYTHONPATH="$checkout/src:$checkout/tests" HOME="$work"
cat >make.py <<'PYTHON'
"""An outbox with records whose accents are marks of their own (NFD), as files from a Mac have them."""

import sqlite3
import unicodedata
from pathlib import Path

from intacct_bridge.apps.layouts import layout_for
from intacct_protocol.errors import IntacctError
from intacct_bridge.load.load import Loader, LoadSettings
from intacct_bridge.load.outbox import Outbox
from intacct_bridge.load.plan import PlanSettings
from intacct_bridge.load.planning import make_plan
from intacct_bridge.load.table_formats import open_table
from intacct_protocol.xml.reply import ConnectionCutError
from journeys.masters import Clock, client, company

emulator = company(Clock())


def lost(endpoint, body):
    if b"<create>" in body:
        raise ConnectionCutError("cut", sent=True)
    return emulator(endpoint, body)


def load(text, name, transport=emulator):
    path = Path("input.csv")
    path.write_text(unicodedata.normalize("NFD", text))
    with client(transport) as gateway, Outbox(Path("outbox.sqlite")) as outbox:
        plan = make_plan(open_table(path), layout_for(name, gateway), gateway, outbox, PlanSettings())
        try:
            print([one.ending.value for one in Loader(gateway, outbox, LoadSettings(concurrency=1)).apply(plan)])
        except IntacctError as error:
            print(type(error).__name__)


ENTRY = "Journal,Date,Title,Reference,Account,Debit,Credit,Location\n"
load("CLASSID,NAME\nÉ-1,Énergie\nP-1,Été\n", "CLASS")  # by an accented key, and by a plain one
load(ENTRY + "GJ,2026-11-30,Café,,68000,5,,100\nGJ,2026-11-30,Café,,10010,,5,100\n", "journal-entries")  # by content
load("CLASSID,NAME\nÉ-2,Énigme\n", "CLASS", lost)  # in doubt
with sqlite3.connect("outbox.sqlite") as database:
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for row in database.execute("SELECT number, identity, state, record FROM entry ORDER BY number"):
        print(*row)
PYTHON
"$python" make.py
mkdir -p "$here/accents"
cp outbox.sqlite "$here/accents/"

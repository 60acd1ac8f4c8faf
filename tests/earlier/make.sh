#!/bin/sh
# Write the fixtures in this folder with an earlier version: make.sh PYTHON CHECKOUT, where CHECKOUT is commit 117d625.
set -eu
python=$1
checkout=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PYTHONPATH="$checkout/src" HOME="$work" INTACCT_CONNECTION=demo INTACCT_DEMO_HOME="$work/demo"
export XDG_STATE_HOME="$work/state" XDG_CACHE_HOME="$work/cache" XDG_CONFIG_HOME="$work/config"
mkdir demo
"$python" -c 'from datetime import date; from pathlib import Path
from intacct_bridge.apps.demo_company import DATABASE, make_emulator
make_emulator(Path("demo") / DATABASE, as_of=date(2026, 11, 21)).close()'
fields="--select VENDOR.VENDORID --select VENDOR.NAME --select VENDOR.TOTALDUE --select DEPARTMENT.DEPARTMENTID --select DEPARTMENT.TITLE"
for uri in duckdb:///copy.duckdb parquet:parquet csv:csv jsonl:jsonl; do
    "$python" -m intacct_bridge extract DEPARTMENT VENDOR $fields --to "$uri" --quiet
done
cp "$checkout/samples/journal-entries.csv" .
"$python" -m intacct_bridge load journal-entries.csv --as journal-entries --out plan.json --quiet >/dev/null
"$python" -m intacct_bridge load journal-entries.csv --as journal-entries --apply --yes --quiet >/dev/null
cp demo/outbox.sqlite .
"$python" -m intacct_bridge emulator --db demo/company.db --port 0 --port-file port --quiet >/dev/null 2>&1 &
emulator=$!
while [ ! -s port ]; do sleep 0.2; done
sed "s/PORT/$(cat port)/" "$here/tap_config.json" >tap_config.json
"$python" -m intacct_bridge.apps.tap --config tap_config.json --discover >tap_catalog.json
"$python" -m intacct_bridge.apps.tap --config tap_config.json --catalog tap_catalog.json | grep '"STATE"' | tail -n 1 >tap_state_message.json
"$python" -c 'import json; print(json.dumps(json.load(open("tap_state_message.json"))["value"]))' >tap_state.json
sed "s/PORT/$(cat port)/" "$here/target_config.json" >target_config.json
"$python" -m intacct_bridge.apps.target --config target_config.json <"$here/target_records.jsonl" >target_state.json
kill "$emulator"
cat >intacct.toml <<'TOML'
# Kept by hand: everything here stays when a connection is added.
[senders.shared]
sender_id = "demo-sender"
sender_password = { env = "SENDER_PASSWORD" }
TOML
"$python" -m intacct_bridge connections add books --project --no-test --company-id demo-company --user-id demo-user \
    --sender shared --user-password-env USER_PASSWORD --environment demo --location-id 100 --read-only \
    --endpoint http://127.0.0.1:9/ia/xml/xmlgw.phtml --quiet
rm -rf "$here/kept" && mkdir "$here/kept"
gzip --no-name copy.duckdb
cp -r copy.duckdb.gz intacct.toml parquet csv jsonl plan.json outbox.sqlite tap_catalog.json tap_state.json target_state.json "$here/kept/"
cp target-outbox.sqlite "$here/kept/target_outbox.sqlite"

"""Every kind of stream in every destination, over two runs with edits between: all copies must agree."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from intacct_bridge.client.client import Client
from intacct_emulator.server.server import serve
from intacct_protocol.model.query.query import Compare, Op, Query, field
from support.journeys.copies import Copies, Row, without_times
from support.small_company import Clock, client, little_company

AUTUMN = "from=2026-11-16&to=2026-12-05"
REPORT = "report:Bills due?APBILL.WHENDUE=2026-11-01..2026-12-31"
AWKWARD = 'Uni"ted, \n\\N \ttab; ü \u2028 NULL'
FILES = {
    "owners": ("parquet", "csv"), "definitions": ("jsonl",), "v1": ("csv", "jsonl"), "v2": ("parquet",),
    "feeds": ("jsonl",), "2.1": ("csv",),
}  # fmt: skip
"""The change files that a kind of stream goes into; the first are rewritten by a run of their own."""
COMPUTED = ("TOTALDUE", "WHENLASTBILLED", "WHENLASTPAID", "balance")
"""Fields of a vendor that its bills change, while its time of change stays."""


class Scene:
    """A company that is edited, and its copies."""

    def __init__(self, copies: Copies, clock: Clock, worker: Client) -> None:
        self.copies, self.clock, self.worker = copies, clock, worker
        self.lost = ""

    def work(self) -> None:
        """Edits of every kind: records created, changed and deleted."""
        worker = self.worker
        self.clock.forward(days=1)
        done = worker.create("CLASS", [{"CLASSID": "U-1", "NAME": AWKWARD}])
        done += worker.delete("CLASS", [self.lost])
        (vendor,) = worker.query("VENDOR", ["RECORDNO"], where="VENDORID = 'V10001'")
        done += worker.update("VENDOR", [{"RECORDNO": vendor["RECORDNO"], "NAME": "Renamed", "RISK_TIER": "High"}])
        with worker.entity("300") as inside:
            row = {"VENDORID": "P-300", "NAME": "Private", "DISPLAYCONTACT.PRINTAS": "Private"}
            done += inside.create("VENDOR", [row])
        gone, changed, *_ = worker.query("APBILL", ["RECORDNO"], where="STATE = 'Posted'")
        done += worker.delete("APBILL", [str(gone["RECORDNO"])])
        lines = [{"ACCOUNTNO": "68000", "TRX_AMOUNT": "12.34", "LOCATIONID": "100"}]
        done += worker.update("APBILL", [{"RECORDNO": changed["RECORDNO"], "APBILLITEMS": lines}])
        order = next(worker.query("SODOCUMENT", ["RECORDNO"], where="STATE = 'Pending' and DOCPARID = 'Sales Order'"))
        done += worker.delete("SODOCUMENT", [str(order["RECORDNO"])])
        assert all(one.ok for one in done), [one.faults for one in done]
        self.clock.forward(hours=3)

    def all_agree(self, tables: tuple[str, ...]) -> None:
        """PostgreSQL and the files hold what DuckDB holds, in columns of the same types."""
        for table in tables:
            held = self.copies.table("duckdb", table)
            for name in [one for one in self.copies.uris if one != "duckdb"]:
                found = self.copies.table(name, table)
                if name != "postgres":
                    assert found.own_types == held.own_types, (name, table)
                    assert found.living == held.living, (name, table)
                else:
                    assert found.types == held.types, (name, table)
                    assert without_times(found.rows) == without_times(held.rows), (name, table)

    def as_if_read_at_once(self, words: tuple[str, ...], tables: tuple[str, ...]) -> None:
        """Two runs have the same result as one run now."""
        self.copies.uris |= {"fresh": self.copies.uris["duckdb"].replace("copy", "fresh")}
        self.copies.extract(*words, only="fresh")
        for table in tables:
            kept, fresh = (self.copies.table(name, table) for name in ("duckdb", "fresh"))
            assert steady(kept.living, table) == steady(fresh.living, table), table


def steady(rows: list[Row], table: str) -> list[Row]:
    """Rows without the computed fields of a vendor."""
    left_out = COMPUTED if table.upper() in ("VENDOR", "VENDORS") else ()
    return sorted(({name: cell for name, cell in row.items() if name not in left_out} for row in rows), key=str)


@contextmanager
def played(folder: Path, postgres: str, patch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A scene with copies in DuckDB and PostgreSQL."""
    clock = Clock()
    emulator = little_company(clock)
    uris = {"duckdb": f"duckdb:///{folder}/copy.duckdb", "postgres": postgres}
    with serve(emulator) as server, client(emulator) as worker:
        copies = Copies(server.url, uris, patch)
        made = Scene(copies, clock, worker)
        (lost,) = worker.create("CLASS", [{"CLASSID": "G-1", "NAME": "Gone"}])
        (made.lost,) = (str(row["RECORDNO"]) for row in worker.query("CLASS", ["RECORDNO"], where="CLASSID = 'G-1'"))
        assert lost.ok
        yield made
    assert emulator.incidents == []
    emulator.close()


# --- the records of the company


def truth(worker: Client, name: str, **more: Any) -> list[Row]:
    """All records of an object as their cells that are not empty."""
    rows = worker.query(Query(name, tuple(worker.queryable(name, more.get("doc_par_id"))), show_private=True, **more))
    return telling(list(rows))


def telling(rows: list[Row]) -> list[Row]:
    """Cells of the company's columns that are not empty, in a fixed order."""
    kept = [
        {
            name: cell.normalize() if isinstance(cell, Decimal) else cell
            for name, cell in row.items()
            if cell is not None and not name.startswith("_") and name not in (*COMPUTED, "owner")
        }
        for row in rows
    ]
    return sorted(kept, key=lambda row: str(row["RECORDNO"]))


def owners_are_true(scene: Scene) -> None:
    for name in ("VENDOR", "APBILL", "APBILLITEM", "CLASS"):
        assert telling(scene.copies.table("postgres", name).living) == truth(scene.worker, name)
    owner = {row["RECORDNO"]: row.get("MEGAENTITYID") for row in truth(scene.worker, "APBILL")}
    for line in scene.copies.table("postgres", "APBILLITEM").living:
        assert line["owner"] == owner[line["RECORDKEY"]]
    vendors = scene.copies.table("postgres", "VENDOR").living
    assert {row["owner"] for row in vendors} == {None, "300"}
    assert all(row["owner"] == row["MEGAENTITYID"] for row in vendors)


def orders_are_true(scene: Scene) -> None:
    for name in ("SODOCUMENT", "SODOCUMENTENTRY"):
        expected = truth(scene.worker, name, doc_par_id="Sales Order", where=of_orders(scene, name))
        held = scene.copies.table("postgres", f"{name}_SALES_ORDER").living
        assert telling(held) == expected
    assert len(expected) > 4
    assert "DELIVERY_WINDOW" in scene.copies.table("postgres", "SODOCUMENT_SALES_ORDER").types


def of_orders(scene: Scene, name: str) -> Any:
    if name == "SODOCUMENT":
        return field("DOCPARID") == "Sales Order"
    orders = scene.worker.query("SODOCUMENT", ["RECORDNO"], where="DOCPARID = 'Sales Order'")
    return Compare("DOCHDRNO", Op.IN, tuple(Decimal(str(row["RECORDNO"])) for row in orders))


def bills_are_true(table: str, number: str, amount: str) -> Callable[[Scene], None]:
    def check(scene: Scene) -> None:
        bills = {str(row["RECORDNO"]): row for row in truth(scene.worker, "APBILL")}
        lines: dict[str, list[Decimal]] = {}
        for line in scene.worker.query("APBILLITEM", ["RECORDKEY", "TRX_AMOUNT"], show_private=True):
            lines.setdefault(str(line["RECORDKEY"]), []).append(Decimal(str(line["TRX_AMOUNT"])))
        held = {row["id"]: row for row in scene.copies.table("postgres", table).living}
        assert set(held) == set(bills)
        for key, row in held.items():
            assert row[number] == bills[key]["RECORDID"]
            assert row["totalAmount"] == bills[key]["TRX_TOTALENTERED"]
            shown = json.loads(row["lineItems"], parse_float=Decimal, parse_int=Decimal)
            assert sorted(one[amount] for one in shown) == sorted(lines[key])

    return check


def lists_are_true(scene: Scene) -> None:
    for name in ("CLASS", "VENDOR"):
        held = scene.copies.table("postgres", name)
        assert set(held.own_types.values()) == {"VARCHAR"}
        column = f"{name.lower()}id"
        expected = {str(row[f"{name}ID"]) for row in scene.worker.query(name, [f"{name}ID"], show_private=True)}
        assert {row[column] for row in held.living} == expected


def feeds_are_true(scene: Scene) -> None:
    balances = scene.copies.table("postgres", "trial_balance").living
    assert all(row["startbalance"] + row["debits"] - row["credits"] == row["endbalance"] for row in balances)
    assert sum(row["debits"] for row in balances) == sum(row["credits"] for row in balances) > 0
    due = scene.worker.query("APBILL", ["RECORDNO"], where="WHENDUE between 2026-11-01 and 2026-12-31")
    reported = scene.copies.table("postgres", "report_bills_due").living
    assert {row["RECORDNO"] for row in reported} == {str(row["RECORDNO"]) for row in due} != set()
    funds = {row["name"] for row in scene.copies.table("postgres", "dimension_values").living}
    assert funds == {row["name"] for row in scene.worker.query("FUND", ["name"])}
    assert {row["OBJECTTYPE"] for row in scene.copies.table("postgres", "audit_history_CLASS").living} == {"class"}


KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[Scene], None]]] = {
    "owners": (("VENDOR", "APBILL", "APBILLITEM", "CLASS"), ("--entity-column", "owner", "--entity", "all"),
               owners_are_true),
    "v1": (("Classes", "Bills", "BankAccounts", "Vendors"), ("--unified", "v1"),
           bills_are_true("Bills", "vendorBillNumber", "totalPrice")),
    "v2": (("Class", "Bill", "Subsidiary", "Vendor"), ("--unified", "v2"),
           bills_are_true("Bill", "billNumber", "amount")),
    "definitions": (("SODOCUMENT:Sales Order", "SODOCUMENTENTRY:Sales Order"), (), orders_are_true),
    "feeds": ((f"trial_balance?{AUTUMN}", f"account_balances?by=location&whole=true&{AUTUMN}", "dimensions",
               "dimension_values", REPORT, "audit_history_CLASS"), (), feeds_are_true),
    "2.1": (("CLASS", "VENDOR", "APBILL"), (), lists_are_true),
}  # fmt: skip


def tables_of(names: tuple[str, ...]) -> tuple[str, ...]:
    renamed = {"report:Bills due": "report_bills_due"}
    bare = (name.partition("?")[0] for name in names)
    return tuple(renamed.get(name, name.upper().replace(" ", "_").replace(":", "_") if ":" in name else name)
                 for name in bare)  # fmt: skip


def all_agree(scene: Scene, folder: Path, kind: str) -> None:
    """Two runs into every destination, change files rewritten after the second or by a third."""
    names, options, is_true = KINDS[kind]
    words, tables = (*names, *options), tables_of(names)
    scene.copies.dtd = "2.1" if kind == "2.1" else "3.0"
    first, *others = FILES[kind]
    scene.copies.uris |= {name: f"{name}:{folder / name}" for name in FILES[kind]}
    scene.copies.extract(*words)
    scene.all_agree(tables)
    scene.work()
    scene.copies.extract(*words, compacting=others)
    scene.all_agree(tables)
    is_true(scene)
    scene.copies.extract(*words, only=first, compacting=(first,))
    scene.copies.uris = {name: scene.copies.uris[name] for name in ("duckdb", first)}
    scene.all_agree(tables)
    scene.as_if_read_at_once(words, tables)


def hard_deletes_leave_what_is_there(scene: Scene, kind: str) -> None:
    """Two runs into both databases, with deleted rows removed."""
    names, options, is_true = KINDS[kind]
    words, tables = (*names, *options, "--hard-deletes"), tables_of(names)
    scene.copies.dtd = "2.1" if kind == "2.1" else "3.0"
    scene.copies.extract(*words)
    scene.work()
    scene.copies.extract(*words)
    scene.all_agree(tables)
    is_true(scene)
    for table in tables:
        held = scene.copies.table("postgres", table)
        assert len(held.living) == len(held.rows), table


def later_columns_are_filled(scene: Scene, folder: Path, before: tuple[str, ...], words: tuple[str, ...]) -> None:
    """A run with fewer columns, edits, and a run with all columns, which fills older rows too."""
    tables = tables_of(tuple(word for word in words if not word.startswith("-") and word not in ("v1", "v2", "owner")))
    scene.copies.uris |= {"csv": f"csv:{folder / 'csv'}"}
    scene.copies.extract(*before)
    scene.work()
    scene.copies.extract(*words)
    scene.all_agree(tables)
    scene.as_if_read_at_once(words, tables)

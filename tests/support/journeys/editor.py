"""An editor of a company that is being read: creates, changes and deletes vendors, bills and entries."""

from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any

from intacct_bridge.client.client import Client
from intacct_protocol.errors import IntacctError


class Editor:
    """Random edits through a client of its own; refused ones are skipped."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client = client
        self.random = Random(seed)
        self.vendors: list[tuple[str, str]] = []
        self.bills: list[str] = []
        self.entries: list[str] = []
        self.made = 0
        self.refused = 0

    def work(self, times: int = 1) -> None:
        """Make this number of edits."""
        for _ in range(times):
            doing = self.random.choice([self.vendor, self.bill, self.bill, self.entry, self.entry])
            try:
                doing()
            except IntacctError:
                self.refused += 1

    def vendor(self) -> None:
        if self.vendors and self.random.random() < 0.3:
            number, vendor = self.random.choice(self.vendors)
            self.client.update("VENDOR", [{"VENDORID": vendor, "NAME": f"Renamed {self.random.randrange(99)}"}])
        elif len(self.vendors) > 3 and self.random.random() < 0.3:
            number, vendor = self.vendors.pop(self.random.randrange(len(self.vendors)))
            self.client.delete("VENDOR", [number])
        else:
            self.made += 1
            vendor = f"V{self.made}"
            row = {"VENDORID": vendor, "NAME": f"Vendor {self.made}", "DISPLAYCONTACT.PRINTAS": f"Vendor {self.made}"}
            (outcome,) = self.client.create("VENDOR", [row])
            if outcome.key:
                self.vendors.append((outcome.key, vendor))

    def bill(self) -> None:
        if self.bills and self.random.random() < 0.25:
            self.client.delete("APBILL", [self.bills.pop(self.random.randrange(len(self.bills)))])
        elif self.bills and self.random.random() < 0.4:
            self.client.update("APBILL", [{"RECORDNO": self.random.choice(self.bills), "APBILLITEMS": self.items()}])
        elif self.vendors:
            _, vendor = self.random.choice(self.vendors)
            row = {"VENDORID": vendor, "WHENCREATED": self.day(), "WHENDUE": self.day(), "APBILLITEMS": self.items()}
            (outcome,) = self.client.create("APBILL", [row])
            if outcome.key:
                self.bills.append(outcome.key)

    def entry(self) -> None:
        if self.entries and self.random.random() < 0.25:
            self.client.delete("GLBATCH", [self.entries.pop(self.random.randrange(len(self.entries)))])
        elif self.entries and self.random.random() < 0.4:
            row = {"RECORDNO": self.random.choice(self.entries), "BATCH_DATE": self.day(), "ENTRIES": self.lines()}
            self.client.update("GLBATCH", [row])
        else:
            row = {"JOURNAL": "GJ", "BATCH_DATE": self.day(), "BATCH_TITLE": "Work", "ENTRIES": self.lines()}
            (outcome,) = self.client.create("GLBATCH", [row])
            if outcome.key:
                self.entries.append(outcome.key)

    def day(self) -> date:
        return date(2026, self.random.choice([9, 10, 11]), self.random.randrange(1, 29))

    def items(self) -> list[dict[str, Any]]:
        return [
            {"ACCOUNTNO": "13000", "TRX_AMOUNT": f"{self.random.randrange(1, 900)}.00", "LOCATIONID": "100"}
            for _ in range(self.random.randrange(1, 4))
        ]

    def lines(self) -> list[dict[str, Any]]:
        amounts = [self.random.randrange(1, 500) for _ in range(self.random.randrange(1, 4))]
        debits = [self.line("1", amount) for amount in amounts]
        return [*debits, self.line("-1", sum(amounts))]

    def line(self, side: str, amount: int) -> dict[str, Any]:
        return {"ACCOUNTNO": "13000", "TR_TYPE": side, "TRX_AMOUNT": f"{amount}.00", "LOCATION": "100"}


class Interrupted:
    """A transport with edits before every call."""

    def __init__(self, transport: Callable[[str, bytes], Any], before: Callable[[], None]) -> None:
        self.transport = transport
        self.before = before

    def __call__(self, endpoint: str, body: bytes) -> Any:
        self.before()
        return self.transport(endpoint, body)

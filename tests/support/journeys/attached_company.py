"""A company whose vendors have attachments with every difficult kind of name, and the folder that must result."""

import hashlib
import json
from pathlib import Path
from typing import Any

from intacct_bridge.client.attachments import AttachedFile
from intacct_bridge.client.client import Client
from intacct_emulator.server.gateway import Emulator
from support.small_company import Clock, client, company

BIG = bytes(range(256)) * 1600
"""More bytes than a process may write that is stopped in the middle of a file."""
LONG = "ü" * 150
FILES = {
    "S-1": [("bill", "pdf", b"first"), ("bill", "pdf", b"second"), ("../../evil", "sh", b"third")],
    "S/1": [("scan", "png", BIG)],
    "A": [("a", "txt", b"")],
    "A.part": [("a", "txt", b"not of A")],
    "files.jsonl": [("index", "txt", b"no index"), ("two\u2028lines", "txt", b"3")],
    "con": [(LONG, "pdf", b"long"), (f"{LONG}.pdf", "pdf", b"longer")],
}
"""The files of each supdoc, by its id."""
NAMES = {
    "S-1": ["bill.pdf", "bill-2.pdf", "_.._evil.sh"],
    "S/1": ["scan.png"],
    "A": ["a.txt"],
    "A.part": ["a.txt"],
    "files.jsonl": ["index.txt", "two\u2028lines.txt"],
    "con": [f"{'ü' * 98}.pdf", f"{'ü' * 98}-2.pdf"],
}
"""Their names on the disk."""


def attached_company() -> Emulator:
    """Six vendors, each with a supdoc; two of them share one, and two have none."""
    emulator = company(Clock())
    with client(emulator) as gateway:
        gateway.attachments.create_folder("Files")
        for supdoc, files in FILES.items():
            made = gateway.attachments.create(supdoc, [AttachedFile(*one) for one in files], folder="Files")
            assert made.ok, made.faults
        for number, supdoc in enumerate([*FILES, "S-1", "", ""]):
            vendor(gateway, f"V{number}", supdoc)
    return emulator


def vendor(gateway: Client, name: str, supdoc: str) -> None:
    """One vendor, perhaps with a supdoc."""
    row = {"VENDORID": name, "NAME": name, "DISPLAYCONTACT.PRINTAS": name}
    (outcome,) = gateway.create("VENDOR", [row | ({"SUPDOCID": supdoc} if supdoc else {})])
    assert outcome.ok, outcome.faults


def place_of(supdoc: str) -> str:
    """The folder of a supdoc: its own name, or a safe one with its digest."""
    if supdoc in ("S-1", "A", "A.part"):
        return supdoc
    return f"{supdoc.replace('/', '_')}-{hashlib.sha256(supdoc.encode()).hexdigest()[:8]}"


def expected(supdocs: Any = FILES) -> dict[str, bytes]:
    """The files of a complete folder by their paths."""
    return {
        f"{place_of(supdoc)}/{name}": content
        for supdoc in supdocs
        for name, (_, _, content) in zip(NAMES[supdoc], FILES[supdoc], strict=True)
    }


def visible(folder: Path) -> dict[str, bytes]:
    """The files under final names: those in folders that are not hidden."""
    places = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        place.as_posix(): (folder / place).read_bytes()
        for place in places
        if len(place.parts) > 1 and not place.parts[0].startswith(".")
    }


def index(folder: Path) -> dict[str, dict[str, Any]]:
    """The lines of the index by their paths; a path that comes twice is a mistake."""
    lines = [json.loads(line) for line in (folder / "files.jsonl").read_text("utf-8").split("\n") if line]
    assert len({line["path"] for line in lines}) == len(lines)
    return {line["path"]: line for line in lines}


def assert_whole(folder: Path, supdocs: Any = FILES) -> None:
    """Every file once with its content, its line with the correct digest, and nothing else."""
    held, lines = visible(folder), index(folder)
    assert held == expected(supdocs)
    assert {one["path"]: (one["bytes"], one["sha256"]) for one in lines.values()} == {
        place: (len(content), hashlib.sha256(content).hexdigest()) for place, content in held.items()
    }
    assert {one["supdoc"] for one in lines.values()} == set(supdocs)
    assert not [path for path in folder.glob(".*") if path.name != ".writing"]

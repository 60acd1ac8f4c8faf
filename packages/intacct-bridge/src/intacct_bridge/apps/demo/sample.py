"""The sample journal entries of the package, with their dates moved to another month."""

import re
from calendar import monthrange
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path

NAMES = ("journal-entries.csv", "journal-entries-bad.csv")
_DATE = re.compile(r"\b11/(\d\d)/2026\b")


def sample(name: str) -> bytes:
    """A sample's content: from the installed package, or from the repository's `samples` folder."""
    packaged = files("intacct_bridge.data").joinpath("samples", name)
    if packaged.is_file():
        return packaged.read_bytes()
    with as_file(files("intacct_bridge")) as package:
        return (Path(package).parent.parent / "samples" / name).read_bytes()


def write_sample(name: str, folder: Path, *, as_of: date) -> Path:
    """Write a sample with its dates and references in the month of `as_of`, so that they are in an open period.

    The invalid date of the bad sample stays invalid.
    """
    last = monthrange(as_of.year, as_of.month)[1]

    def moved(match: re.Match[str]) -> str:
        day = int(match[1])
        return f"{as_of.month:02}/{min(day, last) if day <= 30 else last + 1:02}/{as_of.year}"

    text = _DATE.sub(moved, sample(name).decode())
    text = text.replace("2026-11", f"{as_of:%Y-%m}").replace("November", f"{as_of:%B}").replace(" 11/", f" {as_of:%m}/")
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path

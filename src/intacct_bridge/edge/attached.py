"""The files attached to the records of a copy: each supdoc in a folder of its own, fetched once."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from intacct_bridge.client.client import Client
from intacct_bridge.errors import RefusedError
from intacct_bridge.model.query import Query, field

SUPDOC = "SUPDOCID"


def fetch_attachments(client: Client, streams: Iterable[str], to: Path) -> Iterator[tuple[str, int, str]]:
    """Save what the records of these objects name and is not there yet: supdoc, number of files, or why there are none.

    Files of a supdoc cannot be replaced in Intacct, only added, so a folder that is there is left alone; remove it to
    fetch it again.
    """
    at_top = not client.connection.location_id
    seen: set[str] = set()
    for name in streams:
        if client.describe(name).get(SUPDOC) is None:
            continue
        query = Query(name, (SUPDOC,), where=field(SUPDOC).is_not_null(), show_private=at_top)
        for row in client.query(query):
            supdoc = str(row.get(SUPDOC) or "")
            if not supdoc or supdoc in seen:
                continue
            seen.add(supdoc)
            folder = to / _folder(supdoc)
            if folder.exists():
                continue
            beside = folder.with_name(folder.name + ".part")
            try:
                saved = client.attachments.save(supdoc, beside)
            except RefusedError as error:
                yield supdoc, 0, error.message
                continue
            if saved:
                beside.rename(folder)
            yield supdoc, len(saved), ""


def _folder(supdoc: str) -> str:
    """A name that cannot lead out of the directory."""
    safe = "".join(char if char.isalnum() or char in "-_. " else "_" for char in supdoc).strip(". ")
    return safe or "_"

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
        named = next((one for one in client.describe(name).fields if one.upper() == SUPDOC), "")
        if not named:
            continue
        some = None if client.connection.dtd_version == "2.1" else field(SUPDOC).is_not_null()  # 2.1 cannot ask so
        for row in client.query(Query(name, (named,), where=some, show_private=at_top)):
            supdoc = str(row.get(named) or "")
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

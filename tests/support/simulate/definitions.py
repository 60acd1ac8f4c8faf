"""The company's definitions, read once for all seeds: they are the same in each, and reading them takes most time.

A machine begins with the catalogue cache of an earlier run. The definitions of `inspect`, which the product keeps for a
run only, are given to every client.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from intacct_bridge.client.client import Client
from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.client.reading.catalog import CatalogReader
from intacct_bridge.load.target.writable import writable_object
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.catalog import ObjectDef
from support.small_company import NOON, connection
from support.torture.records import CREATES

Inspected = dict[str, ObjectDef | IntacctError]
_REFERENCES = ("LOCATION", "DEPARTMENT", "GLACCOUNT", "CUSTOMER", "ITEM", "CLASS", "JOURNAL", "TERM", "AUDITHISTORY")


@cache
def known_definitions(emulator: Emulator) -> tuple[dict[str, bytes], Inspected]:
    """The files of the catalogue cache, and what `inspect` says of each object."""
    system = System(wall=NOON.timestamp)
    with TemporaryDirectory() as folder:
        with Client(connection(), transport=emulator, keep=Path(folder), system=system) as client:
            for name in dict.fromkeys(kind.object for kind in CREATES):
                for line in writable_object(client, name).lines:
                    client.inspect(line.object)
                client.inspect(name)
            for name in _REFERENCES:
                client.describe(name)
            inspected: Inspected = dict(client._catalog._inspected)
        files = {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*.json")}
    return files, inspected


@contextmanager
def knowing(inspected: Inspected) -> Iterator[None]:
    """Every client knows what `inspect` says of these objects."""
    read = CatalogReader.inspect_many

    def inspect_many(catalog: CatalogReader, names: Iterable[str]) -> None:
        wanted = list(names)
        catalog._inspected |= {name: inspected[name] for name in wanted if name in inspected}
        read(catalog, wanted)

    with patch.object(CatalogReader, "inspect_many", inspect_many):
        yield

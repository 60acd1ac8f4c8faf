"""Emulated companies with clients of this library, for tests of programs that use it.

    from intacct_bridge.testing import emulated_company

    def test_my_report():
        with emulated_company("demo", as_of=date(2026, 10, 31)) as company:
            assert my_report(company.client()) == ...
            assert company.received("create") == []

A client needs no network. The company is that of `intacct_emulator.testing`, which is the extra `emulator`. With
pytest, the fixture `intacct_gateway` (see `pytest_plugin`) gives one to each test.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Unpack
from weakref import finalize

from intacct_bridge.client.gateway.runtime import System
from intacct_bridge.connections.connection import Connection
from intacct_bridge.library import BridgeClient
from intacct_bridge.load.apply.single_writes import OutboxWriter
from intacct_bridge.load.outbox.outbox import Outbox
from intacct_emulator import testing as emulated
from intacct_emulator.from_copy.source import CopiedCompany, CopiedTable, copied_company
from intacct_emulator.server.gateway import Emulator, EmulatorSnapshot
from intacct_protocol.model.uri_text import redacted
from intacct_protocol.xml.typed_arrow import kind_of

if TYPE_CHECKING:
    from intacct_bridge.copies.destinations.contents import CopyTable

__all__ = ["Company", "CompanyArguments", "emulated_company", "make_company", "read_copy"]


class CompanyArguments(emulated.CompanyArguments, total=False):
    """How an emulated company is made, besides its kind."""

    copy: str | None
    """The URI of a copy that `intacct extract` made, whose records the company then has (see `read_copy`)."""
    anonymise: bool
    """Whether names, ids and free text of the copy are replaced."""


class Company(emulated.Company):
    """An emulated company with clients of it and their outbox."""

    def __init__(self, emulator: Emulator, company_id: str = "") -> None:
        """The first company of the emulator, unless another one is named."""
        super().__init__(emulator, company_id)
        self._outbox: Outbox | None = None
        self._folder: Path | None = None

    def client(self, *, sleep: Callable[[float], None] = lambda _: None, **settings: Any) -> BridgeClient:
        """A client of the company; settings are those of `Connection`. Waits between retries take no time.

        Its writes are kept in `outbox`, as those of `connect` are. `outbox=None` is a client without one.
        """
        named = settings.pop("outbox", "")
        has_own_outbox = named == ""
        path = str(self._outbox_path) if has_own_outbox else str(named or "")
        connection = Connection(
            **{"name": "test", "environment": "demo", **self.credentials, **settings, "outbox": path}
        )
        writer = None if named is None else OutboxWriter((lambda _: self.outbox) if has_own_outbox else None)
        return BridgeClient(connection, transport=self.emulator, system=System(sleep=sleep), writer=writer)

    @property
    def outbox(self) -> Outbox:
        """The outbox of the clients of this company: in a temporary folder, and empty again after `reset`."""
        if self._outbox is None:
            self._outbox = Outbox(self._outbox_path)
        return self._outbox

    @property
    def _outbox_path(self) -> Path:
        if self._folder is None:
            self._folder = Path(mkdtemp(prefix="intacct-bridge-"))
            finalize(self, shutil.rmtree, self._folder, ignore_errors=True)  # also for a company that is never closed
        return self._folder / "outbox.sqlite3"

    def _drop_outbox(self) -> None:
        """Close the outbox and delete its files; another use begins an empty one."""
        if self._outbox is not None:
            self._outbox.close()
            for path in self._outbox_path.parent.glob(f"{self._outbox_path.name}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._outbox = None

    def reset(self, to: EmulatorSnapshot | None = None) -> None:
        """Reset the company, in milliseconds: to a snapshot, or to its state after `make_company`.

        Sessions, received requests, injected faults and the outbox are dropped.
        """
        super().reset(to)
        self._drop_outbox()

    def close(self) -> None:
        """Stop the server, if there is one, and drop the company with its clones and its outbox."""
        super().close()
        self._drop_outbox()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None


@contextmanager
def read_copy(uri: str, *, anonymise: bool = False) -> Iterator[CopiedCompany]:
    """The company in a copy that `intacct extract` made, as a source of an emulated company's data.

    With `anonymise`, names, ids and free text are replaced, each by the same text everywhere. Amounts, dates and record
    numbers stay. The copy is open while the source is used.
    """
    from intacct_bridge.copies.copy import open_copy

    with open_copy(uri).open() as copy:
        yield copied_company([_copied(one) for one in copy.tables.values()], redacted(uri), anonymise=anonymise)


def _copied(table: "CopyTable") -> CopiedTable:
    kinds = {column.name: kind_of(column.type) for column in table.columns}

    def rows() -> Iterator[dict[str, Any]]:
        for batch in table.batches():
            columns = [column.to_pylist() for column in batch.columns]
            for values in zip(*columns, strict=True):
                yield dict(zip(kinds, values, strict=True))

    return CopiedTable(table.name, kinds, rows, table.distinct)


def make_company(
    company: str | Mapping[str, Any] = "empty",
    *,
    copy: str | None = None,
    anonymise: bool = False,
    **arguments: Unpack[emulated.CompanyArguments],
) -> Company:
    """A company that can be reset, as `intacct_emulator.testing.make_company` makes it, or the company of a copy."""
    data = arguments.get("data")
    if copy is None:
        return Company.of(emulated.made_emulator(company, **arguments), data=data)
    with read_copy(copy, anonymise=anonymise) as copied:
        return Company.of(emulated.made_emulator(company, source=copied.source, **arguments), data=data)


@contextmanager
def emulated_company(
    company: str | Mapping[str, Any] = "empty", **arguments: Unpack[CompanyArguments]
) -> Iterator[Company]:
    """The company that `make_company` makes; it is closed in the end."""
    with closing(make_company(company, **arguments)) as company_:
        yield company_

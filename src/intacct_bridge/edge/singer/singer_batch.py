"""Records that a Singer stream leaves in files: JSON lines, plain or gzipped, on this machine."""

import gzip
import io
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

import msgspec

from intacct_bridge.errors import SettingsError

_DECODER = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


def batch_records(
    address: str, encoding: Mapping[str, Any], home: Path
) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """Each record of one file with its line and the file's name. SettingsError where the file cannot be read."""
    form, compression = encoding.get("format", "jsonl"), encoding.get("compression") or "none"
    if form != "jsonl" or compression not in ("none", "gzip"):
        raise SettingsError(
            f"a BATCH is in {form} with the compression {compression}, which cannot be read",
            fix="let the tap write jsonl, with gzip or without compression",
        )
    path = _path(address, home)
    number = 0
    try:
        with path.open("rb") as raw, _unpacked(raw, compression) as file:
            for number, line in enumerate(file, 1):  # the number is told when reading fails
                if line.strip():
                    yield number, path.name, _DECODER.decode(line)
    except (OSError, EOFError) as error:
        raise SettingsError(f"the batch file {path} cannot be read: {error}", fix="see that it is whole") from None
    except (msgspec.DecodeError, ArithmeticError) as error:
        raise SettingsError(f"{path}:{number} is not a JSON object: {error}", fix="give one a line") from None


def _unpacked(raw: BinaryIO, compression: str) -> BinaryIO:
    return cast(
        "BinaryIO", gzip.GzipFile(fileobj=raw) if compression == "gzip" else io.BufferedReader(cast("Any", raw))
    )


def _path(address: str, home: Path) -> Path:
    """The file behind a manifest's address."""
    parts = urlsplit(address)
    if parts.scheme not in ("", "file"):
        raise SettingsError(f"the batch file {address} is not on this machine", fix="let the tap write file:// batches")
    return home / unquote(parts.path if parts.scheme else address)

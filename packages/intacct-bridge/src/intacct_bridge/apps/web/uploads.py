"""The body of a POST: fields and files, read within bounds and never whole into memory.

A body that says that it is too long is refused before it is read; one that does not say is cut off at the bound.
"""

import re
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.text_forms import nfc

if TYPE_CHECKING:
    from starlette.requests import Request

LARGEST_FORM = 1 << 20
"""Bytes of a form without a file."""
LARGEST_UPLOAD = 50 << 20
_MOST_FIELDS, _MOST_FILES = 1000, 1000
_LONGEST_NAME, _LONGEST_BYTES = 120, 200
_NO_NAME = frozenset('<>:"/\\|?*')
_UNSAFE = re.compile(r"[^\w .()+,=@#-]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class BodyTooLargeError(SettingsError):
    """A body that is longer than its page takes."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a person dropped."""

    name: str
    """The file's own name without any folder, safe as a name of a file."""
    file: BinaryIO
    sent_name: str = ""
    """The file's own name without any folder, as the browser gave it; it may be unsafe as a name of a file."""

    def save(self, folder: Path, name: str = "") -> Path:
        """Write the file into a folder under its safe name, or another one, and return its path."""
        path = folder / (name or self.name)
        with path.open("xb") as out:
            while part := self.file.read(1 << 20):
                out.write(part)
        return path


@dataclass(frozen=True, slots=True)
class FormData:
    """The fields and files of a form."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[Upload]] = field(default_factory=dict)


def safe_name(name: str) -> str:
    """The last part of a file's name with nothing that leaves a folder or means something to a system.

    Of a long name the end is kept, and its ending with it; letters of many scripts take three bytes each.
    """
    plain = _own_name(name)
    plain = _UNSAFE.sub("_", plain).strip(" .")[-_LONGEST_NAME:]
    plain = plain.encode()[-_LONGEST_BYTES:].decode(errors="ignore").strip(" .")
    return f"_{plain}" if not plain or _RESERVED.fullmatch(plain) else plain


def _own_name(name: str) -> str:
    return nfc(name).replace("\\", "/").rpartition("/")[2]


def checked_name(name: str) -> str:
    """A file's own name, unchanged; SettingsError for one that means something to a file system, or none."""
    broken = next((one for one in name if one in _NO_NAME or unicodedata.category(one).startswith("C")), "")
    whole = name == name.strip(" .") and 0 < len(name.encode(errors="replace")) <= _LONGEST_BYTES
    if broken or not whole or _RESERVED.fullmatch(name):
        raise SettingsError(
            f"The file {name[:_LONGEST_NAME]!r} has a name that cannot be kept.",
            fix="Give it a name of letters and digits, here and in the rows that name it.",
        )
    return name


async def read_form(request: "Request", *, most: int) -> tuple[FormData, Callable[[], Awaitable[None]]]:
    """A request's form, and what removes its files again. BodyTooLargeError if it has more than `most` bytes."""
    from starlette.formparsers import MultiPartException
    from starlette.requests import Request as Bounded

    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise _too_large(most)
    received = 0

    async def receive() -> Any:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > most:
            raise _too_large(most)
        return message

    bounded = Bounded(request.scope, receive)
    try:
        form = await bounded.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS, max_part_size=LARGEST_FORM)
    except MultiPartException as error:
        raise SettingsError(f"The form cannot be read: {error.message}", fix="Send it again from its page.") from None
    except OSError as error:
        raise SettingsError(
            f"This machine cannot keep the upload: {error.strerror or error}.",
            fix="Free some disk space, and send it again from its page.",
        ) from error
    except Exception as error:
        if isinstance(error, SettingsError) or type(error).__name__ == "ClientDisconnect":
            raise
        raise SettingsError(f"The form cannot be read: {error}", fix="Send it again from its page.") from None
    read = FormData()
    for name, value in form.multi_items():
        if isinstance(value, str):
            read.fields.setdefault(name, []).append(value)
        elif value.filename:
            read.files.setdefault(name, []).append(
                Upload(safe_name(value.filename), value.file, _own_name(value.filename))
            )
    return read, bounded.close


def _too_large(most: int) -> BodyTooLargeError:
    return BodyTooLargeError(
        f"The form is larger than {most >> 20:,} MB.",
        fix="Split the file, or load it with the command: intacct load FILE",
    )

"""Which layout `--as` means."""

from difflib import get_close_matches

from intacct_bridge.errors import SettingsError
from intacct_bridge.flow.cells import DateOrder
from intacct_bridge.flow.layout import Layout
from intacct_bridge.flow.layout_journal import JournalLayout

_JOURNAL = ("journal-entries", "journalentries", "journal_entries", "glbatch")


def layout_for(name: str, *, draft: bool, key: tuple[str, ...], date_order: DateOrder | None) -> Layout:
    """The way to read a file as records of this object or unified name."""
    plain = name.strip().lower()
    if plain in _JOURNAL:
        return JournalLayout(date_order=date_order, draft=draft, key=key)
    near = get_close_matches(plain, _JOURNAL, 1, 0.5)
    raise SettingsError(
        f"files cannot be loaded as {name!r}" + (f"; did you mean {_JOURNAL[0]}?" if near else ""),
        fix="Use --as journal-entries.",
    )

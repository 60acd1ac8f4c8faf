"""The layout of journal entries for tests that have no company of their own: the declaration describes its fields."""

from typing import Any

from intacct_bridge.load.layouts.declaration import declarations
from intacct_bridge.load.layouts.declared import DeclaredLayout
from intacct_bridge.load.target.writable import WritableObject, writable_object
from support.load.ledger import Ledger


def journal_layout(**options: Any) -> DeclaredLayout:
    """Journal entries, as `layout_for` reads them; `writable` describes further fields of a company."""
    company = Ledger()

    def described() -> WritableObject:
        return writable_object(company, "GLBATCH")

    return DeclaredLayout(declarations()["journal-entries"], **{"writable": described, "company": company, **options})

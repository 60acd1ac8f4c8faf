from dataclasses import replace

import pytest

from intacct_protocol.errors import SettingsError
from intacct_protocol.model.catalog import Catalog
from intacct_protocol.model.snapshot import catalog_from_snapshot, snapshot
from support.protocol.objects import bill, catalog


def test_a_catalogue_survives_its_snapshot() -> None:
    fields = dict(bill().fields)
    fields["RECORDID"] = replace(fields["RECORDID"], max_length=20, description="As on paper")
    sized = replace(bill(), fields=fields, label="Bill", document_type="Purchase Invoice")
    kept = catalog().with_objects(sized)
    found = catalog_from_snapshot(snapshot(kept))
    assert list(found) == list(kept)
    assert all(found[name] == kept[name] for name in kept)


def test_an_empty_catalogue_too() -> None:
    assert len(catalog_from_snapshot(snapshot(Catalog()))) == 0


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b'{"format":1}', b'{"format":99,"objects":[]}'])
def test_other_documents_are_refused_with_a_fix(document: bytes) -> None:
    with pytest.raises(SettingsError, match="stored catalogue") as raised:
        catalog_from_snapshot(document)
    assert "delete it" in raised.value.fix

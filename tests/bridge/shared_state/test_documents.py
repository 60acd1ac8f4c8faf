"""Shared documents: definitions that one machine has read are not read again by another."""

from pathlib import Path

import pytest

from intacct_bridge.client.client import Client
from intacct_bridge.client.reading.catalog_cache import CatalogCache
from intacct_bridge.shared_state import documents
from intacct_bridge.shared_state.documents import read_document, write_document
from intacct_bridge.shared_state.place import PostgresPlace
from intacct_emulator.server.gateway import Emulator
from intacct_protocol.errors import UnreachableError
from support.small_company import connection


def test_a_document_is_replaced_as_a_whole(postgres_place: PostgresPlace) -> None:
    assert read_document(postgres_place, "a") == b""
    for content in (b"\x00\xff", b"second"):
        write_document(postgres_place, "a", content)
        assert read_document(postgres_place, "a") == content
    assert read_document(postgres_place, "b") == b""


def test_definitions_that_one_machine_has_read_are_not_read_again_by_another(
    emulator: Emulator, postgres_place: PostgresPlace, tmp_path: Path
) -> None:
    uri = f"{postgres_place.uri}&schema={postgres_place.schema}"
    asked = []
    for machine in ("one", "two"):
        with Client(connection(outbox=uri), transport=emulator, keep=tmp_path / machine) as client:
            assert client.describe("VENDOR").get("VENDORID") is not None
            asked.append(client.meter.usage().by_function.get("lookup"))
    assert asked[0] is not None
    assert asked[0].functions == 1
    assert asked[1] is None
    assert list(tmp_path.rglob("*.json")) == []


def test_a_database_that_does_not_answer_costs_the_cache_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(documents, "_PATIENCE", 0.1)
    with pytest.raises(UnreachableError):
        read_document(PostgresPlace("postgresql://127.0.0.1:9/books", "any"), "a")
    cache = CatalogCache(connection(outbox="postgresql://127.0.0.1:9/books"), tmp_path, wall=lambda: 0.0)
    cache.keep("names", ["VENDOR"])
    cache.save()
    assert cache.get("names") == ["VENDOR"]

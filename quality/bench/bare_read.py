"""Read all fields of one object and discard the rows: `python -m bench.bare_read bare|sageintacctsdk URL OBJECT`.

It prints the number of rows. `bare` fetches, gunzips and decodes pages into typed Arrow columns.
"""

import sys
from contextlib import suppress
from typing import Any

ACCOUNT: dict[str, Any] = {
    "company_id": "demo-company", "user_id": "demo-user", "user_password": "demo-user-password",
    "sender_id": "demo-sender", "sender_password": "demo-sender-password",
}  # fmt: skip


def bare(url: str, name: str) -> int:
    """Our client's Arrow batches."""
    from intacct_bridge.client.client import Client
    from intacct_bridge.connections.connection import Connection
    from intacct_protocol.model.query.query import Query

    with suppress(ImportError):  # an older version, which does not limit its memory
        from intacct_bridge.apps.terminal.memory import limit_memory

        limit_memory()
    with Client(Connection(endpoint=url, **ACCOUNT), keep=False) as client:
        fields = tuple(client.describe(name).fields)
        return sum(batch.num_rows for batch in client.batches(Query(name, fields, show_private=True)))


def sageintacctsdk(url: str, name: str) -> int:
    """`get_all` of sageintacctsdk, with the same fields. Only the SDK's address is changed."""
    from sageintacctsdk import SageIntacctSDK
    from sageintacctsdk.apis.api_base import ApiBase

    made = ApiBase.__init__

    def pointed(self: object, *positional: object, **named: object) -> None:
        made(self, *positional, **named)
        self._ApiBase__api_url = url  # type: ignore[attr-defined]

    ApiBase.__init__ = pointed
    sdk = SageIntacctSDK(**ACCOUNT, show_private=True)
    api = {"GLDETAIL": sdk.gl_detail, "DEPARTMENT": sdk.departments}[name]
    return len(api.get_all(fields=[one["ID"] for one in api.get_lookup()["Type"]["Fields"]["Field"]]))


if __name__ == "__main__":
    print({"bare": bare, "sageintacctsdk": sageintacctsdk}[sys.argv[1]](*sys.argv[2:]))

"""What a user may do with records: the service for allowed operations.

Sage's example names three operations. Others are refused, as no source lists them: to leave them out would say that the
user may not do them. A record that does not exist, or that the user does not see, has none.
"""

from collections.abc import Callable, Mapping
from typing import Any

from intacct_emulator.rest.catalogue import RestObject, catalogue
from intacct_emulator.rest.messages import ErrorDetail, RestAnswer, invalid_payload, result
from intacct_emulator.rest.paired import PairedRecords
from intacct_emulator.rest.stored import StoredRecords

LIST = "/services/core/allowed-operations/list"
MOST_KEYS = 1000
_METHODS = {"canView": "get", "canEdit": "update", "canDelete": "delete"}
"""The method of an object for each operation."""


def allowed_operations(payload: Any, records_of: Callable[[RestObject], PairedRecords | StoredRecords]) -> RestAnswer:
    """The operations that the user may do with each record, in the order asked for. Raises RestRefusedError."""
    sent = payload if isinstance(payload, Mapping) else {}
    rest = catalogue().find(str(sent.get("object", "")))
    keys, operations = sent.get("keys"), sent.get("operations") or list(_METHODS)
    problems = []
    if rest is None:
        problems.append(ErrorDetail("/object is no object", "REST-1043", "/object"))
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_KEYS:
        problems.append(ErrorDetail(f"/keys is an array of 1 to {MOST_KEYS} keys", "REST-1043", "/keys"))
    if not isinstance(operations, list) or not set(map(str, operations)) <= set(_METHODS):
        names = ", ".join(_METHODS)
        problems.append(ErrorDetail(f"/operations is an array of {names}", "REST-1043", "/operations"))
    if problems or rest is None or not isinstance(keys, list):
        raise invalid_payload(problems)
    options = sent.get("options")
    private = isinstance(options, Mapping) and options.get("includePrivate") is True
    records, methods = records_of(rest), rest.methods
    rows = [
        {
            "key": str(key),
            "operations": [
                operation
                for operation in operations
                if _METHODS[operation] in methods and records.may(str(key), _METHODS[operation], private=private)
            ],
        }
        for key in keys
    ]
    return result(rows, meta={"totalCount": len(rows), "totalSuccess": len(rows), "totalError": 0})

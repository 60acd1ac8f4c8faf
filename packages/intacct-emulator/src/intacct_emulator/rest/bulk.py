"""Bulk jobs: a file of records that are created, changed or deleted, each by itself, and the state of the job.

The work is done when the job is created; `rest_job_seconds` says for how long it is shown as running. A job belongs to
the application that created it. The file of results has the outcome of each record in the order of the job's file; its
shape is our choice, as no source has one.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import msgspec

from intacct_emulator.company.company_facts import FactTable
from intacct_emulator.rest.catalogue import RestObject, catalogue
from intacct_emulator.rest.messages import (
    ErrorDetail,
    RestAnswer,
    RestRefusedError,
    RestRequest,
    invalid_payload,
    not_found,
    result,
)
from intacct_emulator.rest.work import RestWork

CREATE, STATUS = "/services/bulk/job/create", "/services/bulk/job/status"
_HEAD = "ia::requestBody"
_OPERATIONS = ("create", "update", "delete")
Write = Callable[[RestObject, str, Mapping[str, Any]], dict[str, Any] | None]
"""Does an operation of this name on one record; its reference, or nothing for a delete."""


class BulkJob(msgspec.Struct):
    """One job with the outcomes of its records."""

    client: str
    at: float
    """When it was created, in seconds since the epoch by the company's clock."""
    results: list[dict[str, Any]]


def create_job(work: RestWork, request: RestRequest, job_id: str, write: Write) -> RestAnswer:
    """Do the work of a job; its id. Raises RestRefusedError."""
    head, records = job_of(request)
    problems = [
        ErrorDetail(f"/{name} is required", "REST-1043", f"/{name}")
        for name in ("objectName", "operation", "jobFile", "fileContentType")
        if not head.get(name)
    ]
    rest = catalogue().find(str(head.get("objectName", "")))
    if not problems and rest is None:
        problems.append(ErrorDetail("/objectName is no object", "REST-1043", "/objectName"))
    if not problems and head["operation"] not in _OPERATIONS:
        listed = ", ".join(_OPERATIONS)
        problems.append(ErrorDetail(f"/operation is not one of {listed}", "REST-1043", "/operation"))
    if not problems and (head["fileContentType"] != "json" or records is None):
        problems.append(ErrorDetail("/jobFile is no array of records in JSON", "REST-1043", "/jobFile"))
    if problems or rest is None or records is None:
        raise invalid_payload(problems)
    results = [_outcome(work, write, rest, str(head["operation"]), record) for record in records]
    _table(work).put(job_id, value=BulkJob(work.session.sender_id, work.now, results))
    created = datetime.fromtimestamp(int(work.now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {"jobId": job_id, "statusURL": f"{STATUS}?jobId={job_id}", "createdDateTime": created}
    return result(status, meta=_counts(results))


def job_status(work: RestWork, request: RestRequest) -> RestAnswer:
    """The state of a job, or its results as a file. Raises RestRefusedError."""
    job_id = request.parameter("jobId")
    job = _table(work).get(job_id)
    if job is None or job.client != work.session.sender_id:
        raise not_found(f"The job {job_id}")
    done = work.now - job.at >= work.behaviour.rest_job_seconds
    if request.parameter("download").lower() == "true":
        if not done:
            raise RestRefusedError(400, "invalidRequest", f"The job {job_id} is not completed")
        return RestAnswer(200, job.results)
    if not done:
        return result({"jobId": job_id, "status": "processing", "percentComplete": 0, "downloadURL": None})
    completed = {
        "jobId": job_id,
        "status": "completed",
        "percentComplete": 100,
        "downloadURL": f"{STATUS}?jobId={job_id}&download=true",
        "jobStatusFile": f"{job_id}-response.json",
    }
    return result(completed, meta=_counts(job.results))


def _counts(results: list[dict[str, Any]]) -> dict[str, int]:
    failed = sum("ia::error" in outcome for outcome in results)
    return {"totalCount": len(results), "totalSuccess": len(results) - failed, "totalError": failed}


def job_of(request: RestRequest) -> tuple[dict[str, Any], list[Mapping[str, Any]] | None]:
    """The head of a job and its records, from a request of several parts; None if the file is no array of records.

    The file is the part `file`, or the part under the name of the job's file: clients do either.
    """
    kind = request.header("content-type").encode("latin-1", "replace")
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + request.body)
    parts = list(message.iter_parts()) if message.is_multipart() else []
    contents = [(str(part.get_param("name", header="content-disposition") or ""), part) for part in parts]
    documents = [(name, _json(part.get_payload(decode=True))) for name, part in contents]
    head = next((document for name, document in documents if name == _HEAD), None)
    if not isinstance(head, dict):
        head = next((document for _, document in documents if isinstance(document, dict)), {})
    records = next((document for _, document in documents if isinstance(document, list)), None)
    if records is not None and not all(isinstance(record, Mapping) for record in records):
        records = None
    return head, records


def _json(content: Any) -> Any:
    try:
        return msgspec.json.decode(content or b"")
    except (msgspec.DecodeError, RecursionError):
        return None


def _outcome(
    work: RestWork, write: Write, rest: RestObject, operation: str, record: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        with work.company.store.together():
            work.refuse_scripted()
            reference = write(rest, operation, record)
    except RestRefusedError as error:
        return {"ia::status": error.status, "ia::error": error.error}
    return {"ia::status": {"create": 201, "update": 200, "delete": 204}[operation], **(reference or {})}


def _table(work: RestWork) -> FactTable[BulkJob]:
    return FactTable(
        work.company.store,
        "rest job:",
        lambda job: msgspec.json.encode(job).decode(),
        lambda text: msgspec.json.decode(text, type=BulkJob),
    )

"""How a dropped file is read: the options of its form, its first rows, and what stands in the way."""

from typing import TYPE_CHECKING, Any

from intacct_bridge.apps.console.pages.postings.dropped_files import FORM, TICKS, DroppedFile
from intacct_bridge.apps.terminal.failures import described
from intacct_bridge.apps.web.pages import PageRequest
from intacct_protocol.errors import IntacctError

if TYPE_CHECKING:
    from intacct_bridge.operations.recorded_run import RecordedRun


def filled_fields(request: PageRequest) -> dict[str, str]:
    """The fields of the form that a person has filled."""
    filled = {name: request.field(name).replace("\r\n", "\n") for name in FORM if request.field(name)}
    if request.field("object"):  # the menu has layouts only
        filled["as"] = request.field("object")
    return {name: "true" if name in TICKS else text for name, text in filled.items()}


def understand(request: PageRequest, file: DroppedFile) -> None:
    """Read the beginning of a file as its options say, and keep what was found, or why it cannot be read.

    If it is not said what the rows are, the columns say it.
    """
    file.preview, file.problem, file.is_guess = {}, {}, False
    try:
        if not file.fields.get("as") and not file.mapping.is_file():
            _guess_layout(file)
        with reading(request, file) as run:
            file.preview = _preview(run, file)
    except IntacctError as error:
        file.problem = described(error)
    file.save()


def _guess_layout(file: DroppedFile) -> None:
    from intacct_bridge.operations.loads import proposed_layout

    proposal = proposed_layout(file.request)
    if proposal is not None:
        file.fields["as"], file.is_guess = proposal.layout, True


def reading(request: PageRequest, file: DroppedFile) -> "RecordedRun":
    """The company for a look at a file. It is a run of the history only if the company is asked for its objects."""
    run = request.run(file.connection, "load preview", entity=file.entity)
    run.run_at_first_call = True
    return run


def _preview(run: "RecordedRun", file: DroppedFile) -> dict[str, Any]:
    from intacct_bridge.operations.loads import preview_load

    preview = preview_load(run, file.request)
    return {
        "form": preview.form,
        "sheet": preview.sheet,
        "sheets": list(preview.sheets),
        "header": preview.header,
        "object": preview.object,
        "fits": preview.fits,
        "missing": [
            {"name": column.name, "note": column.note, "example": column.example, "is_date": column.is_date}
            for column in preview.missing
        ],
        "columns": [
            {"name": column.name, "known": column.has_meaning, "first": list(column.first)}
            for column in preview.columns
        ],
        "notes": list(preview.notes),
        "faults": list(preview.faults),
    }

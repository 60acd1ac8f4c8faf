"""The data delivery service: its objects, their tables, and jobs that are completed at once and deliver nothing."""

from intacct_emulator.access.rights import check_right
from intacct_emulator.company.company_data import FunctionAnswer, FunctionCall
from intacct_emulator.reading.query_request import all_columns
from intacct_emulator.settings.cells import Row, timestamp_text
from intacct_protocol.xml.xml import Element, element


def get_dds_objects(call: FunctionCall) -> FunctionAnswer:
    """The objects that the data delivery service would deliver."""
    names = sorted(name for name, one in call.company.catalog.items() if "WHENMODIFIED" in one.fields)
    return FunctionAnswer(Element("data", "", tuple(element("DdsObject", name) for name in names)))


def get_dds_ddl(call: FunctionCall) -> FunctionAnswer:
    """The definition of a table for an object."""
    described = call.company.find(call.body.findtext("object").strip())
    columns = ", ".join(f'"{column.tag}" VARCHAR(4000)' for column in all_columns(call.company, described))
    return FunctionAnswer(
        element("data", element("DdsDdl", element("Ddl", f'create table "{described.name}" ({columns})')))
    )


def run_dds_job(call: FunctionCall) -> FunctionAnswer:
    """Create a job, which is completed at once and delivers nothing."""
    check_right(call, "CREATE", "DDSJOB")
    names = [call.body.findtext("object"), *(one.text for one in (call.body.find("objects") or call.body).children)]
    described = call.company.find(next((name.strip() for name in names if name.strip()), ""))
    now = timestamp_text(call.stamp)
    row: Row = {"OBJECT": described.name, "JOBTYPE": call.body.findtext("jobType").strip(), "STATUS": "Completed"}
    row |= {"QUEUETIME": now, "STARTTIME": now, "ENDTIME": now}
    number = call.company.table("DDSJOB").insert(row)
    return FunctionAnswer(element("data", element("DdsJob", element("RECORDNO", str(number)))), key=str(number))

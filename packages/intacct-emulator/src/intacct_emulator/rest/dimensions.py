"""The dimensions of a company, as the REST interface lists them."""

from intacct_emulator.reading.dimensions import get_dimensions
from intacct_emulator.rest.catalogue import pairs
from intacct_emulator.rest.messages import RestAnswer, result
from intacct_emulator.rest.work import RestWork
from intacct_protocol.xml.xml import Element


def dimensions(work: RestWork) -> RestAnswer:
    """Every dimension with its label and the address of its records, which is empty for an unknown object."""
    by_xml = {pair.xml: name for name, pair in pairs().items()}
    data = work.run(get_dimensions, Element("getDimensions"), {}).data
    rows = []
    for row in data.children[0].children if data is not None and data.children else ():
        name = row.findtext("objectName")
        address = by_xml.get(name, "")
        rows.append(
            {
                "dimensionName": name,
                "dimensionLabel": row.findtext("objectLabel"),
                "termName": row.findtext("termLabel"),
                "isUserDefinedDimension": row.findtext("userDefinedDimension") == "true",
                "isEnabledInGL": row.findtext("enabledInGL") == "true",
                "dimensionEndpoint": f"/objects/{address}" if address else "",
            }
        )
    return result(rows, meta={"totalCount": len(rows), "totalSuccess": len(rows), "totalError": 0})

"""The schema check accepts what is documented: the recorded order of every function, and the documented samples.

The orders come from the recorded facts, not from the emulator's table of parts. The samples have the shapes of the
requests on Sage's pages.
"""

from collections import defaultdict
from collections.abc import Iterator

import pytest
from recorded_facts import operations

from intacct_emulator.server.incoming import incoming
from intacct_emulator.server.schema.dtd import GENERIC
from intacct_emulator.server.schema.functions import functions, parts_of
from intacct_emulator.server.schema.xsd import ANY_ORDER
from intacct_emulator.settings.behaviour import Behaviour
from intacct_protocol.errors import IntacctError
from intacct_protocol.model.legacy.content_model import ModelPart, names_in, parse_model
from intacct_protocol.model.legacy.functions import day_elements, part_models

OPEN = (
    '<?xml version="1.0" encoding="UTF-8"?><request><control><senderid>s</senderid><password>p</password>'
    "<controlid>c</controlid><uniqueid>false</uniqueid><dtdversion>{0}</dtdversion></control><operation>"
    "<authentication><sessionid>x</sessionid></authentication><content>"
)
CLOSE = "</content></operation></request>"
DAY = "<{0}><year>2017</year><month>08</month><day>21</day></{0}>"
VERSIONS = ("3.0", "2.1")


def refusal(version: str, *calls: str) -> str:
    """The first sentence of the refusal; empty for an accepted request."""
    inside = "\n".join(f'<function controlid="f">{call}</function>' for call in calls)
    try:
        incoming(f"{OPEN.format(version)}{inside}{CLOSE}".encode(), Behaviour())
    except IntacctError as error:
        return str(error)
    return ""


SAMPLES = {
    "AP adjustment with a new line": (
        f'<update_apadjustment key="1234"><vendorid>V1</vendorid>{DAY.format("datecreated")}{DAY.format("dateposted")}'
        "<adjustmentno>234</adjustmentno><action>Submit</action><billno>2</billno><description>D</description>"
        f"<currency>USD</currency>{DAY.format('exchratedate')}<exchratetype>Intacct Daily Rate</exchratetype>"
        "<updateapadjustmentitems><lineitem><glaccountno>6700</glaccountno><offsetglaccountno>2020</offsetglaccountno>"
        "<amount>76.43</amount><memo>M</memo><locationid>L1</locationid></lineitem></updateapadjustmentitems>"
        "</update_apadjustment>"
    ),
    "AR adjustment with a changed and a new line": (
        '<update_aradjustment key="123"><customerid>C1</customerid><updatearadjustmentitems>'
        '<updatelineitem line_num="1"><glaccountno>4000</glaccountno><amount>100.25</amount></updatelineitem>'
        "<lineitem><glaccountno>4000</glaccountno><amount>20.99</amount><memo>M</memo></lineitem>"
        "</updatearadjustmentitems></update_aradjustment>"
    ),
    "other receipt with a changed and a new line": (
        '<update_otherreceipt key="1234"><receiptitems><updatelineitem line_num="1"><memo>Dues</memo></updatelineitem>'
        "<lineitem><glaccountno>1907</glaccountno><amount>1000</amount><locationid>NY</locationid></lineitem>"
        "</receiptitems></update_otherreceipt>"
    ),
    "statistical journal entry with glentry": (
        f"<create_statgltransaction><journalid>SHC</journalid>{DAY.format('datecreated')}<description>H</description>"
        "<statgltransactionentries><glentry><trtype>1</trtype><amount>2.00</amount><glaccountno>HEADS</glaccountno>"
        "<memo>H</memo><locationid>100</locationid><departmentid>ADMIN</departmentid></glentry>"
        "</statgltransactionentries></create_statgltransaction>"
    ),
    "inventory transaction with itemdesc alone": (
        '<update_ictransaction key="Beginning Balance-BB1"><updateictransitems><updateictransitem line_num="1">'
        "<itemdesc>Parts</itemdesc></updateictransitem></updateictransitems></update_ictransaction>"
    ),
    "revenue recognition schedule with recordno first": (
        "<update_revrecschedule><recordno>121</recordno><memo></memo><revrecentries><revrecentry><recordno>396</recordno>"
        f"{DAY.format('postingdate')}<accountno>4010</accountno><trx_amount>4513.89</trx_amount></revrecentry>"
        "</revrecentries></update_revrecschedule>"
    ),
    "vendor with the name of its contact": (
        "<create_vendor><vendorid>V1</vendorid><name>N</name><contactinfo><contactname>C</contactname></contactinfo>"
        "</create_vendor>"
    ),
}
REPORTS = {
    "original custom report": (
        "<readReport><report>R</report><arguments><APBILL.TEST_DATE><FROM_DATE>1/1/2014</FROM_DATE>"
        "<TO_DATE>12/31/2016</TO_DATE></APBILL.TEST_DATE></arguments><waitTime>0</waitTime><pagesize>100</pagesize>"
        "</readReport>"
    ),
    "interactive custom report": (
        '<readReport type="interactive"><report>R</report><arguments><AP.VENDORID>V1</AP.VENDORID></arguments>'
        "<pagesize>100</pagesize><returnFormat>xml</returnFormat></readReport>"
    ),
    "account balances by dimensions, asynchronous": (
        '<readReport type="interactive" returnDef="false"><report>R</report><arguments><A>1</A></arguments>'
        "<pagesize>10</pagesize></readReport>"
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_documented_sample_is_accepted(name: str, version: str) -> None:
    assert refusal(version, SAMPLES[name]) == ""


def test_a_view_takes_its_filters_anywhere() -> None:
    # the npm package intacct-api 0.3 sends its defaults before the view
    call = (
        "<readView><filters/><pagesize>100</pagesize><returnFormat>xml</returnFormat><view>VENDOR#1@2</view></readView>"
    )
    assert refusal("3.0", call) == ""
    assert "This element is not expected" in refusal("3.0", call.replace("pagesize", "size"))


def test_a_consolidation_takes_its_parts_in_the_order_of_the_official_sdks() -> None:
    # @intacct/intacct-sdk 2.2 writes the period after the book, and offline always
    call = (
        "<consolidate><bookid>B</bookid><reportingperiodname>P</reportingperiodname><offline>F</offline><entities>"
        "<csnentity><entityid>E</entityid></csnentity></entities></consolidate>"
    )
    assert refusal("3.0", call) == ""


def test_the_line_of_an_adjustment_takes_what_the_official_sdks_write() -> None:
    # ApAdjustmentLineCreate of @intacct/intacct-sdk 2.2: totalpaid and totaldue come after key; Sage's page lacks them
    call = (
        "<create_apadjustment><vendorid>V1</vendorid>"
        "<datecreated><year>2026</year><month>11</month><day>15</day></datecreated><apadjustmentitems><lineitem>"
        "<glaccountno>60500</glaccountno><amount>-30</amount><memo>m</memo><locationid>110</locationid><key>1</key>"
        "<totalpaid>0</totalpaid><totaldue>-30</totaldue><projectid>P1</projectid></lineitem></apadjustmentitems>"
        "</create_apadjustment>"
    )
    assert refusal("3.0", call) == ""
    assert "This element is not expected" in refusal("3.0", call.replace("totaldue", "totalowed"))


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_takes_its_arguments_anywhere(name: str) -> None:
    assert refusal("3.0", REPORTS[name]) == ""


ATTRIBUTES = {"line_num", "logical_operator"}
"""Listed among the children of a part, and its attributes."""


# --- every published function, with every element that its recorded order allows


def sequences(part: ModelPart) -> list[list[str]]:
    """Sequences that obey a model and together have each of its names."""
    if part.name:
        return [[part.name]]
    found = []
    for option in part.options:
        ways = [sequences(one) for one in option]
        longest = max(map(len, ways), default=1)
        found += [[name for way in ways for name in way[min(at, len(way) - 1)]] for at in range(longest)]
    return found


PAGES = defaultdict(list)
for _operation in operations():
    PAGES[_operation.function].append(_operation)


class Inside:
    """The orders inside one function: the recorded ones, and those of its page where none is recorded."""

    def __init__(self, name: str) -> None:
        self.words = {name, *names_in(functions()[name].text)}
        self.pages: dict[str, str] = {}
        for operation in (one for word in sorted(self.words) for one in PAGES.get(word, ())):
            for table, rows in operation.tables.items():
                plain = [row for row in rows if row.kind != "attribute" and row.name not in ATTRIBUTES]
                if table:
                    self.pages.setdefault(table, " ".join(row.name for row in plain))
                for row in plain:
                    held = [one for one in row.holds if one in operation.tables]
                    if held:
                        self.pages[row.name] = f"({'|'.join(held)})+"

    def model(self, name: str, wrapper: str) -> str:
        """The order inside an element; empty for one that holds text."""
        if name in day_elements():
            return "year month day"
        if name in functions() and name in self.words:
            return functions()[name].text
        page = self.pages.get(name, "")
        if "(update" in page or "|update" in page:
            return page
        return self.recorded(name.removeprefix("update"), wrapper) or page

    def recorded(self, name: str, wrapper: str) -> str:
        models = part_models()
        return models.get(f"{wrapper.removeprefix('update')}/{name}", "") or models.get(name, "")

    def filled(self, name: str, model: str, attributes: str = "", above: tuple[str, ...] = ()) -> Iterator[str]:
        """Elements of this name that obey the model and together have everything in it."""
        above = (*above, name)
        for sequence in sequences(parse_model(model)):
            children = [
                list(self.filled(one, inner, above=above))
                if one not in above and (inner := self.model(one, name))
                else [f"<{one}>1</{one}>"]
                for one in sequence
                if one != "ANY"
            ]
            for at in range(max(map(len, children), default=1)):
                inside = "".join(ways[min(at, len(ways) - 1)] for ways in children)
                yield f"<{name}{attributes}>{inside}</{name}>"


def calls(name: str) -> list[str]:
    function = functions()[name]
    needed = [one for one in function.attributes if one.required]
    attributes = "".join(f' {one.name}="{one.values[0] if one.values else 1}"' for one in needed)
    return list(Inside(name).filled(name, function.text, attributes))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_recorded_order_of_every_function_is_accepted(version: str) -> None:
    free = {*ANY_ORDER, "get_list"}  # any order, or a grammar of its own that test_schema tries
    known = [name for name in functions() if name not in free and (version == "3.0" or name not in GENERIC)]
    assert len(known) > 250
    refused = {name: said for name in known for call in calls(name) if (said := refusal(version, call))}
    assert refused == {}


# --- the documented parameters

SLIPS = {
    "update_apadjustment": {"basecurr"},
    "update_aradjustment": {"basecurr"},
    "update_invoice": {"basecurr"},
    "create_bill": {"APBILL", "RECORDNO", "DETAILID", "TRX_TAX"},
    "create_vendor": {"taxsolutionid", "taxschedule"},
    "update_vendor": {"taxsolutionid", "taxschedule"},
    "delete_territory": {"key"},
    "reconcile_bank": {"object", "keys"},
    "post": {"object"},
    "clearallmea": {"object"},
    "clearlastactivemea": {"object"},
    "create_sotransaction": {"reverseconversion", "previousretainagebalance"},
    "update_sotransaction": {"reverseconversion", "changelognumber"},
    "reallocate_revrecschedule": {"year", "month", "day"},
    "create_potransaction": {"contactname"},
}
"""Parameters that a page lists for a function and that the published schema does not have there."""


def test_every_documented_parameter_has_a_place_in_its_function() -> None:
    lacking: dict[str, set[str]] = {}
    for operation in operations():
        function = functions().get(operation.function)
        if function is None or function.name in ANY_ORDER or "ANY" in names_in(function.text):
            continue
        parts = parts_of(function.name) | {"": function.text}
        for table, rows in operation.tables.items():
            names = {*names_in(parts[table]), *(one.name for one in function.attributes)} if table in parts else None
            more = (
                {row.name for row in rows if row.kind != "attribute"} - ATTRIBUTES - names
                if names is not None
                else set()
            )
            if more:
                lacking.setdefault(function.name, set()).update(more)
    assert lacking == SLIPS

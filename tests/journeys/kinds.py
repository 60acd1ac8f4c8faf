"""One input for every kind of record that can be loaded, with what the company must hold and post afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kind:
    """A file, what it is loaded as, and what it comes to."""

    name: str
    object: str
    text: str
    holds: Mapping[str, str] = field(default_factory=dict)
    """Cells of the last record, as the company stores them."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """New rows of other objects."""
    posts: str = ""
    """The debits that the load adds to the ledger; empty where it posts nothing."""
    count: int = 1
    draft: bool = False
    as_name: str = ""
    """What it is loaded as, where that is not the object."""

    @property
    def file(self) -> str:
        """The input's name."""
        return "input.jsonl" if self.text.startswith("{") else "input.csv"


MASTERS = (
    Kind(
        "vendors",
        "VENDOR",
        "VENDORID,NAME,DISPLAYCONTACT.PRINTAS,DISPLAYCONTACT.EMAIL1,DISPLAYCONTACT.MAILADDRESS.CITY,TERMNAME,CREDITLIMIT\n"
        "K-V1,Acme & Sons,Acme,a@b.example,Bern,N30,100.255\nK-V2,Zoë <Paper>,Zoë,,,N10,0\n",
        {"NAME": "Zoë <Paper>", "TERMNAME": "N10", "DISPLAYCONTACT.PRINTAS": "Zoë"},
        count=2,
    ),
    Kind(
        "customers with custom fields",
        "CUSTOMER",
        "CUSTOMERID,NAME,DISPLAYCONTACT.PRINTAS,TERMNAME,RENEWAL_DATE,KEY_ACCOUNT\nK-C1,Cog,Cog,N15,2027-03-01,true\n",
        {"NAME": "Cog", "RENEWAL_DATE": "03/01/2027", "KEY_ACCOUNT": "true"},
    ),
    Kind(
        "contacts",
        "CONTACT",
        "CONTACTNAME,PRINTAS,EMAIL1,MAILADDRESS.COUNTRY\nKim (K),Kim,kim@b.example,Canada\n",
        {"EMAIL1": "kim@b.example", "MAILADDRESS.COUNTRY": "Canada"},
    ),
    Kind(
        "items",
        "ITEM",
        "ITEMID,NAME,ITEMTYPE,BASEPRICE\nK-I1,Valve,Non-Inventory,12.5\n",
        {"ITEMTYPE": "Non-Inventory", "BASEPRICE": "12.5"},
    ),
    Kind(
        "accounts",
        "GLACCOUNT",
        "ACCOUNTNO,TITLE,ACCOUNTTYPE,NORMALBALANCE,CLOSINGTYPE,REQUIREDEPT\n"
        "68990,Couriers,incomestatement,debit,closing account,true\n",
        {"TITLE": "Couriers", "REQUIREDEPT": "true", "STATUS": "active"},
    ),
    Kind("statistical accounts", "STATACCOUNT", "ACCOUNTNO,TITLE\nS1900,Desks\n", {"TITLE": "Desks"}),
    Kind(
        "departments",
        "DEPARTMENT",
        "DEPARTMENTID,TITLE,PARENTID\n990,Robotics,\n991,Robot Arms,990\n",
        {"TITLE": "Robot Arms", "PARENTID": "990"},
        count=2,
    ),
    Kind("locations", "LOCATION", "LOCATIONID,NAME,PARENTID\n190,Toledo Depot,100\n", {"PARENTID": "100"}),
    Kind("classes", "CLASS", "CLASSID,NAME,DESCRIPTION\nK9,Lab,All labs\n", {"DESCRIPTION": "All labs"}),
    Kind(
        "projects",
        "PROJECT",
        "PROJECTID,NAME,PROJECTCATEGORY,CUSTOMERID,BEGINDATE\nK-P1,Dam gauges,Contract,Alderquist Cement,2026-11-02\n",
        {"CUSTOMERID": "C20001", "BEGINDATE": "11/02/2026"},
    ),
    Kind(
        "tasks",
        "TASK",
        "TASKID,NAME,PROJECTID,TASKSTATUS,PLANNEDBEGINDATE\nK-T1,Survey,P-26-004,Planned,2026-11-02\n",
        {"NAME": "Survey", "PROJECTID": "P-26-004"},
    ),
    Kind(
        "employees",
        "EMPLOYEE",
        "EMPLOYEEID,PERSONALINFO.CONTACTNAME,LOCATIONID,DEPARTMENTID,STARTDATE,TITLE\n"
        "K-E1,Alderquist Cement(C20001),310,110,2026-11-02,Engineer\n",
        {"LOCATIONID": "310", "TITLE": "Engineer"},
    ),
    Kind(
        "warehouses",
        "WAREHOUSE",
        "WAREHOUSEID,NAME,LOCATIONID\nWH-TOL,Toledo,110\n",
        {"NAME": "Toledo", "LOCATIONID": "110"},
    ),
    Kind(
        "exchange rates",
        "EXCHANGERATE",
        '{"TYPENAME": "Company Weekly Rate", "FROM_CURRENCY": "EUR", "TO_CURRENCY": "USD", "EXCHANGERATEENTRIES": '
        '[{"EFFECTIVE_START_DATE": "2026-11-01", "EXCHANGE_RATE": 1.10255}]}\n',
        {"FROM_CURRENCY": "EUR"},
        {"EXCHANGERATEENTRY": 1},
    ),
    Kind(
        "rates of employees",
        "EMPLOYEERATE",
        "EMPLOYEEID,RATESTARTDATE,BILLINGRATE\nE0002,2026-11-01,150.25\n",
        {"EMPLOYEEID": "E0002", "BILLINGRATE": "150.25"},
    ),
    Kind(
        "user-defined dimensions",
        "FUND",
        "name,FUND_CODE,RESTRICTED\nBridge Fund,F09,true\n",
        {"name": "Bridge Fund", "FUND_CODE": "F09"},
    ),
    Kind(
        "custom objects",
        "EQUIPMENT_SITE",
        "name,SERIAL_NO,INSTALLED_ON,MEASURES\nDepot site,CI-1,2026-11-02,Level#~#Flow\n",
        {"SERIAL_NO": "CI-1", "INSTALLED_ON": "11/02/2026"},
    ),
    Kind(
        "attachment folders",
        "SUPDOCFOLDER",
        "SUPDOCFOLDERNAME,SUPDOCFOLDERDESCRIPTION\nAudit 2026,For the auditors\n",
    ),
    Kind(
        "attachments",
        "SUPDOC",
        "SUPDOCID,SUPDOCNAME,SUPDOCFOLDERNAME,ATTACHMENTNAME,ATTACHMENTTYPE,ATTACHMENTDATA\n"
        "K-A1,Letter,Invoices,letter,txt,aGVsbG8=\nK-A1,Letter,Invoices,annex,txt,aGVsbG8=\n",
    ),
)

_JOURNAL = "Journal,Date,Title,Reference,Account,Debit,Credit,Department,Location"
JOURNALS = (
    Kind(
        "normal journal entries",
        "GLBATCH",
        f"{_JOURNAL}\nGJ,2026-11-30,Rent,K-1,61000,0.10,,100,100\nGJ,2026-11-30,Rent,K-1,61000,0.20,,100,100\n"
        "GJ,2026-11-30,Rent,K-1,20100,,0.30,,100\n",
        {"BATCH_TITLE": "Rent", "STATE": "Posted"},
        {"GLENTRY": 3},
        posts="0.30",
        as_name="journal-entries",
    ),
    Kind(
        "draft journal entries",
        "GLBATCH",
        f"{_JOURNAL}\nGJ,2026-11-30,Later,K-2,61000,999999999999.99,,100,100\n"
        "GJ,2026-11-30,Later,K-2,20100,,999999999999.99,,100\n",
        {"STATE": "Draft"},
        draft=True,
        as_name="journal-entries",
    ),
    Kind(
        "statistical journal entries",
        "GLBATCH",
        f"{_JOURNAL}\nSJ,2026-11-30,Heads,K-3,S1000,12,,100,100\n",
        {"JOURNAL": "SJ"},
        {"GLENTRY": 1},
        as_name="journal-entries",
    ),
    Kind(
        "reversing journal entries",
        "GLBATCH",
        f"{_JOURNAL},Reverse date\nGJ,2026-10-31,Accrual,K-4,61000,12.50,,100,100,2026-11-01\n"
        "GJ,2026-10-31,Accrual,K-4,20100,,12.50,,100,2026-11-01\n",
        {"BATCH_TITLE": "Accrual"},
        as_name="journal-entries",
    ),
    Kind(
        "journal entries over several entities",
        "GLBATCH",
        f"{_JOURNAL}\nGJ,2026-11-30,Shared,K-5,61000,40,,100,110\nGJ,2026-11-30,Shared,K-5,20100,,40,,210\n",
        {"BATCH_TITLE": "Shared"},
        as_name="journal-entries",
    ),
    Kind(
        "journal entries in another currency",
        "GLBATCH",
        f"{_JOURNAL},Currency,Exchange rate date,Exchange rate type\n"
        "GJ,2026-11-16,Abroad,K-6,61000,100,,100,110,CAD,2026-11-16,Company Weekly Rate\n"
        "GJ,2026-11-16,Abroad,K-6,20100,,100,,110,CAD,2026-11-16,Company Weekly Rate\n",
        {"BATCH_TITLE": "Abroad"},
        {"GLENTRY": 2},
        as_name="journal-entries",
    ),
    Kind(
        "journal entries with a user-defined dimension",
        "GLBATCH",
        '{"JOURNAL": "GJ", "BATCH_DATE": "2026-11-30", "BATCH_TITLE": "Funded", "REFERENCENO": "K-7", "ENTRIES": ['
        '{"ACCOUNTNO": "61000", "TRX_AMOUNT": 5, "TR_TYPE": 1, "LOCATION": "100", "DEPARTMENT": "100", '
        '"GLDIMFUND": "10002"}, {"ACCOUNTNO": "20100", "TRX_AMOUNT": 5, "TR_TYPE": -1, "LOCATION": "100"}]}\n',
        {"BATCH_TITLE": "Funded"},
        {"GLENTRY": 2},
        posts="5",
        as_name="GLBATCH:native",
    ),
)

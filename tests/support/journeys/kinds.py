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
    """What it is loaded as, if that is not the object."""

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
        "TASKID,NAME,PROJECTID,TASKSTATUS,PBEGINDATE\nK-T1,Survey,P-26-004,Planned,2026-11-02\n",
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
        "WAREHOUSEID,NAME,LOC.LOCATIONID\nWH-TOL,Toledo,110\n",
        {"NAME": "Toledo", "LOC.LOCATIONID": "110"},
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
    ),
)


def _flat(head: str, *lines: str) -> str:
    return "\n".join([head, *lines]) + "\n"


DOCUMENTS = (
    Kind(
        "bills",
        "APBILL",
        _flat(
            "VENDORID,RECORDID,WHENCREATED,WHENDUE,TERMNAME,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID,GLDIMFUND",
            "V10001,K-1,2026-11-02,2026-12-02,N30,61000,100.10,110,100,10002",
            "V10001,K-1,2026-11-02,2026-12-02,N30,61000,0.20,110,100,",
        ),
        {"TRX_TOTALENTERED": "100.3", "STATE": "Posted"},
        {"APBILLITEM": 2},
        posts="100.30",
    ),
    Kind(
        "draft bills",
        "APBILL",
        "VENDORID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID\n"
        "V10001,K-D,2026-11-02,2026-12-02,61000,1,110,100\n",
        {"STATE": "Draft"},
        draft=True,
    ),
    Kind(
        "submitted bills",
        "APBILL",
        "VENDORID,RECORDID,WHENCREATED,WHENDUE,ACTION,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID\n"
        "V10001,K-S,2026-11-02,2026-12-02,Submit,61000,1,110,100\n",
    ),
    Kind(
        "bills with taxes",
        "APBILL",
        '{"VENDORID": "V10001", "RECORDID": "K-T", "WHENCREATED": "2026-11-02", "WHENDUE": "2026-12-02", '
        '"APBILLITEMS": [{"ACCOUNTNO": "61000", "TRX_AMOUNT": 100, "LOCATIONID": "110", "DEPARTMENTID": "100", '
        '"TAXENTRIES": {"TAXENTRY": [{"DETAILID": "GST 5% Purchases", "TRX_TAX": 5}]}}]}\n',
        lines={"APBILLITEM": 2},
        posts="105",
    ),
    Kind(
        "AP adjustments",
        "APADJUSTMENT",
        "VENDORID,RECORDID,WHENCREATED,ACCOUNTNO,TRX_AMOUNT,LOCATIONID,DEPARTMENTID\n"
        "V10001,K-2,2026-11-02,61000,-12.34,110,100\n",
        {"TRX_TOTALENTERED": "-12.34"},
        {"APADJUSTMENTITEM": 1},
        posts="12.34",
    ),
    Kind(
        "AP payments",
        "APPYMT",
        "VENDORID,FINANCIALENTITY,PAYMENTMETHOD,PAYMENTDATE,CURRENCY,APPYMTDETAIL.RECORDKEY,"
        "APPYMTDETAIL.TRX_PAYMENTAMOUNT\n"
        "V10016,CHK-INS,Printed Check,2026-11-20,USD,5940,78.24\n",
        {"TRX_TOTALENTERED": "78.24"},
        {"APPYMTDETAIL": 1},
        posts="78.24",
    ),
    Kind(
        "invoices",
        "ARINVOICE",
        _flat(
            "CUSTOMERID,RECORDID,WHENCREATED,WHENDUE,ACCOUNTNO,TRX_AMOUNT,LOCATIONID",
            "Alderquist Cement,K-3,2026-11-02,2026-12-02,40000,0.10,210",
            "Alderquist Cement,K-3,2026-11-02,2026-12-02,40000,0.20,210",
        ),
        {"CUSTOMERID": "C20001", "TRX_TOTALENTERED": "0.3"},
        {"ARINVOICEITEM": 2},
        posts="0.30",
    ),
    Kind(
        "AR adjustments",
        "ARADJUSTMENT",
        "CUSTOMERID,RECORDID,WHENCREATED,ACCOUNTNO,TRX_AMOUNT,LOCATIONID\nC20001,K-4,2026-11-02,40000,-5,210\n",
        {"TRX_TOTALENTERED": "-5"},
        {"ARADJUSTMENTITEM": 1},
        posts="5",
    ),
    Kind(
        "AR payments",
        "ARPYMT",
        "CUSTOMERID,PAYMENTMETHOD,RECEIPTDATE,CURRENCY,UNDEPOSITEDACCOUNTNO,ARPYMTDETAIL.RECORDKEY,"
        "ARPYMTDETAIL.TRX_PAYMENTAMOUNT\nC20014,Printed Check,2026-11-20,USD,10090,4433,251.64\n",
        {"TRX_TOTALENTERED": "251.64"},
        {"ARPYMTDETAIL": 2},
        posts="251.64",
    ),
    Kind(
        "AR advances",
        "ARADVANCE",
        "CUSTOMERID,PAYMENTMETHOD,PAYMENTDATE,RECEIPTDATE,FINANCIALENTITY,ARADVANCEITEM.ACCOUNTNO,"
        "ARADVANCEITEM.TRX_AMOUNT,ARADVANCEITEM.LOCATIONID\n"
        "C20001,Printed Check,2026-11-20,2026-11-20,CHK-INS,22100,50,110\n",
        {"CUSTOMERID": "C20001", "TRX_TOTALENTERED": "50"},
        posts="50",
    ),
    Kind(
        "other receipts",
        "OTHERRECEIPTS",
        "WHENCREATED,PAYER,RECEIPTDATE,PAYMENTMETHOD,FINANCIALENTITY,DEPOSITDATE,DOCNUMBER,ACCOUNTNO,TRX_AMOUNT,"
        "LOCATIONID,DEPARTMENTID\n"
        "2026-11-02,By mail,2026-11-02,EFT,CHK-FLD,2026-11-02,K-5,73000,690.77,210,300\n",
        {"TRX_TOTALENTERED": "690.77"},
        {"OTHERRECEIPTSENTRY": 1},
        posts="690.77",
    ),
    Kind(
        "sales transactions",
        "SODOCUMENT",
        _flat(
            "DOCPARID,DOCNO,CUSTVENDID,WHENCREATED,WHENDUE,ITEMID,QUANTITY,UNIT,PRICE,LOCATIONID",
            "Sales Order,K-6,C20001,2026-11-02,2026-12-02,SERV-HR,2,Hour,100.255,210",
            "Sales Order,K-6,C20001,2026-11-02,2026-12-02,FREIGHT,1,Each,9.99,210",
        ),
        {"DOCNO": "K-6", "CUSTVENDID": "C20001"},
        {"SODOCUMENTENTRY": 2},
    ),
    Kind(
        "purchase transactions",
        "PODOCUMENT",
        "DOCPARID,DOCNO,CUSTVENDID,WHENCREATED,WHENDUE,ITEMID,QUANTITY,UNIT,PRICE,LOCATIONID\n"
        "Purchase Order,K-7,V10001,2026-11-02,2026-12-02,STEEL-304,3,Each,10,110\n",
        {"DOCNO": "K-7"},
        {"PODOCUMENTENTRY": 1},
    ),
    Kind(
        "inventory transactions",
        "INVDOCUMENT",
        "DOCPARID,DOCNO,WHENCREATED,ITEMID,QUANTITY,UNIT,COST,WAREHOUSEID,LOCATIONID\n"
        "Inventory Receipt,K-8,2026-11-02,KIT-SEAL,5,Each,2.5,WH-CMH,110\n",
        {"DOCNO": "K-8"},
        {"INVDOCUMENTENTRY": 1},
    ),
    Kind(
        "expense reports",
        "EEXPENSES",
        "EMPLOYEEID,RECORDID,WHENCREATED,ACCOUNTLABEL,AMOUNT,LOCATIONID,DEPARTMENTID,ENTRY_DATE\n"
        "E0002,K-9,2026-11-02,Meals,94.55,310,110,2026-11-01\n",
        {"RECORDID": "K-9"},
        {"EEXPENSESITEM": 1},
        posts="94.55",
    ),
    Kind(
        "timesheets",
        "TIMESHEET",
        '{"EMPLOYEEID": "E0002", "BEGINDATE": "2026-11-02", "TIMESHEETENTRIES": [{"ENTRYDATE": "2026-11-03", '
        '"QTY": 7.5, "PROJECTID": "P-26-004", "LOCATIONID": "310", "DEPARTMENTID": "110"}]}\n',
        {"EMPLOYEEID": "E0002"},
        {"TIMESHEETENTRY": 1},
    ),
    Kind(
        "contracts",
        "CONTRACT",
        "CONTRACTID,CUSTOMERID,NAME,BEGINDATE,ENDDATE,TERMNAME,TERMTYPE,APPLICATION,LOCATIONID,BILLINGFREQUENCY\n"
        "K-10,C20001,Care plan,2026-11-01,2027-10-31,N30,Termed,Contracts,210,Annually\n",
        {"NAME": "Care plan"},
    ),
)
KINDS = (*MASTERS, *JOURNALS, *DOCUMENTS)

"""A user who sends randomly drawn requests, sensible or not, and keeps the keys of accepted records."""

from intacct_emulator.server.gateway import Emulator
from support.emulator.calls import element, entry, one
from support.emulator.documents import bill, item, payment
from support.emulator.legacy_documents import day, invoice, line, receipt
from support.emulator.orders import line as order_line
from support.emulator.orders import moved, sale
from support.emulator.payments import advance, ap, ar, paid, received

NOBODY = "999999"
ITEMS = ("FLOW-100", "PROBE-TIP", "CABLE-10M")
TAX = "GST 5% Purchases"


class RandomUser:
    """Sends the drawn steps, one method each."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.keys: dict[str, list[str]] = {}
        self.count = 0
        self.refused: list[str] = []

    def known(self, kind: str, which: int) -> str:
        keys = self.keys.get(kind, [])
        return keys[which % len(keys)] if keys else NOBODY

    def number(self) -> str:
        self.count += 1
        return f"R{self.count}"

    def do(self, function: str, kind: str = "") -> None:
        result = one(self.emulator, function)
        key = result.key
        if result.data is not None and result.data.children:
            key = result.data.children[0].findtext("RECORDNO")
        if kind and result.status == "success" and key:
            self.keys.setdefault(kind, []).append(key)
        self.refused += [f"{function[:40]}: {fault.text}" for fault in result.faults[:1]]

    def reverse(self, function: str, kind: str, which: int) -> None:
        self.do(f'<{function} key="{self.known(kind, which)}">{day("datereversed", 21)}</{function}>')

    def delete(self, name: str, kind: str, which: int) -> None:
        self.do(f"<delete><object>{name}</object><keys>{self.known(kind, which)}</keys></delete>")

    # --- payables

    def bill(self, amount: str, place: str, other: str, there: str, currency: dict[str, str]) -> None:
        lines = (f"60500 {amount} LOCATIONID={place}", f"61200 {other} LOCATIONID={there}")
        self.do(bill(*lines, RECORDID=self.number(), **currency), "bill")

    def taxed_bill(self, amount: str, tax: str, waits: bool) -> None:
        entries = element("TAXENTRY", DETAILID=TAX, **({"TRX_TAX": tax} if tax != "0.01" else {}))
        lines = item(f"60500 {amount}").replace("</APBILLITEM>", f"<TAXENTRIES>{entries}</TAXENTRIES></APBILLITEM>")
        head = {"VENDORID": "V10087", "WHENCREATED": "11/20/2026", "WHENDUE": "12/20/2026", "RECORDID": self.number()}
        more = {"ACTION": "Draft"} if waits else {}
        self.do(f"<create>{element('APBILL', **head, **more, APBILLITEMS=lines)}</create>", "bill")

    def credit(self, amount: str) -> None:
        items = f"<apadjustmentitems>{line('60500', f'-{amount}')}</apadjustmentitems>"
        head = f"<vendorid>V10087</vendorid>{day('datecreated')}<adjustmentno>{self.number()}</adjustmentno>"
        self.do(f"<create_apadjustment>{head}{items}</create_apadjustment>", "credit")

    def edit(self, which: int, amount: str) -> None:
        lines = item(f"64200 {amount} LOCATIONID=210")
        self.do(f"<update>{element('APBILL', RECORDNO=self.known('bill', which), APBILLITEMS=lines)}</update>")

    def submit(self, which: int) -> None:
        self.do(f"<update>{element('APBILL', RECORDNO=self.known('bill', which), ACTION='Submit')}</update>")

    def pay(self, which: int, amount: str, bank: str, all_of_it: bool) -> None:
        self.do(payment(self.known("bill", which), "" if all_of_it else amount, FINANCIALENTITY=bank), "pay")

    def pay_with(self, which: int, credit: int, money: str, lent: str) -> None:
        note = self.known("credit", credit)
        detail = {"RECORDKEY": self.known("bill", which), "TRX_PAYMENTAMOUNT": money}
        self.do(paid(ap(**detail, ADJUSTMENTKEY=note, TRX_ADJUSTMENTAMOUNT=lent)), "pay")

    def request(self, which: int, amount: str) -> None:
        head = "<bankaccountid>CHK-INS</bankaccountid><vendorid>V10087</vendorid><paymentmethod>EFT</paymentmethod>"
        one_item = f"<key>{self.known('bill', which)}</key><paymentamount>{amount}</paymentamount>"
        items = f"<paymentrequestitem>{one_item}</paymentrequestitem>"
        body = f"{head}{day('paymentdate')}<paymentrequestitems>{items}</paymentrequestitems>"
        self.do(f"<create_paymentrequest>{body}</create_paymentrequest>", "pay")

    def decide(self, what: str, which: int) -> None:
        keys = f"<appaymentkeys><appaymentkey>{self.known('pay', which)}</appaymentkey></appaymentkeys>"
        self.do(f"<{what}_appaymentrequest>{keys}</{what}_appaymentrequest>")

    def check(self, amount: str) -> None:
        cells = (
            f"<glaccountno>60500</glaccountno><paymentamount>{amount}</paymentamount><departmentid>100</departmentid>"
        )
        head = "<bankaccountid>CHK-FLD</bankaccountid><vendorid>V10087</vendorid><memo>m</memo>"
        items = f"<payitems><payitem>{cells}<locationid>110</locationid></payitem></payitems>"
        body = f"{head}{day('checkdate')}<checkno>{self.number()}</checkno>{items}"
        self.do(f"<create_appayment>{body}</create_appayment>", "pay")

    # --- receivables

    def invoice(self, amount: str) -> None:
        self.do(invoice(self.number(), amount), "invoice")

    def credit_customer(self, amount: str) -> None:
        items = f"<aradjustmentitems>{line('41100', f'-{amount}')}</aradjustmentitems>"
        head = f"<customerid>C20130</customerid>{day('datecreated')}<adjustmentno>{self.number()}</adjustmentno>"
        self.do(f"<create_aradjustment>{head}{items}</create_aradjustment>", "note")

    def receive(self, which: int, amount: str, more: str, waits: bool) -> None:
        total = f"{float(amount) + float(more):.2f}"
        place = "<undepfundsacct>10090</undepfundsacct>" if waits else "<bankaccountid>CHK-INS</bankaccountid>"
        self.do(receipt(total, (self.known("invoice", which), amount), more=place), "receive")

    def receive_with(self, which: int, other: int, way: str, lent: str) -> None:
        kind, key, money = {
            "advance": ("advance", "ADVANCEKEY", "TRX_POSTEDADVANCEAMOUNT"),
            "over": ("receive", "OVERPAYMENTKEY", "TRX_POSTEDOVERPAYMENTAMOUNT"),
            "note": ("note", "ADJUSTMENTKEY", "TRX_ADJUSTMENTAMOUNT"),
        }[way]
        cells = {"RECORDKEY": self.known("invoice", which), key: self.known(kind, other), money: lent}
        self.do(received(ar(**cells, TRX_TOTALDISCOUNTTOAPPLY="0.01")), "receive")

    def advance(self, amount: str, other: str) -> None:
        self.do(advance(amount, other), "advance")

    def apply(self, which: int, invoiced: int, amount: str) -> None:
        applied = f"<invoicekey>{self.known('invoice', invoiced)}</invoicekey><amount>{amount}</amount>"
        head = f"<arpaymentkey>{self.known('receive', which)}</arpaymentkey>{day('paymentdate')}"
        items = f"<arpaymentitems><arpaymentitem>{applied}</arpaymentitem></arpaymentitems>"
        self.do(f"<apply_arpayment>{head}{items}</apply_arpayment>")

    def deposit(self, which: int, bank: str) -> None:
        keys = f"<receiptkeys><receiptkey>{self.known('receive', which)}</receiptkey></receiptkeys>"
        head = f"<bankaccountid>{bank}</bankaccountid>{day('depositdate')}<depositid>{self.number()}</depositid>"
        self.do(f"<record_deposit>{head}{keys}</record_deposit>", "deposit")

    # --- cards, other money, expenses

    def card(self, amount: str) -> None:
        cells = f"<glaccountno>63000</glaccountno><description>x</description><paymentamount>{amount}</paymentamount>"
        spent = f"<ccpayitem>{cells}<departmentid>100</departmentid><locationid>110</locationid></ccpayitem>"
        head = f"<chargecardid>CARD-FIELD</chargecardid>{day('paymentdate')}<referenceno>{self.number()}</referenceno>"
        self.do(f"<record_cctransaction>{head}<ccpayitems>{spent}</ccpayitems></record_cctransaction>", "card")

    def other(self, amount: str) -> None:
        head = f"{day('paymentdate')}<payee>Someone</payee>{day('receiveddate')}<paymentmethod>Cash</paymentmethod>"
        items = f"<bankaccountid>CHK-INS</bankaccountid><receiptitems>{line('73000', amount)}</receiptitems>"
        self.do(f"<record_otherreceipt>{head}{items}</record_otherreceipt>", "other")

    def expense(self, amount: str) -> None:
        cells = f"<expensetype>Meals</expensetype><amount>{amount}</amount><memo>lunch</memo>"
        spent = f"<expense>{cells}<locationid>220</locationid><departmentid>100</departmentid></expense>"
        head = f"<employeeid>E0085</employeeid>{day('datecreated')}"
        self.do(f"<create_expensereport>{head}<expenses>{spent}</expenses></create_expensereport>", "expense")

    # --- journals

    def journal(self, amount: str, place: str, state: str) -> None:
        lines = (f"60500 D {amount} DEPARTMENT=100 LOCATION={place}", f"10010 C {amount}")
        self.do(entry(*lines, STATE=state), "journal")

    def change_journal(self, which: int, state: str) -> None:
        self.do(f"<update>{element('GLBATCH', RECORDNO=self.known('journal', which), STATE=state)}</update>")

    # --- orders

    def order(self, kind: str, which: int, quantity: int, price: str, source: int) -> None:
        from_order = (
            f"<createdfrom>{self.known('order', source)}</createdfrom>" if kind == "Sales Invoice" and source else ""
        )
        lines = order_line(ITEMS[which % len(ITEMS)], quantity, price)
        self.do(sale(kind, self.number(), lines, from_order), "order" if kind == "Sales Order" else "sold")

    def purchase(self, which: int, quantity: int, price: str) -> None:
        lines = order_line(ITEMS[which % len(ITEMS)], quantity, price).replace("sotransitem", "potransitem")
        contact = "<returnto><contactname></contactname></returnto><payto><contactname></contactname></payto>"
        head = f"<transactiontype>Vendor Invoice</transactiontype>{day('datecreated')}<vendorid>V10087</vendorid>"
        body = f"{head}<documentno>{self.number()}</documentno><termname>N30</termname>{contact}"
        self.do(f"<create_potransaction>{body}<potransitems>{lines}</potransitems></create_potransaction>", "bought")

    def stock(self, kind: str, which: int, quantity: int, cost: str) -> None:
        self.do(moved(kind, self.number(), (ITEMS[which % len(ITEMS)], quantity, cost)), "moved")

    def edit_order(self, which: int, quantity: int) -> None:
        lines = f'<updatesotransitem line_num="1"><quantity>{quantity}</quantity></updatesotransitem>'
        key = self.known("sold", which)
        self.do(
            f'<update_sotransaction key="{key}"><updatesotransitems>{lines}</updatesotransitems></update_sotransaction>'
        )

    def drop_order(self, trade: str, kind: str, which: int) -> None:
        self.do(f'<delete_{trade}transaction key="{self.known(kind, which)}"/>')

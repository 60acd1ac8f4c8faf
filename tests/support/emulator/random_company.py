"""Companies drawn at random, and a user who posts at random in one of them.

Everything follows from one seed: the entities with their currencies and fiscal years, the books, the dimensions, the
rates and the transaction definitions; then documents, payments, reversals, changes, deletes and closings. A request may
be refused. The invariants of `true_ledger` hold after any of them.
"""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from intacct_emulator.ledger.periods import LEDGERS, close_books
from intacct_emulator.ledger.periods import day_of as record_day
from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.cells import Row
from intacct_protocol.errors import SettingsError
from support.emulator.calls import element, one
from support.emulator.own_company import OwnCompany
from support.emulator.own_records import american, day_of

FIRST, LAST = date(2025, 1, 1), date(2026, 11, 30)
DECIMALS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3}
WORTH = {"USD": 1.0, "EUR": 1.12, "GBP": 1.31, "JPY": 0.0067, "KWD": 3.25}
"""Dollars for one unit, about."""
WILD = 0.15
"""The share of payments and reversals that are drawn without a look at what is open; most of these are refused."""
OPEN = ("Posted", "Partially Paid", "Partially applied", "Complete")


def random_company(rng: Random) -> OwnCompany:
    """A company."""
    names = ("US", "UK", "JP", "EU", "KW")[: rng.choice((0, 1, 2, 2, 3, 4))]
    several = rng.random() < 0.5
    bases = {name: rng.choice(list(DECIMALS)) if several else "USD" for name in names}
    books = rng.choice((("ACCRUAL",), ("ACCRUAL", "CASH")))
    adjustments = rng.choice(((), ("GAAP",)))
    journals = {"GJ": "", **({"GAJ": "GAAP"} if adjustments else {}), **({"CJ": "CASH"} if len(books) > 1 else {})}
    definitions = {
        "SODOCUMENTPARAMS": [
            definition(1, "Sales Order", "Order", "N"),
            definition(2, "Sales Invoice", "Invoice", "A"),
        ],
        "PODOCUMENTPARAMS": [
            definition(1, "Purchase Order", "Order", "N"),
            definition(2, "Vendor Invoice", "Invoice", "A"),
        ],
        "INVDOCUMENTPARAMS": [
            {**definition(1, "Receipt", "Adjustment", "G"), "IN_OUT": "Increase", "UPDATES_INV": "Quantity and Value"},
            {**definition(2, "Shipper", "Adjustment", "G"), "IN_OUT": "Decrease", "UPDATES_INV": "Quantity and Value"},
        ],
        "CREDITCARD": [{"RECORDNO": 1, "CARDID": "CARD", "LIABACCTKEY": "2400", "STATUS": "active"}],
    }
    if rng.random() < 0.5:
        for one_ in (*definitions["SODOCUMENTPARAMS"][1:], *definitions["PODOCUMENTPARAMS"][1:]):
            one_["UPDATES_INV"] = "Quantity and Value"
    return OwnCompany(
        entities=bases,
        books=books,
        adjustment_books=adjustments,
        journals=journals,
        dimensions=rng.choice(((), ("FUND",), ("FUND", "GRANT"))),
        decimals=DECIMALS,
        rate_types=random_rates(rng),
        fiscal={name: str(rng.choice((1, 1, 4, 7, 10))) for name in names},
        records=definitions,
    )


def definition(number: int, name: str, kind: str, updates: str) -> dict[str, Any]:
    return {"RECORDNO": number, "DOCID": name, "DOCCLASS": kind, "UPDATES_GL": updates, "STATUS": "active"}


def random_rates(rng: Random) -> dict[str, list[tuple[str, str, str, str]]]:
    """Rates between all currencies, for two rate types, on some days."""
    days = ["2024-12-01", "2025-06-15", "2026-02-01", "2026-09-01"]
    return {
        kind: [
            (source, target, day, f"{WORTH[source] / WORTH[target] * rng.uniform(0.9, 1.1):.6f}")
            for source in DECIMALS
            for target in DECIMALS
            if source != target
            for day in days
        ]
        for kind in ("Spot", "Intacct Daily Rate")
    }


def _due(row: Row) -> Decimal:
    return Decimal(row["TRX_TOTALDUE"] or 0)


class RandomPoster:
    """Posts at random in a company; keeps the keys of accepted records by kind."""

    def __init__(self, company: OwnCompany, emulator: Emulator, rng: Random) -> None:
        self.company, self.emulator, self.rng = company, emulator, rng
        self.keys: dict[str, list[str]] = {}
        self.outcomes: Counter[tuple[str, bool]] = Counter()
        self.refusals: Counter[str] = Counter()
        self.places = company.places
        self.currency: dict[str, str] = {}
        """Key of a document → its currency."""

    def step(self) -> None:
        """One request, or one closing."""
        kinds = (
            *("journal",) * 6,
            *("bill",) * 6,
            *("invoice",) * 6,
            *("pay",) * 5,
            *("receive",) * 5,
            *("adjust",) * 3,
            *("expense", "card", "other", "advance", "deposit", "sale", "purchase", "stock", "apply"),
            *("reverse",) * 2,
            *("change",) * 3,
            *("remove",) * 2,
            "revalue",
        )
        kind = self.rng.choice(kinds)
        if self.rng.random() < 0.01:
            self._close()
        else:
            getattr(self, f"_{kind}")()

    # --- draws

    def _day(self) -> str:
        return (FIRST + timedelta(days=self.rng.randrange((LAST - FIRST).days))).isoformat()

    def _money(self) -> str:
        digits = self.rng.choice((0, 2, 2, 2, 3, 4))
        return f"{self.rng.uniform(0.01, 900):.{digits}f}" if self.rng.random() < 0.97 else "0.01"

    def _place(self, near: str = "") -> str:
        if near and self.rng.random() < 0.7:
            return near
        return self.rng.choice(self.places)

    def _foreign(self) -> str:
        return self.rng.choice(("", "", "", *DECIMALS))

    def _dimensions(self, *, legacy: bool = False) -> dict[str, str]:
        chosen: dict[str, str] = {}
        number = self.rng.choice("12")
        pool = {"PROJECTID": f"P{number}", "CLASSID": "K1", "ITEMID": "I1", "WAREHOUSEID": f"W{number}"}
        pool |= {"CONTRACTID": "N1", "DEPARTMENTID": f"D{number}"}
        pool |= {} if legacy else {f"GLDIM{name}": self.rng.choice("123") for name in self.company.dimensions}
        for name, text in pool.items():
            if self.rng.random() < 0.25:
                chosen[name] = text
        if "PROJECTID" in chosen and self.rng.random() < 0.5:
            chosen["TASKID"] = "T1"
            if self.rng.random() < 0.5:
                chosen["COSTTYPEID"] = "CT1"
        return chosen

    def _pick(self, *kinds: str) -> tuple[str, str]:
        """A kind and the key of one of its records; a number that no record has where there is none."""
        kind = self.rng.choice(kinds)
        keys = self.keys.get(kind, [])
        return kind, self.rng.choice(keys) if keys else "999999"

    def _do(self, kind: str, function: str, keep: str = "", currency: str = "") -> str:
        result = one(self.emulator, function)
        done = result.status == "success"
        self.outcomes[kind, done] += 1
        if not done:
            self.refusals[f"{kind}: {result.faults[0].text[:70]}"] += 1
            return ""
        key = result.key or (
            result.data.children[0].findtext("RECORDNO") if result.data and result.data.children else ""
        )
        if keep and key:
            self.keys.setdefault(keep, []).append(key)
            self.currency[key] = currency
        return key or ""

    # --- the ledger

    def _journal(self) -> None:
        near, currency = self._place(), self._foreign()
        amounts = [Decimal(self._money()).quantize(Decimal("0.01")) for _ in range(self.rng.randint(1, 3))]
        if currency in ("JPY", "KWD") or "JPY" in self.company.entities.values():
            amounts = [one_.quantize(Decimal(1)) + 1 for one_ in amounts]
        body = ""
        for amount in amounts:
            cells = {"LOCATION": self._place(near), **self._dimensions()}
            cells["DEPARTMENT"] = cells.pop("DEPARTMENTID", "")
            body += self._entry(self.rng.choice(("6000", "6100", "4000", "1200")), 1, amount, currency, cells)
        body += self._entry("1000", -1, sum(amounts, Decimal(0)), currency, {"LOCATION": near})
        head = {"JOURNAL": self.rng.choice(list(self.company.journals)), "BATCH_DATE": american(self._day())}
        more = {"REVERSEDATE": american(self._day())} if self.rng.random() < 0.2 else {}
        more |= {"STATE": "Draft"} if self.rng.random() < 0.1 else {}
        entry = element("GLBATCH", **head, BATCH_TITLE="Random", **more, ENTRIES=body)
        self._do("journal", f"<create>{entry}</create>", "GLBATCH")

    def _entry(self, account: str, side: int, amount: Decimal, currency: str, cells: dict[str, str]) -> str:
        money = {"CURRENCY": currency, **self._rate_choice()} if currency else {}
        return element("GLENTRY", ACCOUNTNO=account, TR_TYPE=side, TRX_AMOUNT=str(amount), **money, **cells)

    def _rate_choice(self) -> dict[str, str]:
        return {"EXCH_RATE_TYPE_ID": "Spot"} if self.rng.random() < 0.3 else {}

    # --- documents

    def _document_lines(self, name: str, account: str) -> str:
        near = self._place()
        return "".join(
            element(
                name,
                ACCOUNTNO=self.rng.choice((account, account, "1200")),
                TRX_AMOUNT=self._money() if self.rng.random() < 0.9 else f"-{self._money()}",
                LOCATIONID=self._place(near),
                **self._dimensions(),
            )
            for _ in range(self.rng.randint(1, 3))
        )

    def _bill(self) -> None:
        day, currency = self._day(), self._foreign()
        head = {"VENDORID": self.rng.choice(("V1", "V2")), "WHENCREATED": american(day)}
        head |= {"WHENPOSTED": american(self._day())} if self.rng.random() < 0.1 else {}
        head |= {"TERMNAME": "N30"} if self.rng.random() < 0.5 else {"WHENDUE": american(self._day())}
        head |= {"CURRENCY": currency, **self._rate_choice()} if currency else {}
        head |= {"ACTION": "Draft"} if self.rng.random() < 0.05 else {}
        lines = self._document_lines("APBILLITEM", "6000")
        body = element("APBILL", **head, APBILLITEMS=lines)
        self._do("bill", f"<create>{body}</create>", f"APBILL {head['VENDORID']}", currency)

    def _legacy_lines(self, item: str, account: str, *, sign: str = "") -> str:
        near, lines = self._place(), ""
        order = ("DEPARTMENTID", "PROJECTID", "TASKID", "COSTTYPEID", "ITEMID", "CLASSID", "CONTRACTID", "WAREHOUSEID")
        for _ in range(self.rng.randint(1, 3)):
            chosen = self._dimensions(legacy=True)
            named = "".join(f"<{name.lower()}>{chosen[name]}</{name.lower()}>" for name in order if name in chosen)
            place = f"<locationid>{self._place(near)}</locationid>"
            money = f"<glaccountno>{account}</glaccountno><amount>{sign}{self._money()}</amount>"
            lines += f"<{item}>{money}{place}{named}</{item}>"
        return lines

    def _money_head(self, currency: str) -> str:
        kind = self.rng.choice(("", "Spot"))
        return f"<currency>{currency}</currency><exchratetype>{kind}</exchratetype>" if currency else ""

    def _invoice(self) -> None:
        customer, currency, day = self.rng.choice(("C1", "C2")), self._foreign(), self._day()
        head = f"<customerid>{customer}</customerid>{day_of('datecreated', day)}{day_of('datedue', self._day())}"
        items = f"<invoiceitems>{self._legacy_lines('lineitem', '4000')}</invoiceitems>"
        body = f"<create_invoice>{head}{self._money_head(currency)}{items}</create_invoice>"
        self._do("invoice", body, f"ARINVOICE {customer}", currency)

    def _adjust(self) -> None:
        payable, sign, currency = self.rng.random() < 0.5, self.rng.choice(("", "-", "-")), self._foreign()
        start, party = ("ap", self.rng.choice(("V1", "V2"))) if payable else ("ar", self.rng.choice(("C1", "C2")))
        lines = self._legacy_lines("lineitem", "6100" if payable else "4000", sign=sign)
        who = "vendorid" if payable else "customerid"
        head = f"<{who}>{party}</{who}>{day_of('datecreated', self._day())}{self._money_head(currency)}"
        items = f"<{start}adjustmentitems>{lines}</{start}adjustmentitems>"
        body = f"<create_{start}adjustment>{head}{items}</create_{start}adjustment>"
        self._do("adjust", body, f"{start.upper()}ADJUSTMENT {party}", currency)

    def _expense(self) -> None:
        day = self._day()
        spent = day_of("expensedate", day)
        lines = ""
        for _ in range(self.rng.randint(1, 2)):
            place = f"<locationid>{self._place()}</locationid>"
            lines += f"<expense><glaccountno>6100</glaccountno><amount>{self._money()}</amount>{spent}{place}</expense>"
        head = f"<employeeid>{self.rng.choice(('E1', 'E2'))}</employeeid>{day_of('datecreated', day)}"
        body = f"<create_expensereport>{head}<expenses>{lines}</expenses></create_expensereport>"
        self._do("expense", body, "EEXPENSES")

    def _card(self) -> None:
        cells = f"<glaccountno>6100</glaccountno><paymentamount>{self._money()}</paymentamount>"
        spent = f"<ccpayitem>{cells}<locationid>{self._place()}</locationid></ccpayitem>"
        head = f"<chargecardid>CARD</chargecardid>{day_of('paymentdate', self._day())}"
        body = f"<record_cctransaction>{head}<ccpayitems>{spent}</ccpayitems></record_cctransaction>"
        self._do("card", body, "CCTRANSACTION")

    def _other(self) -> None:
        place, day = self._place(), self._day()
        head = f"{day_of('paymentdate', day)}<payee>x</payee>{day_of('receiveddate', day)}"
        head += "<paymentmethod>Cash</paymentmethod>"
        money = f"<glaccountno>7300</glaccountno><amount>{self._money()}</amount>"
        line = f"<lineitem>{money}<locationid>{place}</locationid></lineitem>"
        items = f"<bankaccountid>BANK-{place}</bankaccountid><receiptitems>{line}</receiptitems>"
        self._do("other", f"<record_otherreceipt>{head}{items}</record_otherreceipt>", "OTHERRECEIPTS")

    # --- payments

    def _open(self, *kinds: str, like: Row | None = None) -> list[Row]:
        """The records of some kinds of which something is due, as rows of the company; in the currencies of another."""
        company, found = self.emulator.company(), list[Row]()
        for kind in kinds:
            table = company.table(kind.partition(" ")[0])
            rows = (table.get(int(key)) for key in dict.fromkeys(self.keys.get(kind, [])))
            found += [row for row in rows if row and row["STATE"] in OPEN and _due(row)]
        same = ("CURRENCY", "BASECURR")
        return [row for row in found if like is None or all(row[name] == like[name] for name in same)]

    def _part(self, row: Row, most: Decimal | None = None) -> Decimal:
        """What is due, or a part of it."""
        due = abs(_due(row)) if most is None else min(most, abs(_due(row)))
        step = Decimal(1).scaleb(-DECIMALS[row["CURRENCY"]])
        part = (due * Decimal(str(self.rng.uniform(0.05, 0.95)))).quantize(step)
        return part if part and self.rng.random() < 0.6 else due

    def _later(self, *rows: Row) -> str:
        """A day on or after those of some records, mostly."""
        first = max(record_day(row, "WHENPOSTED" if row.get("WHENPOSTED") else "WHENCREATED") for row in rows)
        return (first + timedelta(days=self.rng.randrange(max((LAST - first).days, 1)))).isoformat()

    def _bank(self, row: Row) -> str:
        """A bank account whose entity has the base currency of a record."""
        alike = [one for one in self.places if self.company.entities.get(one, "USD") == row["BASECURR"]]
        return f"BANK-{self.rng.choice(alike or list(self.places))}"

    def _to_settle(self, side: str, party: str) -> list[Row]:
        """Open documents of one party and of the same currencies: one, sometimes two."""
        kinds = [f"{side}{name} {party}" for name in ("BILL" if side == "AP" else "INVOICE", "ADJUSTMENT")]
        found = [row for row in self._open(*kinds) if _due(row) > 0]
        if not found or self.rng.random() < WILD:
            return []
        foreign = [row for row in found if row["CURRENCY"] != row["BASECURR"]]
        first = self.rng.choice(foreign if foreign and self.rng.random() < 0.5 else found)
        others = [
            row for row in self._open(*kinds, like=first) if _due(row) > 0 and row["RECORDNO"] != first["RECORDNO"]
        ]
        return [first, self.rng.choice(others)] if others and self.rng.random() < 0.3 else [first]

    def _settled(self, row: Row, credits: dict[str, tuple[str, list[Row]]]) -> dict[str, str]:
        """A detail: the part of a document that is paid, and perhaps a credit, an advance or an overpayment."""
        adjusts = row["RECORDTYPE"] in ("pa", "ra")
        cells, left = {"POSADJKEY" if adjusts else "RECORDKEY": row["RECORDNO"]}, abs(_due(row))
        key = self.rng.choice(list(credits))
        money, rows = credits[key]
        if rows and self.rng.random() < 0.4:
            credit = self.rng.choice(rows)
            used = self._part(credit, left)
            cells |= {key: credit["RECORDNO"], money: str(used)}
            left -= used
            rows.remove(credit)
        if left and (len(cells) == 1 or self.rng.random() < 0.5):
            cells |= {"TRX_PAYMENTAMOUNT": str(self._part(row, left))}
        return cells

    def _pay(self) -> None:
        party = self.rng.choice(("V1", "V2"))
        documents = self._to_settle("AP", party)
        if not documents:
            self._pay_blindly(party)
            return
        credits = [row for row in self._open(f"APADJUSTMENT {party}", like=documents[0]) if _due(row) < 0]
        ways = {"ADJUSTMENTKEY": ("TRX_ADJUSTMENTAMOUNT", credits)}
        details = "".join(element("APPYMTDETAIL", **self._settled(row, ways)) for row in documents)
        head = {"FINANCIALENTITY": self._bank(documents[0]), "VENDORID": party, "PAYMENTMETHOD": "EFT"}
        head |= {"PAYMENTDATE": american(self._later(*documents)), "CURRENCY": documents[0]["CURRENCY"]}
        body = element("APPYMT", **head, **self._rate_choice(), APPYMTDETAILS=details)
        self._do("pay", f"<create>{body}</create>", "APPYMT")

    def _pay_blindly(self, party: str) -> None:
        kind, key = self._pick(f"APBILL {party}", f"APBILL {party}", f"APADJUSTMENT {party}")
        named = "RECORDKEY" if kind.startswith("APBILL") else "POSADJKEY"
        cells = {named: key, **({"TRX_PAYMENTAMOUNT": self._money()} if self.rng.random() < 0.5 else {})}
        if self.rng.random() < 0.2:
            cells |= {"ADJUSTMENTKEY": self._pick(f"APADJUSTMENT {party}")[1], "TRX_ADJUSTMENTAMOUNT": self._money()}
        detail = element("APPYMTDETAIL", **cells)
        head = {"FINANCIALENTITY": f"BANK-{self._place()}", "VENDORID": party, "PAYMENTMETHOD": "EFT"}
        head |= {"PAYMENTDATE": american(self._day()), "CURRENCY": self._currency_of(key), **self._rate_choice()}
        self._do("pay blindly", f"<create>{element('APPYMT', **head, APPYMTDETAILS=detail)}</create>", "APPYMT")

    def _currency_of(self, key: str) -> str:
        return self.currency.get(key) or self.rng.choice(tuple(self.company.entities.values()) or ("USD",))

    def _receive(self) -> None:
        party = self.rng.choice(("C1", "C2"))
        documents = self._to_settle("AR", party)
        if not documents:
            self._receive_blindly(party)
            return
        first = documents[0]
        ways = {
            "ADJUSTMENTKEY": ("TRX_ADJUSTMENTAMOUNT", self._open(f"ARADJUSTMENT {party}", like=first)),
            "ADVANCEKEY": ("TRX_POSTEDADVANCEAMOUNT", self._open(f"ARADVANCE {party}", like=first)),
            "OVERPAYMENTKEY": ("TRX_POSTEDOVERPAYMENTAMOUNT", self._open(f"ARPYMT {party}", like=first)),
        }
        ways["ADJUSTMENTKEY"] = (ways["ADJUSTMENTKEY"][0], [row for row in ways["ADJUSTMENTKEY"][1] if _due(row) < 0])
        cells = [self._settled(row, ways) for row in documents]
        for one_ in cells:
            if "TRX_PAYMENTAMOUNT" not in one_ and self.rng.random() < 0.2:
                one_["TRX_TOTALDISCOUNTTOAPPLY"] = "1"
        bank = {"FINANCIALENTITY": self._bank(first)}
        head = {"UNDEPOSITEDACCOUNTNO": "1090"} if self.rng.random() < 0.3 else bank
        head |= {"CUSTOMERID": party, "PAYMENTMETHOD": "EFT", "RECEIPTDATE": american(self._later(*documents))}
        head |= {"CURRENCY": first["CURRENCY"], **self._rate_choice()}
        if self.rng.random() < 0.2:
            place = self._bank(first).removeprefix("BANK-")
            head |= {"OVERPAYMENTAMOUNT": self._money(), "OVERPAYMENTLOCATIONID": place}
        details = "".join(element("ARPYMTDETAIL", **one_) for one_ in cells)
        body = element("ARPYMT", **head, ARPYMTDETAILS=details)
        self._do("receive", f"<create>{body}</create>", f"ARPYMT {party}", head["CURRENCY"])

    def _receive_blindly(self, party: str) -> None:
        kind, key = self._pick(f"ARINVOICE {party}", f"ARINVOICE {party}", f"ARADJUSTMENT {party}")
        cells = {"RECORDKEY" if kind.startswith("ARINVOICE") else "POSADJKEY": key}
        cells |= {"TRX_PAYMENTAMOUNT": self._money()} if self.rng.random() < 0.5 else {}
        way = self.rng.random()
        if way < 0.1:
            cells |= {"ADJUSTMENTKEY": self._pick(f"ARADJUSTMENT {party}")[1], "TRX_ADJUSTMENTAMOUNT": self._money()}
        elif way < 0.2:
            cells |= {"ADVANCEKEY": self._pick(f"ARADVANCE {party}")[1], "TRX_POSTEDADVANCEAMOUNT": self._money()}
        elif way < 0.3:
            cells |= {"OVERPAYMENTKEY": self._pick(f"ARPYMT {party}")[1], "TRX_POSTEDOVERPAYMENTAMOUNT": self._money()}
        cells |= {"TRX_TOTALDISCOUNTTOAPPLY": "1"} if self.rng.random() < 0.2 else {}
        place = self._place()
        money = {"UNDEPOSITEDACCOUNTNO": "1090"} if self.rng.random() < 0.3 else {"FINANCIALENTITY": f"BANK-{place}"}
        head = {**money, "CUSTOMERID": party, "PAYMENTMETHOD": "EFT", "RECEIPTDATE": american(self._day())}
        head |= {"CURRENCY": self._currency_of(key), **self._rate_choice()}
        if self.rng.random() < 0.2:
            head |= {"OVERPAYMENTAMOUNT": self._money(), "OVERPAYMENTLOCATIONID": place}
        body = element("ARPYMT", **head, ARPYMTDETAILS=element("ARPYMTDETAIL", **cells))
        self._do("receive blindly", f"<create>{body}</create>", f"ARPYMT {party}", head["CURRENCY"])

    def _advance(self) -> None:
        party, place = self.rng.choice(("C1", "C2")), self._place()
        line = element("ARADVANCEITEM", ACCOUNTNO="2210", TRX_AMOUNT=self._money(), LOCATIONID=place)
        day = american(self._day())
        head = {"FINANCIALENTITY": f"BANK-{place}", "CUSTOMERID": party, "PAYMENTMETHOD": "EFT"}
        head |= {"PAYMENTDATE": day, "RECEIPTDATE": day}
        body = element("ARADVANCE", **head, ARADVANCEITEMS=line)
        self._do("advance", f"<create>{body}</create>", f"ARADVANCE {party}", self.company.entities.get(place, "USD"))

    def _apply(self) -> None:
        party = self.rng.choice(("C1", "C2"))
        receipt, invoice, day = self._pick(f"ARPYMT {party}")[1], self._pick(f"ARINVOICE {party}")[1], self._day()
        amount = self._money()
        pairs = [
            (one_, other)
            for one_ in self._open(f"ARPYMT {party}")
            for other in self._open(f"ARINVOICE {party}", like=one_)
            if _due(other) > 0
        ]
        if pairs:
            left, due = self.rng.choice(pairs)
            receipt, invoice, day = left["RECORDNO"], due["RECORDNO"], self._later(left, due)
            amount = str(self._part(due, _due(left)))
        item = f"<arpaymentitem><invoicekey>{invoice}</invoicekey><amount>{amount}</amount></arpaymentitem>"
        head = f"<arpaymentkey>{receipt}</arpaymentkey>{day_of('paymentdate', day)}"
        self._do("apply", f"<apply_arpayment>{head}<arpaymentitems>{item}</arpaymentitems></apply_arpayment>")

    def _deposit(self) -> None:
        key = self._pick("ARPYMT C1", "ARPYMT C2")[1]
        head = f"<bankaccountid>BANK-{self._place()}</bankaccountid>{day_of('depositdate', self._day())}"
        keys = f"<depositid>D{self.rng.random()}</depositid><receiptkeys><receiptkey>{key}</receiptkey></receiptkeys>"
        self._do("deposit", f"<record_deposit>{head}{keys}</record_deposit>", "DEPOSIT")

    # --- orders

    def _trade(self, start: str, who: str, name: str, keep: str) -> None:
        lines = ""
        for _ in range(self.rng.randint(1, 2)):
            cells = f"<itemid>I1</itemid><warehouseid>W1</warehouseid><quantity>{self.rng.randint(1, 9)}</quantity>"
            price = f"<price>{self._money()}</price>"
            lines += f"<{start}transitem>{cells}{price}<locationid>{self._place()}</locationid></{start}transitem>"
        party = {"customerid": "C1", "vendorid": "V1"}[who]
        head = f"<transactiontype>{name}</transactiontype>{day_of('datecreated', self._day())}<{who}>{party}</{who}>"
        head += f"<documentno>{start}{self.rng.random()}</documentno><termname>N30</termname>"
        contacts = "<returnto><contactname/></returnto><payto><contactname/></payto>" if start == "po" else ""
        body = f"{head}{contacts}<{start}transitems>{lines}</{start}transitems>"
        self._do(keep, f"<create_{start}transaction>{body}</create_{start}transaction>", keep)

    def _sale(self) -> None:
        self._trade(
            "so", "customerid", self.rng.choice(("Sales Order", "Sales Invoice", "Sales Invoice")), "SODOCUMENT"
        )

    def _purchase(self) -> None:
        name = self.rng.choice(("Purchase Order", "Vendor Invoice", "Vendor Invoice"))
        self._trade("po", "vendorid", name, "PODOCUMENT")

    def _stock(self) -> None:
        name = self.rng.choice(("Receipt", "Receipt", "Shipper"))
        cells = f"<itemid>I1</itemid><warehouseid>W1</warehouseid><quantity>{self.rng.randint(1, 9)}</quantity>"
        cost = f"<cost>{self._money()}</cost>" if name == "Receipt" else ""
        line = f"<ictransitem>{cells}{cost}<locationid>{self._place()}</locationid></ictransitem>"
        head = f"<transactiontype>{name}</transactiontype>{day_of('datecreated', self._day())}"
        head += f"<documentno>I{self.rng.random()}</documentno>"
        body = f"<create_ictransaction>{head}<ictransitems>{line}</ictransitems></create_ictransaction>"
        self._do("stock", body, "INVDOCUMENT")

    # --- later

    def _revalue(self) -> None:
        day = date.fromisoformat(self._day())
        try:
            self.emulator.revalue(day, rate_type=self.rng.choice(("", "Spot")))
        except SettingsError as error:
            assert "closed period" in str(error), error

    def _reverse(self) -> None:
        function, kinds = self.rng.choice(
            (
                ("reverse_bill", ("APBILL V1", "APBILL V2")),
                ("reverse_invoice", ("ARINVOICE C1", "ARINVOICE C2")),
                ("reverse_appayment", ("APPYMT",)),
                ("reverse_arpayment", ("ARPYMT C1", "ARPYMT C2")),
                ("reverse_cctransaction", ("CCTRANSACTION",)),
                ("reverse_expensereport", ("EEXPENSES",)),
            )
        )
        kind, key = self._pick(*kinds)
        day = self._day()
        row = self.emulator.company().table(kind.partition(" ")[0]).get(int(key))
        if row and self.rng.random() > WILD:
            day = self._later(row)
        self._do("reverse", f'<{function} key="{key}">{day_of("datereversed", day)}</{function}>')

    def _change(self) -> None:
        what = self.rng.choice(("lines", "day", "title", "entry", "currency", "post"))
        bill = self._pick("APBILL V1", "APBILL V2")[1]
        if what == "lines":
            body = element("APBILL", RECORDNO=bill, APBILLITEMS=self._document_lines("APBILLITEM", "6100"))
        elif what == "day":
            body = element("APBILL", RECORDNO=bill, WHENPOSTED=american(self._day()))
        elif what == "currency":
            body = element("APBILL", RECORDNO=bill, CURRENCY=self.rng.choice(list(DECIMALS)))
        elif what == "title":
            body = element("GLBATCH", RECORDNO=self._pick("GLBATCH")[1], BATCH_TITLE="Renamed")
        elif what == "post":
            body = element("GLBATCH", RECORDNO=self._pick("GLBATCH")[1], STATE="Posted")
        else:
            body = element("GLBATCH", RECORDNO=self._pick("GLBATCH")[1], BATCH_DATE=american(self._day()))
        self._do("change", f"<update>{body}</update>")
        if what == "currency":
            self.currency.pop(bill, None)

    def _remove(self) -> None:
        kind, key = self._pick("GLBATCH", "APBILL V1", "ARINVOICE C1", "ARADVANCE C1", "DEPOSIT", "EEXPENSES")
        self._do("remove", f"<delete><object>{kind.partition(' ')[0]}</object><keys>{key}</keys></delete>")

    def _close(self) -> None:
        """Close books, mostly early days so that most of what follows is accepted; or open them again."""
        until = FIRST + timedelta(days=int((LAST - FIRST).days * self.rng.random() ** 4) - 10)
        entity = self.rng.choice(("", *self.company.entities))
        close_books(self.emulator.company(), until, entity=entity, ledger=self.rng.choice(list(LEDGERS)))

"""The pictures of docs/console.md: the console's pages in a real browser, on the company of `intacct demo`.

A page's author adds a Picture. The company is made in an empty folder of its own, and the person is called Anna.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "images" / "console"
WIDTH = 1080
FLOWS = """
[flows.nightly]
command = "extract"
connection = "demo"
to = "duckdb:///nightly.duckdb"
streams = ["VENDOR", "CUSTOMER", "APBILL", "ARINVOICE"]
"""


def _nothing(_page: Any) -> None:
    """The page as it opens."""


@dataclass(frozen=True)
class Picture:
    """A picture of one page."""

    name: str
    """Its file, without `.png`."""
    address: str
    prepare: Callable[[Any], None] = _nothing
    """What a person does on the page first; it gets Playwright's page."""
    height: int = 640
    narrow: bool = False
    dark: bool = False


def _examined(page: Any) -> None:
    page.get_by_label("Objects to write").fill("GLBATCH")
    page.get_by_role("button", name="Run the checks").click()
    page.locator(".progress .badge", has_text="done").wait_for()


def _wrong_sender(page: Any) -> None:
    fields = {"Connection name": "production", "Company ID": "demo-company", "User ID": "demo-user"}
    for label, value in {**fields, "Sender ID": "demo-sendr", "Sender password": "demo-sender-password"}.items():
        page.get_by_label(label).fill(value)
    page.get_by_label("Password required").fill("demo-user-password")
    page.get_by_label("Environment", exact=True).select_option("Demo")
    page.get_by_label("URL", exact=True).fill(os.environ["PICTURED_GATEWAY"])
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").wait_for()


def _set_up(page: Any) -> None:
    """A new company whose administrator has subscribed, and not yet authorised the sender."""
    from intacct_bridge.connections.sources import add_sender
    from intacct_emulator.server.administration import Administration
    from intacct_emulator.server.gateway import Emulator
    from intacct_emulator.server.server import serve
    from intacct_emulator.settings.scenarios import find_scenario, load_scenario

    emulator = Emulator.empty(settings=load_scenario(find_scenario("new-company")))
    administration = Administration(emulator)
    sender = administration.license_sender()
    add_sender("ours", {"sender_id": sender.sender_id, "sender_password": sender.password})
    with serve(emulator) as server:
        page.locator("#f-name").fill("implementation")
        page.locator("#f-reads").fill("GLDETAIL, APBILL")
        page.locator("#f-writes").fill("GLBATCH")
        page.get_by_role("button", name="Show the steps").click()
        page.locator("details.group").evaluate_all("all => all.forEach(one => { one.open = true; })")
        page.locator("#f-email").fill("anna@example.com")
        page.locator("#f-company_id").fill("demo-company")
        page.locator("#f-endpoint").fill(server.url)
        page.get_by_role("button", name="Keep the values").click()
        for _ in range(2):
            page.get_by_role("button", name="Check now").click()
            page.get_by_role("button", name="Check now").wait_for()
            administration.subscribe()
    emulator.close()
    page.locator("#authorised .badge.bad").wait_for()
    page.evaluate("window.scrollTo(0, 0)")


def _set_up_role(page: Any) -> None:
    _set_up(page)
    page.evaluate("document.getElementById('role').scrollIntoView()")


def _queried(page: Any) -> None:
    page.get_by_role("textbox", name="Fields").fill("RECORDID, VENDORNAME, WHENDUE, TOTALDUE")
    page.get_by_label("Field 1").fill("TOTALDUE")
    page.get_by_label("Comparison 1").select_option("more than")
    page.get_by_label("Value 1").fill("1000")
    page.get_by_label("Order").fill("TOTALDUE desc")
    page.get_by_role("button", name="Read rows").click()
    page.get_by_role("region", name="Rows").wait_for()


def _extracted(page: Any) -> None:
    page.get_by_label("Destination").fill("duckdb:///books.duckdb")
    page.get_by_label("Other streams").fill(
        "GLDETAIL GLBATCH GLENTRY GLACCOUNT LOCATION LOCATIONENTITY VENDOR APBILL APBILLITEM APPYMT APPYMTDETAIL"
    )
    page.get_by_role("button", name="Extract", exact=True).click()
    page.get_by_role("link", name="Reports from this copy").wait_for(timeout=300_000)


def _bill(page: Any) -> None:
    page.get_by_role("row").filter(has_text="Accounts Payable").first.get_by_role("link").click()
    page.get_by_role("link", name=re.compile("^bill ")).first.click()
    page.get_by_role("heading", level=1).filter(has_text="Bill").wait_for()


PAYROLL = """journal,date,reference,title,account,department,location,debit,credit
PYRJ,{month}-15,PAY-A,Payroll first half,60100,200,100,48210.40,
PYRJ,{month}-15,PAY-A,Payroll first half,60100,300,100,12770.00,
PYRJ,{month}-15,PAY-A,Payroll first half,21000,,100,,60980.40
PYRJ,{month}-28,PAY-B,Payroll second half,60100,200,100,48210.40,
PYRJ,{month}-28,PAY-B,Payroll second half,21000,,100,,48210.04
"""


def _planned(page: Any) -> None:
    text = PAYROLL.format(month=f"{date.today().replace(day=1) - timedelta(days=1):%Y-%m}")
    file: Any = {"name": "payroll.csv", "mimeType": "text/csv", "buffer": text.encode()}
    page.locator("#f-file").set_input_files(file)
    page.get_by_role("button", name="Read the file").click()
    page.get_by_role("button", name="Plan the file").click()
    page.get_by_role("button", name=re.compile("^Post ")).wait_for(timeout=60_000)
    page.get_by_role("heading", name="Records", exact=True).wait_for()


def _entry(page: Any) -> None:
    page.get_by_role("region", name="Entries").get_by_role("link").first.click()
    page.get_by_role("heading", name="Take back").wait_for()


def _credential_page(page: Any) -> None:
    """A customer's administrator has entered a user that can sign in; the role does not let it read bills."""
    sys.path.append(str(ROOT / "tests"))
    from intacct_emulator.server.administration import Administration
    from intacct_emulator.server.gateway import Emulator
    from intacct_emulator.server.server import serve
    from intacct_emulator.settings.scenarios import find_scenario, load_scenario
    from support.apps.fleet_site import running_fleet
    from support.postgres_server import running_postgres

    emulator = Emulator.empty(settings=load_scenario(find_scenario("new-company")))
    company = Administration(emulator)
    sender = company.license_sender()
    company.subscribe()
    company.authorise_sender(sender.sender_id)
    company.create_user("ws_bridge", "anna@example.com")
    company.create_role("Intacct Bridge")
    company.grant("Intacct Bridge", "Accounts Payable", "Vendors", ["List", "View"])
    company.assign_role("ws_bridge", "Intacct Bridge")
    password = company.mail[-1].password
    flows = {"nightly": {"command": "extract", "streams": ["VENDOR", "APBILL"], "to": "duckdb:///copy.duckdb"}}
    with (
        serve(emulator) as gateway,
        running_postgres() as database,
        running_fleet(database.uri, vendor="Example Software") as served,
    ):
        settings = {"sender_id": sender.sender_id, "endpoint": gateway.url, "environment": "implementation"}
        secrets = {"sender_password": sender.password}
        served.fleet.add("corvane-instruments", settings=settings, flows=flows, secrets=secrets)
        page.goto(served.link("corvane-instruments"))
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("textbox", name="Company ID").fill(company.settings.company_id)
        page.get_by_role("textbox", name="User ID").fill("ws_bridge")
        page.get_by_role("textbox", name="Password").fill(password)
        page.get_by_role("button", name="Check and save").click()
        page.wait_for_selector("main progress", state="detached")
        page.get_by_text("The user can sign in").wait_for()
    emulator.close()


PICTURES: tuple[Picture, ...] = (
    Picture("credential-page", "/", _credential_page, height=1000),
    Picture("home", "/"),
    Picture("home-narrow-dark", "/", height=760, narrow=True, dark=True),
    Picture("add-connection", "/add-connection", height=720),
    Picture("wrong-sender", "/add-connection", _wrong_sender, height=560),
    Picture("set-up", "/setup", _set_up, height=900),
    Picture("set-up-role", "/setup", _set_up_role, height=620),
    Picture("doctor", "/doctor", _examined, height=700),
    Picture("browse", "/browse/APBILL", _queried, height=900),
    Picture("extract", "/extract", _extracted, height=620),
    Picture("income-statement", "/reporting/income-statement", height=900),
    Picture("trial-balance-narrow-dark", "/reporting/trial-balance", height=760, narrow=True, dark=True),
    Picture("bill", "/reporting/trial-balance", _bill, height=640),
    Picture("load", "/load", _planned, height=900),
    Picture("outbox-entry", "/outbox?connection=demo", _entry, height=820),
    Picture("flow", "/flows/nightly", height=680),
)


def main(names: list[str]) -> int:
    """Draw the named pictures, or all."""
    wanted = [one for one in PICTURES if not names or one.name in names]
    here = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        _use(Path(folder))
        try:
            _draw(wanted)
        finally:
            os.chdir(here)
    return 0


def _use(folder: Path) -> None:
    """A user's machine of its own, with the demo's company and one run of a flow."""
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "INTACCT_CONNECTION", "INTACCT_RUN_HISTORY"):
        os.environ.pop(name, None)
    os.environ |= {"HOME": str(folder), "INTACCT_DEMO_HOME": str(folder / "demo-company"), "INTACCT_DEMO_IDLE": "60"}
    os.chdir(folder)
    from intacct_bridge.apps.cli.app import main as intacct

    Path("intacct.toml").write_text(FLOWS, "utf-8")
    for words in (["demo"], ["run", "nightly", "-q"]):
        intacct(words)


def _draw(wanted: list[Picture]) -> None:
    from playwright.sync_api import sync_playwright

    from intacct_bridge.apps.console.app import ConsoleApp, ConsoleServer, ConsoleSettings
    from intacct_bridge.apps.console.pages.registry import PAGES
    from intacct_bridge.apps.jobs.program import FlowRunner
    from intacct_bridge.connections.demo_company import demo_settings

    os.environ["PICTURED_GATEWAY"] = demo_settings()["endpoint"]
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    site = ConsoleApp(ConsoleSettings(person="anna", connection="demo"), flows=FlowRunner())
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ConsoleServer(site, PAGES) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        for one in wanted:
            size: Any = {"width": 390 if one.narrow else WIDTH, "height": one.height}
            context = browser.new_context(viewport=size, color_scheme="dark" if one.dark else "light")
            page = context.new_page()
            page.goto(server.start_address())
            page.wait_for_url(f"{server.url}/")
            page.goto(server.url + one.address)
            one.prepare(page)
            picture = FOLDER / f"{one.name}.png"
            page.screenshot(path=picture)
            picture.chmod(0o644)
            context.close()
        browser.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

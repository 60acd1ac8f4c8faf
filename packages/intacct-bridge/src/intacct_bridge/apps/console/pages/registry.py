"""Every page of the console, in the order of the navigation."""

from intacct_bridge.apps.console.pages import (
    browse,
    connections,
    doctor,
    drill_down,
    extract,
    home,
    reporting,
    senders,
    setup,
)
from intacct_bridge.apps.console.pages.flows import dead_letters, flows, reconcile, runs
from intacct_bridge.apps.console.pages.postings import approvals, load, outbox, plans
from intacct_bridge.apps.web.pages import Page

PAGES: tuple[Page, ...] = (
    *home.PAGES,
    *connections.PAGES,
    *senders.PAGES,
    *setup.PAGES,
    *doctor.PAGES,
    *browse.PAGES,
    *extract.PAGES,
    *reporting.PAGES,
    *drill_down.PAGES,
    *load.PAGES,
    *plans.PAGES,
    *approvals.PAGES,
    *outbox.PAGES,
    *reconcile.PAGES,
    *flows.PAGES,
    *runs.PAGES,
    *dead_letters.PAGES,
)

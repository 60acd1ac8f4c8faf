"""Every command: its section of the help, its module, and its sentence. `make docs` writes this file."""

COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": (
        "Get started",
        "demo",
        "Run the whole product on a sample company, without an account.",
    ),
    "connections": (
        "Get started",
        "connections",
        "List, add, show, test and remove connections.",
    ),
    "setup": (
        "Get started",
        "setup",
        "Set up Sage Intacct step by step for what you plan to read and write.",
    ),
    "doctor": (
        "Get started",
        "setup",
        "Find the missing set-up step and its fix.",
    ),
    "completion": (
        "Get started",
        "completion",
        "Print the completion script for your shell.",
    ),
    "verify": (
        "Get started",
        "verify",
        "Find out how the company's gateway behaves where no documentation says it.",
    ),
    "objects": (
        "Read",
        "catalog",
        "List the objects of the company.",
    ),
    "describe": (
        "Read",
        "catalog",
        "Show the fields of an object, the elements of a function, or the columns of a layout.",
    ),
    "query": (
        "Read",
        "query",
        "Read rows of one object.",
    ),
    "get": (
        "Read",
        "postings.records",
        "Show records in full, with their lines.",
    ),
    "report": (
        "Read",
        "report",
        "Run a custom report and read its rows.",
    ),
    "extract": (
        "Read",
        "extract",
        "Copy objects to DuckDB, Parquet, Postgres, ... incrementally.",
    ),
    "sql": (
        "Read",
        "reporting.sql",
        "Run a SELECT over the objects of a company, or over a copy.",
    ),
    "views": (
        "Read",
        "reporting.views",
        "Make the views for reports in a copy, and look at them.",
    ),
    "reconcile": (
        "Read",
        "reconcile",
        "Prove that a copy matches the company, to the cent.",
    ),
    "watch": (
        "Read",
        "changes.watch",
        "Send every change of a record to a command, a web hook, a database, ...",
    ),
    "load": (
        "Write",
        "postings.load",
        "Post a file: show the plan first, then apply it with --apply.",
    ),
    "template": (
        "Write",
        "catalog",
        "Write an empty file to fill in and load: bills, journal entries, vendors, ...",
    ),
    "plan": (
        "Write",
        "postings.plan",
        "List, show, approve and apply saved plans.",
    ),
    "outbox": (
        "Write",
        "postings.outbox",
        "List what was posted, with receipts; retry or settle the rest.",
    ),
    "undo": (
        "Write",
        "postings.undo",
        "Take back what a load posted.",
    ),
    "create": (
        "Write",
        "postings.records",
        "Create one record.",
    ),
    "update": (
        "Write",
        "postings.records",
        "Update one record.",
    ),
    "delete": (
        "Write",
        "postings.records",
        "Delete records.",
    ),
    "reverse": (
        "Write",
        "postings.actions",
        "Reverse a posted bill, invoice, payment, ... on a day.",
    ),
    "void": (
        "Write",
        "postings.actions",
        "Void a payment request.",
    ),
    "approve": (
        "Write",
        "postings.actions",
        "Approve a record that waits for approval.",
    ),
    "decline": (
        "Write",
        "postings.actions",
        "Decline a record that waits for approval.",
    ),
    "recall": (
        "Write",
        "postings.actions",
        "Make a submitted bill a draft again.",
    ),
    "flows": (
        "Automate",
        "flows.flows",
        "List, show and check flows: the named jobs in intacct.toml.",
    ),
    "run": (
        "Automate",
        "flows.run",
        "Run flows, one after the other.",
    ),
    "runs": (
        "Automate",
        "flows.runs",
        "Show what ran, how it ended, and what it cost.",
    ),
    "fleet": (
        "Automate",
        "fleet.fleet",
        "Serve many companies: tenants, sealed credentials, schedules, limits, usage.",
    ),
    "console": (
        "Serve",
        "console.console",
        "Serve the console: pages in a browser for all of this.",
    ),
    "mcp": (
        "Serve",
        "console.mcp",
        "Serve AI agents: they read and plan, a person approves.",
    ),
    "emulator": (
        "Serve",
        "emulator",
        "Serve an emulated gateway on this machine.",
    ),
}

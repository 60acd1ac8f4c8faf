"""The console: web pages on this machine for the work of the commands (`intacct console`).

A page is a module of `pages`, a template, and an entry in `pages/registry.py`:

1. `def show(visit: Visit) -> PageView` collects the data by calling what the command calls.
   `PageView("name.html", data)` renders `templates/name.html`; the same data is the page's `.json`. A GET changes
   nothing.
2. `def save(visit: Visit) -> Redirect | PageView | Download` is what a form does (POST). It reads
   `visit.field("name")` and `visit.upload("file")`. Wrong input: return the PageView again with `status=422` and the
   person's input. Success: `return visit.redirect("/address", notice="Saved.")`.
3. `PAGES = (ConsolePage("/things", "Things", show, nav="Things"), ConsolePage("/things/{key}", "Thing", show_one,
   actions={"remove": remove}))`: a form posts to `/things/7/remove`. Add the module to `registry.py`. A page that
   takes files has `takes_files=True`; one that answers with a Download has `is_file=True`. `examples` are
   values for the names in its path, with which the tests of every page visit it.
4. `with visit.company("books", "query") as context:` gives the CommandContext that a command has (`context.client`,
   `context.open_outbox()`, ...), recorded as a run. `visit.person` is who acts, in approvals too.
5. Long work: `return visit.start("Title", work)` runs `work(job)` in a thread and goes to its page. The work calls
   `job.tell(text)`, `job.advance(done, total, "rows")`, `job.add(item)`, `job.stop_if_asked()`; `job.result` is the
   address of what it made. In the thread use `company_context(name, command, person=job.person)`.
   `command_work(visit.site, words)` runs a whole command line as such work. `pages/doctor.py` has a page of its own.
6. An IntacctError shows its own page with cause and fix; `NotFoundError` is a 404. Money stays Decimal or text.
7. A template begins with `{% extends "base.html" %}` and fills `content` (and `tools`, beside the title). The macros of
   `parts.html` are `parts.form`, `parts.button`, `parts.field`, `parts.table`, `parts.progress`, ...; every form is
   made by `form` or `button`, for the CSRF token and --read-only. Filters: `money`, `number`, `day`, `moment`,
   `percent`, `cell`. The content security policy forbids inline script and inline style: use classes of `console.css`.
   `charts.bar_chart` and `charts.line_chart` draw figures for a template: `{{ chart }}`.
"""

"""The console: web pages on this machine for the work of the commands (`intacct console`).

A page is a module of `pages`, a template, and an entry in `pages/registry.py`:

1. `def show(request: PageRequest) -> PageView` collects the data by calling operations.
   `PageView("name.html", data)` renders `templates/name.html`; the same data is the page's `.json`. A GET changes
   nothing.
2. `def save(request: PageRequest) -> Redirect | PageView | Download` is what a form does (POST). It reads
   `request.field("name")` and `request.upload("file")`. Wrong input: return the PageView again with `status=422` and
   the person's input. Success: `return request.redirect("/address", notice="Saved.")`.
3. `PAGES = (Page("/things", "Things", show, nav="Things"), Page("/things/{key}", "Thing", show_one,
   actions={"remove": remove}))`: a form posts to `/things/7/remove`. Add the module to `registry.py`. A page that
   takes files has `takes_files=True`; one that answers with a Download has `is_file=True`. `examples` are
   values for the names in its path, with which the tests of every page visit it.
4. `with request.run("books", "query") as run:` gives the run on a connection that an operation takes; the history
   calls it by the command's name. `request.person` is who acts, in approvals too.
5. Long work: `return request.start("Title", work)` runs `work(job)` in a thread and goes to its page. The work calls
   `job.tell(text)`, `job.advance(done, total, "rows")`, `job.add(item)`, `job.stop_if_asked()`; `job.result` is the
   address of what it made. `with job.company("books", "extract") as run:` is a run whose messages are the job's.
   `pages/doctor.py` has a page of its own.
6. An IntacctError shows its own page with cause and fix; `NotFoundError` is a 404. Money stays Decimal or text.
7. A template begins with `{% extends "base.html" %}` and fills `content` (and `tools`, beside the title). The macros of
   `parts.html` are `parts.form`, `parts.button`, `parts.field`, `parts.table`, `parts.progress`, ...; every form is
   made by `form` or `button`, for the CSRF token and --read-only. Filters: `money`, `number`, `day`, `moment`,
   `percent`, `cell`. The content security policy forbids inline script and inline style: use classes of `console.css`.
   `charts.bar_chart` and `charts.line_chart` draw figures for a template: `{{ chart }}`.

The parts that a fleet's pages use too are in `apps/web`.
"""

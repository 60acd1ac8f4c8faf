"""The behaviour of the emulated gateway. If no source settles a question, the default is our choice."""

from dataclasses import dataclass
from typing import Literal

from intacct_emulator.settings.typed_tables import HttpStatus, Natural, NotNegative, check_fields

LIMIT_TEXT = "API rate limit exceeded"
"""The text of a limit error, which a client in production looks for in answers with status 200."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Settings of the gateway's behaviour; a default that no source settles is our choice.

    Raises SettingsError for a value that is no choice, is below zero, or has another type.
    """

    session_minutes: NotNegative = 120
    """How long a session lives after its last use."""
    session_errorno: str = "XL03000006"
    """The errorno of an expired or unknown session. No source records it, nor the text."""
    session_text: str = "Invalid session. The session has expired or does not exist."
    session_elsewhere: Literal["accepted", "refused"] = "accepted"
    """Whether a session can be used at another endpoint than its own: `accepted` or `refused`."""
    initial_password: str = "Initial-password-1"  # noqa: S105  # public, like all credentials of the emulator
    """The password of a user who was made by the API; the real gateway sends it by e-mail."""
    sign_in_attempts: Natural = 5
    """Wrong passwords of a user in a day after which the user is locked out; 0 for never. The company's setting is
    documented, and its number is not: five is what many systems have."""
    remember_controlids: bool = True
    """Whether `uniqueid` is honoured at all."""
    controlid_scope: Literal["company", "sender", "user"] = "company"
    """Who shares completed control ids: `company`, `sender` (sender and company) or `user`."""
    controlid_days: NotNegative = 0
    """Days that a completed control id is remembered; 0 for ever."""
    session_mixed: Literal["refused", "accepted"] = "refused"
    """`getAPISession` together with other functions: `refused` (it is documented to be alone) or `accepted`."""
    empty_keys: Literal["none", "first"] = "none"
    """`read` without keys: no records (`none`), or the `first` hundred, as old documentation says."""
    replay_errorno: str = "XL03000008"
    """The errorno that refuses a completed control id. No source records the real one, nor its text."""
    replay_text: str = "The function with control ID '{control_id}' has already been completed and was not run again."
    replay_answer: Literal["refused", "repeated", "unmarked"] = "refused"
    """A completed control id is `refused`, its first answer is `repeated`, or it is refused in a result without a
    status (`unmarked`), as a user of an official SDK reported. The work is never done again."""
    filter_times: Literal["utc", "user"] = "utc"
    """Whether times in filters are UTC (`utc`) or in the user's offset (`user`)."""
    text_keys: Literal["text", "number"] = "text"
    """Whether record numbers that are text sort as `text` or as `number`."""
    gldetail_key_per_book: bool = False
    """Whether a GLDETAIL record number repeats in every book."""
    nested_order: Literal["documented", "recorded"] = "documented"
    """Which order of a legacy function's parts is enforced: the `documented` one, or only one that is `recorded`."""
    errorids: Literal["recorded", "made"] = "recorded"
    """The stable ids of errors: only the `recorded` ones, or one for every error, `made` from its text and the seed."""
    audit_delay_seconds: NotNegative = 0
    """Seconds until the AUDITHISTORY row of a change can be read."""
    unique_document_numbers: bool = True
    """Whether two bills of a vendor, or two invoices of a customer, may not have the same number."""
    rounding: Literal["half up", "half down", "half even", "down"] = "half up"
    """Which way half a unit of an amount goes that has more digits than its currency: `half up` (away from zero),
    `half down`, `half even`, or `down` for digits that are cut off. That amounts are rounded is documented, not how."""
    year_end: Literal["closed", "running"] = "closed"
    """Whether balances show income and cost accounts `closed` to retained earnings after a fiscal year, as their
    closing type is documented, or `running` on. No answer of a balance function across years is recorded."""
    early_reversals: Literal["accepted", "refused"] = "accepted"
    """A reversal on a day before that of its document, payment or journal entry: `accepted` or `refused`. Sage's help
    says that it is usually the same day or a later one, and names no refusal."""
    bank_revaluation: Literal["kept", "reversed", "none"] = "kept"
    """What a revaluation does with foreign bank balances. `kept`: the difference stays, as a realised gain or loss, as
    Sage's help calls it. `reversed`: it is unrealised, and reversed the next day, as that of open items. `none`."""
    rate_types: Literal["both", "name", "number"] = "both"
    """How a request names an exchange rate type: by `name`, by `number`, or `both`. Pages call the field a text named
    ID, and examples have names; which the gateway accepts is not settled."""
    unnamed_currency: Literal["party", "base", "refused"] = "party"
    """The currency of a document or an order that names none: its vendor's or customer's (`party`), the entity's
    (`base`), or, where the company has several currencies, none: it is refused (`refused`). No page says which."""
    update_action: Literal["submit", "kept", "ignored"] = "submit"
    """What an update of a draft document without ACTION does: `submit` it, the default on Sage's pages on bills and
    invoices, or leave it as it is (`kept`). `ignored`: no ACTION of an update has an effect on a draft."""
    rename_ids: Literal["refused", "unused"] = "refused"
    """An update that changes the id of a record, such as VENDORID: always `refused`, or accepted while the record is
    `unused`. Sage's help forbids it for journals and, without a preference, for accounts."""
    aging: Literal["open items", "invoices"] = "open items"
    """What `get_araging` adds up: all `open items` of receivables, credits and overpayments included, so that it equals
    the control account, or `invoices` only. Its page names invoices and describes no answer."""
    delete_settled: Literal["refused", "accepted"] = "refused"
    """A delete of a document whose payments are reversed: `refused`, since their postings stay in the ledger without
    it, or `accepted`. No source settles it."""
    approve_bills: bool = False
    """Whether a submitted bill waits for `approve` before it posts."""
    payment_blanks: Literal["filled", "refused"] = "filled"
    """An APPYMT without PAYMENTMETHOD or FINANCIALENTITY, which its page calls optional. `filled`: with the vendor's
    method, and with the provider's bank or the first one. `refused`: the object's definition requires the method."""
    display_contact: Literal["required", "made"] = "required"
    """A new vendor or customer without DISPLAYCONTACT, or without its PRINTAS. `required`: it is refused, as its page
    says; a loader that passes so passes either way. `made`: the contact has the record's name, as loaders in production
    that send neither expect."""
    content_type: str = 'text/xml; encoding="UTF-8"'
    """The Content-Type of XML answers. The recorded one has no charset, and clients that follow it read Latin-1."""
    hash_fields: Literal["described", "hidden"] = "described"
    """Fields whose names no XML element can have, such as `DEPT#`. Recorded lookups list them (`described`), and no
    answer of `query` with one is recorded, so `query` refuses them. `hidden`: `lookup` leaves them out."""
    negative_inventory: bool = True
    """Whether more of an item than is on hand may leave a warehouse."""
    unique_externalids: bool = True
    """Whether an externalid must be unique among the records of an object. No source settles it."""
    reads_by_externalkey: bool = True
    """Whether `get` with `externalkey` finds a record by its external id. Only the attribute is documented."""
    hide_private: bool = True
    """Whether a top-level query without `showprivate` leaves out records that belong to an entity."""
    aggregate_tags: Literal["prefixed", "plain"] = "prefixed"
    """Tags of sum, avg, min and max: `SUM.FIELD` (`prefixed`) or the field's name (`plain`)."""
    scan_order: Literal["scattered", "key"] = "scattered"
    """The order of a readByQuery's rows: `scattered` (which was observed) or by `key`."""
    report_seconds: NotNegative = 0
    """Seconds that a report runs before its rows can be read."""
    report_first_page: Literal["asked", "at once"] = "asked"
    """Rows that are ready within `waitTime` come with the first answer (`at once`) or with `readMore` (`asked`)."""
    report_waiting: str = "PENDING"
    """The status of a report that is not ready."""
    report_ready: str = "DONE"
    """The status of a report that is ready. No source records it, nor the next."""
    report_failed: str = "FAILED"
    result_minutes: NotNegative = 30
    """Minutes that a readByQuery result lives after it was last read."""
    result_errorno: str = "readMore Failed"
    """The errorno of an expired result. No source records it, nor its text."""
    legacy_page: Literal["refused", "clamped", "taken"] = "refused"
    """A readByQuery page of more than 1,000 rows: `refused`, `clamped`, or `taken`, which was seen once."""
    over_hundred: Literal["refused", "taken"] = "refused"
    """A call with more than 100 keys or records: `refused` or `taken`."""
    over_hundred_errorno: str = "BL01001973"
    show_private: bool = True
    """Whether `showprivate` has an effect at the top level. That it has none in some companies is inferred."""
    sender_refusal: Literal["control", "gateway", "unauthorized"] = "control"
    """A wrong sender is refused by the application (`control`) or before it (`gateway`: HTTP 400, GW-0011;
    `unauthorized`: HTTP 401, XMLGW_JPP0002)."""
    http_status_of_control_failures: HttpStatus = 200
    concurrency: Natural = 0
    """Requests of a company that run at once; as many again may wait. 0 for no limit."""
    hold_seconds: NotNegative = 30
    """Seconds that a request beyond those is held before it is refused."""
    window_requests: Natural = 0
    """Requests of a company in `window_seconds`; one more is refused at once. 0 for no limit; no number is recorded."""
    window_seconds: NotNegative = 60
    held_status: HttpStatus = 429
    """The HTTP status of the refusal of a request beyond a limit. With 200 the error is inside the answer."""
    held_errorno: str = "GW-0010"
    held_text: str = LIMIT_TEXT
    held_level: Literal["request", "function"] = "request"
    """Whether the `request` is refused, or each `function` of an answer with status 200. Neither is recorded."""
    billed_failures: bool = True
    """Whether a function that fails counts as transactions. Sage's page on API usage shows unsuccessful ones too."""
    timeout_seconds: NotNegative = 900
    """Seconds until the connection of a request is closed while its work goes on: 15 minutes are documented."""
    rest_errors: Literal["result", "error", "bare"] = "result"
    """Where an error of the REST interface stands: in `ia::result` (`result`), as in every recorded one; in `ia::error`
    (`error`), as on Sage's page of errors; or in `error` (`bare`), as a client saw it."""
    rest_token_seconds: NotNegative = 43_200
    """How long an access token of the REST interface lives; twelve hours were observed."""
    rest_dead_token: HttpStatus = 401
    """The status of a call with a dead token. Clients look for 401, and one of them for 400."""
    rest_dead_token_text: str = "Invalid token"  # noqa: S105  # what is said, not a password
    """What the refusal of a dead token says. One client looks for these words."""
    rest_second_grant: Literal["ends", "kept"] = "ends"
    """Whether another authorization for the same user and company `ends` the former one, as was seen, or it is
    `kept`."""
    rest_refresh: Literal["rotated", "kept"] = "rotated"
    """Whether a refresh gives a new refresh token (`rotated`), or the former one is `kept`. Clients expect both."""
    rest_required: Literal["described", "none"] = "described"
    """Whether fields that the specification requires of a new record are (`described`) of objects that only the REST
    interface has. Objects of both interfaces have the rules of XML."""
    rest_key_and_id: Literal["refused", "key"] = "refused"
    """A reference whose key and id are of two records: `refused`, or its `key` counts. No source settles it."""
    rest_unknown_line: Literal["refused", "ignored"] = "refused"
    """A line of an update whose key the record does not have: `refused` or `ignored`. No source settles it."""
    rest_empty_lines: Literal["kept", "cleared"] = "kept"
    """An update with an empty list of lines: the lines are `kept`, as lines that are not mentioned, or `cleared`. No
    source settles it."""
    rest_audit_names: Literal["rest", "xml"] = "rest"
    """Whether the audit history of the REST interface names objects as that interface does (`rest`), or as XML does."""
    rest_answer_hours: NotNegative = 48
    """Hours that the first answer to an idempotency key is repeated."""
    rest_key_days: NotNegative = 60
    """Days that an idempotency key is remembered; until then, its use after those hours is refused with 409."""
    rest_conflict_errorno: str = "conflict"
    """The code of that refusal. Its status is documented, and its code is not."""
    rest_job_seconds: NotNegative = 0
    """Seconds that a bulk job is shown as running, after its work was done."""
    rest_concurrency: Natural = 0
    """Requests of one application to one company that run at once by REST; one more is refused. 0 for no limit. Sage's
    tiers begin with 6."""
    rest_retry_seconds: Natural = 60
    """Seconds that such a refusal asks to wait, as in Sage's example; 0 stands for 1."""
    rest_minute_requests: Natural = 0
    """Requests of one application to one company in a minute. It is a soft limit: more are answered, and headers say
    so. 0 for none."""
    rest_hour_requests: Natural = 0
    """Requests of one application to one company in an hour; one more is refused. 0 for no limit."""
    rest_limit_headers: Literal["reached", "always"] = "reached"
    """Whether headers tell of a limit once it is `reached`, as Sage's page says, or `always`."""
    rest_limit_status: HttpStatus = 429
    """The status of a REST refusal by a limit. Sage's page names 429 and 503."""
    rest_order: Literal["key", "none"] = "key"
    """The order of a query without `orderBy`: by `key`, or as the rows are found (`none`). No source settles it."""
    line_ms: NotNegative = 0
    """Milliseconds of work for each record and line of a write; see `timeout_seconds`."""
    latency_ms: NotNegative = 0
    """Milliseconds from a request's turn to its answer, our own work included."""

    def __post_init__(self) -> None:
        check_fields(self, "behaviour")

"""The habits of the emulated gateway. Where no source settles one, the default is our choice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Habits of the gateway; where no source settles one, the default is our choice."""

    session_minutes: float = 120
    """How long a session lives after its last use."""
    session_errorno: str = "XL03000006"
    """The errorno of a session that is over, or never was; no source records it, nor the text."""
    session_text: str = "Invalid session. The session has expired or does not exist."
    session_elsewhere: str = "accepted"
    """Whether a session may be used at another endpoint than its own: `accepted` or `refused`."""
    remember_controlids: bool = True
    """Whether `uniqueid` is honoured at all."""
    controlid_scope: str = "company"
    """Who shares the memory of completed control ids: `company`, `sender` (sender and company) or `user`."""
    controlid_days: float = 0
    """How long a completed control id is remembered; 0 for ever."""
    session_mixed: str = "refused"
    """Whether `getAPISession` beside other functions is `refused`, as it is documented to be alone, or `accepted`."""
    empty_keys: str = "none"
    """What `read` without keys gives: `none`, or the `first` hundred records, as old pages had it."""
    replay_errorno: str = "XL03000008"
    """The errorno of the refusal of a completed control id; no source records the real one, nor its text."""
    replay_text: str = "The function with control ID '{control_id}' has already been completed and was not run again."
    replay_answer: str = "refused"
    """Whether a completed control id is `refused`, or its first answer is `repeated`; the work is never done again."""
    filter_times: str = "utc"
    """Whether times in filters are read as `utc` or in the `user`'s offset."""
    text_keys: str = "text"
    """Whether record numbers that are text sort as `text` or as `number`."""
    gldetail_key_per_book: bool = False
    """Whether a GLDETAIL record number repeats in every book."""
    nested_order: str = "documented"
    """How far the parts of older functions are held to an order: `documented`, or only where it is `recorded`."""
    errorids: str = "recorded"
    """The stable ids of errors: those that are `recorded`, or one for each, `made` from its text and the seed."""
    audit_delay_seconds: float = 0
    """How long after a change its AUDITHISTORY row can be seen."""
    unique_document_numbers: bool = True
    """Whether a vendor's bills, and a customer's invoices, refuse a number that is there already."""
    approve_bills: bool = False
    """Whether a submitted bill waits for `approve` before it posts."""
    payment_blanks: str = "filled"
    """What becomes of an APPYMT without PAYMENTMETHOD or FINANCIALENTITY, which its page calls optional: they are
    `filled`, by the vendor's method and the provider's or the first bank, or `refused`, as the object's definition
    requires the method."""
    negative_inventory: bool = True
    """Whether more of an item may leave a warehouse than is on hand there."""
    unique_externalids: bool = True
    """Whether an externalid may be used only once among the records of an object; no source settles it."""
    reads_by_externalkey: bool = True
    """Whether `get` with `externalkey` finds a record by its external id; only the attribute is documented."""
    hide_private: bool = True
    """Whether a top-level query without `showprivate` leaves out records that belong to an entity."""
    aggregate_tags: str = "prefixed"
    """Whether sum, avg, min and max come back as `SUM.FIELD` (`prefixed`) or under the field's name (`plain`)."""
    scan_order: str = "scattered"
    """The order of a readByQuery's rows: `scattered`, which was observed, or by `key`."""
    report_seconds: float = 0
    """How long a report runs before its rows can be read."""
    report_first_page: str = "asked"
    """Where rows come that are ready within `waitTime`: with the first answer (`at once`) or when `asked` for by id."""
    report_waiting: str = "PENDING"
    """The status of a report that is not ready."""
    report_ready: str = "DONE"
    """The status of one that is; no source records it, nor the next."""
    report_failed: str = "FAILED"
    result_minutes: float = 30
    """How long a readByQuery result can be read on without being touched."""
    result_errorno: str = "readMore Failed"
    """The errorno of a result that is over; no source records it, nor its text."""
    legacy_page: str = "refused"
    """What becomes of a readByQuery page beyond 1,000 rows: `refused`, `clamped`, or `taken`, which was seen once."""
    over_hundred: str = "refused"
    """What becomes of more than 100 keys or records in a call: `refused` or `taken`."""
    over_hundred_errorno: str = "BL01001973"
    show_private: bool = True
    """Whether `showprivate` is heeded at the top level; that a company may not is inferred."""
    sender_refusal: str = "control"
    """How a wrong sender is refused: by the application (`control`) or before it (`gateway`: HTTP 400, GW-0011)."""
    http_status_of_control_failures: int = 200
    concurrency: int = 0
    """Requests that run at once; as many again may wait. 0 for no limit."""
    hold_seconds: float = 30
    """How long a request beyond those is held before it is refused."""
    held_status: int = 429
    """The HTTP status of that refusal."""
    held_errorno: str = "GW-0010"
    latency_ms: float = 0
    """How long a request takes from its turn to its answer, our own work included."""

"""The settings of a connection as forms and messages name them: the names that people know from other connectors."""

from collections.abc import Mapping
from dataclasses import dataclass

from intacct_bridge.connections.connection import PUBLIC_ENDPOINT


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting in the form."""

    setting: str
    label: str
    help: str = ""
    kind: str = "text"
    options: tuple[tuple[str, str], ...] = ()
    placeholder: str = ""
    required: bool = False


GROUPS: tuple[tuple[str, tuple[SettingField, ...]], ...] = (
    (
        "Company and user",
        (
            SettingField("company_id", "Company ID", "As on Intacct's sign-in page.", required=True),
            SettingField("user_id", "User ID", "Of the Web Services user.", required=True),
            SettingField("user_password", "Password", "Of the Web Services user.", "secret", required=True),
            SettingField(
                "location_id",
                "Location ID",
                "The entity to work in. Empty: the top level, with all that the user sees.",
            ),
            SettingField(
                "client_id",
                "Console client",
                "The client company into which a console user slides in; the user and password are the console's.",
            ),
            SettingField(
                "environment",
                "Environment",
                "Shown before every write. A sandbox is an implementation.",
                "choice",
                (
                    ("", "Choose one"),
                    ("production", "Production"),
                    ("implementation", "Implementation"),
                    ("demo", "Demo"),
                ),
            ),
        ),
    ),
    (
        "Sender",
        (
            SettingField(
                "sender", "Shared sender", "One sender can serve many connections.", "choice", (("", "None: as below"),)
            ),
            SettingField("sender_id", "Sender ID", "Of the Web Services developer licence. Capitals matter."),
            SettingField("sender_password", "Sender password", "Of the licence, not of a user.", "secret"),
        ),
    ),
    (
        "Gateway",
        (
            SettingField("endpoint", "URL", "Empty: Sage's public gateway.", placeholder=PUBLIC_ENDPOINT),
            SettingField(
                "authentication",
                "Authentication type",
                "A session signs in once; the other way sends the password with every request.",
                "choice",
                (("session", "API session"), ("login", "Sign-in with every request")),
            ),
            SettingField(
                "dtd_version",
                "DTD version",
                "2.1 is the legacy document type, for companies that need it.",
                "choice",
                (("3.0", "3.0"), ("2.1", "2.1")),
            ),
            SettingField(
                "allow_endpoint", "Trust a URL outside intacct.com", "That host receives the passwords.", "tick"
            ),
        ),
    ),
    (
        "Writes",
        (
            SettingField("read_only", "Read-only", "Refuses every write before it is sent.", "tick"),
            SettingField(
                "approval",
                "Approval",
                "With an approval, only plans that a person approved are sent.",
                "choice",
                (("none", "Not needed"), ("required", "Required")),
            ),
            SettingField("approvers", "Approvers", "Who may approve, with commas. Empty: everyone.", "names"),
            SettingField("four_eyes", "Four eyes", "The person who made a plan may not approve it.", "tick"),
            SettingField(
                "statuses",
                "Words for a status",
                "What further words in a status column mean: live, draft or void.",
                "words",
                placeholder="On hold=draft, Scrapped=void",
            ),
            SettingField(
                "external_ids",
                "External ids",
                "Whether an external id says which record of its object it is.",
                "choice",
                (("unique", "Each belongs to one record"), ("label", "Several records may have one")),
            ),
            SettingField(
                "send_currency",
                "Currency of documents without one",
                "Each plan decides it and shows it.",
                "choice",
                (
                    ("auto", "Sent if the company has several currencies"),
                    ("always", "Always sent"),
                    ("never", "Never sent"),
                ),
            ),
            SettingField(
                "party_currency",
                "Vendor or customer in another currency",
                "For a document without a currency, whose entity keeps its books in another.",
                "choice",
                (("use", "The document has theirs"), ("refuse", "The document is refused")),
            ),
            SettingField(
                "unusual_rates",
                "Exchange rates beyond 0.000001 and 1,000,000",
                "Most are slips.",
                "choice",
                (("refuse", "Refused"), ("use", "Used")),
            ),
        ),
    ),
)
MORE: tuple[SettingField, ...] = (
    SettingField("monthly_transactions", "API transactions a month", "The allowance of your tier; shown, not enforced.",
              "number"),
    SettingField("monthly_limit", "Limit a month", "The most API transactions, by all machines that share the outbox.",
              "number"),
    SettingField("concurrency", "Requests at a time", "The standard service runs one and queues one.", "number",
              placeholder="2"),
    SettingField("timeout", "Time-out", "Seconds to wait for the next byte of an answer.", "number", placeholder="300"),
    SettingField("answer_timeout", "Time-out of an answer", "Seconds from its first byte to its last.", "number",
              placeholder="900"),
    SettingField("catalog_hours", "Hours to keep object definitions", "A daily run need not read them again.", "number",
              placeholder="36"),
    SettingField("outbox", "Outbox", "A file, or postgresql://... Empty: a file for each company on this machine."),
    SettingField("archive", "Archive", "A folder for requests and answers, passwords masked. Empty: none are kept."),
    SettingField("ca_bundle", "Authorities", "A PEM file of trusted authorities. Empty: the system's."),
    SettingField("user_agent", "User-Agent", "What requests say of their sender. Empty: this program."),
    SettingField("read_formatting", "Read the user's date format and time zone",
              "Without, dates are month/day/year and times UTC.", "tick"),
)  # fmt: skip
EVERY_FIELD = (*(one for _, group in GROUPS for one in group), *MORE)
LABELS: Mapping[str, str] = {one.setting: one.label for one in EVERY_FIELD}

"""The values of a set-up: those of the connection as far as it has them, then those that a person gave."""

from dataclasses import dataclass

from intacct_bridge.connections.connection import Connection
from intacct_bridge.connections.sources import ListedConnection, ListedSender, list_senders
from intacct_bridge.setup.assistant.progress import SetUpAnswers, SetUpProgress
from intacct_bridge.setup.doctor.examination import Job

_NOT_YET = "(not known yet)"


@dataclass(frozen=True, slots=True)
class SetUpValues:
    """The values to enter in Intacct's forms; empty if one is not known yet."""

    name: str
    """Of the connection."""
    job: Job
    company_id: str = ""
    sender_id: str = ""
    user_id: str = ""
    location_id: str = ""
    environment: str = "implementation"
    email: str = ""
    role: str = ""

    @property
    def texts(self) -> dict[str, str]:
        """The values of the placeholders of a form."""
        entity = self.location_id
        return {
            "name": self.name,
            "company_id": self.company_id or _NOT_YET,
            "sender_id": self.sender_id or "(from Sage)",
            "user_id": self.user_id or "ws_bridge",
            "email": self.email or "(of the person who enters the password)",
            "role": self.role or "Intacct Bridge",
            "entity": entity or "(leave empty)",
            "entity_id": entity or "(only to work in one entity)",
            "entities": entity or "(leave empty: all)",
            "environment": self.environment,
            "description": f"Intacct Bridge: {self.name}",
            "company_first": "Bridge",
            "tester_role": "view only" if self.environment == "production" else "one that can make test records",
        }

    @property
    def purpose(self) -> str:
        """The planned use, such as `reads GLDETAIL and writes GLBATCH`."""
        from intacct_protocol.model.wording import listed

        job = self.job
        parts = [f"{verb} {listed(names)}" for verb, names in (("reads", job.streams), ("writes", job.writes)) if names]
        return " and ".join(parts)


def job_of(progress: SetUpProgress) -> Job:
    """The job of a planned use. What is written is also read, since a load looks up what is there."""
    return Job(progress.reads or progress.writes, progress.writes)


def shared_sender(answers: SetUpAnswers) -> ListedSender:
    """The shared sender that a person chose, or the only one; an empty one if there is neither."""
    senders = list_senders()
    chosen = next((one for one in senders if one.name == answers.sender), None)
    only = senders[0] if len(senders) == 1 and not answers.sender and not answers.sender_id else None
    return chosen or only or ListedSender("", "", "")


def values_of(
    name: str, progress: SetUpProgress, connection: Connection | None, listed: ListedConnection | None = None
) -> SetUpValues:
    """The values of a set-up. A connection that cannot be used yet can still be listed in a file."""
    shared = shared_sender(progress.answers).sender_id
    found: dict[str, str] = {"sender_id": shared} if shared else {}
    for setting in ("company_id", "sender_id", "user_id", "location_id", "environment"):
        kept = getattr(connection, setting, "") or getattr(listed, setting, "") or getattr(progress.answers, setting)
        if kept:
            found[setting] = str(kept)
    return SetUpValues(name, job_of(progress), email=progress.answers.email, role=progress.answers.role, **found)

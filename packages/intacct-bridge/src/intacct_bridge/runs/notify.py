"""Notifications of a run: by mail, to a webhook, or to a command. They never change how the run ended.

Each message says which flow ended how, in one line, and has the run's facts: for a person in a mail, as one JSON object
for a webhook and a command. The object has `text`, which Slack, Teams and Mattermost show as it is.
"""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from intacct_bridge.runs.channels import Channel
from intacct_bridge.runs.run import Run
from intacct_protocol.errors import SettingsError

SECONDS = 20.0
"""How long a receiver may take."""
Send = Callable[[Channel, Run], None]


def notify(channels: Iterable[Channel], run: Run, *, warn: Callable[[str], None]) -> list[str]:
    """Send the messages that a run is an occasion for; the names of those that took one. A failure is a warning."""
    notified = []
    for channel in channels:
        if not channel.wants(run):
            continue
        try:
            _SENDERS[channel.kind](channel, run)
            notified.append(channel.name)
        except Exception as error:  # a receiver may fail in any way, and none of them concerns the run
            warn(f"The notification {channel.name} was not delivered: {_reason(channel, error)}")
    return notified


def sentence(run: Run) -> str:
    """`Flow nightly on books: in doubt. 12 posted, 2 in doubt; 7 API transactions`."""
    counts = {
        "rows": run.rows,
        "posted": run.records.posted,
        "refused": run.records.refused,
        "in doubt": run.records.in_doubt,
        "dead letters": run.records.dead_letters,
    }
    facts = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    what = f"Flow {run.flow}" if run.flow else f"intacct {run.command}"
    reason = f" {run.error.message}" if run.error is not None else ""
    return f"{what} on {run.connection}: {run.end.value}.{reason} {facts or 'No rows or records'}."


def message(run: Run) -> dict[str, Any]:
    """The JSON object for programs."""
    error = run.error
    return {
        "text": sentence(run),
        "run": run.id,
        "flow": run.flow,
        "command": run.command,
        "connection": run.connection,
        "company": run.company,
        "environment": run.environment,
        "machine": run.machine,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat() if run.ended is not None else None,
        "end": run.end.value,
        "exit_status": run.status,
        "rows": run.rows,
        "posted": run.records.posted,
        "refused": run.records.refused,
        "in_doubt": run.records.in_doubt,
        "dead_letters": run.records.dead_letters,
        "transactions": run.transactions,
        "error": {
            "message": error.message,
            "class": error.kind,
            "code": error.code,
            "id": error.entry,
            "fix": error.fix,
        }
        if error is not None
        else None,
    }


def _send_mail(channel: Channel, run: Run) -> None:
    import smtplib
    import ssl
    from email.message import EmailMessage
    from email.utils import format_datetime, make_msgid

    mail = EmailMessage()
    mail["Subject"] = " ".join(sentence(run).split())[:200]
    mail["From"], mail["To"] = channel.sender, ", ".join(channel.target)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(run.id, domain=channel.sender.rpartition("@")[2] or "localhost")
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(f"{name}: {value}" for name, value in _lines(message(run))) + "\n")
    context = ssl.create_default_context()
    if channel.tls == "implicit":
        server: smtplib.SMTP = smtplib.SMTP_SSL(channel.server, channel.port, timeout=SECONDS, context=context)
    else:
        server = smtplib.SMTP(channel.server, channel.port, timeout=SECONDS)
    with server:
        if channel.tls == "starttls":
            server.starttls(context=context)
        if channel.user:
            server.login(channel.user, channel.secret)
        server.send_message(mail)


def _webhook(channel: Channel, run: Run) -> None:
    from intacct_bridge.machine.web_hook import NoAnswerError, WebHook, signing_key, webhook_headers

    body = json.dumps(message(run), ensure_ascii=False).encode()
    headers = {"content-type": "application/json; charset=utf-8", "user-agent": "intacct-bridge"}
    if channel.secret:
        at = int(datetime.now(UTC).timestamp())
        headers |= webhook_headers(run.id, at, body, signing_key(channel.secret))
    with closing(WebHook(channel.target[0], seconds=SECONDS, retries=2)) as hook:
        try:
            answer = hook.post(body, headers)
        except NoAnswerError as error:
            raise SettingsError(f"it {error}") from None
    if not answer.accepted:
        raise SettingsError(f"it answered with HTTP {answer.status}")


def _command(channel: Channel, run: Run) -> None:
    from intacct_bridge.machine.command_input import CommandTooLongError, give

    environ = {**os.environ, "INTACCT_RUN_ID": run.id, "INTACCT_RUN_FLOW": run.flow, "INTACCT_RUN_END": run.end.value}
    body = json.dumps(message(run), ensure_ascii=False).encode()
    try:
        status, written = give(channel.target, body, seconds=SECONDS, environ=environ)
    except CommandTooLongError as error:
        raise SettingsError(f"it {error}") from None
    if status:
        last_line = next((line for line in reversed(written.splitlines()) if line.strip()), "")
        raise SettingsError(f"it ended with status {status}{': ' + last_line if last_line else ''}")


_SENDERS: Mapping[str, Send] = {"mail": _send_mail, "webhook": _webhook, "command": _command}


def _lines(facts: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from _lines(value, f"{before}{name} ")
        elif value not in (None, ""):
            yield f"{before}{name}", value


def _reason(channel: Channel, error: Exception) -> str:
    """What went wrong, without the address of a webhook, which may be a secret itself."""
    text = " ".join(str(error).split()) or type(error).__name__
    hidden = channel.target if channel.kind == "webhook" else ()
    if channel.kind == "webhook" and not isinstance(error, SettingsError):
        return type(error).__name__
    for secret in (*hidden, channel.secret):
        text = text.replace(secret, "***") if secret else text
    return text

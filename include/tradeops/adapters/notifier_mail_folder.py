"""Notifications as mails in a folder: one message an hour for each cause, counted in between."""

import fcntl
import hashlib
import json
import logging
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from tradeops.ports.notifier import Notification

QUIET = timedelta(hours=1)
CLOSED = timedelta(days=1)

_LOG = logging.getLogger(__name__)
_POLICY = SMTP.clone(max_line_length=998, linesep="\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One cause of notifications.

    Args:
        key: Names the cause.
        since: First time it was seen, ISO with time zone; a day without it closes an incident.
        seen: Last time it was seen.
        mailed: Last time a message went out.
        count: Times seen since then, this one included.
        due: Whether a message is to go out now.
    """

    key: str
    since: str
    seen: str
    mailed: str
    count: int
    due: bool


class MailFolderNotifier:
    """`Notifier` that writes mails into a folder; threads and processes may share it, it holds nothing open.

    Args:
        mails: Folder of the mails, a file each.
        incidents: Folder of what was sent when, a small file a cause.
        now: The wall clock, aware.
    """

    def __init__(self, mails: Path, incidents: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._mails = mails
        self._incidents = incidents
        self._now = now

    def notify(self, notification: Notification) -> bool:
        """Write the mail, unless one of the same cause was written within the hour; see the port."""
        self._incidents.mkdir(parents=True, exist_ok=True)
        key = hashlib.sha256("\0".join(notification.cause).encode()).hexdigest()[:12]
        with (self._incidents / f"{key}.json").open("a+") as file:
            # Who holds the lock decides and writes; another process at the same moment finds it done.
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            now = self._now()
            incident = _count_one(key, file.read(), now)
            if incident.due:
                self._write(notification, incident, now)
            file.truncate(0)
            json.dump(asdict(incident), file)
        return incident.due

    def _write(self, notification: Notification, incident: Incident, now: datetime) -> None:
        origin = re.sub(r"[^\w.-]+", "_", notification.cause[0])
        name = f"{now:%Y%m%dT%H%M%S%fZ}-{origin}-{incident.key}"
        path = _write_whole(self._mails, name, _compose(notification, incident).as_bytes())
        _LOG.info("incident %s mailed to %s", incident.key, path)


def _count_one(key: str, kept: str, now: datetime) -> Incident:
    stamp = now.isoformat(timespec="seconds")
    last = Incident(**json.loads(kept)) if kept else None
    if last is None or now - datetime.fromisoformat(last.seen) >= CLOSED:
        return Incident(key=key, since=stamp, seen=stamp, mailed=stamp, count=1, due=True)
    due = now - datetime.fromisoformat(last.mailed) >= QUIET
    mailed = stamp if due else last.mailed
    return Incident(key=key, since=last.since, seen=stamp, mailed=mailed, count=last.count + 1, due=due)


def _compose(notification: Notification, incident: Incident) -> EmailMessage:
    since = f"{incident.since} (seen {incident.count}×; this cause stays quiet for an hour now)"
    facts = (*notification.facts, ("since", since))
    width = max(len(name) for name, _ in facts) + 2
    lines = "\n".join(f"  {name:{width}}{value}" for name, value in facts)
    message = EmailMessage(policy=_POLICY)
    message["From"] = "tradeops@localhost"
    message["To"] = "on-call@localhost"
    message["Subject"] = " ".join(f"[tradeops] {notification.subject}".split())
    message["X-Tradeops-Incident"] = incident.key
    message.set_content(
        f"{notification.subject}.\n\n{lines}\n\nWhat to do\n\n{notification.advice}\n",
        cte="8bit",  # readable in the file as it is
    )
    return message


def _write_whole(folder: Path, name: str, data: bytes) -> Path:
    """One file; a reader never sees half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh, path = folder / f".{name}.new", folder / f"{name}.eml"
    fresh.write_bytes(data)
    fresh.replace(path)
    return path

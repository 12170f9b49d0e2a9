"""Named leases: what must not run twice at once."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tradeops.adapters.event_log_sqlite.clock import read_clock
from tradeops.adapters.liveness import is_dead, is_local
from tradeops.adapters.sqlite import HeldConnection
from tradeops.domain.claims import Owner
from tradeops.domain.errors import LeaseHeld, TradeOpsError

_LOG = logging.getLogger(__name__)
_LIFE_SECONDS = 15.0
_RENEW_SECONDS = 5.0
_LOOK_SECONDS = 0.05

_READ = "SELECT host, pid, started, expires_at FROM holds WHERE name = ?"
_TAKE = "INSERT OR REPLACE INTO holds (name, host, pid, started, expires_at) VALUES (?, ?, ?, ?, ?)"
_RENEW = "UPDATE holds SET expires_at = ? WHERE name = ?"
_RELEASE = "DELETE FROM holds WHERE name = ? AND host = ? AND pid = ? AND started = ?"


@contextmanager
def hold_lease(held: HeldConnection, name: str, owner: Owner, wait_seconds: float) -> Iterator[None]:
    """Hold a lease for as long as the block runs.

    A holder on this host keeps it for as long as its process lives, however busy it is. Of a holder elsewhere
    (a container that was replaced) only its renewals tell: every 5 s, for 15 s.

    Raises:
        LeaseHeld: A living process holds it for longer than `wait_seconds`.
    """
    _wait(held, name, owner, time.monotonic() + wait_seconds)
    released = threading.Event()
    renewal = threading.Thread(target=_keep_alive, args=(held, name, released), name=f"hold {name}", daemon=True)
    renewal.start()
    try:
        yield
    finally:
        released.set()
        renewal.join()
        with held.write_cursor() as cursor:
            cursor.execute(_RELEASE, (name, owner.host, owner.pid, owner.started))


def _wait(held: HeldConnection, name: str, owner: Owner, until: float) -> None:
    while (holder := _take(held, name, owner)) is not None:
        if time.monotonic() >= until:
            raise LeaseHeld(f"{name} is held by {holder}; wait for it", name=name, holder=str(holder))
        time.sleep(_LOOK_SECONDS)


def _take(held: HeldConnection, name: str, owner: Owner) -> Owner | None:
    """The living holder, or None when the lease is now the caller's."""
    with held.write_cursor() as cursor:
        now = read_clock(cursor)
        row = cursor.execute(_READ, (name,)).fetchone()
        if row is not None:
            host, pid, started, expires_at = row
            holder = Owner(host=host, pid=pid, started=started)
            lives = not is_dead(holder) if is_local(holder) else expires_at > now
            if lives:
                return holder
        values = (name, owner.host, owner.pid, owner.started, now + _LIFE_SECONDS)
        cursor.execute(_TAKE, values)
        return None


def _keep_alive(held: HeldConnection, name: str, released: threading.Event) -> None:
    while not released.wait(_RENEW_SECONDS):
        try:
            with held.write_cursor() as cursor:
                cursor.execute(_RENEW, (read_clock(cursor) + _LIFE_SECONDS, name))
        except TradeOpsError as error:
            _LOG.warning("the lease %s could not be renewed, it is tried again: %s", name, error)

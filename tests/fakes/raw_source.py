"""A source of any raw records, in memory."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from tradeops.domain.topics import BARS_RAW
from tradeops.ports.raw_source import RawRecord
from tradeops.ports.trading_calendar import TradingCalendar

DELAY = timedelta(minutes=15)


def make_raw_bar(calendar: TradingCalendar, name: str, session: date, **changes: Any) -> RawRecord:
    """A good bar at 10 USD; `changes` are to its fields."""
    closed = calendar.closes_at(session)
    fields = {
        "schema_version": 1,
        "source": "fake",
        "sequence": f"{name}:{session}",
        "event_time": _text(closed),
        "known_time": _text(closed + DELAY),
        "basis": "assumed",
        "instrument": name,
        "session": session.isoformat(),
        **dict.fromkeys(("open", "high", "low", "close"), "10.00"),
        "volume": "1000",
        **changes,
    }
    known = datetime.fromisoformat(fields["known_time"])
    return RawRecord(topic=BARS_RAW.name, key=name, value=json.dumps(fields).encode(), known_time=known)


def _text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class FakeRawSource:
    """Records may be changed while it is used, as a source's may."""

    first_session: date
    last_session: date
    records: list[RawRecord]

    @classmethod
    def of_bars(cls, calendar: TradingCalendar, names: Iterable[str], sessions: Iterable[date]) -> "FakeRawSource":
        days = sorted(sessions)
        bars = [make_raw_bar(calendar, name, session) for session in days for name in names]
        return cls(first_session=days[0], last_session=days[-1], records=bars)

    def read(self, *, after: datetime | None, until: datetime) -> Iterator[RawRecord]:
        chosen = (r for r in self.records if (after is None or r.known_time > after) and r.known_time <= until)
        yield from sorted(chosen, key=lambda record: (record.topic, record.known_time))

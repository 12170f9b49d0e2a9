"""Records in memory, read by the time that they were known."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from tradeops.ports.raw_source import RawRecord


class SortedRecords:
    """Records by topic and within it by `known_time`; those known at once stay in the order given.

    Nothing changes after the start: threads and forked processes may share an object.
    """

    def __init__(self, records: Iterable[RawRecord]) -> None:
        by_topic = defaultdict[str, list[RawRecord]](list)
        for record in records:
            by_topic[record.topic].append(record)
        self._records = {topic: sorted(by_topic[topic], key=_known_time) for topic in sorted(by_topic)}
        self._known = {topic: [record.known_time for record in found] for topic, found in self._records.items()}

    def read(self, *, after: datetime | None, until: datetime) -> Iterator[RawRecord]:
        """Records with `after < known_time ≤ until`."""
        for topic, records in self._records.items():
            first = 0 if after is None else bisect_right(self._known[topic], after)
            yield from records[first : bisect_right(self._known[topic], until)]


def _known_time(record: RawRecord) -> datetime:
    return record.known_time

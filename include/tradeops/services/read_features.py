"""Features by session from the lake, or from the online store where it has them."""

from datetime import date
from typing import Final

from tradeops.domain.errors import ExternalServiceError, UnknownRecord
from tradeops.domain.features import FeatureRows
from tradeops.features.declarations import feature_schema
from tradeops.ports.feature_store import FeatureReader
from tradeops.ports.lake import Lake
from tradeops.services.feature_rows import find_build, read_builds


class LakeFeatures:
    """Reads a year at once and serves its sessions from memory; of one thread.

    Args:
        lake: Holds the features.
        schema: Hash of the declarations wanted; the present ones by default.
    """

    def __init__(self, lake: Lake, schema: str | None = None) -> None:
        self._lake: Final = lake
        self._schema: Final = schema or feature_schema()
        self._years: dict[int, tuple[int, dict[date, list[FeatureRows]]]] = {}

    def read(self, session: date, *, market: int) -> FeatureRows:
        """Features of a session; see the port."""
        seen, builds = self._years.get(session.year, (-1, {}))
        if market > seen or session not in builds:
            # A build of this move may have come since.
            builds = read_builds(
                self._lake, self._schema, first=date(session.year, 1, 1), last=date(session.year, 12, 31)
            )
            self._years[session.year] = (market, builds)
        found = find_build(builds.get(session, ()), market)
        if found is None:
            raise UnknownRecord(
                f"the lake holds no features of {session} for market clock move {market}; run the DAG build_features",
                session=session,
                market=market,
            )
        return found


class NewestFirst:
    """The online store, and the lake for what it does not hold or while it cannot be reached: both hold equal rows.

    Args:
        online: Holds the newest sessions.
        lake: Holds all of them.
    """

    def __init__(self, online: FeatureReader, lake: FeatureReader) -> None:
        self._online: Final = online
        self._lake: Final = lake

    def read(self, session: date, *, market: int) -> FeatureRows:
        """Features of a session; see the port."""
        try:
            return self._online.read(session, market=market)
        except (UnknownRecord, ExternalServiceError):
            return self._lake.read(session, market=market)

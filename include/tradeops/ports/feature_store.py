"""Features by session, for whoever decides; the newest session is served from a store of its own."""

from datetime import date
from typing import Protocol

from tradeops.domain.features import FeatureRows

ONLINE_SESSIONS = 20


class FeatureReader(Protocol):
    """Where `load_view` reads: history and present look alike."""

    def read(self, session: date, *, market: int) -> FeatureRows:
        """Features of a session, built after the market clock's move `market` or an earlier one.

        Of several builds the newest of those is given, so that a later rebuild is invisible to a
        redo of an earlier cycle.

        Raises:
            UnknownRecord: None were built; says which DAG builds them.
        """
        ...


class FeatureStore(FeatureReader, Protocol):
    """The online store: the newest `ONLINE_SESSIONS` sessions of each schema, the newest build of each."""

    def write(self, rows: FeatureRows) -> None:
        """Keep rows; writing equal rows again is harmless, and so is writing older ones than are kept.

        Raises:
            CycleConflict: Other values are kept for the same session, schema and move.
        """
        ...

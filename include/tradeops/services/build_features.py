"""Builds features into the lake, and the newest sessions into the online store."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from tradeops.domain.errors import ConfigurationError, CycleConflict, LeaseHeld
from tradeops.domain.features import FeatureRows
from tradeops.domain.lake_tables import FEATURES_TABLE
from tradeops.domain.policy import TradingPolicy
from tradeops.features.declarations import LOOKBACK, feature_schema
from tradeops.features.session_features import FeatureInputs, compute_features
from tradeops.ports.feature_store import ONLINE_SESSIONS, FeatureStore
from tradeops.ports.lake import Lake
from tradeops.ports.ledger import MarketClock
from tradeops.ports.trading_calendar import TradingCalendar
from tradeops.services.feature_rows import find_build, read_builds, write_rows
from tradeops.services.read_feature_inputs import read_feature_inputs

MOST_ATTEMPTS = 5
_SCHEMA_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesBuilt:
    """What was added to the lake.

    Args:
        sessions: How many sessions got a build.
        first: The first of them; None when there was nothing to build.
        last: The last of them.
        rows: Rows added, one an instrument and session.
    """

    sessions: int
    first: date | None
    last: date | None
    rows: int


def build_features(  # noqa: PLR0913 - the ports that it joins, by keyword
    *,
    lake: Lake,
    store: FeatureStore | None,
    ledger: MarketClock,
    calendar: TradingCalendar,
    policy: TradingPolicy,
    first: date | None = None,
    last: date | None = None,
) -> FeaturesBuilt:
    """Build the sessions up to the market clock that have no features yet, or a range again.

    A range that is built again adds what differs from the newest build, as a build of the present
    move of the market clock; older builds stay for those who look from an earlier move. The rows are
    chosen by what the lake held at a version of this writer, and are appended only if it still
    stands there: of two processes at once one starts over.

    Args:
        lake: Source of the bars, and where the features go.
        store: Gets the newest sessions; None leaves it alone.
        ledger: Says how far the market is loaded.
        calendar: Of the exchange.
        policy: Universe, and when a session is decided.
        first: Beginning of a range to build again.
        last: Its end; the market clock by default.

    Raises:
        ConfigurationError: The policy shows a name less history than the features look back.
        CycleConflict: The same move of the market clock gave other features before.
        LeaseHeld: Other processes build all the time; try again.
    """
    _check_history(policy)
    market = ledger.market_sequence()
    if not market:
        return _count([])
    move = ledger.clock_move(market)
    inputs = read_feature_inputs(lake, calendar, policy, market=market, move=move)
    ranged = (first or date.min, last or date.max) if first or last else None
    for _ in range(MOST_ATTEMPTS):
        version = lake.sealed_version(FEATURES_TABLE, _writer())
        builds = list(_choose(lake, inputs, ranged))
        if not builds or lake.append(
            FEATURES_TABLE, write_rows(builds), writer=_writer(), version=version + 1, after=version
        ):
            _publish(lake, store, inputs)
            return _count(builds)
    raise LeaseHeld(f"other processes built features {MOST_ATTEMPTS} times while this one did; run it again")


def _choose(lake: Lake, inputs: FeatureInputs, ranged: tuple[date, date] | None) -> Iterator[FeatureRows]:
    """Builds that the lake lacks."""
    if ranged is None:
        kept = lake.read(FEATURES_TABLE, columns=["session", "schema"])
        built = set(kept.filter(kept["schema"] == feature_schema())["session"])
        yield from compute_features(inputs, set(inputs.sessions) - built)
        return
    first, last = ranged
    present = read_builds(lake, feature_schema(), first=first, last=last)
    for build in compute_features(inputs, {session for session in inputs.sessions if first <= session <= last}):
        before = find_build(present.get(build.session, ()), build.market)
        if before is None or not equal_features(before, build):
            if before is not None and before.market == build.market:
                raise CycleConflict(
                    f"move {build.market} of the market clock gave other features of {build.session} before; "
                    "features do not depend on when they are built: find what changed",
                    session=build.session,
                )
            yield build


def _publish(lake: Lake, store: FeatureStore | None, inputs: FeatureInputs) -> None:
    # From the lake, not from this build: a process that died in between left the store behind.
    if store is None or not inputs.sessions:
        return
    for builds in read_builds(lake, feature_schema(), first=inputs.sessions[-ONLINE_SESSIONS:][0]).values():
        newest = find_build(builds, inputs.market)
        if newest is not None:
            store.write(newest)


def equal_features(one: FeatureRows, other: FeatureRows) -> bool:
    """Whether two builds hold the same names and instruments with the same values, bit for bit."""
    return (one.instruments, one.names) == (other.instruments, other.names) and np.array_equal(
        one.values.view(np.int64), other.values.view(np.int64)
    )


def _check_history(policy: TradingPolicy) -> None:
    if policy.universe.minimum_bars < LOOKBACK:
        raise ConfigurationError(
            f"features look back {LOOKBACK} sessions; set policy universe.minimum_bars to that or more",
            minimum_bars=policy.universe.minimum_bars,
        )


def _writer() -> str:
    return f"features:{feature_schema()[:_SCHEMA_DIGITS]}"


def _count(builds: list[FeatureRows]) -> FeaturesBuilt:
    return FeaturesBuilt(
        sessions=len(builds),
        first=builds[0].session if builds else None,
        last=builds[-1].session if builds else None,
        rows=sum(len(build.instruments) for build in builds),
    )

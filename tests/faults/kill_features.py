"""Kills processes that build the features of two new sessions: `python -m tests.faults.kill_features FOLDER`."""

import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.fakes.loaded_market import copy_loaded_market
from tests.faults.fail_points import Tripwire, watch_adapters
from tests.faults.kill_jobs import CountedPlaces, Job, WatchedPort, ask, kill_everywhere
from tradeops.adapters.lake_delta import delta_lake
from tradeops.adapters.lake_delta.folder import Folder
from tradeops.bootstrap.runtime import open_runtime
from tradeops.domain.errors import UnknownRecord
from tradeops.domain.lake_tables import FEATURES_TABLE
from tradeops.ports.feature_store import ONLINE_SESSIONS, FeatureStore
from tradeops.services import build_features
from tradeops.settings import Settings

KEPT_SINCE = date(2013, 1, 2)
WITHIN_APPEND: dict[str, Any] = {"write": Folder, "_commit": delta_lake, "make_durable": Folder}


def _around(*places: str) -> tuple[str, ...]:
    return tuple(f"{side} {place}" for place in places for side in ("before", "after"))


PLACES = (
    *_around("append 1", *(f"lake {name} 1" for name in WITHIN_APPEND)),
    *_around("online 1", f"online {ONLINE_SESSIONS}"),
    "within insert features",
)


def build(folder: Path, wire: Tripwire) -> None:
    counted = CountedPlaces(wire)
    with ExitStack() as stack:
        stack.enter_context(watch_adapters(wire))
        for name, owner in WITHIN_APPEND.items():
            stack.enter_context(patch.object(owner, name, _count(counted, f"lake {name}", getattr(owner, name))))
        runtime = stack.enter_context(open_runtime(Settings(state_dir=folder)))
        watched: dict[str, Any] = {
            "lake": WatchedPort(runtime.lake, {"append": "append"}, counted),
            "online": WatchedPort(runtime.online, {"write": "online"}, counted),
        }
        replace(runtime, **watched).build_features()


def _count(counted: CountedPlaces, kind: str, step: Any) -> Any:
    def counting(*args: Any, **named: Any) -> Any:
        with counted.around(kind):
            return step(*args, **named)

    return counting


def look(folder: Path) -> dict[str, Any]:
    with open_runtime(Settings(state_dir=folder)) as runtime:
        rows = runtime.lake.read(FEATURES_TABLE, first=KEPT_SINCE)
        clock, market = runtime.ledger.market_clock(), runtime.ledger.market_sequence()
        assert clock is not None
        sessions = runtime.calendar.sessions(KEPT_SINCE, clock)[-ONLINE_SESSIONS:]
        return {
            "height": rows.height,
            "rows": [repr(row) for row in rows.rows()],
            "online": [_look_online(runtime.online, session, market) for session in sessions],
        }


def _look_online(store: FeatureStore, session: date, market: int) -> tuple[Any, ...] | None:
    try:
        row = store.read(session, market=market)
    except UnknownRecord:
        return None
    return row.session, row.market, row.instruments, row.values.tobytes()


def forget_the_store_behind() -> None:
    """Writes online only what this very build added to the lake."""
    choose, publish, added = build_features._choose, build_features._publish, list[Any]()

    def remember(*args: Any) -> Any:
        added[:] = choose(*args)
        return added

    build_features._choose = remember
    build_features._publish = lambda *args: publish(*args) if added else None


def append_without_asking() -> None:
    """Believes that nothing is built yet, and its lake takes any version."""
    choose = build_features._choose
    build_features._choose = lambda lake, inputs, _: choose(_Forgetful(lake, inputs.sessions[-2]), inputs, None)


class _Forgetful:
    """Holds nothing from a session on."""

    def __init__(self, lake: Any, since: date) -> None:
        self._lake, self._since = lake, since

    def read(self, table: Any, **named: Any) -> Any:
        found = self._lake.read(table, **named)
        return found.filter(found["session"] < self._since)


JOB = Job(
    places=PLACES,
    work=build,
    look=look,
    mutants={
        "forget the store behind": (forget_the_store_behind, "after append 1"),
        "append without asking": (append_without_asking, "after append 1"),
    },
)


def _load_two_more(state: Path) -> None:
    with open_runtime(Settings(state_dir=state)) as runtime:
        runtime.ingest_sessions(2, requested_by="fault suite")


def main(folder: Path) -> None:
    state = folder / "prepared"
    copy_loaded_market(state)
    ask(partial(_load_two_more, state), folder)
    (state / "event_log.db").unlink()  # large, and no source of features
    kill_everywhere(JOB, state, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

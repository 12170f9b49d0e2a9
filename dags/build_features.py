"""# Build features.

Computes the features of every session that the market clock has reached and that has none yet, into the lake and, for
the newest sessions, into the online store. New bars wake it: `session_bars` leads to `session_features`, which wakes
`run_decision_cycle`; `history_bars` leads to `history_features`, which wakes nothing. What was delivered last is also
announced on the topic `market.features`, for `tradeops serve`.

## Parameters
- `first`, `last`: build this range again. Only values that differ are written, as a newer version; decisions made
  before keep what they saw. Leave both empty to build what is missing.

## Safe to clear
Everything, at any time. What is built already is not built again.

## If it fails
1. Read the error above. `ConfigurationError`: correct the setting it names. `DataError`: the lake lacks bars that the
   market clock claims; run `backfill_history` over the range. `ExternalServiceError`: the disk is full or a file is
   locked.
2. Killed without an error: look for "Out of memory" in the machine's log (`dmesg`), make room.
3. Clear the failed task. No session is decided without its features: decisions wait until this has run.
"""

from datetime import date
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from tradeops.entrypoints.airflow.assets import HISTORY_BARS, HISTORY_FEATURES, SESSION_BARS, SESSION_FEATURES
from tradeops.entrypoints.airflow.failure_mail import mail_failure
from tradeops.entrypoints.airflow.task_defaults import BATCH


@dag(
    dag_id="build_features",
    doc_md=__doc__,
    schedule=(SESSION_BARS | HISTORY_BARS),
    tags=["features"],
    default_args=BATCH,
    max_active_runs=1,
    on_failure_callback=mail_failure,
    params={
        "first": Param(None, type=["null", "string"], format="date", description="build again from this session on"),
        "last": Param(None, type=["null", "string"], format="date", description="build again up to this session"),
    },
)
def build_features() -> None:
    """Build what is missing, and say whom it is for."""

    @task(outlets=[HISTORY_FEATURES])
    def build_history() -> dict[str, Any]:
        """Build after a backfill, or a range again."""
        from tradeops.entrypoints.airflow import market_tasks

        context = get_current_context()
        first, last = (context["params"][name] for name in ("first", "last"))
        woken_by = {asset.name for asset in context["triggering_asset_events"]}
        if not (first or last or HISTORY_BARS.name in woken_by):
            raise AirflowSkipException("no history was loaded and no range is asked for")
        return market_tasks.build_features(*(date.fromisoformat(day) if day else None for day in (first, last)))

    @task(outlets=[SESSION_FEATURES], trigger_rule="none_failed")
    def build_sessions() -> dict[str, Any]:
        """Build the newest sessions."""
        from tradeops.entrypoints.airflow import market_tasks

        context = get_current_context()
        woken_by = {asset.name for asset in context["triggering_asset_events"]}
        if (woken_by and SESSION_BARS.name not in woken_by) or context["params"]["first"] or context["params"]["last"]:
            raise AirflowSkipException("no new session was delivered")
        return market_tasks.build_session_features()

    build_history() >> build_sessions()


build_features()

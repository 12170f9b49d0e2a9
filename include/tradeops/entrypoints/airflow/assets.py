"""What one DAG makes and another waits for."""

from airflow.sdk import Asset

SESSION_BARS = Asset("session_bars", uri="x-tradeops://market/session_bars")

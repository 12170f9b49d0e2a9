"""What one DAG makes and another waits for."""

from airflow.sdk import Asset

SESSION_BARS = Asset("session_bars", uri="x-tradeops://market/session_bars")
HISTORY_BARS = Asset("history_bars", uri="x-tradeops://market/history_bars")
SESSION_FEATURES = Asset("session_features", uri="x-tradeops://features/session_features")
HISTORY_FEATURES = Asset("history_features", uri="x-tradeops://features/history_features")
DECISIONS = Asset("decisions", uri="x-tradeops://ledger/decisions")

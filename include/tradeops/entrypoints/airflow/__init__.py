"""What the DAG files share: assets, task defaults, notifications, run notes."""

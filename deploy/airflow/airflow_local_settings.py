"""Loaded by every Airflow process of the compose file, before anything else."""

from tradeops.entrypoints.airflow.process_set_up import set_up_process

__all__: list[str] = []
set_up_process(("celery", "worker"))

"""Opens the runtime inside a task and tells Airflow which errors a retry cannot cure."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowException, AirflowFailException

if TYPE_CHECKING:
    from tradeops.bootstrap.runtime import Runtime


@contextmanager
def fail_unless_retryable() -> Iterator[None]:
    """Turn every error that does not call itself retryable into one that Airflow does not retry.

    Raises:
        AirflowFailException: The block failed in a way that a second try would repeat.
    """
    try:
        yield
    except AirflowException:
        raise
    except Exception as error:
        if getattr(error, "retryable", False):
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error


@contextmanager
def open_task_runtime() -> Iterator["Runtime"]:
    """Open the runtime for the time of a task.

    Raises:
        AirflowFailException: The task failed in a way that a second try would repeat.
    """
    from tradeops.bootstrap.runtime import open_runtime  # noqa: PLC0415 - paid in the task, not at every parse
    from tradeops.settings import load_settings  # noqa: PLC0415

    with fail_unless_retryable(), open_runtime(load_settings()) as runtime:
        yield runtime

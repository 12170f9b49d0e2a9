"""A limit for calls that have none."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


def call_within(seconds: float, call: Callable[[], Result]) -> Result:
    """Call in a thread and wait; the client library waits for a broker's answer without limit.

    Raises:
        TimeoutError: No result in time. The call goes on; what it does later must be harmless.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised where the caller waits
            outcome.set_exception(error)

    threading.Thread(target=run, name="bounded call", daemon=True).start()
    return outcome.result(seconds)

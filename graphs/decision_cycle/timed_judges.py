"""Agents judge on threads of their own, so that a late answer can be left behind."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Final

from tradeops.domain.identifiers import AgentId
from tradeops.domain.opinions import Opinions

Judge = Callable[[], Opinions]
_Task = tuple[Judge, "Future[Opinions]"]

# Every judgement of today is there by then, and a blocked loop costs less than a switch back to it.
_AT_ONCE_SECONDS: Final = 0.05


class TimedJudges:
    """Threads for numeric agents, made when one is needed; of one event loop, closed by its owner.

    A thread cannot be killed: one that is late is left alone with its agent, which knows only its view, and
    what it says then is read by nobody.

    Args:
        seconds: How long an agent may take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._idle: list[_JudgeThread] = []
        self._late: dict[_JudgeThread, AgentId] = {}

    async def ask(self, agent: AgentId, judge: Judge) -> Opinions | None:
        """What an agent says in time; None when it does not. Other agents are asked meanwhile."""
        thread = self._idle.pop() if self._idle else _JudgeThread()
        answer = thread.give(judge)
        if not wait((answer,), timeout=min(_AT_ONCE_SECONDS, self._seconds)).done:
            waited = asyncio.wrap_future(answer)
            await asyncio.wait((waited,), timeout=self._seconds - _AT_ONCE_SECONDS)
            waited.cancel()  # what comes later must not look for a loop that is gone
        if not answer.done():
            thread.leave()
            self._late[thread] = agent
            return None
        self._idle.append(thread)
        return answer.result()

    def list_hung(self) -> tuple[AgentId, ...]:
        """Agents that were late and are at it still; their process has to be replaced."""
        return tuple(sorted(agent for thread, agent in self._late.items() if thread.is_alive()))

    def close(self) -> None:
        """End the threads that wait for work; a hung one ends with the process."""
        for thread in self._idle:
            thread.leave()
            thread.join()
        self._idle.clear()


class _JudgeThread(threading.Thread):
    """One worker; a daemon, because a process must not wait for a hung one to end."""

    def __init__(self) -> None:
        super().__init__(name="judge", daemon=True)
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self.start()

    def give(self, judge: Judge) -> "Future[Opinions]":
        answer: Future[Opinions] = Future()
        answer.set_running_or_notify_cancel()
        self._tasks.put((judge, answer))
        return answer

    def leave(self) -> None:
        """Nothing more will come."""
        self._tasks.put(None)

    def run(self) -> None:
        while (task := self._tasks.get()) is not None:
            judge, answer = task
            try:
                answer.set_result(judge())
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
                answer.set_exception(error)

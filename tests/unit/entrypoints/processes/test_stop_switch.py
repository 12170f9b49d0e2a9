"""A signal asks for an end, wakes whoever sleeps, and enforces it after the deadline."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from tests.conftest import ROOT
from tradeops.entrypoints.processes.stop_switch import ENDING, DeadlinePassed, HandedBack, StopSwitch


@pytest.fixture(autouse=True)
def same_signals_as_before() -> Iterator[None]:
    before = {signum: signal.getsignal(signum) for signum in (*ENDING, signal.SIGALRM)}
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", ENDING)
def test_signal_asks_and_the_next_check_hands_back(signum: int) -> None:
    switch = StopSwitch(600.0)
    switch.listen()
    switch.check()
    os.kill(os.getpid(), signum)

    assert switch.asked
    with pytest.raises(HandedBack):
        switch.check()
    switch.wait(3600.0)  # returns at once


def test_signal_wakes_a_sleeper() -> None:
    program = (
        "from tradeops.entrypoints.processes.stop_switch import StopSwitch\n"
        "switch = StopSwitch(600.0); switch.listen(); print('ready', flush=True)\n"
        "switch.wait(3600.0); print(switch.asked)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.05)
        child.terminate()
        assert child.stdout.read() == "True\n"
    assert child.returncode == 0


def test_deadline_ends_a_unit_that_does_not_end_even_where_one_exception_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    switch, alarms = StopSwitch(0.01), []
    expire = switch._expire

    def expire_twice(signum: int, frame: FrameType | None) -> None:
        """A third one might come when the test has ended."""
        alarms.append(signum)
        if len(alarms) > 1:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if len(alarms) <= 2:
            expire(signum, frame)

    monkeypatch.setattr(switch, "_expire", expire_twice)
    switch.listen()
    with pytest.raises(DeadlinePassed):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        except DeadlinePassed:
            time.sleep(60)
    assert len(alarms) == 2


def test_later_signals_do_not_move_the_deadline_and_after_release_nothing_comes() -> None:
    switch = StopSwitch(600.0)
    switch.listen()
    os.kill(os.getpid(), signal.SIGTERM)
    assert 300 < signal.getitimer(signal.ITIMER_REAL)[0] <= 600
    signal.setitimer(signal.ITIMER_REAL, 300)  # as if half of the time had passed
    os.kill(os.getpid(), signal.SIGTERM)
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 300
    switch.release()

    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    os.kill(os.getpid(), signal.SIGTERM)

"""A wall clock that jumps, for one process; time that only passes is not touched."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, tzinfo
from unittest.mock import patch

from tests.faults.real_servers.knob import Knob
from tradeops.adapters import notifier_mail_folder
from tradeops.adapters.ledger_sqlalchemy import chain
from tradeops.bootstrap import dead_letters, runtime, serving

# Whoever asks what time it is, of all that a process that serves loads.
_ASKING = (chain, dead_letters, notifier_mail_folder, runtime, serving)


@contextmanager
def shift_wall_clock(ahead: Knob) -> Iterator[None]:
    """`time.time` and every `datetime.now` of the product tell a time that is `ahead` by so many seconds."""
    tell_time = time.time

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=ahead.read())

    with ExitStack() as stack:
        stack.enter_context(patch.object(time, "time", lambda: tell_time() + ahead.read()))
        for module in _ASKING:
            stack.enter_context(patch.object(module, "datetime", Shifted))
        yield

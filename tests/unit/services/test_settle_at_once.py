"""Two processes settle the same book at once."""

from typing import Any

import pytest

from tests.unit.services.test_settle_session import DAYS, open_runner


def test_session_that_another_process_settles_meanwhile_is_returned_and_not_out_of_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner = open_runner()
    runner.settle(DAYS[0])
    look = runner.ledger.latest_settlement

    def look_after_others(book_id: Any) -> Any:
        monkeypatch.setattr(runner.ledger, "latest_settlement", look)
        for session in DAYS[1:3]:
            runner.settle(session)
        return look(book_id)

    monkeypatch.setattr(runner.ledger, "latest_settlement", look_after_others)

    settled = runner.settle(DAYS[1])
    assert settled.session == DAYS[1]
    assert settled == runner.ledger.find_settlement(settled.book_id, DAYS[1])

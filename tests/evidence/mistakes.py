"""Mistakes that killed installations must show: those of the fault suite, and some that need a death or a resend."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.faults.installation import Change
from tests.faults.mutants import MUTANTS, change_ledger
from tradeops.bootstrap.runtime import Runtime
from tradeops.domain.claims import Claim, InboxKey
from tradeops.domain.decisions import DecisionRecord
from tradeops.domain.identifiers import BookId
from tradeops.domain.orders import Order, OrderChange


def skip_record(ledger: Any, claim: Claim, record: DecisionRecord, asked_by: InboxKey) -> None:
    """Who goes on for a dead process believes that it left its record."""
    if claim.epoch == 1:
        ledger.record_decision(claim, record, asked_by)


@dataclass(frozen=True)
class StutteringLine:
    """Delivers each order twice."""

    inner: Any

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        self.inner.submit(book_id, order)
        answer: OrderChange = self.inner.submit(book_id, order)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def stutter(runtime: Runtime) -> Runtime:
    return dataclasses.replace(runtime, broker=StutteringLine(runtime.broker))  # type: ignore[arg-type]


MISTAKES: Mapping[str, Change] = {
    **MUTANTS,
    "record skipped by the heir": change_ledger(record_decision=skip_record),
    "line stutters": stutter,
}

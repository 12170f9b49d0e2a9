"""Ports behind a breaker: each call goes through it, and is otherwise the adapter's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from tradeops.domain.books import Book
from tradeops.domain.features import FeatureRows
from tradeops.domain.identifiers import BookId, ClientOrderId, ValueRef
from tradeops.domain.lake_tables import LakeTable
from tradeops.domain.orders import Order, OrderChange
from tradeops.ports.broker import Broker, SessionExecutions, TakenOrder
from tradeops.ports.feature_store import FeatureStore
from tradeops.ports.lake import Lake
from tradeops.ports.value_store import ValueStore
from tradeops.resilience.guarded_calls import GuardedCalls


@dataclass(frozen=True, slots=True)
class GuardedBroker:
    """`Broker` behind a breaker; an order that it keeps back with `CircuitOpen` was not sent."""

    broker: Broker
    guard: GuardedCalls

    def submit(self, book_id: BookId, order: Order) -> OrderChange:
        """See the port."""
        return self.guard.call(lambda: self.broker.submit(book_id, order))

    def cancel(self, book_id: BookId, client_order_id: ClientOrderId) -> OrderChange:
        """See the port."""
        return self.guard.call(lambda: self.broker.cancel(book_id, client_order_id))

    def find(self, client_order_ids: Sequence[ClientOrderId]) -> Mapping[ClientOrderId, OrderChange]:
        """See the port."""
        return self.guard.call(lambda: self.broker.find(client_order_ids))

    def list_orders(self) -> Iterator[TakenOrder]:
        """See the port; for a person's comparison, who sees by himself that the broker is away."""
        return self.broker.list_orders()

    def executions(self, book_id: BookId, session: date, account: Book) -> SessionExecutions:
        """See the port."""
        return self.guard.call(lambda: self.broker.executions(book_id, session, account))


@dataclass(frozen=True, slots=True)
class GuardedFeatureStore:
    """`FeatureStore` behind a breaker."""

    store: FeatureStore
    guard: GuardedCalls

    def read(self, session: date, *, market: int) -> FeatureRows:
        """See the port."""
        return self.guard.call(lambda: self.store.read(session, market=market))

    def write(self, rows: FeatureRows) -> None:
        """See the port."""
        self.guard.call(lambda: self.store.write(rows))


@dataclass(frozen=True, slots=True)
class GuardedLake:
    """`Lake` behind a breaker."""

    lake: Lake
    guard: GuardedCalls

    def sealed_version(self, table: LakeTable, writer: str) -> int:
        """See the port."""
        return self.guard.call(lambda: self.lake.sealed_version(table, writer))

    def append(
        self, table: LakeTable, rows: pl.DataFrame, *, writer: str, version: int, after: int | None = None
    ) -> bool:
        """See the port."""
        return self.guard.call(lambda: self.lake.append(table, rows, writer=writer, version=version, after=after))

    def read(
        self,
        table: LakeTable,
        *,
        columns: Sequence[str] | None = None,
        first: date | None = None,
        last: date | None = None,
    ) -> pl.DataFrame:
        """See the port."""
        return self.guard.call(lambda: self.lake.read(table, columns=columns, first=first, last=last))


@dataclass(frozen=True, slots=True)
class GuardedValues:
    """`ValueStore` behind a breaker."""

    values: ValueStore
    guard: GuardedCalls

    def put(self, data: bytes) -> ValueRef:
        """See the port."""
        return self.guard.call(lambda: self.values.put(data))

    def put_all(self, values: Sequence[bytes]) -> tuple[ValueRef, ...]:
        """See the port."""
        return self.guard.call(lambda: self.values.put_all(values))

    def get(self, ref: ValueRef) -> bytes:
        """See the port."""
        return self.guard.call(lambda: self.values.get(ref))

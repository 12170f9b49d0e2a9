"""The ledger in memory."""

import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TypeVar

import psutil

from tests.fakes.chain import FakeStreams
from tradeops.domain.bundles import Bundle
from tradeops.domain.canonical import decimal_text, encode_canonical
from tradeops.domain.claims import Claim, ClaimRequest, ClockMove, InboxKey, Owner
from tradeops.domain.decisions import DecisionRecord
from tradeops.domain.errors import CycleConflict, CycleHeld, IllegalTransition, StaleEpoch, UnknownRecord
from tradeops.domain.identifiers import BookId, BundleId, ClientOrderId, CycleId, LearnerStateId, PolicyVersion
from tradeops.domain.learners import LearnerState
from tradeops.domain.lifecycle import CYCLE_STEPS, ORDER_STEPS, CycleState, OrderState, advance
from tradeops.domain.market import Watermark
from tradeops.domain.models import ModelRef, Promotion, check_promotion
from tradeops.domain.orders import Fill, Order, OrderChange
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.settlements import Settlement
from tradeops.domain.trading_window import WindowChange, check_window_change
from tradeops.domain.verdicts import KillSwitch
from tradeops.ports.ledger import ChainHead, OutboxRow

K = TypeVar("K")
V = TypeVar("V")


def is_gone(owner: Owner) -> bool:
    if owner.host != socket.gethostname():
        return False
    return not psutil.pid_exists(owner.pid) or abs(psutil.Process(owner.pid).create_time() - owner.started) > 2


@dataclass
class _Held:
    claim: Claim
    as_of: datetime
    owner: Owner
    ttl: float
    expires: float


@dataclass
class InMemoryLedger:
    clock: Callable[[], float] = time.time
    is_dead: Callable[[Owner], bool] = is_gone
    streams: FakeStreams = field(default_factory=FakeStreams)
    held: dict[CycleId, _Held] = field(default_factory=dict)
    decisions: list[DecisionRecord] = field(default_factory=list)
    changes: dict[ClientOrderId, list[OrderChange]] = field(default_factory=dict)
    inbox: dict[InboxKey, CycleId] = field(default_factory=dict)
    outbox: list[OutboxRow] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=dict)
    settled: dict[BookId, dict[date, Settlement]] = field(default_factory=lambda: defaultdict(dict))
    closed: dict[BookId, date] = field(default_factory=dict)
    learners: dict[LearnerStateId, LearnerState] = field(default_factory=dict)
    policies: dict[PolicyVersion, TradingPolicy] = field(default_factory=dict)
    bundles: dict[BundleId, Bundle] = field(default_factory=dict)
    switches: dict[BookId, KillSwitch] = field(default_factory=dict)
    moves: dict[str, ClockMove] = field(default_factory=dict)
    promotions: dict[tuple[str, ModelRef], Promotion] = field(default_factory=dict)
    window: dict[str, WindowChange] = field(default_factory=dict)

    def close(self) -> None:
        pass

    # Claims

    def claim_cycle(self, request: ClaimRequest) -> Claim:
        for held in self.held.values():
            if (held.claim.book_id, held.as_of) == (request.book_id, request.as_of):
                return self._claim_again(held, request)
        watermark = Watermark(market=self.streams.length("market"), ledger=self.streams.length(request.book_id.stream))
        claim = Claim(
            cycle_id=request.cycle_id,
            book_id=request.book_id,
            session=request.session,
            epoch=1,
            state=CycleState.CLAIMED,
            watermark=watermark,
            bundle=request.bundle,
            universe_version=request.universe_version,
        )
        return self._grant(claim, request)

    def _claim_again(self, held: _Held, request: ClaimRequest) -> Claim:
        if held.claim.state is CycleState.CLOSED:
            return held.claim
        if held.owner != request.owner and held.expires > self.clock() and not self.is_dead(held.owner):
            raise CycleHeld(f"held by {held.owner}")
        return self._grant(replace(held.claim, epoch=held.claim.epoch + 1), request)

    def _grant(self, claim: Claim, request: ClaimRequest) -> Claim:
        expires = self.clock() + request.ttl_seconds
        self.held[claim.cycle_id] = _Held(claim, request.as_of, request.owner, request.ttl_seconds, expires)
        grant = {
            "cycle_id": claim.cycle_id,
            "session": claim.session,
            "as_of": request.as_of,
            "bundle": claim.bundle,
            "universe_version": claim.universe_version,
            "watermark": claim.watermark,
            "owner": request.owner,
        }
        key, payload = f"{_text(request.as_of)}/{claim.epoch:06d}", encode_canonical(grant).decode()
        self.streams.append(claim.book_id.claims_stream, "claim", key, payload, claim.epoch)
        return claim

    def renew_claim(self, claim: Claim) -> None:
        held = self._check_epoch(claim)
        held.expires = self.clock() + held.ttl

    def _check_epoch(self, claim: Claim) -> _Held:
        held = self.held.get(claim.cycle_id)
        if held is None or held.claim.epoch != claim.epoch:
            raise StaleEpoch("a newer claim exists")
        return held

    def _refuse_closed(self, held: _Held) -> None:
        if held.claim.state is CycleState.CLOSED:
            raise StaleEpoch("closed")

    # Decisions

    def record_decision(self, claim: Claim, record: DecisionRecord, asked_by: InboxKey) -> None:
        held, decision = self._check_epoch(claim), record.decision
        known = self.streams.find(claim.book_id.stream, "decision", _text(decision.as_of))
        if known is not None:
            if known != decision.canonical_bytes.decode():
                raise CycleConflict("decided otherwise")
            return
        self._refuse_closed(held)
        granted = (held.claim.cycle_id, held.claim.book_id, held.as_of, held.claim.watermark)
        if granted != (decision.cycle_id, decision.book_id, decision.as_of, decision.watermark):
            raise CycleConflict("not what was claimed")
        if asked_by in self.inbox:
            raise CycleConflict("event spent")
        held.claim = replace(held.claim, state=advance(CYCLE_STEPS, held.claim.state, CycleState.DECIDED))
        self._append(claim, "decision", _text(decision.as_of), decision)
        self.inbox[asked_by] = decision.cycle_id
        self._tell(claim.book_id.stream, "decisions", decision.cycle_id)
        self.decisions.append(record)
        for order in decision.orders:
            first = OrderChange(
                client_order_id=order.client_order_id, state=OrderState.NEW, reason="recorded with its decision"
            )
            self.changes[order.client_order_id] = [first]

    def record_order_changes(self, claim: Claim, changes: Sequence[OrderChange]) -> None:
        held = self._check_epoch(claim)
        new = self._select_new(claim.book_id, changes)
        if new:
            self._refuse_closed(held)
        for change in new:
            self._append(claim, "order_change", f"{change.client_order_id}/{change.state.value}", change)
            self.changes[change.client_order_id].append(change)

    def _select_new(self, book_id: BookId, changes: Sequence[OrderChange]) -> list[OrderChange]:
        own = {order.client_order_id for order in self._orders(book_id)}
        reached = {order: [change.state for change in made] for order, made in self.changes.items() if order in own}
        new = []
        for change in changes:
            if change.client_order_id not in reached:
                raise UnknownRecord(f"no order {change.client_order_id}")
            states = reached[change.client_order_id]
            if change.state not in states:
                states.append(advance(ORDER_STEPS, states[-1], change.state))
                new.append(change)
        return new

    def _orders(self, book_id: BookId) -> list[Order]:
        own = (record.decision for record in self.decisions if record.decision.book_id == book_id)
        return [order for decision in own for order in decision.orders]

    def close_cycle(self, claim: Claim) -> None:
        held = self._check_epoch(claim)
        if held.claim.state is CycleState.CLOSED:
            return
        held.claim = replace(held.claim, state=advance(CYCLE_STEPS, held.claim.state, CycleState.CLOSED))
        self.closed[claim.book_id] = max(claim.session, self.closed.get(claim.book_id, claim.session))
        content = {"cycle_id": claim.cycle_id, "session": claim.session}
        self._append(claim, "cycle_closed", _text(held.as_of), content)

    def _append(self, claim: Claim, kind: str, key: str, content: object) -> None:
        payload = encode_canonical(content).decode()
        self.streams.append(claim.book_id.stream, kind, key, payload, claim.epoch)

    def find_decision(self, book_id: BookId, session: date) -> DecisionRecord | None:
        own = (record for record in self.list_decisions(book_id) if record.decision.session == session)
        return next(own, None)

    def get_decision(self, cycle_id: CycleId) -> DecisionRecord:
        found = [record for record in self.decisions if record.decision.cycle_id.startswith(cycle_id)]
        if len(found) != 1 or not cycle_id:
            raise UnknownRecord(f"{len(found)} decisions begin with {cycle_id!r}")
        return found[0]

    def list_decisions(self, book_id: BookId | None = None) -> Iterator[DecisionRecord]:
        return (record for record in self.decisions if book_id in (None, record.decision.book_id))

    def last_closed_session(self, book_id: BookId) -> date | None:
        return self.closed.get(book_id)

    def orders_in(self, cycle_id: CycleId, state: OrderState) -> tuple[Order, ...]:
        return self.orders_by_state(cycle_id).get(state, ())

    def orders_by_state(self, cycle_id: CycleId) -> Mapping[OrderState, tuple[Order, ...]]:
        found: dict[OrderState, list[Order]] = defaultdict(list)
        for order in (o for r in self.decisions if r.decision.cycle_id == cycle_id for o in r.decision.orders):
            found[self.changes[order.client_order_id][-1].state].append(order)
        return {state: tuple(sorted(own, key=lambda order: order.client_order_id)) for state, own in found.items()}

    def order_states(self, book_id: BookId) -> Mapping[ClientOrderId, tuple[OrderChange, ...]]:
        return {o.client_order_id: tuple(self.changes[o.client_order_id]) for o in self._orders(book_id)}

    # Boxes

    def _tell(self, stream: str, topic: str, key: str) -> None:
        self.outbox.append(OutboxRow(stream=stream, sequence=self.streams.length(stream), topic=topic, key=key))

    def find_effect(self, event: InboxKey) -> CycleId | None:
        return self.inbox.get(event)

    def read_outbox(self, limit: int) -> tuple[OutboxRow, ...]:
        return tuple(row for row in self.outbox if row.sequence > self.told.get(row.stream, 0))[:limit]

    def advance_outbox(self, told: Sequence[OutboxRow]) -> None:
        for row in told:
            self.told[row.stream] = max(row.sequence, self.told.get(row.stream, 0))

    # Bookkeeping

    def record_settlement(self, settlement: Settlement, learner_states: Sequence[LearnerState]) -> None:
        known = self.settled[settlement.book_id].get(settlement.session)
        if known is not None and encode_canonical(known) != encode_canonical(settlement):
            raise CycleConflict("settled otherwise")
        if known is None:
            self._settle(settlement)
        for state in learner_states:
            if state.state_id not in self.learners:
                self.learners[state.state_id] = state
                self.streams.append("learners", "learner_state", state.state_id, encode_canonical(state).decode())

    def _settle(self, settlement: Settlement) -> None:
        book_id, changes = settlement.book_id, list(settlement.order_changes)
        if self._select_new(book_id, changes) != changes:
            raise IllegalTransition("repeats a state")
        key = settlement.session.isoformat()
        self.streams.append(book_id.stream, "settlement", key, encode_canonical(settlement).decode())
        self.settled[book_id][settlement.session] = settlement
        self._tell(book_id.stream, "settlements", f"{book_id}/{key}")
        for change in changes:
            self.changes[change.client_order_id].append(change)

    def find_settlement(self, book_id: BookId, session: date) -> Settlement | None:
        return self.settled[book_id].get(session)

    def latest_settlement(self, book_id: BookId) -> Settlement | None:
        return max(self.settled[book_id].values(), key=lambda settlement: settlement.session, default=None)

    def list_settlements(self, book_id: BookId) -> Iterator[Settlement]:
        return (self.settled[book_id][session] for session in sorted(self.settled[book_id]))

    def list_fills(self, book_id: BookId) -> tuple[Fill, ...]:
        return tuple(fill for settlement in self.settled[book_id].values() for fill in settlement.fills)

    def recent_equity(self, book_id: BookId, before: date, count: int) -> tuple[str, ...]:
        past = [settlement for settlement in self.list_settlements(book_id) if settlement.session < before]
        return tuple(decimal_text(settlement.equity) for settlement in past[-count:] if count)

    def learner_state(self, state_id: LearnerStateId) -> LearnerState:
        return _get(self.learners, state_id)

    # Configuration

    def record_policy(self, policy: TradingPolicy) -> None:
        if policy.version not in self.policies:
            self.policies[policy.version] = policy
            self.streams.append("configuration", "policy", policy.version, encode_canonical(policy).decode())

    def policy(self, version: PolicyVersion) -> TradingPolicy:
        return _get(self.policies, version)

    def record_bundle(self, bundle: Bundle) -> None:
        if bundle.bundle_id not in self.bundles:
            self.bundles[bundle.bundle_id] = bundle
            self.streams.append("configuration", "bundle", bundle.bundle_id, encode_canonical(bundle).decode())

    def bundle(self, bundle_id: BundleId) -> Bundle:
        return _get(self.bundles, bundle_id)

    def kill_switch(self, book_id: BookId) -> KillSwitch:
        return self.switches.get(book_id, KillSwitch.OFF)

    def set_kill_switch(self, book_id: BookId, level: KillSwitch, *, person: str, reason: str) -> None:
        stream = book_id.stream
        content = encode_canonical({"level": level, "person": person, "reason": reason}).decode()
        self.streams.append(stream, "kill_switch", f"{self.streams.length(stream) + 1:012d}", content)
        self.switches[book_id] = level

    # Market clock

    def market_clock(self) -> date | None:
        return list(self.moves.values())[-1].after if self.moves else None

    def clock_move(self, market: int) -> ClockMove:
        return _get(dict(enumerate(self.moves.values(), 1)), market)

    def market_sequence(self) -> int:
        return len(self.moves)

    def find_clock_move(self, requested_by: str) -> ClockMove | None:
        return self.moves.get(requested_by)

    def record_clock_move(self, move: ClockMove) -> None:
        if move.requested_by in self.moves:
            return
        if self.market_clock() != move.before:
            raise CycleConflict("the clock stands elsewhere")
        self.moves[move.requested_by] = move
        self.streams.append("market", "clock_move", move.requested_by, encode_canonical(move).decode())

    # Promotions

    def record_promotion(self, promotion: Promotion) -> None:
        key = (promotion.requested_by, promotion.model)
        if key not in self.promotions:
            check_promotion(promotion, self.promotions.values())
            self.promotions[key] = promotion
            name = f"{promotion.model} {promotion.requested_by}"
            self.streams.append("promotions", "promotion", name, encode_canonical(promotion).decode())

    def find_promotion(self, requested_by: str, model: ModelRef) -> Promotion | None:
        return self.promotions.get((requested_by, model))

    def list_promotions(self) -> tuple[Promotion, ...]:
        return tuple(self.promotions.values())

    # Trading window

    def record_window_change(self, change: WindowChange) -> None:
        if change.requested_by not in self.window:
            check_window_change(change, self.newest_window_change())
            self.window[change.requested_by] = change
            payload = encode_canonical(change).decode()
            self.streams.append("trading_window", "window_change", change.requested_by, payload)

    def newest_window_change(self) -> WindowChange | None:
        return next(reversed(self.window.values()), None)

    def list_window_changes(self) -> tuple[WindowChange, ...]:
        return tuple(self.window.values())

    # Chains

    def chain_heads(self) -> tuple[ChainHead, ...]:
        return self.streams.heads()

    def count_rows(self) -> Mapping[str, int]:
        orders = [order for record in self.decisions for order in record.decision.orders]
        settlements = [settlement for own in self.settled.values() for settlement in own.values()]
        return {
            "claims": len(self.held),
            "decisions": len(self.decisions),
            "entries": sum(len(entries) for entries in self.streams.entries.values()),
            "fills": sum(len(settlement.fills) for settlement in settlements),
            "inbox": len(self.inbox),
            "order_states": sum(len(made) for made in self.changes.values()),
            "orders": len(orders),
            "outbox": len(self.outbox),
            "outbox_cursor": len(self.told),
            "settlements": len(settlements),
            "streams": len(self.streams.heads()),
        }

    def verify_chains(self) -> None:
        self.streams.verify()


def _text(moment: datetime) -> str:
    return encode_canonical(moment).decode().strip('"')


def _get(known: Mapping[K, V], key: K) -> V:
    if key not in known:
        raise UnknownRecord(f"nothing is recorded under {key}")
    return known[key]

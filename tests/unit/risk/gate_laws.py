"""The laws of the gate, checked on any function that claims to be one; measures uses on its own."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

from tradeops.domain.decisions import BookState
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import MarketView
from tradeops.domain.orders import OrderIntent
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.verdicts import KillSwitch, RiskVerdict, VerdictKind

Gate = Callable[..., tuple[RiskVerdict, ...]]
TOLERANCE = Decimal("0.0001")  # of the expected costs, which the gate rounds to millionths
ZERO = Decimal(0)


@dataclass(frozen=True)
class Scenario:
    intents: tuple[OrderIntent, ...]
    state: BookState
    view: MarketView
    policy: TradingPolicy
    net_edges: Mapping[InstrumentId, float]
    open_orders: tuple[OrderIntent, ...]
    restricted: Collection[InstrumentId]
    unknown: Collection[InstrumentId]

    def ask(self, gate: Gate, intents: Sequence[OrderIntent]) -> tuple[RiskVerdict, ...]:
        return gate(
            intents,
            state=self.state,
            view=self.view,
            policy=self.policy,
            net_edges=self.net_edges,
            open_orders=self.open_orders,
            restricted=self.restricted,
            unknown=self.unknown,
        )

    def held(self, name: InstrumentId) -> Decimal:
        waiting = sum((o.signed_quantity for o in self.open_orders if o.instrument == name), ZERO)
        return self.state.book.quantity(name) + waiting

    def price(self, name: InstrumentId) -> Decimal:
        return self.view.reference_prices[name]

    def is_opposing(self, intent: OrderIntent) -> bool:
        held = self.held(intent.instrument)
        return (held > 0 and intent.signed_quantity < 0) or (held < 0 and intent.signed_quantity > 0)

    def is_admissible(self, intent: OrderIntent) -> bool:
        """Passes what nobody is exempt from."""
        name = intent.instrument
        if name in self.restricted or name in self.unknown or self.state.kill_switch is KillSwitch.FREEZE:
            return False
        if name not in self.view.instruments or intent.reference_price != self.price(name):
            return False
        column = self.view.instruments.index(name)
        before = Decimal(repr(float(self.view.columns["close"][-2, column])))
        after = self.price(name) * Decimal(repr(float(self.view.columns["split"][-1, column])))
        return abs(after - before) <= self.policy.limits.price_move * before


def check_laws(gate: Gate, scenario: Scenario) -> None:
    """Raise AssertionError where a law is broken."""
    verdicts = scenario.ask(gate, scenario.intents)
    by_id = {intent.client_order_id: intent for intent in scenario.intents}
    assert [v.client_order_id for v in verdicts] == sorted(by_id)
    for backwards in (scenario.intents[::-1], scenario.intents[1:] + scenario.intents[:1]):
        assert scenario.ask(gate, backwards) == verdicts, "the order of arrival decided"
    approved = [replace(by_id[v.client_order_id], quantity=v.approved) for v in verdicts if v.approved > 0]
    with localcontext(Context(prec=60)):
        _check_verdicts(scenario, by_id, verdicts)
        _check_admission(scenario, by_id, verdicts)
        _check_direction(scenario, approved)
        _check_uses(scenario, approved)
        _check_exemption(scenario, verdicts)
        _check_generosity(scenario, verdicts)
    again = scenario.ask(gate, approved)
    assert all(v.kind is VerdictKind.APPROVED for v in again), "the gate changed its own answer"


def check_package_laws(gate: Gate, scenario: Scenario) -> None:
    """A package passes whole or not at all; all laws hold but those that promise single orders to pass."""
    verdicts = scenario.ask(gate, scenario.intents)
    by_id = {intent.client_order_id: intent for intent in scenario.intents}
    assert [v.client_order_id for v in verdicts] == sorted(by_id)
    passed: dict[object, set[bool]] = {}
    for verdict in verdicts:
        package = by_id[verdict.client_order_id].package
        if package is not None:
            assert verdict.kind is not VerdictKind.CLAMPED, "a leg passed smaller"
            passed.setdefault(package, set()).add(verdict.approved > 0)
    assert all(len(each) == 1 for each in passed.values()), "a leg passed without the others"
    approved = [replace(by_id[v.client_order_id], quantity=v.approved) for v in verdicts if v.approved > 0]
    with localcontext(Context(prec=60)):
        _check_verdicts(scenario, by_id, verdicts)
        _check_admission(scenario, by_id, verdicts)
        _check_direction(scenario, approved)
        _check_uses(scenario, approved)
    again = scenario.ask(gate, approved)
    assert all(v.kind is VerdictKind.APPROVED for v in again), "the gate changed its own answer"


def _check_verdicts(scenario: Scenario, by_id: Mapping[str, OrderIntent], verdicts: Sequence[RiskVerdict]) -> None:
    for verdict in verdicts:
        intent = by_id[verdict.client_order_id]
        assert verdict.side is intent.side and verdict.instrument == intent.instrument
        assert 0 <= verdict.approved <= verdict.proposed == intent.quantity
        assert verdict.approved % scenario.policy.universe.lot == 0
        assert verdict.limits_version == scenario.policy.version and verdict.clamp_cost >= 0
        if verdict.kind is not VerdictKind.APPROVED:
            assert verdict.limits, "shares were withheld without a named limit"


def _check_admission(scenario: Scenario, by_id: Mapping[str, OrderIntent], verdicts: Sequence[RiskVerdict]) -> None:
    passed = [by_id[v.client_order_id] for v in verdicts if v.approved > 0]
    assert all(scenario.is_admissible(intent) for intent in passed), "an inadmissible order passed"
    if scenario.state.kill_switch is not KillSwitch.OFF:
        assert all(scenario.is_opposing(intent) for intent in passed), "close_only let an order open"
    assert len(passed) <= scenario.policy.limits.largest_order_count


def _check_direction(scenario: Scenario, approved: Sequence[OrderIntent]) -> None:
    for name in {intent.instrument for intent in approved}:
        held = scenario.held(name)
        sold = sum((o.quantity for o in approved if o.instrument == name and o.signed_quantity < 0), ZERO)
        assert sold <= max(held, ZERO), "sold what is not held"


def _check_uses(scenario: Scenario, approved: Sequence[OrderIntent]) -> None:
    reducing = [intent for intent in approved if scenario.is_opposing(intent)]
    for allowed, use in _measures(scenario):
        assert use(approved) <= max(allowed, use(reducing)) + TOLERANCE, "a limit is broken"


def _check_exemption(scenario: Scenario, verdicts: Sequence[RiskVerdict]) -> None:
    """An admissible reducing order passes whole, in lots, unless too many of them are sent."""
    by_id = {intent.client_order_id: intent for intent in scenario.intents}
    reducing = [i for i in scenario.intents if scenario.is_opposing(i) and scenario.is_admissible(i)]
    if len(reducing) > scenario.policy.limits.largest_order_count:
        return
    for verdict in verdicts:
        intent = by_id[verdict.client_order_id]
        same = sum((i.quantity for i in reducing if i.instrument == intent.instrument), ZERO)
        if intent in reducing and same <= abs(scenario.held(intent.instrument)):
            lot = scenario.policy.universe.lot
            assert verdict.approved == intent.quantity - intent.quantity % lot, "a reducing order was held back"


def _check_generosity(scenario: Scenario, verdicts: Sequence[RiskVerdict]) -> None:
    """What fits every limit passes whole."""
    lot, most = scenario.policy.universe.lot, scenario.policy.limits.largest_order_count
    fine = all(
        scenario.is_admissible(i) and i.signed_quantity > 0 and not scenario.is_opposing(i) and i.quantity % lot == 0
        for i in scenario.intents
    )
    fine = fine and scenario.state.kill_switch is KillSwitch.OFF and len(scenario.intents) <= most
    if fine and all(use(scenario.intents) <= allowed - TOLERANCE for allowed, use in _measures(scenario)):
        assert all(v.kind is VerdictKind.APPROVED for v in verdicts), "a limit with room withheld shares"


def _measures(scenario: Scenario) -> list[tuple[Decimal, Callable[[Sequence[OrderIntent]], Decimal]]]:
    limits, equity = scenario.policy.limits, scenario.state.equity
    above = max(equity, ZERO)
    names = sorted({*scenario.state.book.positions, *(o.instrument for o in scenario.open_orders)})
    names = sorted({*names, *(i.instrument for i in scenario.intents if i.instrument in scenario.view.instruments)})

    def exposure(name: InstrumentId, orders: Sequence[OrderIntent]) -> Decimal:
        moved = sum((o.signed_quantity for o in orders if o.instrument == name), scenario.held(name))
        return abs(moved * scenario.price(name))

    def gross(orders: Sequence[OrderIntent]) -> Decimal:
        return sum((exposure(name, orders) for name in names), ZERO)

    def not_cash(orders: Sequence[OrderIntent]) -> Decimal:
        paid = sum((o.signed_quantity * scenario.price(o.instrument) for o in scenario.open_orders), ZERO)
        paid += sum((o.signed_quantity * o.reference_price + _cost(scenario, o) for o in orders), ZERO)
        return equity - scenario.state.book.cash + paid

    singles = [(limits.single_name * above, lambda orders, name=name: exposure(name, orders)) for name in names]
    return [*singles, (_guarded_gross(scenario), gross), (equity - limits.cash_buffer * above, not_cash)]


def _guarded_gross(scenario: Scenario) -> Decimal:
    limits, equity, peak = scenario.policy.limits, scenario.state.equity, scenario.state.peak_equity
    if equity <= 0:
        return ZERO
    drawdown = 1 - equity / peak
    slope = (limits.drawdown_stop - drawdown) / (limits.drawdown_stop - limits.drawdown_start)
    return limits.gross * equity * min(Decimal(1), max(ZERO, slope))


def _cost(scenario: Scenario, order: OrderIntent) -> Decimal:
    costs, column = scenario.policy.costs, scenario.view.instruments.index(order.instrument)
    volumes, splits = (scenario.view.columns[c][-20:, column].tolist() for c in ("volume", "split"))
    today, factor = [], 1.0
    for volume, split in zip(reversed(volumes), reversed(splits), strict=True):
        today.append(volume * factor)
        factor *= split
    daily = Decimal(sum(today) / 20)
    impact = costs.impact * (order.quantity / (costs.impact_participation * daily)).sqrt() if daily > 0 else ZERO
    commission = max(costs.commission_minimum, costs.commission_per_share * order.quantity)
    slippage = order.quantity * order.reference_price * (costs.half_spread + impact)
    return commission.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP) + slippage

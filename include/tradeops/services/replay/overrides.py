"""What-if values of a replay: one close, one feature, one policy value or one learner parameter."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, cast

from tradeops.domain.errors import ConfigurationError
from tradeops.domain.identifiers import InstrumentId, parse_session
from tradeops.domain.learners import LearnerState
from tradeops.domain.market import MarketView
from tradeops.domain.policy import TradingPolicy

FORMS = (
    "close:AAPL:2005-02-25=+0.01, feature:cmf_20:AAPL=0.3, policy:limits.single_name=0.25 "
    "or learner:residual_quantiles.q05=-1.7 (a leading + adds, anything else sets)"
)
# Parts of the path, where their number is fixed, by target; names of the policy may be nested.
PARTS: Mapping[str, int | None] = {"close": 2, "feature": 2, "learner": 2, "policy": None}
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One changed value.

    Args:
        target: `close`, `feature`, `policy` or `learner`.
        path: What of it, in parts.
        amount: The value, or what to add to it.
        adds: True when `amount` is added.
    """

    target: str
    path: tuple[str, ...]
    amount: Decimal
    adds: bool

    def change(self, value: Decimal) -> Decimal:
        """The value instead of `value`."""
        return value + self.amount if self.adds else self.amount


def parse_override(text: str) -> Override:
    """Read one `--override`.

    Raises:
        ConfigurationError: The text has none of the known forms.
    """
    left, _, right = text.partition("=")
    target, _, rest = left.partition(":")
    path = tuple(rest.split(":" if target in ("close", "feature") else "."))
    try:
        amount = Decimal(right)
    except InvalidOperation:
        amount = Decimal("NaN")
    fits = target in PARTS and PARTS[target] in (None, len(path)) and all(path)
    if not fits or not amount.is_finite():
        raise ConfigurationError(f"override {text!r} is not of the form {FORMS}", override=text)
    if target == "close":
        parse_session(path[1])
    return Override(target=target, path=path, amount=amount, adds=right.startswith("+"))


@dataclass(frozen=True, slots=True)
class Overrides:
    """All changed values of one replay."""

    items: tuple[Override, ...] = ()

    def apply_to_view(self, view: MarketView) -> MarketView:
        """The view with changed closes and features; the very view when none of them lies in it.

        A changed close does not reach the features, which are recorded values of their own.

        Raises:
            ConfigurationError: The view holds no such feature.
        """
        for override in self._of("close"):
            view = _change_close(view, override)
        for override in self._of("feature"):
            view = _change_feature(view, override)
        return view

    def apply_to_policy(self, policy: TradingPolicy) -> TradingPolicy:
        """The policy with changed values."""
        for override in self._of("policy"):
            policy = _change_field(policy, override.path, override)
        return policy

    def apply_to_learner(self, state: LearnerState) -> LearnerState:
        """The learner state with changed parameters."""
        for override in self._of("learner"):
            if override.path[0] == state.learner:
                state = _change_parameter(state, override)
        return state

    def _of(self, target: str) -> list[Override]:
        return [item for item in self.items if item.target == target]


NO_OVERRIDES = Overrides()


def _change_close(view: MarketView, override: Override) -> MarketView:
    name, session = InstrumentId(override.path[0]), date.fromisoformat(override.path[1])
    if name not in view.instruments or session not in view.sessions:
        return view
    close = view.columns["close"].copy()
    row, item = view.sessions.index(session), view.instruments.index(name)
    changed = override.change(Decimal(repr(float(close[row, item]))))
    close[row, item] = float(changed)
    prices = dict(view.reference_prices)
    if session == view.session:
        prices[name] = override.change(prices[name])
    return dataclasses.replace(view, columns={**view.columns, "close": close}, reference_prices=prices)


def _change_feature(view: MarketView, override: Override) -> MarketView:
    feature, name = override.path[0], InstrumentId(override.path[1])
    if feature not in view.features:
        known = ", ".join(sorted(view.features))
        raise ConfigurationError(f"the view of {view.session} has no feature {feature!r}; it has {known}")
    if name not in view.instruments:
        return view
    values, item = view.features[feature].copy(), view.instruments.index(name)
    # Something added to what could not be known stays unknown.
    values[item] = float(override.change(Decimal(repr(float(values[item])))))
    return dataclasses.replace(view, features={**view.features, feature: values})


def _change_parameter(state: LearnerState, override: Override) -> LearnerState:
    name = override.path[1]
    if name not in state.parameters:
        known = ", ".join(sorted(state.parameters))
        raise ConfigurationError(f"{state.learner} has no parameter {name!r}; it has {known}")
    changed = override.change(Decimal(repr(state.parameters[name])))
    return dataclasses.replace(state, parameters={**state.parameters, name: float(changed)})


def _change_field(value: T, path: tuple[str, ...], override: Override) -> T:
    holder = cast("Any", value)
    names = {field.name for field in dataclasses.fields(holder)}
    if path[0] not in names:
        raise ConfigurationError(
            f"policy has no value {'.'.join(override.path)!r}; here it has {', '.join(sorted(names))}"
        )
    old = getattr(holder, path[0])
    if dataclasses.is_dataclass(old) and len(path) > 1:
        new: Any = _change_field(old, path[1:], override)
    elif isinstance(old, int | float | Decimal) and len(path) == 1:
        new = type(old)(override.change(Decimal(str(old))))
    else:
        raise ConfigurationError(f"policy value {'.'.join(override.path)!r} is not a number")
    return cast("T", dataclasses.replace(holder, **{path[0]: new}))

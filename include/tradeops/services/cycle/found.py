"""What earlier steps found, read back from the state and the value store."""

from tradeops.domain.decisions import CycleInputs
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import CoordinationError
from tradeops.domain.forecasts import Forecasts
from tradeops.domain.identifiers import ValueRef
from tradeops.domain.market import MarketView
from tradeops.domain.opportunities import Opportunity
from tradeops.domain.orders import OrderIntent
from tradeops.domain.slates import Slate
from tradeops.services.cycle.state import CycleContext, CycleProgress
from tradeops.services.cycle.stored_values import decode_forecasts, decode_view


def find_inputs(state: CycleProgress) -> CycleInputs:
    """Everything outside the view that the decision depends on."""
    return decode_canonical(CycleInputs, state["inputs"])


def find_view(state: CycleProgress, context: CycleContext) -> MarketView:
    """The recorded view."""
    return read_view(find_inputs(state).view, context)


def read_view(ref: ValueRef, context: CycleContext) -> MarketView:
    """A stored view, decoded once a run."""
    view = context.views.get(ref)
    if view is None:
        view = context.views[ref] = decode_view(context.ports.values.get(ref))
    return view


def find_forecasts(state: CycleProgress, context: CycleContext) -> Forecasts:
    """The blend.

    Raises:
        CoordinationError: Nobody spoke, so there is none.
    """
    ref = state["forecasts"]
    if ref is None:
        raise CoordinationError("there is no forecast: nobody spoke")
    return decode_forecasts(context.ports.values.get(ref))


def find_slate(state: CycleProgress, context: CycleContext) -> Slate:
    """The slate.

    Raises:
        CoordinationError: None was drawn.
    """
    ref = state.get("slate")
    if ref is None:
        raise CoordinationError("there is no slate: nobody spoke")
    return decode_canonical(Slate, context.ports.values.get(ref))


def find_opportunities(state: CycleProgress) -> tuple[Opportunity, ...]:
    """The opportunities, in the order of the slate."""
    return decode_canonical(tuple[Opportunity, ...], state["opportunities"])


def find_intents(state: CycleProgress) -> tuple[OrderIntent, ...]:
    """The proposed orders."""
    return decode_canonical(tuple[OrderIntent, ...], state["intents"])

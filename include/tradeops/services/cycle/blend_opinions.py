"""Many opinions become one forecast."""

from tradeops.domain.learners import RESIDUAL_QUANTILES
from tradeops.services.cycle.found import find_inputs, find_view
from tradeops.services.cycle.state import CycleContext, CycleProgress
from tradeops.services.cycle.stored_values import decode_opinions, encode_forecasts


def blend_opinions(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """Blend by the model of the bundle, with the residual quantiles in force; nothing when nobody spoke."""
    ports = context.ports
    inputs = find_inputs(state)
    learner = ports.inputs.learner_state(inputs.learner_states[RESIDUAL_QUANTILES])
    opinions = [decode_opinions(ports.values.get(ref)) for ref in state["opinions"].values()]
    forecasts = ports.model.forecast(opinions, find_view(state, context), learner, ports.policy)
    if forecasts is None:
        return {"forecasts": None}
    return {"forecasts": ports.values.put(encode_forecasts(forecasts))}

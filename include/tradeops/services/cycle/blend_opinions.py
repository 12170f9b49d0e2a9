"""Many opinions become one forecast."""

from tradeops.coordination.blend import blend_opinions as blend
from tradeops.domain.decisions import CycleInputs
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.learners import RESIDUAL_QUANTILES
from tradeops.services.cycle.state import CycleContext, CycleProgress
from tradeops.services.cycle.stored_values import decode_opinions, decode_view, encode_forecasts


def blend_opinions(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """Blend with the residual quantiles in force; nothing when nobody spoke."""
    ports = context.ports
    inputs = decode_canonical(CycleInputs, state["inputs"])
    learner = ports.inputs.learner_state(inputs.learner_states[RESIDUAL_QUANTILES])
    opinions = [decode_opinions(ports.values.get(ref)) for ref in state["opinions"].values()]
    view = decode_view(ports.values.get(inputs.view))
    forecasts = blend(opinions, view, learner, ports.policy)
    if forecasts is None:
        return {"forecasts": None}
    return {"forecasts": ports.values.put(encode_forecasts(forecasts))}

"""First step: record what is known, by reference, before anybody judges it."""

from tradeops.domain.canonical import encode_canonical
from tradeops.domain.decisions import CycleInputs
from tradeops.services.cycle.state import CycleContext, CycleProgress
from tradeops.services.cycle.stored_values import encode_view


def load_view(state: CycleProgress, context: CycleContext) -> CycleProgress:
    """Read view, book and learner states, and store the view."""
    ports = context.ports
    read = ports.inputs.read(context.request, context.claim)
    ref = ports.values.put(encode_view(read.view))
    context.views[ref] = read.view
    inputs = CycleInputs(
        view=ref,
        state=read.state,
        learner_states=read.learner_states,
        bundle=ports.bundle,
    )
    return {"inputs": encode_canonical(inputs).decode()}

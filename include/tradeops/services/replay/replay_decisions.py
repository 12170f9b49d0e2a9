"""Executes recorded decisions again from their recorded inputs; writes nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from agents.roster import Agent
from tradeops.coordination.blend import BlendModel
from tradeops.coordination.blend_models import load_blend_model
from tradeops.domain.canonical import to_plain
from tradeops.domain.decisions import CycleInputs, CycleRequest, Decision
from tradeops.domain.errors import CoordinationError
from tradeops.domain.identifiers import LearnerStateId
from tradeops.domain.learners import LearnerState
from tradeops.domain.market import MarketView
from tradeops.domain.models import ModelRef
from tradeops.domain.policy import TradingPolicy
from tradeops.ports.clock import Clock
from tradeops.ports.input_reader import ReadInputs
from tradeops.ports.ledger import Ledger
from tradeops.ports.value_store import ValueStore
from tradeops.services.cycle.state import CyclePorts
from tradeops.services.cycle.stored_values import decode_view
from tradeops.services.replay.compare import (
    Difference,
    FieldDifference,
    describe_view,
    find_first,
    find_first_output,
)
from tradeops.services.replay.late_agents import silence_late
from tradeops.services.replay.overrides import NO_OVERRIDES, Overrides
from tradeops.services.replay.stand_ins import (
    CapturingLedger,
    OverlayValues,
    RecordedInputs,
    SilentBroker,
)

RunCycle = Callable[[CycleRequest, CyclePorts], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionReplayer:
    """What a replay needs.

    Args:
        ledger: The record.
        values: Recorded views, opinions and forecasts.
        run_cycle: The same cycle that made the decisions.
        build_roster: Agents of a policy.
        clock: For the trace, which nobody compares.
        overrides: What-if values.
        models: Blends loaded so far, by reference.
    """

    ledger: Ledger
    values: ValueStore
    run_cycle: RunCycle
    build_roster: Callable[[TradingPolicy], tuple[Agent, ...]]
    clock: Clock
    overrides: Overrides = NO_OVERRIDES
    models: dict[ModelRef, BlendModel] = field(default_factory=dict)

    def replay_all(self, decisions: Iterable[Decision]) -> Iterator[Difference]:
        """One answer per decision that had inputs, in order."""
        return (self.replay(decision) for decision in decisions if decision.inputs is not None)

    def replay(self, recorded: Decision) -> Difference:
        """Execute one decision again.

        Raises:
            CoordinationError: The decision was closed without being decided.
            CorruptInput: A stored input does not hash to its name.
        """
        if recorded.inputs is None:
            raise CoordinationError(f"{recorded.session} was closed as {recorded.outcome}; nothing to replay")
        case = self._open_case(recorded, recorded.inputs)
        replayed = self._execute(case)
        same = recorded.canonical_bytes == replayed.canonical_bytes
        return Difference(
            cycle_id=recorded.cycle_id,
            session=recorded.session.isoformat(),
            first_input=case.find_first_input(),
            first_output=None if same else find_first_output(recorded, replayed, self.values, case.made),
        )

    def _open_case(self, recorded: Decision, inputs: CycleInputs) -> "_Case":
        return _Case(
            recorded=recorded,
            inputs=inputs,
            view=decode_view(self.values.get(inputs.view)),
            learners={ref: self.ledger.learner_state(ref) for ref in inputs.learner_states.values()},
            policy=self.ledger.policy(inputs.bundle.policy),
            overrides=self.overrides,
            made=OverlayValues(stored=self.values),
        )

    def _execute(self, case: "_Case") -> Decision:
        recorded, policy = case.recorded, self.overrides.apply_to_policy(case.policy)
        capture = CapturingLedger(recorded=recorded)
        ports = CyclePorts(
            ledger=capture,
            values=case.made,
            broker=SilentBroker(),
            inputs=case.recorded_inputs(),
            clock=self.clock,
            roster=silence_late(self.build_roster(policy), recorded, self.values),
            policy=policy,
            model=self._find_model(ModelRef(case.inputs.bundle.model)),
            bundle=case.inputs.bundle,
            owner="replay",
            fingerprint={},
        )
        self.run_cycle(_request_again(recorded), ports)
        return capture.get_decision(recorded.cycle_id).decision

    def _find_model(self, model: ModelRef) -> BlendModel:
        if model not in self.models:
            self.models[model] = load_blend_model(model, self.values)
        return self.models[model]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    recorded: Decision
    inputs: CycleInputs
    view: MarketView
    learners: Mapping[LearnerStateId, LearnerState]
    policy: TradingPolicy
    overrides: Overrides
    made: OverlayValues

    def recorded_inputs(self) -> RecordedInputs:
        """Inputs with the overrides in them."""
        read = ReadInputs(
            view=self.overrides.apply_to_view(self.view),
            state=self.inputs.state,
            learner_states=self.inputs.learner_states,
        )
        learners = {ref: self.overrides.apply_to_learner(state) for ref, state in self.learners.items()}
        return RecordedInputs(inputs=read, learners=learners)

    def find_first_input(self) -> FieldDifference | None:
        """The first input that the overrides changed."""
        if not self.overrides.items:
            return None
        return find_first(
            "load_view",
            self._describe(NO_OVERRIDES),
            self._describe(self.overrides),
        )

    def _describe(self, overrides: Overrides) -> object:
        learners = {
            f"learner.{state.learner}": to_plain(overrides.apply_to_learner(state)) for state in self.learners.values()
        }
        policy = to_plain(overrides.apply_to_policy(self.policy))
        return {"view": describe_view(overrides.apply_to_view(self.view)), "policy": policy} | learners


def _request_again(recorded: Decision) -> CycleRequest:
    return CycleRequest(
        book_id=recorded.book_id,
        session=recorded.session,
        as_of=recorded.as_of,
        next_session=recorded.next_session,
    )

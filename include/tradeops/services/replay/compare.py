"""Finds the first input and the first output in which two decisions differ, and the step."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from tradeops.domain.canonical import to_plain
from tradeops.domain.decisions import Decision
from tradeops.domain.identifiers import CycleId
from tradeops.domain.market import FloatArray, MarketView
from tradeops.ports.value_store import ValueStore
from tradeops.services.cycle.stored_values import decode_forecasts, decode_opinions


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDifference:
    """One place in which two values differ.

    Args:
        step: The step of the cycle that made the value.
        path: Where, in dots.
        recorded: As recorded.
        replayed: As made by the replay.
    """

    step: str
    path: str
    recorded: object
    replayed: object

    def __str__(self) -> str:
        return f"{self.step}: {self.path} was {self.recorded}, is {self.replayed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a replay of one decision found.

    Args:
        cycle_id: Which decision.
        session: Its session, ISO.
        first_input: First differing input; None when all inputs are as recorded.
        first_output: First differing output; None when the decision is as recorded.
    """

    cycle_id: CycleId
    session: str
    first_input: FieldDifference | None
    first_output: FieldDifference | None


def find_first_output(
    recorded: Decision, replayed: Decision, stored: ValueStore, made: ValueStore
) -> FieldDifference | None:
    """The first output, in the order of the steps, that is not as recorded."""
    before, after = _describe(recorded, stored), _describe(replayed, made)
    for (step, old), (_, new) in zip(before, after, strict=True):
        if found := find_first(step, old, new):
            return found
    return None


def find_first(step: str, old: object, new: object, path: str = "") -> FieldDifference | None:
    """The first place, in ascending order of keys, in which two plain values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(old.keys() | new.keys())
        pairs = [(key, old.get(key, "absent"), new.get(key, "absent")) for key in keys]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(str(at), *pair) for at, pair in enumerate(zip(old, new, strict=True))]
    else:
        same = old == new and type(old) is type(new)
        return None if same else FieldDifference(step=step, path=path, recorded=old, replayed=new)
    for key, left, right in pairs:
        if found := find_first(step, left, right, f"{path}.{key}" if path else key):
            return found
    return None


def describe_view(view: MarketView) -> object:
    """A view as plain values: column, instrument, session; feature, instrument (None when unknown)."""
    columns = {
        name: {
            instrument: {session.isoformat(): float(column[row, item]) for row, session in enumerate(view.sessions)}
            for item, instrument in enumerate(view.instruments)
        }
        for name, column in view.columns.items()
    }
    features = {
        name: {
            instrument: None if math.isnan(value) else value
            for instrument, value in zip(view.instruments, values.tolist(), strict=True)
        }
        for name, values in view.features.items()
    }
    return {**columns, "feature": features, "reference_prices": to_plain(view.reference_prices)}


def _describe(decision: Decision, values: ValueStore) -> Iterator[tuple[str, object]]:
    plain = cast("dict[str, object]", to_plain(decision))
    yield (
        "consult_agent",
        {f"opinions.{agent}": _describe_opinions(values.get(ref)) for agent, ref in decision.opinions.items()},
    )
    yield "blend_opinions", {"forecasts": decision.forecasts and _describe_forecasts(values.get(decision.forecasts))}
    for step, names in (
        ("select_slate", ("slate",)),
        ("build_opportunities", ("opportunities",)),
        ("size_positions", ("targets", "intents")),
        ("check_risk", ("verdicts", "orders")),
        ("record_decision", ("outcome", "inputs", "as_of", "watermark")),
    ):
        yield step, {name: plain[name] for name in names}


def _describe_opinions(data: bytes) -> object:
    opinions = decode_opinions(data)
    names = opinions.instruments
    reasons = {name: int(code) for name, code in zip(names, opinions.abstention, strict=True)}
    score, confidence = _by_name(names, opinions.score), _by_name(names, opinions.confidence)
    return {"score": score, "confidence": confidence, "abstention": reasons}


def _describe_forecasts(data: bytes) -> object:
    found = decode_forecasts(data)
    columns: Mapping[str, FloatArray] = {
        "score": found.score,
        "mean": found.mean,
        "sigma": found.sigma,
        "quantiles": found.quantiles,
        "probability_up": found.probability_up,
    }
    return {name: _by_name(found.instruments, column) for name, column in columns.items()}


def _by_name(names: tuple[str, ...], column: FloatArray) -> dict[str, str]:
    return {name: repr(column[at].tolist()) for at, name in enumerate(names)}

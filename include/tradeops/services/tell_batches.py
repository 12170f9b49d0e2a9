"""Tells of each batch of options that was priced: metrics, and one structured line of the log."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tradeops.domain.market import FloatArray
from tradeops.pricing.option_columns import BoolArray
from tradeops.services.option_tasks import Answer, OptionTask
from tradeops.telemetry import PRICING, PricingInstruments

CALL, PUT = 1.0, -1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedBatch:
    """What became of one batch.

    Args:
        task: What was asked.
        answer: What the kernel said; numbers of rows that are not good are NaN.
        request_id: The caller's name of it.
        seconds: Of the kernel's work alone.
        good: (N,) which rows have numbers.
        checked: Rows that were recomputed.
        differences: Rows of them that differ.
    """

    task: OptionTask
    answer: Answer
    request_id: str
    seconds: float
    good: BoolArray
    checked: int
    differences: int


def tell_batch(batch: PricedBatch, instruments: PricingInstruments, *, logged_rows: int) -> None:
    """Record metrics, and log inputs and outputs of the first rows."""
    attributes = {
        "model_version": batch.task.model_version,
        "option_type": name_option_type(batch.task.asked.kind),
    }
    priced = int(np.count_nonzero(batch.good))
    refused = len(batch.good) - priced
    instruments.latency.record(batch.seconds, attributes)
    instruments.rows.add(priced, {**attributes, "outcome": "priced"})
    instruments.rows.add(refused, {**attributes, "outcome": "refused"})
    instruments.checked.add(batch.checked, attributes)
    instruments.differences.add(batch.differences, attributes)
    level = logging.WARNING if batch.differences else logging.INFO
    if PRICING.isEnabledFor(level):
        counts = {"rows": len(batch.good), "refused": refused, "checked": batch.checked}
        PRICING.log(
            level,
            "batch of options" if not batch.differences else "batch of options differs from the second formula",
            extra={
                **attributes,
                **counts,
                "differences": batch.differences,
                "request_id": batch.request_id,
                "microseconds": round(batch.seconds * 1e6, 1),
                "inputs": _show(batch.task.inputs, logged_rows),
                "outputs": _show(batch.answer.columns, logged_rows),
            },
        )


def name_option_type(kind: FloatArray) -> str:
    """`call`, `put`, or `mixed` for a batch that holds anything else than one of them."""
    if len(kind) and np.all(kind == kind[0]):
        return {CALL: "call", PUT: "put"}.get(float(kind[0]), "mixed")
    return "mixed"


def _show(columns: Mapping[str, FloatArray], rows: int) -> dict[str, list[float | None]]:
    """The first rows; what is no finite number becomes nothing, for JSON has no name for it."""
    return {
        name: [float(number) if np.isfinite(number) else None for number in column[:rows]]
        for name, column in columns.items()
    }

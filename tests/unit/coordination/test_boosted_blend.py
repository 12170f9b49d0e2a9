"""The trained blend: its inputs, its forecasts, and how it is stored."""

import dataclasses
import json
import math

import numpy as np
import pytest

from tests.fakes.value_store import InMemoryValueStore
from tests.unit.coordination.boosters import INPUTS, train_blender, train_booster
from tests.unit.coordination.test_blend import opine
from tests.unit.examples import base_policy, build_view, random_closes
from tradeops.coordination.blend import PriorBlend, blend_opinions
from tradeops.coordination.blend_models import load_blend_model
from tradeops.coordination.boosted_blend import BoostedBlend, StoredBlender, decode_blender
from tradeops.coordination.quantile_distribution import compute_mean, compute_probability_positive
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.errors import ConfigurationError, CoordinationError, CorruptInput, UnknownRecord
from tradeops.domain.forecasts import QUANTILE_LEVELS
from tradeops.domain.identifiers import ValueRef
from tradeops.domain.models import PRIOR_BLEND, ModelRef, name_blender
from tradeops.features.volatility import compute_volatility
from tradeops.learning.residual_quantiles import start_residual_quantiles

FRESH = start_residual_quantiles()
FEATURES = {"trend": [0.5, np.nan, -1.0], "vol_20": [0.01, 0.02, 0.03], "unused": 1.0}
VIEW = build_view(random_closes(1, 61, 3), features=FEATURES)
MACRO, TECHNICAL = [0.4, 0.4, np.nan], [np.nan, -0.5, 0.5]
OPINIONS = [opine("technical", TECHNICAL, [0.5] * 3), opine("macro", MACRO, [0.1] * 3)]


def test_a_row_is_scores_then_features_whatever_the_order_heard() -> None:
    rows = INPUTS.stack(OPINIONS, VIEW)

    expected = np.column_stack([MACRO, TECHNICAL, FEATURES["trend"], FEATURES["vol_20"]])
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(rows, INPUTS.stack(OPINIONS[::-1], VIEW))
    assert INPUTS.names == ("score_macro", "score_technical", "trend", "vol_20")


def test_quantiles_are_the_boosters_times_sigma_and_the_rest_follows_from_them() -> None:
    forecasts = BoostedBlend(train_blender()).forecast(OPINIONS, VIEW, FRESH, base_policy())

    assert forecasts is not None and forecasts.instruments == VIEW.instruments
    rows = INPUTS.stack(OPINIONS, VIEW)
    peers = np.column_stack([train_booster(1, 4, level).predict(rows) for level in QUANTILE_LEVELS])
    sigma = compute_volatility(VIEW, 60) * math.sqrt(5)
    spread = np.sort(peers, axis=1)
    assert forecasts.quantiles.tobytes() == (spread * sigma[:, None]).tobytes()
    np.testing.assert_allclose(forecasts.mean, compute_mean(forecasts.quantiles), rtol=1e-12)
    np.testing.assert_allclose(forecasts.probability_up, compute_probability_positive(forecasts.quantiles), rtol=1e-12)
    np.testing.assert_allclose(forecasts.score, np.clip(forecasts.mean / (0.8 * sigma), -1, 1), rtol=1e-12)
    assert forecasts.sigma.tobytes() == sigma.tobytes()


def test_crossing_boosters_are_rearranged() -> None:
    stored = train_blender()
    crossed = dataclasses.replace(stored, boosters=stored.boosters[::-1])

    forecasts = BoostedBlend(crossed).forecast(OPINIONS, VIEW, FRESH, base_policy())

    assert forecasts is not None
    assert (np.diff(forecasts.quantiles, axis=1) >= 0).all()


def test_names_about_which_nobody_spoke_or_without_variation_get_no_forecast() -> None:
    blend, closes = BoostedBlend(train_blender()), random_closes(1, 61, 3)
    closes[:, 1] = 50.0
    view = build_view(closes, features=FEATURES)
    opinions = [opine("technical", [np.nan, 0.5, 0.5], [0.5] * 3), opine("macro", [np.nan] * 3, [0.1] * 3)]
    forecasts = blend.forecast(opinions, view, FRESH, base_policy())

    assert forecasts is not None and forecasts.instruments == view.instruments[2:]
    silent = [opine(name, [np.nan] * 3, [0.5] * 3) for name in ("macro", "technical", "stranger")]
    assert blend.forecast(silent, VIEW, FRESH, base_policy()) is None


def test_an_agent_that_the_model_does_not_know_changes_nothing() -> None:
    blend = BoostedBlend(train_blender())
    known = blend.forecast(OPINIONS, VIEW, FRESH, base_policy())
    more = blend.forecast([*OPINIONS, opine("stranger", [1.0] * 3, [1.0] * 3)], VIEW, FRESH, base_policy())

    assert known is not None and more is not None
    assert known.quantiles.tobytes() == more.quantiles.tobytes()


def test_a_missing_agent_or_feature_is_refused_by_name() -> None:
    blend = BoostedBlend(train_blender())
    with pytest.raises(CoordinationError, match="macro"):
        blend.forecast(OPINIONS[:1], VIEW, FRESH, base_policy())
    with pytest.raises(CoordinationError, match="trend, vol_20"):
        blend.forecast(OPINIONS, build_view(random_closes(1, 61, 3)), FRESH, base_policy())


class TestStored:
    def test_a_reference_gives_the_model_back(self) -> None:
        values, stored = InMemoryValueStore(), train_blender()
        model = name_blender(values.put(stored.encode()))

        loaded = load_blend_model(model, values)

        assert decode_blender(stored.encode()) == stored
        again, first = (m.forecast(OPINIONS, VIEW, FRESH, base_policy()) for m in (loaded, BoostedBlend(stored)))
        assert again is not None and first is not None
        assert again.quantiles.tobytes() == first.quantiles.tobytes()

    def test_the_prior_blend_needs_no_store(self) -> None:
        model = load_blend_model(PRIOR_BLEND, InMemoryValueStore())
        assert isinstance(model, PriorBlend)
        opinions = [opine("technical", TECHNICAL, [0.5] * 3)]
        ours = model.forecast(opinions, VIEW, FRESH, base_policy())
        theirs = blend_opinions(opinions, VIEW, FRESH, base_policy())
        assert ours is not None and theirs is not None
        assert ours.quantiles.tobytes() == theirs.quantiles.tobytes()

    def test_unknown_kinds_and_hashes_are_told(self) -> None:
        with pytest.raises(ConfigurationError, match="prior_blend/2"):
            load_blend_model(ModelRef("prior_blend/2"), InMemoryValueStore())
        with pytest.raises(UnknownRecord):
            load_blend_model(name_blender(ValueRef("0" * 64)), InMemoryValueStore())

    def test_corrupt_values_are_refused(self) -> None:
        whole = json.loads(train_blender().encode())
        few = StoredBlender(inputs=INPUTS, boosters=train_blender().boosters[:4]).encode()
        damaged = [
            b"",
            b"[]",
            b"\xff",
            few,
            encode_canonical({**whole, "kind": "blender/2"}),
            encode_canonical({**whole, "levels": [0.1, 0.25, 0.5, 0.75, 0.95]}),
            encode_canonical({**whole, "inputs": {"agents": ["macro"], "features": []}}),
            encode_canonical({**whole, "boosters": ["tree"] * 5}),
            encode_canonical({**whole, "more": 1}),
        ]
        for data in damaged:
            values = InMemoryValueStore()
            with pytest.raises(CorruptInput):
                load_blend_model(name_blender(values.put(data)), values)

"""Declarations: complete, finite, and hashed."""

from dataclasses import replace

import pytest

from tradeops.bootstrap.policy import load_policy
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.identifiers import content_hash
from tradeops.domain.opinions import Abstention
from tradeops.features import declarations
from tradeops.features.declarations import FEATURE_NAMES, FEATURES, LOOKBACK, FeatureGroup, feature_schema
from tradeops.features.market_wide import MARKET_WIDE
from tradeops.features.session_features import RANKED
from tradeops.features.windowed import WINDOWED


def test_every_feature_is_declared_once_and_computed_once() -> None:
    computed = (*WINDOWED, *MARKET_WIDE, *RANKED, "breadth_20")
    assert list(FEATURE_NAMES) == sorted(computed) and len(set(computed)) == len(computed) >= 20


def test_each_group_has_features() -> None:
    assert {declared.group for declared in FEATURES} == set(FeatureGroup)


def test_no_feature_looks_back_further_than_a_name_of_the_universe_has_bars() -> None:
    assert load_policy().universe.minimum_bars >= LOOKBACK


def test_only_what_is_known_with_a_delay_can_be_stale() -> None:
    for declared in FEATURES:
        assert (declared.stale_after is not None) == (declared.missing is Abstention.STALE_INPUT), declared.name


def test_the_schema_is_the_declarations(monkeypatch: pytest.MonkeyPatch) -> None:
    before = feature_schema()
    assert before == content_hash(FEATURES)
    changed = (replace(FEATURES[0], lookback=FEATURES[0].lookback + 1), *FEATURES[1:])
    monkeypatch.setattr(declarations, "FEATURES", changed)
    assert feature_schema() != before


def test_a_feature_without_an_end_of_its_look_back_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="finite"):
        replace(FEATURES[0], lookback=0)

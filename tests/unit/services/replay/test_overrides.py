"""What-if values: every written form is read, everything else is refused with the forms."""

import dataclasses
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.examples import base_policy, build_view, random_closes
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.identifiers import InstrumentId
from tradeops.learning.residual_quantiles import start_residual_quantiles
from tradeops.services.replay.overrides import NO_OVERRIDES, Override, Overrides, parse_override

AMOUNTS = st.decimals(min_value=-(10**6), max_value=10**6, allow_nan=False, allow_infinity=False, places=4)
NAMES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ.", min_size=1, max_size=6)
FIELDS = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=12)
VIEW = build_view(random_closes(1, 6, 2), features={"ret_1": [0.5, np.nan], "vol_20": [0.01, 0.02]})
AAPL = InstrumentId("AAPL")


def overrides(*texts: str) -> Overrides:
    return Overrides(tuple(parse_override(text) for text in texts))


@given(name=NAMES, session=st.dates(), amount=AMOUNTS)
def test_every_close_is_read_as_written(name: str, session: date, amount: Decimal) -> None:
    read = parse_override(f"close:{name}:{session.isoformat()}={amount}")

    assert read == Override(target="close", path=(name, session.isoformat()), amount=amount, adds=False)


@given(feature=FIELDS, name=NAMES, amount=AMOUNTS.filter(lambda amount: amount >= 0))
def test_every_feature_is_read_as_written_and_a_plus_adds(feature: str, name: str, amount: Decimal) -> None:
    read = parse_override(f"feature:{feature}:{name}=+{amount}")

    assert read == Override(target="feature", path=(feature, name), amount=amount, adds=True)


@given(fields=st.lists(FIELDS, min_size=1, max_size=4), amount=AMOUNTS.filter(lambda amount: amount >= 0))
def test_every_policy_value_is_read_as_written_and_a_plus_adds(fields: list[str], amount: Decimal) -> None:
    read = parse_override(f"policy:{'.'.join(fields)}=+{amount}")

    assert read == Override(target="policy", path=tuple(fields), amount=amount, adds=True)


@given(before=AMOUNTS, amount=AMOUNTS)
def test_plus_adds_and_anything_else_sets(before: Decimal, amount: Decimal) -> None:
    sets = Override(target="policy", path=("x",), amount=amount, adds=False)

    assert sets.change(before) == amount
    assert dataclasses.replace(sets, adds=True).change(before) == before + amount


@given(st.text(max_size=40))
def test_any_other_text_is_refused_with_the_forms_or_read_whole(text: str) -> None:
    try:
        read = parse_override(text)
    except ConfigurationError as error:
        assert "is not of the form" in error.message or "is not a session date" in error.message
    else:
        assert read.target in ("close", "feature", "policy", "learner")
        assert all(read.path)
        assert read.amount.is_finite()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "close",
        "close:AAPL=1",
        "close:AAPL:2005-02-25",
        "close:AAPL:2005-02-25=one",
        "close:AAPL:2005-02-25=NaN",
        "close:AAPL:2005-02-25=Infinity",
        "close::2005-02-25=1",
        "close:AAPL:2005-02-25:x=1",
        "close:AAPL:25.2.2005=1",
        "open:AAPL:2005-02-25=1",
        "feature:rsi_14=1",
        "feature:rsi_14:AAPL",
        "feature:rsi_14:AAPL=",
        "feature:rsi_14:AAPL=NaN",
        "feature:rsi_14:AAPL=-Infinity",
        "feature::AAPL=1",
        "feature:rsi_14:=1",
        "feature:rsi_14.AAPL=1",
        "feature:rsi_14:AAPL:2005-02-25=1",
        "policy:=1",
        "policy:a..b=1",
        "learner:q05=1",
        "learner:a.b.c=1",
    ],
)
def test_malformed_text_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_override(text)


def test_last_close_changes_column_and_reference_price_alike() -> None:
    last = VIEW.session.isoformat()
    changed = overrides(f"close:AAPL:{last}=+0.01").apply_to_view(VIEW)

    before = VIEW.value("close", AAPL, VIEW.session)
    assert changed.value("close", AAPL, VIEW.session) == float(Decimal(repr(before)) + Decimal("0.01"))
    assert changed.reference_prices[AAPL] == VIEW.reference_prices[AAPL] + Decimal("0.01")
    assert VIEW.value("close", AAPL, VIEW.session) == before


def test_earlier_close_leaves_the_reference_price() -> None:
    first = VIEW.sessions[0]
    changed = overrides(f"close:AAPL:{first.isoformat()}=7").apply_to_view(VIEW)

    assert changed.value("close", AAPL, first) == 7.0
    assert changed.reference_prices == VIEW.reference_prices
    difference = changed.columns["close"] != VIEW.columns["close"]
    assert difference.sum() == 1


@pytest.mark.parametrize("text", ["close:IBM:2001-03-01=7", "close:AAPL:1999-01-04=7", "feature:ret_1:IBM=7"])
def test_close_or_feature_outside_the_view_leaves_the_very_view(text: str) -> None:
    assert overrides(text).apply_to_view(VIEW) is VIEW


def test_feature_is_changed_for_its_name_and_nothing_else() -> None:
    changed = overrides("feature:ret_1:AAPL=+0.25", "feature:vol_20:FB=0.5").apply_to_view(VIEW)

    assert changed.features["ret_1"].tolist() == [0.75, pytest.approx(np.nan, nan_ok=True)]
    assert changed.features["vol_20"].tolist() == [0.01, 0.5]
    assert VIEW.features["vol_20"].tolist() == [0.01, 0.02]
    assert changed.columns["close"].tobytes() == VIEW.columns["close"].tobytes()
    assert changed.reference_prices == VIEW.reference_prices


def test_unknown_value_of_a_feature_can_be_set_and_stays_unknown_when_added_to() -> None:
    assert overrides("feature:ret_1:FB=0.1").apply_to_view(VIEW).features["ret_1"].tolist() == [0.5, 0.1]
    assert np.isnan(overrides("feature:ret_1:FB=+0.1").apply_to_view(VIEW).features["ret_1"][1])


def test_feature_that_the_view_does_not_hold_is_refused_with_those_it_does() -> None:
    with pytest.raises(ConfigurationError, match=r"no feature 'ret_2'; it has ret_1, vol_20"):
        overrides("feature:ret_2:AAPL=1").apply_to_view(VIEW)


def test_close_changes_no_feature() -> None:
    changed = overrides(f"close:AAPL:{VIEW.session.isoformat()}=+1").apply_to_view(VIEW)

    assert [values.tobytes() for values in changed.features.values()] == [
        values.tobytes() for values in VIEW.features.values()
    ]


def test_policy_value_is_changed_and_nothing_else() -> None:
    changed = overrides("policy:limits.single_name=+0.05", "policy:slate.size=2").apply_to_policy(base_policy())

    assert changed.limits.single_name == base_policy().limits.single_name + Decimal("0.05")
    assert (changed.slate.size, type(changed.slate.size)) == (2, int)
    assert changed.costs == base_policy().costs


@pytest.mark.parametrize(
    "text", ["policy:limits.nothing=1", "policy:limits=1", "policy:account.opens_on=1", "policy:slate.size.more=1"]
)
def test_policy_value_that_is_not_there_or_no_number_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        overrides(text).apply_to_policy(base_policy())


def test_learner_parameter_is_changed_in_that_learner_only() -> None:
    state = start_residual_quantiles()
    changed = overrides("learner:residual_quantiles.q05=-3").apply_to_learner(state)
    other = dataclasses.replace(state, learner="another")

    assert changed.parameters == {**state.parameters, "q05": -3.0}
    assert overrides("learner:residual_quantiles.q05=-3").apply_to_learner(other) == other


def test_unknown_learner_parameter_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"no parameter 'q04'; it has .*q05"):
        overrides("learner:residual_quantiles.q04=1").apply_to_learner(start_residual_quantiles())


def test_no_overrides_change_nothing() -> None:
    assert NO_OVERRIDES.apply_to_view(VIEW) is VIEW
    assert NO_OVERRIDES.apply_to_policy(base_policy()) is base_policy()

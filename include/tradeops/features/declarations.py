"""Every feature, declared once: what it is, how far it looks back, and what its absence means."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tradeops.domain.errors import ConfigurationError
from tradeops.domain.identifiers import content_hash
from tradeops.domain.opinions import Abstention


class FeatureGroup(StrEnum):
    """What a feature is made from."""

    PRICE = "price"
    VOLUME = "volume"
    MARKET = "market"
    RANK = "rank"
    MACRO = "macro"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureDeclaration:
    """One feature.

    Args:
        name: As agents and models read it.
        lookback: Rows that it is computed from, the newest included: sessions of the name, or
            values of the index or economic series.
        group: What it is made from.
        missing: What a NaN means.
        description: Formula, unit and source.
        stale_after: Days after which the newest known value of its series is no longer used.
    """

    name: str
    lookback: int
    group: FeatureGroup
    missing: Abstention
    description: str
    stale_after: int | None = None

    def __post_init__(self) -> None:
        if self.lookback < 1 or not self.description:
            raise ConfigurationError(f"feature {self.name} needs a finite look-back and a description")


def _windowed(group: FeatureGroup, declared: Iterable[tuple[str, int, str]]) -> tuple[FeatureDeclaration, ...]:
    return tuple(
        FeatureDeclaration(
            name=name,
            lookback=lookback,
            group=group,
            missing=Abstention.TOO_LITTLE_HISTORY,
            description=description,
        )
        for name, lookback, description in declared
    )


def _known(group: FeatureGroup, declared: Iterable[tuple[str, int, int, str]]) -> tuple[FeatureDeclaration, ...]:
    return tuple(
        FeatureDeclaration(
            name=name,
            lookback=lookback,
            group=group,
            missing=Abstention.STALE_INPUT,
            description=description,
            stale_after=days,
        )
        for name, lookback, days, description in declared
    )


# Prices are total return, built from the newest session backwards: q_0 = 1, q_(k+1) = q_k / (1 + r_(t−k)) with
# 1 + r_t = (C_t + d_t)·split_t / C_(t−1). A level in dollars is no feature.
_PRICE = (
    ("ret_1", 2, "total return of the last session, 1/q_1 − 1"),
    ("ret_5", 6, "total return of the last 5 sessions, 1/q_5 − 1"),
    ("ret_20", 21, "total return of the last 20 sessions, 1/q_20 − 1"),
    ("ret_60", 61, "total return of the last 60 sessions, 1/q_60 − 1"),
    ("momentum_120_20", 121, "total return from t−120 to t−20, q_20/q_120 − 1 (Jegadeesh and Titman, last month out)"),
    ("reversal_5", 61, "−ret_5 / (vol_60·√5): last week's return in deviations, turned round; NaN without variation"),
    ("vol_20", 21, "sample standard deviation of the last 20 simple total returns, a day"),
    ("vol_60", 61, "sample standard deviation of the last 60 simple total returns, a day"),
    ("vol_ratio_20_60", 61, "vol_20 / vol_60"),
    ("downside_vol_60", 61, "√(Σ min(r, 0)² / 60), a day"),
    (
        "range_14",
        15,
        "mean over 14 sessions of true range over close; previous closes after split and dividend (Wilder)",
    ),
    ("range_position_20", 20, "where the close stands between the lowest low (0) and highest high (1) of 20 sessions"),
    ("drawdown_120", 120, "close over the highest close of 120 sessions, − 1, in total-return prices"),
    ("sma_ratio_20", 20, "close over the mean close of 20 sessions, − 1, in total-return prices"),
    ("sma_ratio_100", 100, "close over the mean close of 100 sessions, − 1, in total-return prices"),
    ("trend_z_100", 100, "sma_ratio_100 / (vol_60·√(100/3)): in deviations of a random walk from its mean"),
    ("rsi_14", 15, "Σ max(r, 0) / Σ |r| over 14 sessions, in 0..1 (Cutler's relative strength index)"),
)
_VOLUME = (
    ("volume_ratio_20", 20, "dollar volume (close times shares) over its mean of 20 sessions"),
    (
        "mfi_14",
        15,
        "money flow of sessions with a higher typical price over all flow, 14 sessions, in 0..1 (Quong, Soudack)",
    ),
    ("cmf_20", 20, "Σ ((C−L)−(H−C))/(H−L)·dollar volume / Σ dollar volume over 20 sessions, in −1..1 (Chaikin)"),
    ("obv_20", 21, "Σ sign(r)·dollar volume / Σ dollar volume over 20 sessions, in −1..1 (Granville, bounded)"),
)
_RANK = (
    ("rank_ret_20", 21, "rank of ret_20 within the universe, 0 lowest, 1 highest, a universe of one 0.5"),
    ("rank_momentum", 121, "rank of momentum_120_20 within the universe, 0 lowest, 1 highest"),
    ("rank_vol", 61, "rank of vol_60 within the universe, 0 calmest, 1 wildest"),
)
_BREADTH = (("breadth_20", 20, "share of the universe whose close is above its mean of 20 sessions, in 0..1"),)
_INDEX = (
    ("index_ret_20", 21, 5, "S&P 500: return of the last 20 sessions, without dividends"),
    ("index_vol_20", 21, 5, "S&P 500: sample standard deviation of the last 20 simple returns, a day"),
    ("index_trend_100", 100, 5, "S&P 500: close over the mean of the last 100 closes, − 1"),
)
_MACRO = (
    ("credit_spread", 1, 75, "Moody's BAA less AAA yield of the newest month known, percentage points"),
    ("credit_spread_change_3m", 4, 75, "credit_spread less that of three months earlier, percentage points"),
    ("oil_ret_60", 61, 15, "WTI crude: change over the last 60 values, a fraction"),
    ("cpi_growth_12m", 13, 75, "core consumer prices: growth over twelve months, a fraction"),
    ("unemployment_change_12m", 13, 75, "unemployment rate less that of twelve months earlier, percentage points"),
    ("hml_6m", 6, 75, "sum of the last six monthly returns of French's high-minus-low book-to-market factor, per cent"),
)

FEATURES: tuple[FeatureDeclaration, ...] = tuple(
    sorted(
        (
            *_windowed(FeatureGroup.PRICE, _PRICE),
            *_windowed(FeatureGroup.VOLUME, _VOLUME),
            *_windowed(FeatureGroup.RANK, _RANK),
            *_windowed(FeatureGroup.MARKET, _BREADTH),
            *_known(FeatureGroup.MARKET, _INDEX),
            *_known(FeatureGroup.MACRO, _MACRO),
        ),
        key=lambda declared: declared.name,
    )
)
FEATURE_NAMES = tuple(declared.name for declared in FEATURES)
LOOKBACK = max(declared.lookback for declared in FEATURES)


def feature_schema() -> str:
    """Hash over every declaration: values of one schema may be compared with each other."""
    return content_hash(FEATURES)

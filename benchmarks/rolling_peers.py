"""The windowed features of one name in polars and in pandas, from an index built from the oldest session on."""

import math

import numpy as np
import pandas as pd
import polars as pl

from tradeops.domain.market import FloatArray
from tradeops.features.windowed import BAR_COLUMNS


def compute_with_polars(bars: FloatArray) -> pl.DataFrame:
    """The features of one name, by other formulas: from an index built from the oldest session on."""
    c, h, lo, v, s, d = (pl.col(name) for name in BAR_COLUMNS)
    frame = pl.DataFrame(dict(zip(BAR_COLUMNS, bars, strict=True)))
    growth = (c + d) * s / c.shift(1)
    frame = frame.with_columns(
        r=growth - 1,
        p=growth.fill_null(1.0).cum_prod(),
        money=c * v,
        typical=(h + lo + c) / 3,
        unmoved=c.shift(1) / s - d,
    )
    r, p, money, typical = (pl.col(name) for name in ("r", "p", "money", "typical"))
    drift = (typical + d) * s - typical.shift(1)
    frame = frame.with_columns(
        up=pl.when(r > 0).then(r).otherwise(pl.when(r.is_null()).then(None).otherwise(0.0)),
        fall=pl.min_horizontal(r, 0.0).pow(2) + r * 0,
        inflow=pl.when(drift > 0).then(typical * v).otherwise(drift * 0),
        flow=pl.when(drift != 0).then(typical * v).otherwise(drift * 0),
        true_range=(pl.max_horizontal(h, "unmoved") - pl.min_horizontal(lo, "unmoved")) / c + r * 0,
        placed=pl.when(h > lo).then((2 * c - h - lo) / (h - lo) * money).otherwise(0.0),
        signed=r.sign() * money,
    )
    top, bottom = (p * h / c).rolling_max(20), (p * lo / c).rolling_min(20)
    returns = {f"ret_{n}": p / p.shift(n) - 1 for n in (1, 5, 20, 60)}
    spread = {f"vol_{n}": r.rolling_std(n) for n in (20, 60)}
    trend = p / p.rolling_mean(100) - 1
    expressions = {
        **returns,
        **spread,
        "momentum_120_20": p.shift(20) / p.shift(120) - 1,
        "reversal_5": -returns["ret_5"] / (spread["vol_60"] * math.sqrt(5)),
        "vol_ratio_20_60": spread["vol_20"] / spread["vol_60"],
        "downside_vol_60": pl.col("fall").rolling_mean(60).sqrt(),
        "range_14": pl.col("true_range").rolling_mean(14),
        "range_position_20": (p - bottom) / (top - bottom),
        "drawdown_120": p / p.rolling_max(120) - 1,
        "sma_ratio_20": p / p.rolling_mean(20) - 1,
        "sma_ratio_100": trend,
        "trend_z_100": trend / (spread["vol_60"] * math.sqrt(100 / 3)),
        "rsi_14": pl.col("up").rolling_sum(14) / r.abs().rolling_sum(14),
        "volume_ratio_20": money / money.rolling_mean(20),
        "mfi_14": pl.col("inflow").rolling_sum(14) / pl.col("flow").rolling_sum(14),
        "cmf_20": pl.col("placed").rolling_sum(20) / money.rolling_sum(20),
        "obv_20": pl.col("signed").rolling_sum(20) / money.rolling_sum(20),
    }
    return frame.select(**expressions)


def compute_with_pandas(bars: FloatArray) -> pd.DataFrame:
    """The same with rolling windows of pandas."""
    close, high, low, volume, split, dividend = (pd.Series(column) for column in bars)
    growth = (close + dividend) * split / close.shift(1)
    r, p, money, typical = growth - 1, growth.fillna(1.0).cumprod(), close * volume, (high + low + close) / 3
    unmoved = close.shift(1) / split - dividend
    drift = (typical + dividend) * split - typical.shift(1)
    flow = typical * volume
    true_range = (np.maximum(high, unmoved) - np.minimum(low, unmoved)) / close
    placed = ((2 * close - high - low) / (high - low) * money).where(high > low, 0.0)
    top, bottom = (p * high / close).rolling(20).max(), (p * low / close).rolling(20).min()
    found = {f"ret_{n}": p / p.shift(n) - 1 for n in (1, 5, 20, 60)}
    found |= {f"vol_{n}": r.rolling(n).std() for n in (20, 60)}
    found |= {f"sma_ratio_{n}": p / p.rolling(n).mean() - 1 for n in (20, 100)}
    return pd.DataFrame(
        {
            **found,
            "momentum_120_20": p.shift(20) / p.shift(120) - 1,
            "reversal_5": -found["ret_5"] / (found["vol_60"] * math.sqrt(5)),
            "vol_ratio_20_60": found["vol_20"] / found["vol_60"],
            "downside_vol_60": np.sqrt((r.clip(upper=0.0) ** 2).rolling(60).mean()),
            "range_14": true_range.rolling(14).mean(),
            "range_position_20": (p - bottom) / (top - bottom),
            "drawdown_120": p / p.rolling(120).max() - 1,
            "trend_z_100": found["sma_ratio_100"] / (found["vol_60"] * math.sqrt(100 / 3)),
            "rsi_14": r.clip(lower=0.0).rolling(14).sum() / r.abs().rolling(14).sum(),
            "volume_ratio_20": money / money.rolling(20).mean(),
            "mfi_14": flow.where(drift > 0, 0.0).rolling(14).sum() / flow.where(drift != 0, 0.0).rolling(14).sum(),
            "cmf_20": placed.rolling(20).sum() / money.rolling(20).sum(),
            "obv_20": (np.sign(r) * money).rolling(20).sum() / money.rolling(20).sum(),
        }
    )

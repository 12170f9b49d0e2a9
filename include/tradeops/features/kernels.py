"""The one kernel of the windowed features, for a block of sessions and for a single one.

Columns of T sessions and N names lie flat: element `e = t·N + i`, and the same name k sessions earlier is
`e − k·N`. Each element adds newest to oldest, alone, so its bits depend neither on the block it is computed
in nor on anything outside its window. Only + − × ÷ √ and comparisons are used: they are exact to the last
bit on every processor, which powers, logarithms and exponentials are not.
"""

import math

import numpy as np
from numba import njit

from tradeops.domain.market import FloatArray

Block = tuple[int, int, int]  # width N, first element, number of elements

# Rows of the columns: a session's bars, then what they and those of the session before give.
CLOSE, HIGH, LOW, VOLUME, SPLIT, DIVIDEND = range(6)
BAR_ROWS = 6
(
    RETURN,
    SHRINK,
    TOP,
    BOTTOM,
    TRUE_RANGE,
    TURNOVER,
    SIGNED,
    ACCUMULATED,
    INFLOW,
    FLOW,
    RISE,
    MOVE,
    FALL_SQUARED,
) = range(6, 19)
COLUMN_ROWS = 19

# Rows of the result.
(
    RET_1,
    RET_5,
    RET_20,
    RET_60,
    MOMENTUM_120_20,
    REVERSAL_5,
    VOL_20,
    VOL_60,
    VOL_RATIO_20_60,
    DOWNSIDE_VOL_60,
    RANGE_14,
    RANGE_POSITION_20,
    DRAWDOWN_120,
    SMA_RATIO_20,
    SMA_RATIO_100,
    TREND_Z_100,
    RSI_14,
    VOLUME_RATIO_20,
    MFI_14,
    CMF_20,
    OBV_20,
) = range(21)
WINDOWED_ROWS = 21

LAGS = 120  # sessions that the longest window reaches back
BLOCK = 256  # elements whose running sums fit into the first cache
SCRATCH_ROWS = 5  # running sums that one pass keeps

_ROOT_5 = math.sqrt(5.0)
_ROOT_TREND = math.sqrt(100.0 / 3.0)


@njit(cache=True, error_model="numpy")
def _derive(columns: FloatArray, block: Block) -> None:
    width, start, count = block
    for now in range(start, start + count):
        before = now - width
        close, high, low, volume = columns[CLOSE, now], columns[HIGH, now], columns[LOW, now], columns[VOLUME, now]
        split, dividend, last = columns[SPLIT, now], columns[DIVIDEND, now], columns[CLOSE, before]
        turnover, span = close * volume, high - low
        growth = (close + dividend) * split / last
        change = growth - 1.0
        unmoved = last / split - dividend
        typical = (high + low + close) / 3.0
        drift = (typical + dividend) * split - (columns[HIGH, before] + columns[LOW, before] + last) / 3.0
        flow = typical * volume
        hole = (change + drift + flow) * 0.0  # NaN where a price or volume of either session is missing
        here = (span + turnover) * 0.0
        placed = ((close - low) - (high - close)) / span if span > 0.0 else 0.0
        columns[RETURN, now] = change + hole
        columns[SHRINK, now] = 1.0 / growth + hole
        columns[TOP, now] = high / close + here
        columns[BOTTOM, now] = low / close + here
        columns[TRUE_RANGE, now] = (max(high, unmoved) - min(low, unmoved)) / close + hole
        columns[TURNOVER, now] = turnover + here
        columns[ACCUMULATED, now] = placed * turnover + here
        columns[SIGNED, now] = (turnover if change > 0.0 else (-turnover if change < 0.0 else 0.0)) + hole
        columns[INFLOW, now] = (flow if drift > 0.0 else 0.0) + hole
        columns[FLOW, now] = (flow if drift != 0.0 else 0.0) + hole
        columns[RISE, now] = (change if change > 0.0 else 0.0) + hole
        columns[MOVE, now] = abs(change) + hole
        columns[FALL_SQUARED, now] = (change * change if change < 0.0 else 0.0) + hole


@njit(cache=True, error_model="numpy")
def _sum(source: FloatArray, block: Block, lags: int, total: FloatArray) -> None:
    width, start, count = block
    for item in range(count):
        total[item] = source[start + item]
    lag = 1
    while lag + 4 <= lags:  # four at a time: a running sum is loaded and stored once for them
        at = start - lag * width
        one, two = source[at : at + count], source[at - width : at - width + count]
        three, four = source[at - 2 * width : at - 2 * width + count], source[at - 3 * width : at - 3 * width + count]
        for item in range(count):
            total[item] = (((total[item] + one[item]) + two[item]) + three[item]) + four[item]
        lag += 4
    while lag < lags:
        lagged = source[start - lag * width : start - lag * width + count]
        for item in range(count):
            total[item] += lagged[item]
        lag += 1


@njit(cache=True, error_model="numpy")
def _roll_fortnight(columns: FloatArray, block: Block, sums: FloatArray, out: FloatArray) -> None:
    _, _, count = block
    rise, move, inflow, flow, true_range = sums[0], sums[1], sums[2], sums[3], sums[4]
    _sum(columns[RISE], block, 14, rise)
    _sum(columns[MOVE], block, 14, move)
    _sum(columns[INFLOW], block, 14, inflow)
    _sum(columns[FLOW], block, 14, flow)
    _sum(columns[TRUE_RANGE], block, 14, true_range)
    for item in range(count):
        out[RSI_14, item] = rise[item] / move[item]
        out[MFI_14, item] = inflow[item] / flow[item]
        out[RANGE_14, item] = true_range[item] / 14.0


@njit(cache=True, error_model="numpy")
def _roll_month(columns: FloatArray, block: Block, sums: FloatArray, out: FloatArray) -> None:
    _, start, count = block
    turnover, accumulated, signed = sums[0], sums[1], sums[2]
    _sum(columns[TURNOVER], block, 20, turnover)
    _sum(columns[ACCUMULATED], block, 20, accumulated)
    _sum(columns[SIGNED], block, 20, signed)
    for item in range(count):
        out[VOLUME_RATIO_20, item] = columns[TURNOVER, start + item] / (turnover[item] / 20.0)
        out[CMF_20, item] = accumulated[item] / turnover[item]
        out[OBV_20, item] = signed[item] / turnover[item]


@njit(cache=True, error_model="numpy")
def _deviate(first: FloatArray, second: FloatArray, sessions: int, out: FloatArray) -> None:
    # Sample standard deviation out of the sums of d and d², d = r − the newest r: a constant gives exactly 0.
    for item in range(len(out)):
        variance = (second[item] - first[item] * first[item] / sessions) / (sessions - 1.0)
        out[item] = math.sqrt(0.0 if variance < 0.0 else variance)


@njit(cache=True, error_model="numpy")
def _spread(source: FloatArray, block: Block, lags: tuple[int, int], sums: FloatArray) -> None:
    width, start, count = block
    first, second, newest = sums[0], sums[1], sums[2]
    lag, last = lags
    while lag + 3 <= last:
        at = start - lag * width
        one, two = source[at : at + count], source[at - width : at - width + count]
        at -= 2 * width
        three, four = source[at : at + count], source[at - width : at - width + count]
        for item in range(count):
            now = newest[item]
            a, b, c, d = one[item] - now, two[item] - now, three[item] - now, four[item] - now
            first[item] = (((first[item] + a) + b) + c) + d
            second[item] = (((second[item] + a * a) + b * b) + c * c) + d * d
        lag += 4
    while lag <= last:
        lagged = source[start - lag * width : start - lag * width + count]
        for item in range(count):
            deviation = lagged[item] - newest[item]
            first[item] += deviation
            second[item] += deviation * deviation
        lag += 1


@njit(cache=True, error_model="numpy")
def _roll_spread(columns: FloatArray, block: Block, sums: FloatArray, out: FloatArray) -> None:
    _, start, count = block
    first, second, newest = sums[0], sums[1], sums[2]
    for item in range(count):
        newest[item] = columns[RETURN, start + item]
        first[item] = second[item] = newest[item] * 0.0
    _spread(columns[RETURN], block, (1, 19), sums)
    _deviate(first, second, 20, out[VOL_20, :count])
    _spread(columns[RETURN], block, (20, 59), sums)
    _deviate(first, second, 60, out[VOL_60, :count])
    fall = sums[3]
    _sum(columns[FALL_SQUARED], block, 60, fall)
    for item in range(count):
        out[VOL_RATIO_20_60, item] = out[VOL_20, item] / out[VOL_60, item]
        out[DOWNSIDE_VOL_60, item] = math.sqrt(fall[item] / 60.0)


@njit(cache=True, error_model="numpy")
def _compare(total: FloatArray, sessions: float, out: FloatArray) -> None:
    # The newest price, which is 1, over the mean of `sessions` earlier ones.
    for item in range(len(out)):
        out[item] = 1.0 / (total[item] / sessions) - 1.0


@njit(cache=True, error_model="numpy")
def _walk(columns: FloatArray, block: Block, lags: tuple[int, int], sums: FloatArray) -> None:
    width, start, count = block
    # `price` becomes the total-return price at each lag, as a multiple of the newest close.
    price, total, peak = sums[0], sums[1], sums[2]
    lag, last = lags
    while lag + 3 <= last:
        at = start - (lag - 1) * width
        one, two = columns[SHRINK, at : at + count], columns[SHRINK, at - width : at - width + count]
        at -= 2 * width
        three, four = columns[SHRINK, at : at + count], columns[SHRINK, at - width : at - width + count]
        for item in range(count):
            first = price[item] * one[item]
            second = first * two[item]
            third = second * three[item]
            fourth = third * four[item]
            price[item] = fourth
            total[item] = (((total[item] + first) + second) + third) + fourth
            peak[item] = _larger(fourth, _larger(third, _larger(second, _larger(first, peak[item]))))
        lag += 4
    while lag <= last:
        at = start - (lag - 1) * width
        shrink = columns[SHRINK, at : at + count]
        for item in range(count):
            now = price[item] * shrink[item]
            price[item] = now
            total[item] += now
            peak[item] = _larger(now, peak[item])
        lag += 1


@njit(cache=True, error_model="numpy")
def _larger(one: float, other: float) -> float:
    return one if one > other else other


@njit(cache=True, error_model="numpy")
def _roll_prices(columns: FloatArray, block: Block, sums: FloatArray, out: FloatArray) -> None:
    _, _, count = block
    price, total, peak = sums[0], sums[1], sums[2]
    for item in range(count):
        price[item] = total[item] = peak[item] = 1.0
    _walk(columns, block, (1, 1), sums)
    _compare(price, 1.0, out[RET_1, :count])
    _walk(columns, block, (2, 5), sums)
    _compare(price, 1.0, out[RET_5, :count])
    _walk(columns, block, (6, 19), sums)
    _compare(total, 20.0, out[SMA_RATIO_20, :count])
    _walk(columns, block, (20, 20), sums)
    _compare(price, 1.0, out[RET_20, :count])
    for item in range(count):
        out[MOMENTUM_120_20, item] = price[item]
    _walk(columns, block, (21, 60), sums)
    _compare(price, 1.0, out[RET_60, :count])
    _walk(columns, block, (61, 99), sums)
    _compare(total, 100.0, out[SMA_RATIO_100, :count])
    _walk(columns, block, (100, 119), sums)
    for item in range(count):
        # A missing session makes the price NaN, which a maximum would pass over.
        out[DRAWDOWN_120, item] = 1.0 / peak[item] - 1.0 + price[item] * 0.0
    _walk(columns, block, (120, 120), sums)
    for item in range(count):
        out[MOMENTUM_120_20, item] = out[MOMENTUM_120_20, item] / price[item] - 1.0


@njit(cache=True, error_model="numpy")
def _roll_range(columns: FloatArray, block: Block, sums: FloatArray, out: FloatArray) -> None:
    width, start, count = block
    price, top, bottom = sums[0], sums[1], sums[2]
    for item in range(count):
        price[item] = 1.0
        top[item], bottom[item] = columns[TOP, start + item], columns[BOTTOM, start + item]
    for lag in range(1, 20):
        at = start - lag * width
        shrink = columns[SHRINK, at + width : at + width + count]
        highs, lows = columns[TOP, at : at + count], columns[BOTTOM, at : at + count]
        for item in range(count):
            now = price[item] * shrink[item]
            high, low = now * highs[item], now * lows[item]
            price[item] = now
            top[item] = high if high > top[item] else top[item]
            bottom[item] = low if low < bottom[item] else bottom[item]
    for item in range(count):
        here = (1.0 - bottom[item]) / (top[item] - bottom[item])
        out[RANGE_POSITION_20, item] = here + price[item] * 0.0


@njit(cache=True, error_model="numpy")
def _combine(count: int, out: FloatArray) -> None:
    for item in range(count):
        volatility = out[VOL_60, item]
        scale = volatility if volatility > 0.0 else np.nan
        out[REVERSAL_5, item] = -out[RET_5, item] / (scale * _ROOT_5)
        out[TREND_Z_100, item] = out[SMA_RATIO_100, item] / (scale * _ROOT_TREND)


@njit(cache=True, error_model="numpy")
def advance(columns: FloatArray, sums: FloatArray, block: Block, out: FloatArray) -> None:
    """Windowed features of a block of elements, of which nothing was derived before.

    Args:
        columns: (COLUMN_ROWS, E); bars up to the block's end with NaN before the first of them, and
            what was derived for the elements before the block.
        sums: (SCRATCH_ROWS, ≥ BLOCK) to work in.
        block: Width, first element ≥ LAGS·N, and number of elements.
        out: (WINDOWED_ROWS, elements); NaN where a session of the window is missing.
    """
    _derive(columns, block)
    width, start, elements = block
    for done in range(0, elements, BLOCK):
        part = (width, start + done, min(BLOCK, elements - done))
        found = out[:, done : done + part[2]]
        _roll_fortnight(columns, part, sums, found)
        _roll_month(columns, part, sums, found)
        _roll_spread(columns, part, sums, found)
        _roll_prices(columns, part, sums, found)
        _roll_range(columns, part, sums, found)
        _combine(part[2], found)


@njit(cache=True, error_model="numpy")
def push(columns: FloatArray, sums: FloatArray, bars: FloatArray, start: int, out: FloatArray) -> None:
    """Put one session behind the others and compute its features.

    Args:
        columns: As of `advance`; the session's bars are written to it.
        sums: As of `advance`.
        bars: (BAR_ROWS, N), the session.
        start: Its first element.
        out: (WINDOWED_ROWS, N).
    """
    width = bars.shape[1]
    for row in range(BAR_ROWS):
        for item in range(width):
            columns[row, start + item] = bars[row, item]
    advance(columns, sums, (width, start, width), out)

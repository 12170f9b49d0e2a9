"""How much may be invested after losses."""

from decimal import ROUND_FLOOR, Decimal

from tradeops.domain.policy import LimitPolicy

GRID = Decimal("0.000001")
ZERO = Decimal(0)


def compute_allowed_gross(equity: Decimal, peak: Decimal, limits: LimitPolicy) -> Decimal:
    """Largest gross exposure in USD under the drawdown guard.

    The configured share of equity down to `drawdown_start` below the peak, from there falling
    linearly to nothing at `drawdown_stop`. Rounded down to a millionth of a dollar.

    Args:
        equity: Of the account, USD.
        peak: Its highest value of the last 252 sessions, USD.
        limits: `gross`, `drawdown_start`, `drawdown_stop`.
    """
    if equity <= 0 or peak <= 0:
        return ZERO
    start, stop = limits.drawdown_start * peak, limits.drawdown_stop * peak
    loss = min(max(peak - equity, start), stop)
    allowed = limits.gross * equity * (stop - loss) / (stop - start)
    return allowed.quantize(GRID, rounding=ROUND_FLOOR)

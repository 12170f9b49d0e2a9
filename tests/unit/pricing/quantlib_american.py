"""American values of QuantLib."""

import QuantLib as ql

TODAY = ql.Date(2, 1, 2020)


def price_with_quantlib(contract: tuple[float, ...], engine: str, *, american: bool = True) -> float:
    """By the engine `exact` (Andersen, Lake and Offengenden 2015), `fd` or `1993` (Bjerksund–Stensland)."""
    option = make_quantlib_option(contract, engine, american=american)
    return float(option.NPV())


def make_quantlib_option(
    contract: tuple[float, ...], engine: str, *, american: bool = True, dividends: tuple[tuple[int, float], ...] = ()
) -> ql.VanillaOption:
    """An option of (kind, spot, strike, days, rate, dividend_yield, volatility) with days over 365."""
    kind, spot, strike, days, rate, carry, volatility = contract
    ql.Settings.instance().evaluationDate = TODAY
    count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(TODAY, carry, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(TODAY, rate, count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), volatility, count)),
    )
    expiry = TODAY + int(days)
    payoff = ql.PlainVanillaPayoff(ql.Option.Call if kind > 0 else ql.Option.Put, strike)
    exercise = ql.AmericanExercise(TODAY, expiry) if american else ql.EuropeanExercise(expiry)
    option = ql.VanillaOption(payoff, exercise)
    option.setPricingEngine(_make_engine(engine, process, dividends))
    return option


def _make_engine(
    name: str, process: ql.BlackScholesMertonProcess, dividends: tuple[tuple[int, float], ...]
) -> ql.PricingEngine:
    if name == "exact":
        return ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.accurateScheme())
    if name == "1993":
        return ql.BjerksundStenslandApproximationEngine(process)
    model = ql.FdBlackScholesVanillaEngine.Escrowed
    if not dividends:
        return ql.FdBlackScholesVanillaEngine(process, 400, 400)
    paid = ql.DividendVector([TODAY + day for day, _ in dividends], [amount for _, amount in dividends])
    scheme, unused = ql.FdmSchemeDesc.Douglas(), -ql.nullDouble()
    return ql.FdBlackScholesVanillaEngine(process, paid, 400, 400, 0, scheme, False, unused, model)

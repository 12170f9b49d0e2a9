"""Checks of one order that need no other order: is it allowed at all, and is its price believed?"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.market import MarketView
from tradeops.domain.orders import OrderIntent
from tradeops.domain.verdicts import LimitUse
from tradeops.features.positions import find_column

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an order of one name is held against.

    Args:
        close: Reference price of the view's session, USD.
        move: Its distance from the previous close after splits, as a fraction, where that is not
            believed; None where either close is missing or is not the view's.
        believed: Whether the move is within the limit.
    """

    close: Decimal
    move: Decimal | None
    believed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What is the same for every order of a set.

    Args:
        frozen: The kill switch lets nothing through.
        restricted: Names that may not be traded for legal reasons.
        unknown: Names whose true position nobody knows.
        quotes: By name; a name without one has no price.
        price_move: Largest believed move, as a fraction.
    """

    frozen: bool
    restricted: Collection[InstrumentId]
    unknown: Collection[InstrumentId]
    quotes: Mapping[InstrumentId, Quote]
    price_move: Decimal


def find_quotes(view: MarketView, names: Iterable[InstrumentId], price_move: Decimal) -> dict[InstrumentId, Quote]:
    """Look up once what the orders of a set will be held against; names without a price are left out."""
    found = ((name, _find_quote(view, name, price_move)) for name in names)
    return {name: quote for name, quote in found if quote is not None}


def screen_order(intent: OrderIntent, screen: Screen) -> LimitUse | None:
    """The first check that an order fails; None when it passes all.

    Nothing is exempt here, reducing orders neither. A reference price must be the view's own last
    close to the digit: an older one is stale even when it is near.
    """
    name = intent.instrument
    if screen.frozen:
        return _refuse("kill_switch", intent.quantity, "freeze: nothing is sent")
    if name in screen.restricted:
        return _refuse("restricted", intent.quantity, "on the restricted list")
    if name in screen.unknown:
        return _refuse("unknown_position", intent.quantity, "the position in this name is unknown")
    quote = screen.quotes.get(name)
    if quote is None:
        return _refuse("price_sanity", intent.quantity, "the view holds no price")
    if quote.believed and intent.reference_price == quote.close:
        return None
    return _doubt_price(intent.reference_price, quote, screen.price_move)


def _doubt_price(price: Decimal, quote: Quote, limit: Decimal) -> LimitUse:
    if price != quote.close:
        detail = "the reference price is not the session's close"
        return LimitUse(limit="stale_price", allowed=quote.close, before=price, after=price, detail=detail)
    move = ZERO if quote.move is None else quote.move
    detail = "no usable previous close" if quote.move is None else "the price moved too far to be believed"
    return LimitUse(limit="price_sanity", allowed=limit, before=move, after=move, detail=detail)


def _find_quote(view: MarketView, name: InstrumentId, limit: Decimal) -> Quote | None:
    column = find_column(view.instruments, name)
    close = view.reference_prices.get(name)
    if column is None or close is None:
        return None
    closes = view.columns["close"]
    split = float(view.columns["split"][-1, column])
    before = float(closes[-2, column]) if len(view.sessions) > 1 else float("nan")
    usable = isfinite(before) and before > 0 and isfinite(split) and split > 0
    if not usable or float(close) != float(closes[-1, column]):
        return Quote(close=close, move=None, believed=False)
    previous = Decimal(repr(before))
    distance = abs(close * Decimal(repr(split)) - previous)
    if distance <= limit * previous:
        return Quote(close=close, move=None, believed=True)
    return Quote(close=close, move=distance / previous, believed=False)


def _refuse(limit: str, value: Decimal, detail: str) -> LimitUse:
    return LimitUse(limit=limit, allowed=ZERO, before=value, after=ZERO, detail=detail)

"""`tradeops surface`: a smooth volatility surface of quotes, and the quotes that break a law of prices."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer

from tradeops.bootstrap.pricing import open_pricing
from tradeops.domain.errors import InvalidPricingInput, PricingError
from tradeops.domain.identifiers import InstrumentId
from tradeops.domain.options import ExerciseStyle, OptionContract, OptionKind, OptionQuote
from tradeops.entrypoints.command_line.opening import AsJson, write_json, write_line
from tradeops.entrypoints.command_line.option_files import ODD_BYTES, read_table
from tradeops.services.smooth_quotes import QuotedMarket, SmoothedQuotes, smooth_quotes
from tradeops.telemetry import configure_logging

FAILED, FOUND_DIFFERENCE = 1, 3
FoundT = TypeVar("FoundT")
COLUMNS = ("expiry", "kind", "strike", "bid", "ask")


def surface(
    csv: Annotated[Path, typer.Argument(help="File with columns expiry, kind, strike, bid, ask.")],
    spot: Annotated[float, typer.Option(help="Price of the share, USD.")],
    on: Annotated[str, typer.Option(help="Date of the quotes, as 2026-01-02.")],
    rate: Annotated[float, typer.Option(help="A year, continuously compounded.")] = 0.0,
    dividend_yield: Annotated[float, typer.Option(help="A year, continuously compounded.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Fit a surface free of arbitrage to quotes of European options.

    Exit 1: a quote could not be used. Exit 3: quotes break a law of prices.
    """
    configure_logging("ERROR")
    table = read_table(csv, needed=COLUMNS)
    market = QuotedMarket(
        on=_read({"on": on}, "on", "a date as 2026-01-02", date.fromisoformat),
        spot=spot,
        rate=rate,
        dividend_yield=dividend_yield,
    )
    quotes: dict[int, OptionQuote] = {}
    faults: dict[int, str] = {}
    for number, row in enumerate(table.rows, start=1):
        try:
            quotes[number] = _read_quote(table.name_words(row))
        except PricingError as error:
            faults[number] = error.message
    request_id = "surface-" + hashlib.sha256(repr(table.rows).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    with open_pricing(check_share=1.0) as service:
        found = smooth_quotes(service, list(quotes.values()), market, request_id=request_id)
    numbers = list(quotes)
    faults |= {numbers[place]: error.message for place, error in found.refused.items()}
    _show(found, faults, as_json=as_json)
    if found.fitted.violations:
        raise typer.Exit(FOUND_DIFFERENCE)
    if faults:
        raise typer.Exit(FAILED)


def _read_quote(words: Mapping[str, str]) -> OptionQuote:
    underlying = words.get("underlying", "").strip().encode("utf-8", ODD_BYTES).decode("utf-8", "replace")
    contract = OptionContract(
        underlying=InstrumentId(underlying or "quote"),
        kind=_read(words, "kind", "call or put", OptionKind),
        style=_read({"style": "", **words}, "style", "european or american", _read_style),
        strike=_read(words, "strike", "a number as 101.5", Decimal),
        expiry=_read(words, "expiry", "a date as 2026-06-19", date.fromisoformat),
    )
    bid, ask = (_read(words, name, "a number as 101.5", Decimal) for name in ("bid", "ask"))
    return OptionQuote(contract=contract, bid=bid, ask=ask)


def _read_style(word: str) -> ExerciseStyle:
    return ExerciseStyle(word or ExerciseStyle.EUROPEAN)


def _read(words: Mapping[str, str], name: str, wanted: str, kind: Callable[[str], FoundT]) -> FoundT:
    word = words.get(name, "").strip().lower()
    try:
        return kind(word)
    except (ValueError, InvalidOperation) as error:
        raise InvalidPricingInput(f"{name} = {word!r} must be {wanted}", field=name) from error


def _show(found: SmoothedQuotes, faults: Mapping[int, str], *, as_json: bool) -> None:
    if as_json:
        violations = [{**asdict(violation), "says": str(violation)} for violation in found.fitted.violations]
        write_json({"expiries": list(_describe(found)), "violations": violations, "refused": dict(_name(faults))})
        return
    write_line(f"{'expiry':12}{'quotes':>8}{'forward':>12}{'at the money':>14}{'widest miss':>13}")
    for line in _describe(found):
        write_line(
            f"{line['expiry']!s:12}{line['quotes']:>8}{line['forward']:>12.4f}{line['at_the_money']:>14.4%}"
            f"{line['widest_miss']:>13.4%}"
        )
    for violation in found.fitted.violations:
        write_line(str(violation))
    for row, fault in _name(faults):
        write_line(f"{row}: {fault}")


def _describe(found: SmoothedQuotes) -> Iterator[dict[str, Any]]:
    surface, centre = found.fitted.surface, np.zeros(1)
    for smile, miss, curve in zip(found.smiles, found.fitted.misses, surface.slices, strict=True):
        yield {
            "expiry": smile.expiry,
            "years": smile.years,
            "quotes": len(smile.strikes),
            "forward": smile.forward,
            "at_the_money": float(surface.volatility(centre, smile.years)[0]),
            "widest_miss": float(np.abs(miss).max()),
            **asdict(curve),
        }


def _name(faults: Mapping[int, str]) -> Iterator[tuple[str, str]]:
    for number in sorted(faults):
        yield f"row {number}", faults[number]

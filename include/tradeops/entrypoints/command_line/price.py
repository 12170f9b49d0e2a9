"""`tradeops price`: value, Greeks and implied volatility of one option, or of each row of a CSV file."""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from tradeops.bootstrap.pricing import open_pricing
from tradeops.domain.errors import PricingError
from tradeops.domain.options import ExerciseStyle, OptionKind, PricingModel
from tradeops.domain.service_health import ServiceHealth
from tradeops.entrypoints.command_line.opening import AsJson, write_json, write_line
from tradeops.entrypoints.command_line.option_files import OptionTable, read_table, write_table
from tradeops.pricing.day_counts import DayCount
from tradeops.services.price_table import PricedRow, price_table
from tradeops.services.read_option_rows import REQUIRED
from tradeops.telemetry import configure_logging

FAILED, FOUND_DIFFERENCE = 1, 3
UNITS = {
    "value": "USD a share",
    "delta": "USD a USD of spot",
    "gamma": "delta a USD of spot",
    "vega": "USD per 1.00 of volatility",
    "theta": "USD a year",
    "rho": "USD per 1.00 of the rate",
    "dividend_rho": "USD per 1.00 of the dividend yield",
    "vanna": "delta per 1.00 of volatility",
    "volga": "vega per 1.00 of volatility",
    "charm": "delta a year",
    "implied_volatility": "a year",
}
GREEKS = [name for name in UNITS if name != "implied_volatility"]
ANSWERS = (*UNITS, "error")
Number = float | None


def price(
    kind: Annotated[OptionKind | None, typer.Option(help="Right to buy or to sell.", case_sensitive=False)] = None,
    style: Annotated[
        ExerciseStyle, typer.Option(help="When it may be exercised.", case_sensitive=False)
    ] = ExerciseStyle.EUROPEAN,
    model: Annotated[
        PricingModel, typer.Option(help="The style's closed form, or a lattice.", case_sensitive=False)
    ] = PricingModel.CLOSED_FORM,
    spot: Annotated[Number, typer.Option(help="Price of the share, USD.")] = None,
    strike: Annotated[Number, typer.Option(help="USD a share.")] = None,
    years: Annotated[Number, typer.Option(help="To expiry; or say --expiry and --on.")] = None,
    expiry: Annotated[str | None, typer.Option(help="Last day of the right, as 2026-06-19.")] = None,
    on: Annotated[str | None, typer.Option(help="Date of pricing, as 2026-01-02.")] = None,
    day_count: Annotated[
        DayCount, typer.Option(help="How days become years.", case_sensitive=False)
    ] = DayCount.ACT_365_FIXED,
    rate: Annotated[float, typer.Option(help="A year, continuously compounded: 0.03 is 3 %.")] = 0.0,
    dividend_yield: Annotated[float, typer.Option(help="A year, continuously compounded.")] = 0.0,
    volatility: Annotated[Number, typer.Option(help="A year: 0.2 is 20 %; or say --price.")] = None,
    paid: Annotated[Number, typer.Option("--price", help="USD a share, to imply the volatility from.")] = None,
    csv: Annotated[Path | None, typer.Option(help="File with a row an option; columns as these options.")] = None,
    output: Annotated[Path | None, typer.Option(help="With --csv: file to write instead of showing the rows.")] = None,
    check_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Of the rows, recomputed by a second formula.")
    ] = 0.01,
    log: Annotated[bool, typer.Option("--log", help="Log each batch to standard error.")] = False,
    as_json: AsJson = False,
) -> None:
    """Price one option, or with --csv each row of a file; a row that cannot be priced says why.

    Exit 1: an option or a row could not be priced. Exit 3: numbers disagree with the second formula.
    """
    configure_logging("INFO" if log else "ERROR")
    words = {
        "kind": kind, "spot": spot, "strike": strike, "years": years, "expiry": expiry, "on": on,
        "volatility": volatility, "price": paid,
    }  # fmt: skip
    shared = {
        "style": style, "model": model, "day_count": day_count, "rate": rate, "dividend_yield": dividend_yield,
    }  # fmt: skip
    if csv is None:
        _price_one(_say({**words, **shared}), check_share, as_json=as_json)
    elif given := [name for name in words if words[name] is not None and name != "on"]:
        raise typer.BadParameter(f"--csv takes --{given[0]} from its columns; leave the option out")
    else:
        _price_file(csv, output, _say({"on": on, **shared}), check_share, as_json=as_json)


def _say(words: Mapping[str, object]) -> dict[str, str]:
    """As a row of a file would have it."""
    return {name: str(getattr(word, "value", word)) for name, word in words.items() if word is not None}


def _price_one(row: Mapping[str, str], check_share: float, *, as_json: bool) -> None:
    for name in REQUIRED:
        if name not in row:
            raise typer.BadParameter(f"say --{name}, or --csv with a file")
    (found,), health = _price([row], check_share)
    if found.error is not None:
        _leave_if_degraded(health)
        raise found.error
    if as_json:
        write_json(_list_numbers(found))
    else:
        for name, number in _list_numbers(found).items():
            write_line(f"{name.replace('_', ' '):18} {number:>16.8g}  {UNITS[name]}")
    _leave_if_degraded(health)


def _price_file(
    path: Path, output: Path | None, otherwise: Mapping[str, str], check_share: float, *, as_json: bool
) -> None:
    table = read_table(path, needed=REQUIRED, answers=ANSWERS)
    named = [table.name_words(row) for row in table.rows]
    found, health = _price([{**otherwise, **_leave_out_empty(words)} for words in named], check_share)
    answers = [_answer(table, place, words, one) for place, (words, one) in enumerate(zip(named, found, strict=True))]
    if as_json:
        pairs = enumerate(zip(named, answers, strict=True), start=1)
        rows = [{"row": number, "given": words, **answer} for number, (words, answer) in pairs]
        write_json({"rows": rows, "health": health.value})
    else:
        write_table(table, answers, ANSWERS, output)
    refused = sum("error" in answer for answer in answers)
    sys.stderr.write(f"{len(answers) - refused} options priced, {refused} refused\n")
    _leave_if_degraded(health)
    if refused:
        raise typer.Exit(FAILED)


def _price(rows: Sequence[Mapping[str, str]], check_share: float) -> tuple[list[PricedRow], ServiceHealth]:
    request_id = "price-" + hashlib.sha256(repr(rows).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    with open_pricing(check_share=check_share) as service:
        return price_table(service, rows, request_id=request_id), service.health


def _answer(table: OptionTable, place: int, words: Mapping[str, str], found: PricedRow) -> dict[str, object]:
    surplus = len(table.rows[place]) - len(table.header)
    if surplus > 0:
        return {"error": f"row {place + 1} has {surplus} words more than the first line; quote those with commas"}
    if found.error is None:
        return _list_numbers(found)
    return {"error": f"row {place + 1}, {_say_fault(words, found.error)}"}


def _say_fault(words: Mapping[str, str], error: PricingError) -> str:
    """Field, what stands there, and what is wrong with it, each once."""
    field = str(error.context.get("field"))
    word = words.get(field)
    if not word or repr(word) in error.message:
        return f"{field}: {error.message.removeprefix(f'{field} ')}"
    return f"{field} = {word!r}: {error.message}"


def _list_numbers(found: PricedRow) -> dict[str, object]:
    implied = {} if found.implied_volatility is None else {"implied_volatility": found.implied_volatility}
    known = {name: number for name in GREEKS if (number := getattr(found.greeks, name)) is not None}
    return {**{name: number + 0.0 for name, number in known.items()}, **implied}  # no -0


def _leave_out_empty(words: Mapping[str, str]) -> dict[str, str]:
    return {name: word for name, word in words.items() if word.strip()}


def _leave_if_degraded(health: ServiceHealth) -> None:
    if health is ServiceHealth.DEGRADED:
        sys.stderr.write("tradeops: a second formula gives other numbers; what differs was withheld, report it\n")
        raise typer.Exit(FOUND_DIFFERENCE)

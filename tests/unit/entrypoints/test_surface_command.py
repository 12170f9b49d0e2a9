"""`tradeops surface` on quotes that are clean, spoiled and impossible."""

import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.unit.pricing.smile_examples import TODAY, ssvi
from tradeops.domain.errors import TradeOpsError
from tradeops.entrypoints.command_line.main import app
from tradeops.pricing.black_scholes import price_european

SPOT, RATE = 100.0, 0.03
DAYS = (30, 91, 182, 365)
HEADER = ["expiry", "kind", "strike", "bid", "ask"]


def make_quotes(width: float = 0.0) -> list[list[str]]:
    """Calls and puts at every strike of four expiries, from a surface without arbitrage."""
    rows = []
    for days in DAYS:
        years = days / 365
        forward = SPOT * np.exp(RATE * years)
        k = np.linspace(-2.5, 2.0, 10) * 0.2 * np.sqrt(years)
        volatility = np.sqrt(ssvi(years, k) / years)
        for kind, word in ((1, "call"), (-1, "put")):
            strikes = np.round(forward * np.exp(k), 2)
            exact = np.sqrt(ssvi(years, np.log(strikes / forward)) / years)
            assert np.allclose(exact, volatility, atol=0.01)
            prices = price_european(kind, SPOT, strikes, years, RATE, 0.0, exact)
            rows += [
                [str(TODAY + timedelta(days)), word, str(s), repr(max(p - width, 0.0)), repr(float(p + width))]
                for s, p in zip(strikes, prices.tolist(), strict=True)
            ]
    return rows


def surface(tmp_path: Path, rows: list[list[str]], *words: str) -> Result:
    text = io.StringIO()
    csv.writer(text).writerows([HEADER, *rows])
    file = tmp_path / "quotes.csv"
    file.write_text(text.getvalue())
    options = ("--spot", str(SPOT), "--rate", str(RATE), "--on", str(TODAY))
    return CliRunner().invoke(app, ["surface", str(file), *options, *words])


def scale(rows: list[list[str]], factor: float, **where: str) -> list[int]:
    """Multiply bid and ask of some rows; which."""
    found = [i for i, row in enumerate(rows) if all(row[HEADER.index(name)] == word for name, word in where.items())]
    for place in found:
        rows[place][3:] = [repr(float(word) * factor) for word in rows[place][3:]]
    return found


def test_clean_quotes_are_reproduced_for_a_person_and_a_machine(tmp_path: Path) -> None:
    done = surface(tmp_path, make_quotes())
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["expiry", "quotes", "forward", "at", "the", "money", "widest", "miss"]
    assert lines[1].split()[:3] == ["2026-02-01", "10", "100.2469"]
    found = json.loads(surface(tmp_path, make_quotes(), "--json").stdout)
    assert max(line["widest_miss"] for line in found["expiries"]) < 1e-6
    assert (found["violations"], found["refused"]) == ([], {})


def test_a_planted_butterfly_is_named_by_expiry_and_strike(tmp_path: Path) -> None:
    rows = make_quotes()
    strike = rows[2 * 20 + 6][2]
    assert scale(rows, 1.8, expiry="2026-07-03", strike=strike)
    done = surface(tmp_path, rows)
    assert done.exit_code == 3
    assert re.search(rf"butterfly: 2026-07-03 strike {strike}0* is [\d.]+ dearer than its neighbours", done.stdout)


def test_a_planted_calendar_spread_is_named(tmp_path: Path) -> None:
    rows = make_quotes()
    near, far = [row for row in rows if row[0] == "2026-04-03"], [row for row in rows if row[0] == "2026-07-03"]
    for row in near:
        row[0] = "2026-07-03"
    for row in far:
        row[0] = "2026-04-03"
    done = surface(tmp_path, rows)
    assert done.exit_code == 3
    assert re.search(
        r"calendar: 2026-04-03 strike [\d.]+ is [\d.]+ dearer than the same moneyness of 2026-07-03", done.stdout
    )


def test_what_lies_within_the_spread_is_not_named(tmp_path: Path) -> None:
    rows = make_quotes(width=0.3)
    scale(rows, 1.01, expiry="2026-07-03", strike=rows[2 * 20 + 6][2])
    assert "butterfly" not in surface(tmp_path, rows).stdout


@pytest.mark.parametrize("wide", [["2026-07-03", "put", "55", "0", "20"], ["2026-07-03", "put", "70", "40", "99.5"]])
def test_one_wide_quote_does_not_hide_what_the_others_break(tmp_path: Path, wide: list[str]) -> None:
    rows = make_quotes()
    strike = rows[2 * 20 + 6][2]
    scale(rows, 1.8, expiry="2026-07-03", strike=strike)
    assert f"butterfly: 2026-07-03 strike {float(strike):g} is" in surface(tmp_path, [*rows, wide]).stdout


@pytest.mark.parametrize(
    ("column", "word", "told"),
    [
        ("expiry", "soon", "expiry = 'soon' must be a date as 2026-06-19"),
        ("expiry", "2025-12-31", "the date of the quotes; leave it out"),
        ("kind", "swap", "kind = 'swap' must be call or put"),
        ("strike", "NaN", "must be a price above 0"),
        ("strike", "-5", "must be a price above 0"),
        ("bid", "x", "bid = 'x' must be a number"),
        ("bid", "1e9", "needs 0 ≤ bid ≤ ask"),
        ("ask", "Infinity", "needs 0 ≤ bid ≤ ask"),
    ],
)
def test_a_bad_quote_is_named_by_row_and_the_others_are_fitted(
    tmp_path: Path, column: str, word: str, told: str
) -> None:
    rows = make_quotes()
    rows[24][HEADER.index(column)] = word
    done = surface(tmp_path, rows)
    assert done.exit_code == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("row ")]
    assert line.startswith("row 25: ")
    assert told in line


@pytest.mark.parametrize("kind", ["call", "put"])
def test_a_quote_that_is_there_twice_is_named_on_either_side_of_the_money(tmp_path: Path, kind: str) -> None:
    rows = make_quotes()
    again = next(row for row in rows if row[1] == kind and row[2] == rows[6][2])
    done = surface(tmp_path, [*rows, again])
    assert done.exit_code == 1
    assert re.search(rf"^row 81: .*{kind} {again[2]}: it is quoted twice", done.stdout, re.MULTILINE)


def test_quotes_of_another_underlying_are_named_and_left_out(tmp_path: Path) -> None:
    rows = [
        ["underlying", *HEADER],
        *(["AAPL", *row] for row in make_quotes()),
        ["IBM", *make_quotes()[0][:2], "90", "14", "14"],
    ]
    file = tmp_path / "two.csv"
    file.write_text("\n".join(",".join(row) for row in rows))
    done = CliRunner().invoke(app, ["surface", str(file), "--spot", "100", "--rate", "0.03", "--on", str(TODAY)])
    assert done.exit_code == 1
    assert "row 81: IBM 2026-02-01 call 90: the quotes before are of AAPL" in done.stdout


def test_an_underlying_in_another_encoding_can_be_told(tmp_path: Path) -> None:
    rows = [",".join(["café", *row]) for row in make_quotes()]
    file = tmp_path / "latin.csv"
    file.write_bytes("\n".join([",".join(["underlying", *HEADER]), *rows, rows[0]]).encode("latin-1"))
    done = CliRunner().invoke(app, ["surface", str(file), "--spot", "100", "--rate", "0.03", "--on", str(TODAY)])
    assert done.exit_code == 1
    assert "row 81: caf� 2026-02-01 call" in done.stdout


def test_quotes_outside_the_bounds_and_lonely_ones_are_named(tmp_path: Path) -> None:
    rows = [*make_quotes(), ["2027-06-18", "call", "100", "5", "5.1"], ["2026-02-01", "put", "70", "99", "99.5"]]
    lines = [line for line in surface(tmp_path, rows).stdout.splitlines() if line.startswith("row ")]
    assert lines[0] == "row 81: 2027-06-18 has 1 quotes that can be used; give 3, or leave it out"
    assert lines[1].startswith("row 82: the quote is not below")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--spot", "nan"), "spot must be above 0"),
        (("--rate", "11"), "rates from -10 to 10"),
        (("--on", "today"), "on = 'today' must be a date"),
        (("--on", "2030-01-01"), "no expiry has 3 quotes"),
    ],
)
def test_a_market_that_means_nothing_fails_in_one_line(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    error = surface(tmp_path, make_quotes(), *words).exception
    assert isinstance(error, TradeOpsError)
    assert told in error.message


def test_a_file_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "quotes.csv"
    file.write_text("expiry,kind,strike,bid\n")
    error = CliRunner().invoke(app, ["surface", str(file), "--spot", "1", "--on", "2026-01-02"]).exception
    assert isinstance(error, TradeOpsError)
    assert "names no column 'ask'" in error.message


def test_mutant_a_finder_that_finds_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradeops.pricing.surface.find_quote_violations", lambda smiles, tolerance: ())
    rows = make_quotes()
    scale(rows, 1.8, expiry="2026-07-03", strike=rows[2 * 20 + 6][2])
    assert surface(tmp_path, rows).exit_code == 0

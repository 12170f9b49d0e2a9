"""`tradeops price` as a person and as a machine use it."""

import csv
import io
import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.unit.services.option_batches import make_columns, make_volatility
from tradeops.domain.errors import InvalidPricingInput, TradeOpsError
from tradeops.domain.options import ExerciseStyle
from tradeops.entrypoints.command_line.main import app
from tradeops.pricing.black_scholes import EuropeanRows, evaluate_european, price_european
from tradeops.pricing.lattice import price_on_lattice
from tradeops.services import option_tasks
from tradeops.services.price_table import price_table
from tradeops.telemetry import LOGGER

ONE = ("--kind", "call", "--spot", "100", "--strike", "105", "--years", "0.5", "--volatility", "0.2", "--rate", "0.03")
HEADER = ["kind", "style", "spot", "strike", "years", "rate", "dividend_yield", "volatility", "price", "note"]
ROWS = 10_000
PLANTED = {  # by field: what is written there, and words of the remedy
    "kind": ("swap", "use one of them"),
    "style": ("asian", "use one of them"),
    "spot": ("-3", "from 1e-100 to 1e100"),
    "strike": ("1,5.0x", "write it as 101.5"),
    "years": ("1e9", "from 0 to 1,000"),
    "rate": ("300", "from -10 to 10"),
    "dividend_yield": ("nan", "from -10 to 10"),
    "volatility": ("", "give the volatility, or the price"),
    "price": ("1e6", "selling it is arbitrage"),
}


@pytest.fixture(autouse=True)
def leave_the_log_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger(LOGGER)
    for name in ("handlers", "level", "propagate"):
        monkeypatch.setattr(logger, name, getattr(logger, name))


def tradeops(*words: str) -> Result:
    return CliRunner().invoke(app, ["price", *words])


def refuse(*words: str) -> TradeOpsError:
    error = tradeops(*words).exception
    assert isinstance(error, TradeOpsError)
    return error


def write_rows(path: Path, rows: list[list[str]], header: list[str] | None = None) -> Path:
    text = io.StringIO()
    csv.writer(text).writerows([header or HEADER, *rows])
    path.write_text(text.getvalue())
    return path


def make_rows(count: int) -> list[list[str]]:
    """Half by volatility, half by price, a tenth American; notes with commas and quotes."""
    columns, volatility = make_columns(count), make_volatility(count)
    volatility = np.maximum(volatility, 0.25)
    strike = columns.spot * np.exp(0.2 * (columns.strike / 100 - 1))
    prices = price_european(**{**columns.named, "strike": strike}, volatility=volatility)
    rows = []
    for place in range(count):
        american, by_price = place % 10 == 0, place % 2 == 1
        numbers = [columns.spot, strike, columns.years, columns.rate, columns.dividend_yield]
        rows.append([
            "call" if columns.kind[place] > 0 else "put", "american" if american else "",
            *(repr(float(column[place])) for column in numbers),
            "" if by_price else repr(float(volatility[place])), repr(float(prices[place])) if by_price else "",
            f'no "{place}", ä',
        ])  # fmt: skip
    return rows


def plant_errors(rows: list[list[str]]) -> dict[int, str]:
    """Spoil every 97th row in a field in turn; where, and in which field."""
    planted = {}
    for turn, place in enumerate(range(13, len(rows), 97)):
        field = list(PLANTED)[turn % len(PLANTED)]
        by_price = bool(rows[place][HEADER.index("price")])
        other = field in ("volatility", "price") and by_price != (field == "price")
        rows[place + other][HEADER.index(field)] = PLANTED[field][0]
        planted[place + other] = field
    return planted


def test_one_option_for_a_person() -> None:
    lines = tradeops(*ONE).stdout.splitlines()
    assert lines[0].split() == ["value", "4.1782997", "USD", "a", "share"]
    assert [line.split("  ")[0] for line in lines] == [
        "value", "delta", "gamma", "vega", "theta", "rho", "dividend rho", "vanna", "volga", "charm",
    ]  # fmt: skip


def test_one_option_for_a_machine_is_the_kernels_number() -> None:
    found = json.loads(tradeops(*ONE, "--json").stdout)
    assert found["value"] == float(price_european(1, 100, 105, 0.5, 0.03, 0.0, 0.2))
    assert set(found) == {"value", "delta", "gamma", "vega", "theta", "rho", "dividend_rho", "vanna", "volga", "charm"}


def test_words_may_be_written_in_any_case_as_in_a_file() -> None:
    words = [{"call": "Call"}.get(word, word) for word in ONE]
    shouted = tradeops(*words, "--style", "EUROPEAN", "--day-count", "ACT/365F", "--model", "Closed-Form")
    assert shouted.exit_code == 0 and shouted.stdout == tradeops(*ONE).stdout


DEEP = ("--kind", "put", "--style", "american", "--spot", "100", "--strike", "189.7", "--years", "0.74",
        "--volatility", "0.555", "--rate", "0.03", "--dividend-yield", "0.02")  # fmt: skip


def test_an_american_option_on_the_lattice_has_the_lattices_greeks_and_version() -> None:
    closed = json.loads(tradeops(*DEEP, "--json").stdout)
    done = tradeops(*DEEP, "--model", "lattice", "--json", "--log")
    found = json.loads(done.stdout)
    assert set(found) == {"value", "delta", "gamma", "vega", "theta", "rho", "dividend_rho"}
    known = price_on_lattice(-1, ExerciseStyle.AMERICAN, 100, 189.7, 0.74, 0.03, 0.02, 0.555)
    assert found["value"] == float(known.value) > closed["value"] + 1
    assert any(json.loads(line).get("model_version", "").startswith("leisen_") for line in done.stderr.splitlines())
    assert len(tradeops(*DEEP, "--model", "lattice").stdout.splitlines()) == 7


def test_rows_of_a_file_may_have_a_model_each(tmp_path: Path) -> None:
    header = ["kind", "style", "spot", "strike", "years", "volatility", "rate", "dividend_yield", "model"]
    row = ["put", "american", "100", "189.7", "0.74", "0.555", "0.03", "0.02"]
    file = write_rows(tmp_path / "in.csv", [[*row, word] for word in ("", "lattice", "closed-form", "tree")], header)
    found = list(csv.DictReader(io.StringIO(tradeops("--csv", str(file)).stdout)))
    assert found[0]["value"] == found[2]["value"] and float(found[1]["value"]) > float(found[0]["value"]) + 1
    assert [bool(one["vanna"]) for one in found] == [True, False, True, False]
    assert "row 4, model: 'tree' is none of closed-form, lattice" in found[3]["error"]
    every = list(csv.DictReader(io.StringIO(tradeops("--csv", str(file), "--model", "lattice").stdout)))
    assert every[0]["value"] == found[1]["value"] != every[2]["value"]


def test_a_price_gives_its_volatility() -> None:
    words = [word if word != "--volatility" else "--price" for word in ONE]
    words[words.index("--price") + 1] = "4.1782997"
    found = json.loads(tradeops(*words, "--json").stdout)
    assert found["implied_volatility"] == pytest.approx(0.2, abs=1e-7)


def test_dates_become_years_by_the_day_count() -> None:
    words = [word for word in ONE if word not in ("--years", "0.5")]
    dated = ("--on", "2026-01-02", "--expiry", "2026-07-01")
    for convention, years in (("act/365f", 180 / 365), ("act/360", 0.5), ("30/360", 179 / 360)):
        found = json.loads(tradeops(*words, *dated, "--day-count", convention, "--json").stdout)
        assert found["value"] == float(price_european(1, 100, 105, years, 0.03, 0.0, 0.2))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--spot", "nan"), "spot is a finite number"),
        (("--strike", "-5"), "strike is a finite number"),
        (("--volatility", "inf"), "volatility is a finite fraction"),
        (("--price", "3"), "are both given"),
        (("--expiry", "2026-06-19"), "are both given"),
    ],
)
def test_numbers_that_mean_nothing_fail_in_one_line(words: tuple[str, ...], told: str) -> None:
    assert told in refuse(*ONE, *words).message


def test_an_expiry_in_the_past_or_without_a_date_of_pricing_fails() -> None:
    words = [word for word in ONE if word not in ("--years", "0.5")]
    assert "on which date" in refuse(*words, "--expiry", "2026-06-19").message
    assert "before 2026-07-01" in refuse(*words, "--expiry", "2026-06-19", "--on", "2026-07-01").message
    assert "write it as 2026-06-19" in refuse(*words, "--expiry", "19.6.2026", "--on", "2026-07-01").message


@pytest.mark.parametrize(
    "words", [("--spot", "1"), (*ONE, "--kind", "swap"), (*ONE, "--spot", "x"), (*ONE, "--csv", "f")]
)
def test_wrong_words_exit_with_2(words: tuple[str, ...]) -> None:
    assert tradeops(*words).exit_code == 2


def test_ten_thousand_rows_come_back_in_order_each_with_numbers_or_an_error(tmp_path: Path) -> None:
    rows = make_rows(ROWS)
    planted = plant_errors(rows)
    output = tmp_path / "out.csv"
    done = tradeops("--csv", str(write_rows(tmp_path / "in.csv", rows)), "--output", str(output))
    with output.open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [[row[name] for name in HEADER] for row in found] == rows
    assert {place for place, row in enumerate(found) if row["error"]} == set(planted)
    for place, field in planted.items():
        assert f"row {place + 1}, {field}" in found[place]["error"]
        assert PLANTED[field][1] in found[place]["error"]
    for place, row in enumerate(found):
        assert bool(row["value"]) != bool(row["error"])
        assert bool(row["implied_volatility"]) == (bool(row["price"]) and not row["error"]), place
    assert done.exit_code == 1
    assert f"{ROWS - len(planted)} options priced, {len(planted)} refused" in done.stderr


def test_a_clean_file_exits_with_0_and_is_written_to_the_terminal(tmp_path: Path) -> None:
    done = tradeops("--csv", str(write_rows(tmp_path / "in.csv", make_rows(9))))
    assert done.exit_code == 0
    assert len(list(csv.DictReader(io.StringIO(done.stdout)))) == 9
    assert done.stderr == "9 options priced, 0 refused\n"


def test_options_said_once_hold_for_every_row_that_says_nothing(tmp_path: Path) -> None:
    rows = [["call", "", "100", "105", "0.5", word, "", "0.2", "", ""] for word in ("", "0.03", "0.05")]
    file = str(write_rows(tmp_path / "in.csv", rows))
    found = json.loads(tradeops("--csv", file, "--rate", "0.03", "--json").stdout)["rows"]
    values = [row["value"] for row in found]
    assert values[0] == values[1] < values[2]
    assert [row["row"] for row in found] == [1, 2, 3]


def test_an_american_price_is_refused_by_its_field(tmp_path: Path) -> None:
    rows = [["put", style, "100", "105", "0.5", "", "", "", "9", ""] for style in ("american", "european")]
    found = json.loads(tradeops("--csv", str(write_rows(tmp_path / "in.csv", rows)), "--json").stdout)["rows"]
    assert found[0]["error"].startswith("row 1, price = '9': price cannot give an American option's volatility; give")
    assert found[1]["implied_volatility"] > 0


def test_odd_rows_and_odd_bytes_are_not_lost(tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    header, good = b"\xef\xbb\xbfkind,spot,strike,years,volatility,note\n", b"call,100,105,0.5,0.2"
    file.write_bytes(header + good + b"\n" + good + b",\n\n" + good + b",a,b\ncall\n" + good + b",\xff\xfe\x01\n")
    done = tradeops("--csv", str(file))
    found = [line.split(b",") for line in done.stdout_bytes.splitlines()]
    assert len(found) == 6
    assert b"row 3 has 1 words more" in done.stdout_bytes
    assert b"row 4, spot: is missing; give it" in done.stdout_bytes
    assert found[5][5] == b"\xff\xfe\x01"
    assert done.exit_code == 1


def test_at_expiry_nothing_is_minus_0_and_at_the_strike_the_value_is_told() -> None:
    today = ("--kind", "call", "--spot", "90", "--years", "0", "--volatility", "0.2", "--strike")
    assert set(re.findall(r"(\S+)  USD", tradeops(*today, "105").stdout)) == {"0"}
    assert "the value is 0, and there are no Greeks" in refuse(*today, "90").message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names no column 'kind'"),
        ("kind,strike\n", "names no column 'spot'"),
        ("kind;spot;strike\n", "it says 'kind;spot;strike'"),
        ("kind,spot,strike,spot\n", "'spot' of .* is there twice"),
        ("kind,spot,strike,delta\n", "'delta' of .* is one that is added|rename it"),
        ('kind,spot,strike\n"' + "x" * 200_000, "cannot be read as CSV"),
    ],
)
def test_files_that_are_not_clear_are_refused_as_a_whole(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "in.csv"
    file.write_text(text)
    error = refuse("--csv", str(file))
    assert isinstance(error, InvalidPricingInput)
    assert re.search(told, error.message)


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refuse("--csv", str(tmp_path / "none.csv")).message
    file = str(write_rows(tmp_path / "in.csv", make_rows(2)))
    assert "cannot be written" in refuse("--csv", file, "--output", str(tmp_path / "no" / "out.csv")).message


def test_mutant_a_wrong_kernel_exits_with_3_and_gives_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate(**columns: object) -> EuropeanRows:
        rows = evaluate_european(**columns)  # type: ignore[arg-type]
        return replace(rows, greeks=replace(rows.greeks, value=rows.greeks.value * (1 + 1e-6)))

    monkeypatch.setattr(option_tasks, "evaluate_european", evaluate)
    done = tradeops(*ONE)
    assert (done.exit_code, done.stdout) == (3, "")
    file = tradeops("--csv", str(write_rows(tmp_path / "in.csv", [make_rows(3)[2]])))
    assert file.exit_code == 3
    assert "row 1, model: black_scholes_merton/" in file.stdout
    assert "a second formula gives other numbers" in file.stderr


def test_mutant_a_table_that_drops_its_bad_rows_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drop(*arguments: object, **named: object) -> object:
        return [row for row in price_table(*arguments, **named) if row.error is None]  # type: ignore[arg-type]

    monkeypatch.setattr("tradeops.entrypoints.command_line.price.price_table", drop)
    rows = make_rows(9)
    rows[4][0] = "swap"
    done = tradeops("--csv", str(write_rows(tmp_path / "in.csv", rows)))
    assert isinstance(done.exception, ValueError)


def test_each_batch_is_logged_when_asked_and_else_nothing_is() -> None:
    assert tradeops(*ONE).stderr == ""
    lines = [json.loads(line) for line in tradeops(*ONE, "--log").stderr.splitlines()]
    asked = [line for line in lines if str(line.get("request_id", "")).startswith("price-")]
    assert [(line["rows"], line["option_type"]) for line in asked] == [(1, "call")]

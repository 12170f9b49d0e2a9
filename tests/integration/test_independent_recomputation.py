"""Money recomputed by somebody else: from exported fills and the raw file, and from nothing of ours.

Reads the stocks file itself, derives splits and dividends itself, counts in exact fractions, and must
get the same cash, positions and equity at every session. By hand on any export:

    python tests/integration/test_independent_recomputation.py FOLDER
"""

import ast
import csv
import gzip
import subprocess
import sys
from collections import defaultdict
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Market:
    """Closes, splits and dividends as the raw file has them."""

    def __init__(self) -> None:
        spec = find_spec("bokeh_sampledata")
        assert spec is not None and spec.submodule_search_locations
        path = Path(spec.submodule_search_locations[0]) / "_data" / "stocks.csv.gz"
        self.closes: dict[tuple[str, str], Fraction] = {}
        self.splits: dict[tuple[str, str], int] = {}
        self.dividends: dict[tuple[str, str], Fraction] = {}
        self.sessions: list[str] = []
        factor: dict[str, Fraction] = {}
        with gzip.open(path, "rt") as file:
            for row in csv.DictReader(file):
                name, key = row["Ticker"], (row["Date"], row["Ticker"])
                close = self.closes[key] = Fraction(row["Close"])
                now = Fraction(row["Adj Close"]) / close
                self._derive(key, close, now / factor.get(name, now))
                factor[name] = now
        self.sessions = sorted({session for session, _ in self.closes})

    def _derive(self, key: tuple[str, str], close: Fraction, growth: Fraction) -> None:
        if growth >= Fraction("1.9"):
            self.splits[key] = round(growth)
        elif growth > 1 + Fraction(1, 1_000_000):
            self.dividends[key] = Fraction(round(close * (growth - 1) * 100), 100)


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def recompute(folder: Path, market: Market) -> list[str]:
    """Every disagreement between the export and this recomputation; empty when there is none."""
    movements = defaultdict(list)
    for row in read_rows(folder / "fills.csv"):
        movements[row["session"]].append(row)
    told = {row["session"]: row for row in read_rows(folder / "sessions.csv")}
    span = [session for session in market.sessions if min(told) <= session <= max(told)]
    problems = [] if span == list(told) else [f"{len(told)} sessions told, {len(span)} in the file"]
    cash, shares = Fraction(0), defaultdict(int)
    for session in span:
        for name, held in list(shares.items()):
            shares[name] = held * market.splits.get((session, name), 1)
            cash += shares[name] * market.dividends.get((session, name), Fraction(0))
        for row in movements.pop(session, []):
            if row["kind"] == "fill":
                quantity = int(row["quantity"])
                shares[row["instrument"]] += quantity
                cash -= quantity * Fraction(row["price"]) + Fraction(row["fee"])
            else:
                cash += Fraction(row["amount"])
        problems += compare(told.get(session), session, cash, shares, market)
    return problems + [f"movements outside the sessions: {session}" for session in movements]


def compare(
    row: dict[str, str] | None, session: str, cash: Fraction, shares: dict[str, int], market: Market
) -> list[str]:
    held = {name: quantity for name, quantity in shares.items() if quantity}
    equity = cash + sum((quantity * market.closes[session, name] for name, quantity in held.items()), Fraction(0))
    if row is None:
        return [f"{session}: not told"]
    pairs = [part.split("=") for part in row["positions"].split(";") if part]
    problems = []
    if {name: int(quantity) for name, quantity in pairs} != held:
        problems.append(f"{session}: positions {row['positions']}, recomputed {held}")
    if Fraction(row["cash"]) != cash:
        problems.append(f"{session}: cash {row['cash']}, recomputed {float(cash)}")
    if Fraction(row["equity"]) != equity:
        problems.append(f"{session}: equity {row['equity']}, recomputed {float(equity)}")
    return problems


@pytest.fixture(scope="module")
def market() -> Market:
    return Market()


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    command = [sys.executable, "-m", "tests.integration.produce_exports", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("run", ["hold", "trade"])
def test_money_is_the_same_at_every_session(exports: Path, market: Market, run: str) -> None:
    assert recompute(exports / run, market) == []
    sessions = [row["session"] for row in read_rows(exports / run / "sessions.csv")]
    assert (len(sessions), sessions[0], sessions[-1]) == (3018, "2001-03-01", "2013-03-01")
    assert len([session for session in sessions if session <= "2013-02-27"]) == 3016


def test_the_books_go_through_what_is_hard(exports: Path, market: Market) -> None:
    """Held through splits and dividends, fills on ex-dates, hundreds of trades, interest."""
    fills = [row for row in read_rows(exports / "trade" / "fills.csv") if row["kind"] == "fill"]
    interest = [row for row in read_rows(exports / "trade" / "fills.csv") if row["kind"] == "interest"]
    on_ex_dates = [row for row in fills if (row["session"], row["instrument"]) in market.dividends]
    on_splits = [row for row in fills if (row["session"], row["instrument"]) in market.splits]
    assert len(fills) > 500 and len(interest) > 500
    assert len(on_ex_dates) >= 3 and len(on_splits) >= 1
    held = {row["session"]: row["positions"] for row in read_rows(exports / "hold" / "sessions.csv")}
    assert held["2005-02-25"] == "AAPL=100;IBM=100;MSFT=200"
    assert held["2005-02-28"] == "AAPL=200;IBM=100;MSFT=200"


def test_the_file_holds_three_splits_and_ninety_two_dividends(market: Market) -> None:
    assert market.splits == {("2000-06-21", "AAPL"): 2, ("2005-02-28", "AAPL"): 2, ("2003-02-18", "MSFT"): 2}
    assert len(market.dividends) == 92


@pytest.mark.parametrize(
    ("name", "total", "price"),
    [("AAPL", "1245.78", "1221.37"), ("IBM", "122.19", "102.40"), ("MSFT", "-21.33", "-38.44")],
)
def test_holding_a_hundred_shares_earns_what_is_known(market: Market, name: str, total: str, price: str) -> None:
    shares, cash = 100, Fraction(0)
    for session in market.sessions[1:]:
        shares *= market.splits.get((session, name), 1)
        cash += shares * market.dividends.get((session, name), Fraction(0))
    paid = 100 * market.closes["2000-03-01", name]
    worth = shares * market.closes["2013-03-01", name]
    assert f"{float(100 * (worth + cash - paid) / paid):.2f}" == total
    assert f"{float(100 * (worth - paid) / paid):.2f}" == price


def test_nothing_of_the_product_is_imported() -> None:
    tree = ast.parse(Path(__file__).read_text())
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) == {"pytest"}


MUTANTS = {
    "a price one cent better": ("fills.csv", "price", lambda text: str(Fraction(text) - Fraction(1, 100))),
    "the fee added instead of taken": ("fills.csv", "fee", lambda text: "-" + text),
    "one share more": ("fills.csv", "quantity", lambda text: str(int(text) + 1)),
    "a cent of cash": ("sessions.csv", "cash", lambda text: str(Fraction(text) + Fraction(1, 100))),
    "a hundredth of a cent of equity": (
        "sessions.csv",
        "equity",
        lambda text: str(Fraction(text) + Fraction(1, 10000)),
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_changed_export_is_noticed(exports: Path, market: Market, tmp_path: Path, mutant: str) -> None:
    file, column, change = MUTANTS[mutant]
    for name in ("fills.csv", "sessions.csv"):
        rows = read_rows(exports / "hold" / name)
        if name == file:
            victim = next(row for row in rows[5:] if row[column])
            victim[column] = change(victim[column])
        with (tmp_path / name).open("w", newline="") as out:
            writer = csv.DictWriter(out, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    assert recompute(tmp_path, market)


def test_a_missed_split_or_dividend_is_noticed(exports: Path, market: Market) -> None:
    for missed in (market.splits, market.dividends):
        key = ("2005-02-28", "AAPL") if missed is market.splits else ("2012-08-09", "AAPL")
        kept = missed.pop(key)
        assert recompute(exports / "hold", market)
        missed[key] = kept  # type: ignore[assignment]


if __name__ == "__main__":
    found = recompute(Path(sys.argv[1]), Market())
    sys.exit("\n".join(found[:20]) if found else 0)

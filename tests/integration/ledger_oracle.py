"""A decided book read by other code: SQLite rows and their JSON, stored columns by their bytes, the stocks file."""

import csv
import gzip
import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tests.integration.test_independent_recomputation import Market

STREAM = "book/live/live/live"


class Book:
    """One book as its rows have it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with sqlite3.connect(folder / "ledger.db") as database:
            self.fills = list(
                database.execute(
                    "select instrument, session, signed_quantity, price, fee, client_order_id from fills "
                    "where stream = ? order by id",
                    (STREAM,),
                )
            )
            self.equities = [
                (session, Decimal(equity), Decimal(cash))
                for session, equity, cash in database.execute(
                    "select session, equity, cash from settlements where stream = ? order by session", (STREAM,)
                )
            ]
            self.decisions = [
                json.loads(payload)
                for (payload,) in database.execute(
                    "select payload from entries where stream = ? and kind = 'decision' order by sequence", (STREAM,)
                )
            ]
            self.settlements = [
                json.loads(payload)
                for (payload,) in database.execute(
                    "select payload from entries where stream = ? and kind = 'settlement' order by sequence", (STREAM,)
                )
            ]
            self.policy = json.loads(
                database.execute("select payload from entries where kind = 'policy' order by id desc").fetchone()[0]
            )

    def columns(self, ref: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        data = (self.folder / "values" / ref[:2] / ref).read_bytes()
        _, head, body = data.split(b"\n", 2)
        header, found, offset = json.loads(head), {}, 0
        for name in sorted(header["columns"]):
            shape = header["columns"][name]
            size = math.prod(shape)
            found[name] = np.frombuffer(body, "<f8", size, offset).reshape(shape)
            offset += 8 * size
        return header, found


def read_opens() -> dict[tuple[str, str], Decimal]:
    """Opens by session and name, from the raw file."""
    spec = find_spec("bokeh_sampledata")
    assert spec is not None and spec.submodule_search_locations
    path = Path(spec.submodule_search_locations[0]) / "_data" / "stocks.csv.gz"
    with gzip.open(path, "rt") as file:
        return {(row["Date"], row["Ticker"]): Decimal(row["Open"]) for row in csv.DictReader(file)}


class Oracle:
    """The same figures, from rows."""

    def __init__(self, folder: Path) -> None:
        self.book, self.market, self.opens = Book(folder), Market(), read_opens()
        self.sessions = [session for session, _, _ in self.book.equities]
        self.equity = np.array([float(equity) for _, equity, _ in self.book.equities])

    def outcome(self, session: str, name: str) -> float | None:
        at = self.sessions.index(session)
        held = self.sessions[at + 1 : at + 7]
        if len(held) < 6 or any((held[edge], name) not in self.opens for edge in (0, -1)):
            return None
        shares, cash = 1, Fraction(0)
        for day in held[1:]:
            shares *= self.market.splits.get((day, name), 1)
            cash += shares * self.market.dividends.get((day, name), Fraction(0))
        first, last = (Fraction(self.opens[held[edge], name]) for edge in (0, -1))
        return float((shares * last + cash) / first - 1)

    def opinions(self) -> Iterator[tuple[str, str, str, int, float]]:
        for decision in self.book.decisions:
            for agent, ref in decision["opinions"].items():
                header, columns = self.book.columns(ref)
                for name, code, score in zip(
                    header["instruments"], header["abstention"], columns["score"], strict=True
                ):
                    yield decision["session"], agent, name, code, float(score)

    def forecasts(self) -> Iterator[tuple[float, np.ndarray, float]]:
        for decision in self.book.decisions:
            if decision["forecasts"]:
                header, columns = self.book.columns(decision["forecasts"])
                for at, name in enumerate(header["instruments"]):
                    outcome = self.outcome(decision["session"], name)
                    if outcome is not None:
                        yield columns["probability_up"][at], columns["quantiles"][at], outcome

    def profits(self) -> Iterator[tuple[str, str, Decimal]]:
        """Session, name and profit from marks, fills and corporate cash."""
        marks: dict[str, Decimal] = {}
        for one in self.book.settlements:
            held = {name: Decimal(p["quantity"]) for name, p in one["closing"]["positions"].items()}
            now = {name: quantity * Decimal(one["marks"][name]) for name, quantity in held.items()}
            cash: dict[str, Decimal] = defaultdict(Decimal)
            for fill in one["fills"]:
                quantity = Decimal(fill["signed_quantity"])
                cash[fill["instrument"]] -= quantity * Decimal(fill["price"]) + Decimal(fill["fee"])
            for effect in one["corporate"]:
                cash[effect["instrument"]] += Decimal(effect["dividend"]) + Decimal(effect["fraction"])
            for name in sorted({*now, *marks, *cash}):
                zero = Decimal(0)
                yield one["session"], name, now.get(name, zero) - marks.get(name, zero) + cash.get(name, zero)
            marks = now

"""A thousand real bars, some of them damaged in their bytes, by a seed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from tradeops.adapters.sources.bundled_stocks import list_stock_records
from tradeops.adapters.sources.session_times import SessionTimes
from tradeops.bootstrap.policy import load_policy
from tradeops.domain.topics import BARS_RAW
from tradeops.ports.trading_calendar import TradingCalendar

COUNT, DAMAGED = 1_000, 37

Damage = Callable[[bytes, Random], bytes]


def _change(**changes: Callable[[dict[str, str]], object]) -> Damage:
    """Rewrite fields of the record; None leaves one out."""

    def damage(data: bytes, _random: Random) -> bytes:
        record = json.loads(data)
        changed = {**record, **{name: change(record) for name, change in changes.items()}}
        kept = {name: value for name, value in changed.items() if value is not None}
        return json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()

    return damage


def _cents(text: str, cents: int) -> str:
    return str(Decimal(text) + Decimal(cents) / 100)


def _replace(old: bytes, new: bytes) -> Damage:
    return lambda data, _random: data.replace(old, new, 1)


def _break_utf8(data: bytes, random: Random) -> bytes:
    place = random.randrange(1, len(data))
    return data[:place] + bytes([random.choice((0x80, 0xC0, 0xFF))]) + data[place:]


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(1, len(data))]


def _weekend(record: dict[str, str]) -> str:
    day = date.fromisoformat(record["session"])
    return (day + timedelta(days=5 - day.weekday())).isoformat()


# The reason that each kind must be refused for.
KINDS: dict[str, tuple[str, Damage]] = {
    "byte that is no UTF-8": ("invalid_utf8", _break_utf8),
    "truncated JSON": ("invalid_json", _truncate),
    "list instead of an object": ("not_an_object", lambda data, _random: b"[" + data + b"]"),
    "NaN": ("not_finite", _change(close=lambda _: float("nan"))),
    "infinity": ("not_finite", _change(volume=lambda _: float("inf"))),
    "key twice": ("duplicate_key", _replace(b'"basis":', b'"high":"1","basis":')),
    "field left out": ("missing_field", _change(low=lambda _: None)),
    "field of nobody": ("unknown_field", _change(vwap=lambda record: record["close"])),
    "schema version of nobody": ("unknown_schema_version", _change(schema_version=lambda _: 2)),
    "number instead of text": ("wrong_type", _change(open=lambda record: float(record["open"]))),
    "NaN as text": ("malformed_number", _change(open=lambda _: "NaN")),
    "high a cent below low": ("high_below_low", _change(high=lambda record: _cents(record["low"], -1))),
    "close above high": ("close_outside_range", _change(close=lambda record: _cents(record["high"], 1))),
    "negative volume": ("negative_volume", _change(volume=lambda record: f"-{record['volume']}")),
    "price of zero": ("price_not_positive", _change(low=lambda _: "0.00")),
    "Saturday": ("not_a_session", _change(session=_weekend)),
    "time without zone": ("malformed_time", _change(event_time=lambda record: record["event_time"].removesuffix("Z"))),
    "known before it was true": ("known_before_event", _change(known_time=lambda _: "1999-12-31T21:00:00.000000Z")),
    "true in another year": ("not_in_session", _change(event_time=lambda record: f"1999{record['event_time'][4:]}")),
    "absurd size": ("too_large", _change(source=lambda _: "x" * 70_000)),
}


@dataclass(frozen=True)
class DamagedBars:
    """Args: lines of the file; reasons by the bytes of the damaged ones; the good ones."""

    lines: list[bytes]
    reasons: dict[bytes, str]
    good: list[bytes]


def damage_bars(calendar: TradingCalendar, seed: int, *, count: int = COUNT, damaged: int = DAMAGED) -> DamagedBars:
    """The last bars of the bundled stocks; every kind of damage is drawn at least once where it fits."""
    random = Random(seed)
    times = SessionTimes(calendar=calendar, policy=load_policy().time)
    bars = [record for record in list_stock_records(times) if record.topic == BARS_RAW.name]
    lines = [record.value for record in sorted(bars, key=lambda bar: bar.known_time)[-count:]]
    rows = sorted(random.sample(range(count), damaged))
    kinds = [*KINDS, *random.choices(list(KINDS), k=DAMAGED)][:damaged]
    random.shuffle(kinds)
    good = [line for row, line in enumerate(lines) if row not in rows]
    reasons = {}
    for row, kind in zip(rows, kinds, strict=True):
        reason, damage = KINDS[kind]
        lines[row] = damage(lines[row], random)
        reasons[lines[row]] = reason
    assert len(reasons) == damaged
    return DamagedBars(lines=lines, reasons=reasons, good=good)


def write_folder(folder: Path, lines: list[bytes], first: date, last: date) -> str:
    """The folder as a source's URL."""
    folder.mkdir(exist_ok=True)
    (folder / f"{BARS_RAW.name}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    declared = {"first_session": first.isoformat(), "last_session": last.isoformat()}
    (folder / "range.json").write_text(json.dumps(declared))
    return f"file://{folder}"

"""How numbers are written for a person: with units, signs and no more digits than they deserve."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from tradeops.learning.block_bootstrap import Estimate

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
NOTHING = "\N{EN DASH}"
Number = float | Decimal


def write_percent(value: Number | None, digits: int = 1, *, sign: bool = False) -> str:
    """A fraction in percent."""
    if value is None:
        return NOTHING
    return _typeset(f"{100 * float(value):{'+' if sign else ''},.{digits}f}") + f"{THIN}%"


def write_number(value: Number | None, digits: int = 2, *, sign: bool = False) -> str:
    """A plain number."""
    return NOTHING if value is None else _typeset(f"{float(value):{'+' if sign else ''},.{digits}f}")


def write_money(value: Number | None, *, sign: bool = False, digits: int = 0) -> str:
    """US dollars."""
    if value is None:
        return NOTHING
    return _typeset(f"{value:{'+' if sign else ''},.{digits}f}") + f"{THIN}USD"


def write_range(found: Estimate | None, digits: int = 1, *, percent: bool = True) -> str:
    """The 95 % interval of an estimate in brackets."""
    if found is None:
        return ""
    write = _write_bare_percent if percent else write_number
    return f"[{write(found.low, digits)}, {write(found.high, digits)}]"


def write_count(value: int) -> str:
    """A count."""
    return f"{value:,}"


def write_words(name: str) -> str:
    """A name of ours as words."""
    return name.replace("_", " ")


FILTERS: Mapping[str, Callable[..., str]] = {
    "percent": write_percent,
    "number": write_number,
    "money": write_money,
    "range": write_range,
    "count": write_count,
    "words": write_words,
}


def _write_bare_percent(value: float, digits: int) -> str:
    return _typeset(f"{100 * value:,.{digits}f}")


def _typeset(text: str) -> str:
    bare = text.replace("-", MINUS)
    # Nothing is worth less than nothing: a rounded zero has no sign.
    return bare.lstrip(MINUS + "+") if not any(digit in bare for digit in "123456789") else bare

"""`policy.toml` is read whole or refused with the value's name."""

from decimal import Decimal
from pathlib import Path

import pytest

from tradeops.bootstrap.policy import POLICY_FILE, load_policy
from tradeops.domain.errors import ConfigurationError


def write(tmp_path: Path, old: str, new: str) -> Path:
    text = POLICY_FILE.read_text()
    assert text.count(old) == 1
    path = tmp_path / "policy.toml"
    path.write_text(text.replace(old, new))
    return path


def test_shipped_policy_is_read_exactly() -> None:
    policy = load_policy()

    assert policy.account.initial_cash == Decimal(100000)
    assert policy.limits.single_name == Decimal("0.20")
    assert load_policy().version == policy.version


def test_changed_value_makes_another_version(tmp_path: Path) -> None:
    path = write(tmp_path, 'single_name = "0.20"', 'single_name = "0.21"')

    assert load_policy(path).version != load_policy().version


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("[slate]", "[slate]\nsizes = 3", "slate: unknown value sizes"),
        ("[account]", "[accounts]", "unknown value accounts"),
        ("decision_delay_minutes = 15", "", "time.decision_delay_minutes"),
        ('initial_cash = "100000"', 'initial_cash = "a lot"', "account.initial_cash"),
        ('gross = "1"', 'gross = "2"', "limits are fractions"),
        ("lookback = 126", "lookback = 127", "lookback ≤ minimum_bars"),
        ("exploration = 0.05", "exploration = 0.0", "exploration in"),
        ("technical = 15.0", "technical = 0.0", "roster weights are positive"),
        ("[limits]", "[limits", "cannot be read"),
    ],
)
def test_value_that_cannot_be_used_is_refused_by_name(old: str, new: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=named):
        load_policy(write(tmp_path, old, new))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_policy(tmp_path / "policy.toml")

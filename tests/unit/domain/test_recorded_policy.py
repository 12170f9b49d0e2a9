"""A policy of the ledger is read back exactly, or it is said why it cannot be."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.unit.examples import base_policy
from tradeops.domain import recorded_policy
from tradeops.domain.canonical import encode_canonical
from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import ConfigurationError, CorruptInput
from tradeops.domain.identifiers import PolicyVersion
from tradeops.domain.policy import TradingPolicy
from tradeops.domain.recorded_policy import decode_policy

Decode = Callable[[PolicyVersion, str], TradingPolicy]


def record(values: Mapping[str, Any]) -> tuple[PolicyVersion, str]:
    """As some version of the software recorded it."""
    data = encode_canonical(values)
    return PolicyVersion(hashlib.sha256(data).hexdigest()), data.decode()


def read_values() -> dict[str, Any]:
    return dict(json.loads(encode_canonical(base_policy())))


def test_a_recorded_policy_is_the_one_that_was_recorded() -> None:
    version, data = record(read_values())
    assert (version, decode_policy(version, data)) == (base_policy().version, base_policy())


def test_a_policy_from_before_training_and_promotion_says_which_section_and_what_to_do() -> None:
    values = {name: part for name, part in read_values().items() if name not in ("training", "promotion")}
    version, data = record(values)
    with pytest.raises(ConfigurationError) as refused:
        decode_policy(version, data)
    for text in (version[:12], "another version of tradeops", "training", "Field required", "`make reset`"):
        assert text in refused.value.message
    assert refused.value.context == {"policy": version}


def check_what_is_unknown_here_is_refused(decode: Decode) -> None:
    version, data = record(read_values() | {"leverage": {"largest": 3.0}})
    with pytest.raises(ConfigurationError, match="unknown here"):
        decode(version, data)


def check_changed_bytes_are_corrupt(decode: Decode) -> None:
    version, data = record(read_values())
    with pytest.raises(CorruptInput, match="does not hash to its version"):
        decode(version, data.replace('"cash_buffer":"0.02"', '"cash_buffer":"0.00"'))


CHECKS = (check_what_is_unknown_here_is_refused, check_changed_bytes_are_corrupt)


@pytest.mark.parametrize("check", CHECKS)
def test_neither_more_nor_other_than_recorded_is_read(check: Callable[[Decode], None]) -> None:
    check(decode_policy)


@pytest.mark.parametrize("check", CHECKS)
def test_mutant_that_reads_what_it_can_is_found(check: Callable[[Decode], None]) -> None:
    with pytest.raises(pytest.fail.Exception):
        check(lambda _version, data: decode_canonical(TradingPolicy, data))


def test_a_policy_filled_in_with_what_is_in_force_now_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_in(kind: Any, data: str) -> Any:
        return decode_canonical(kind, json.dumps(read_values() | json.loads(data)))

    version, data = record({name: part for name, part in read_values().items() if name != "promotion"})
    monkeypatch.setattr(recorded_policy, "decode_canonical", fill_in)
    with pytest.raises(ConfigurationError):
        decode_policy(version, data)

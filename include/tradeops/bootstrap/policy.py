"""Reads `policy.toml` into the frozen trading policy."""

import dataclasses
import tomllib
from functools import cache
from pathlib import Path
from typing import get_type_hints

from pydantic import TypeAdapter, ValidationError

from tradeops.domain.errors import ConfigurationError
from tradeops.domain.policy import TradingPolicy

POLICY_FILE = Path(__file__).parents[1] / "policy.toml"


def load_policy(path: Path = POLICY_FILE) -> TradingPolicy:
    """The policy of a file.

    Raises:
        ConfigurationError: A value is missing, unknown or impossible; names file and value.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error}") from error
    _refuse_unknown(content, TradingPolicy, path.name)
    try:
        return _adapter().validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path.name}: {where}: {first['msg']}") from error


def _refuse_unknown(content: dict[str, object], kind: type, where: str) -> None:
    hints = get_type_hints(kind)
    unknown = sorted(content.keys() - hints.keys())
    if unknown:
        raise ConfigurationError(f"{where}: unknown value {', '.join(unknown)}", unknown=unknown)
    for name, value in content.items():
        if isinstance(value, dict) and dataclasses.is_dataclass(hints[name]):
            _refuse_unknown(value, hints[name], f"{where}: {name}")


@cache
def _adapter() -> TypeAdapter[TradingPolicy]:
    return TypeAdapter(TradingPolicy)

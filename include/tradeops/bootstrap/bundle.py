"""Hashes who decides: policy, columns, deciding source files and the lock."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import agents
import graphs
import tradeops
from tradeops.domain.bundles import Bundle
from tradeops.domain.errors import ConfigurationError
from tradeops.domain.identifiers import content_hash
from tradeops.domain.market import VIEW_COLUMNS
from tradeops.domain.models import PRIOR_BLEND, ModelRef
from tradeops.domain.policy import TradingPolicy
from tradeops.features.declarations import feature_schema

DECIDING = (
    "domain",
    "features",
    "pricing",
    "coordination",
    "risk",
    "execution",
    "learning",
    "llm",
    "services/cycle",
)
LOCK = "requirements.lock"


def make_bundle(policy: TradingPolicy, model: ModelRef = PRIOR_BLEND) -> Bundle:
    """The bundle of the installed code, a policy and a model."""
    return Bundle(
        model=model,
        prompt="none",
        policy=policy.version,
        feature_schema=content_hash([VIEW_COLUMNS, policy.universe.lookback, feature_schema()]),
        code=hash_code(),
    )


def hash_code() -> str:
    """SHA-256 (hex) over sorted (path, bytes) of the deciding source files and the lock.

    Raises:
        ConfigurationError: The lock is not beside the sources.
    """
    digest = hashlib.sha256()
    for name, path in sorted(_list_sources()):
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _list_sources() -> Iterator[tuple[str, Path]]:
    package = Path(tradeops.__path__[0])
    roots = {f"tradeops/{part}": package / part for part in DECIDING}
    roots |= {"agents": Path(agents.__path__[0]), "graphs": Path(graphs.__path__[0])}
    for name, root in roots.items():
        for path in root.rglob("*.py"):
            yield f"{name}/{path.relative_to(root).as_posix()}", path
    lock = package.parents[1] / LOCK
    if not lock.is_file():
        raise ConfigurationError(f"{LOCK} is not beside the sources; install from the working tree")
    yield LOCK, lock

"""Reading back a policy that a decision was made under."""

import hashlib

from tradeops.domain.decoding import decode_canonical
from tradeops.domain.errors import ConfigurationError, CorruptInput
from tradeops.domain.identifiers import PolicyVersion
from tradeops.domain.policy import TradingPolicy


def decode_policy(version: PolicyVersion, data: str) -> TradingPolicy:
    """A recorded policy, exactly: nothing is filled in that it did not say, and nothing left out that it did.

    Args:
        version: What it is recorded under, the hash of its bytes.
        data: Its canonical bytes.

    Raises:
        CorruptInput: The bytes do not hash to the version.
        ConfigurationError: Another version of the software recorded it, with other values than this one knows.
    """
    if hashlib.sha256(data.encode()).hexdigest() != version:
        raise CorruptInput(f"policy {version[:12]} does not hash to its version; run `tradeops doctor`")
    try:
        policy = decode_canonical(TradingPolicy, data)
    except CorruptInput as error:
        raise _explain(version, error.message) from error
    if policy.version != version:
        raise _explain(version, "it holds values that are unknown here")
    return policy


def _explain(version: PolicyVersion, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"policy {version[:12]} was recorded by another version of tradeops ({why}); "
        "read this state folder with that version, or begin a new one with `make reset`",
        policy=version,
    )

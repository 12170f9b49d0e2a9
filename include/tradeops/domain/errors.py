"""The one tree of errors.

TradeOpsError
├── ConfigurationError
├── DataError
│   ├── NotKnownYet · OutOfOrderSession · SourceExhausted · CorruptInput · UnknownRecord · InvalidRecord
├── PricingError
│   ├── InvalidPricingInput · PricingModelError
├── AgentError
├── CoordinationError
│   ├── CycleHeld (retryable) · StaleEpoch · CycleConflict · IllegalTransition
│   ├── LeaseHeld (retryable) · LeaseLost (retryable) · AttemptFailed (retryable)
├── RiskError
├── ExecutionError
├── LearningError
└── ExternalServiceError (retryable)
    └── CircuitOpen (retryable)
"""

from datetime import datetime
from typing import ClassVar


class TradeOpsError(Exception):
    """Anything that this system reports as wrong.

    Args:
        message: What is wrong and what cures it, in one line.
        at: Aware UTC time the error speaks of, where one is known.
        context: The values that failed, by name.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, at: datetime | None = None, **context: object) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.context = context


class ConfigurationError(TradeOpsError):
    """A setting or policy value cannot be used."""


class DataError(TradeOpsError):
    """Input data are missing, malformed or not to be trusted."""


class NotKnownYet(DataError):
    """The value exists, but nobody could have known it at the view's time."""


class OutOfOrderSession(DataError):
    """The session asked for is not the account's next one."""


class SourceExhausted(DataError):
    """The market source holds no later session."""


class CorruptInput(DataError):
    """Stored bytes do not hash to the name they are stored under."""


class UnknownRecord(DataError):
    """Nothing is recorded under the identifier that was asked for."""


class InvalidRecord(DataError):
    """A source's record breaks its schema; it belongs into the dead-letter topic."""


class PricingError(TradeOpsError):
    """A price or size cannot be computed from these numbers."""


class InvalidPricingInput(PricingError):
    """A contract, market value or quote is outside what a pricing method is defined for."""


class PricingModelError(PricingError):
    """The input is valid, but this method has no number for it."""


class AgentError(TradeOpsError):
    """An agent broke its contract."""


class CoordinationError(TradeOpsError):
    """Opinions, slates or cycles do not fit together."""


class CycleHeld(CoordinationError):
    """Another living owner runs this cycle."""

    retryable = True


class StaleEpoch(CoordinationError):
    """A newer claim exists; this owner may write no more."""


class CycleConflict(CoordinationError):
    """A second execution of a cycle saw other inputs than the first."""


class IllegalTransition(CoordinationError):
    """A state machine has no such step."""


class LeaseHeld(CoordinationError):
    """Another living process does what must not be done twice at once."""

    retryable = True


class LeaseLost(CoordinationError):
    """Another process took over; nothing was written."""

    retryable = True


class AttemptFailed(CoordinationError):
    """A message could not be answered this time; whoever counts the attempts gives it another one."""

    retryable = True


class RiskError(TradeOpsError):
    """The gate cannot give a verdict; nothing new may be sent."""


class ExecutionError(TradeOpsError):
    """An order cannot be routed, filled or settled."""


class LearningError(TradeOpsError):
    """A learner state cannot be made or used."""


class ExternalServiceError(TradeOpsError):
    """A dependency outside this process failed for now."""

    retryable = True


class CircuitOpen(ExternalServiceError):
    """It failed too often just now and is left in peace for a while."""
